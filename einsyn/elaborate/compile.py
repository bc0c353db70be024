"""Definitions to code: names become registers, expressions become instructions, mistakes become diagnostics."""

from __future__ import annotations

from einsyn.diagnostics import Diagnostic, Span
from einsyn.elaborate.arithmetic import BINARY, UNARY
from einsyn.elaborate.builtins import BUILTINS
from einsyn.elaborate.call_check import call_problems
from einsyn.elaborate.code import MISSING, Code, Opcode
from einsyn.elaborate.emitter import Emitter
from einsyn.elaborate.scope import Scope
from einsyn.elaborate.values import Builtin, Macro
from einsyn.errors import GrammarError
from einsyn.grammar.macros.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Comprehension,
    Conditional,
    Definition,
    Expression,
    Fold,
    Index,
    ListOf,
    Literal,
    Logical,
    Name,
    Parameter,
    Require,
    Spread,
    Statement,
    Unary,
)
from einsyn.ir.mismatch import Mismatch
from einsyn.ops import OPS
from einsyn.ops.op import Op


def head(definition: Definition) -> Code:
    """The code object of a definition, its body still empty, so that bodies can refer to one another."""
    values, tensors = definition.values, definition.tensors
    required = sum(1 for p in values if p.default is None and not p.rest)
    return Code(
        definition.name,
        tuple(p.name for p in values),
        required,
        bool(values) and values[-1].rest,
        None if tensors is None else tuple(p.name for p in tensors),
        bool(tensors) and tensors[-1].rest,
        definition.span,
    )


def compile_body(code: Code, definition: Definition, scope: Scope) -> set[Code]:
    """Fill in the instructions of a definition; returns the code objects that it refers to."""
    compiler = _Compiler(scope)
    return compiler.definition(code, definition)


def compile_expression(name: str, expression: Expression, scope: Scope, locals_: tuple[str, ...] = ()) -> Code:
    """Code without parameters of its own that evaluates an expression; `locals_` are its first registers."""
    code = Code(name, locals_, len(locals_), False, None, False, expression.span)
    compiler = _Compiler(scope)
    for local in locals_:
        compiler.declare(local)
    compiler.finish(code, compiler.expression(expression))
    return code


class _Compiler(Emitter):
    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope
        # Names bound in the block being compiled; binding any other name makes a new register.
        self.owned: set[str] = set()
        self.references: set[Code] = set()
        self.problems: list[Diagnostic] = []
        self.unbound: set[str] = set()

    def finish(self, code: Code, result: int) -> None:
        """Give a code object what was compiled. Raises what is wrong with it."""
        if self.problems:
            raise GrammarError(self.problems)
        self.emit(Opcode.RETURN, result)
        code.instructions = tuple(self.instructions)
        code.template = self.template

    def error(self, code: str, message: str, span: Span, hint: str | None = None) -> GrammarError:
        return GrammarError(Diagnostic(code, message, span, hint=hint))

    # Definitions and statements.

    def definition(self, code: Code, definition: Definition) -> set[Code]:
        parameters = (*definition.values, *(definition.tensors or ()))
        for parameter in parameters:
            if parameter.name in self.names:
                raise self.error(
                    "D004", f"parameter {parameter.name} is given twice", parameter.span, "rename one of them"
                )
            self.declare(parameter.name)
            self.owned.add(parameter.name)
        for parameter in definition.values:
            if parameter.default is not None:
                self._default(parameter)
        body = definition.body
        if isinstance(body, Block):
            self.statements(body.statements)
            if len(body.results) == 1:
                result = self.expression(body.results[0])
            else:
                result = self._list(body.results, body.span)
        else:
            result = self.expression(body)
        self.finish(code, result)
        return self.references

    def _default(self, parameter: Parameter) -> None:
        assert parameter.default is not None
        register = self.names[parameter.name]
        skip = self.emit(Opcode.DEFAULT, register, 0)
        self.emit(Opcode.MOVE, register, self.expression(parameter.default))
        self.patch(skip, 2)

    def statements(self, statements: tuple[Statement, ...]) -> None:
        for statement in statements:
            if isinstance(statement, Assign):
                self._assign(statement)
            elif isinstance(statement, Require):
                self._require(statement)
            else:
                self._fold(statement)

    def _assign(self, statement: Assign) -> None:
        value = self.expression(statement.value)
        if len(statement.names) == 1:
            self._bind(statement.names[0], value)
            return
        self.force(value)
        # New registers, so that `a, b = [b, a]` reads the old ones.
        targets = tuple(self.register() for _ in statement.names)
        self.emit(Opcode.UNPACK, targets, value, statement.span)
        for name, target in zip(statement.names, targets, strict=True):
            self._bind(name, target)

    def _bind(self, name: str, value: int, *, carried: bool = False) -> None:
        """Give a name the value of a register; a temporary one becomes the name's own."""
        if name not in self.owned and not carried and value not in self.constant_registers:
            if value not in self.names.values():
                self.names[name] = value
                self.owned.add(name)
                return
        register = self.names[name] if name in self.owned else self.declare(name)
        self.owned.add(name)
        self.emit(Opcode.MOVE, register, value)
        if value in self.forced or value in self.constant_registers:
            self.forced.add(register)
        else:
            self.forced.discard(register)

    def _require(self, statement: Require) -> None:
        condition = self.force(self.expression(statement.condition))
        self.emit(Opcode.REQUIRE, condition, statement.message, statement.span)

    def _fold(self, fold: Fold) -> None:
        items = self.force(self.expression(fold.items))
        starts = [(name, self.expression(value)) for name, value in fold.bindings]
        for name, value in starts:
            self._bind(name, value, carried=True)
        iterator = self.register()
        self.emit(Opcode.ITERATE, iterator, items, fold.span)
        self.forced.clear()
        start = len(self.instructions)
        targets = tuple(self.register() for _ in fold.names)
        step = self._next(iterator, targets, fold.span)
        # The body is a block: it owns its items and what the loop carries, the rest is local to it.
        names, owned = dict(self.names), self.owned
        self.owned = {name for name, _ in fold.bindings}
        for name, target in zip(fold.names, targets, strict=True):
            self.names[name] = target
            self.owned.add(name)
        self.statements(fold.body)
        self.emit(Opcode.JUMP, start)
        self.patch(step, 3)
        self.names, self.owned = names, owned

    def _next(self, iterator: int, targets: tuple[int, ...], span: Span) -> int:
        """Bind the next item, or what is in it; returns the instruction that leaves the loop."""
        item = targets[0] if len(targets) == 1 else self.register()
        step = self.emit(Opcode.NEXT, iterator, item, 0, span)
        if len(targets) > 1:
            self.emit(Opcode.FORCE, item)  # a choice of the grammar may denote the list
            self.emit(Opcode.UNPACK, targets, item, span)
        return step

    # Expressions: each returns the register that holds its value.

    def expression(self, node: Expression) -> int:
        match node:
            case Literal():
                return self.constant(node.value)
            case Name():
                return self._name(node)
            case Call():
                return self._call(node)
            case Binary():
                return self._binary(node)
            case Unary():
                operand = self.force(self.expression(node.operand))
                dst = self.register()
                self.emit(Opcode.UNARY, dst, UNARY[node.operator], node.operator, operand, node.span)
                self.forced.add(dst)
                return dst
            case Logical():
                return self._logical(node)
            case Conditional():
                return self._conditional(node)
            case ListOf():
                return self._list(node.items, node.span)
            case Index():
                items = self.force(self.expression(node.items))
                index = self.force(self.expression(node.place))
                dst = self.register()
                self.emit(Opcode.INDEX, dst, items, index, node.span)
                return dst
            case Comprehension():
                return self._comprehension(node)

    def _name(self, node: Name) -> int:
        register = self.names.get(node.name)
        if register is not None:
            return register
        value = self.scope.lookup(node.name)
        if value is MISSING:
            if node.name not in self.unbound:
                self.unbound.add(node.name)
                hint = self.scope.unbound(node.name, self.names, node.span.file)
                self.problems.append(Diagnostic("D010", f"`{node.name}` is not bound", node.span, hint=hint))
            return self.register()  # nothing is known of it, and what follows is looked at all the same
        if isinstance(value, Macro):
            self.references.add(value.code)
            return self.constant_for((Macro, value.code), value)
        return self.constant(value)

    def _binary(self, node: Binary) -> int:
        whole = node.operator in ("==", "!=")  # lists are compared with all that they hold
        left = self.force(self.expression(node.left), elements=whole)
        right = self.force(self.expression(node.right), elements=whole)
        dst = self.register()
        self.emit(Opcode.BINARY, dst, BINARY[node.operator], node.operator, left, right, node.span)
        self.forced.add(dst)
        return dst

    def _logical(self, node: Logical) -> int:
        dst = self.register()
        left = self.force(self.expression(node.left))
        self.emit(Opcode.MOVE, dst, left)
        if node.operator == "and":
            skip = self.emit(Opcode.BRANCH, dst, 0, node.span)
            right = self.force(self.expression(node.right))
            self.emit(Opcode.MOVE, dst, right)
            self.patch(skip, 2)
        else:
            other = self.emit(Opcode.BRANCH, dst, 0, node.span)
            skip = self.emit(Opcode.JUMP, 0)
            self.patch(other, 2)
            right = self.force(self.expression(node.right))
            self.emit(Opcode.MOVE, dst, right)
            self.patch(skip, 1)
        return dst

    def _conditional(self, node: Conditional) -> int:
        dst = self.register()
        condition = self.force(self.expression(node.condition))
        other = self.emit(Opcode.BRANCH, condition, 0, node.span)
        self.emit(Opcode.MOVE, dst, self.expression(node.then))
        skip = self.emit(Opcode.JUMP, 0)
        self.patch(other, 2)
        self.emit(Opcode.MOVE, dst, self.expression(node.otherwise))
        self.patch(skip, 1)
        return dst

    def _items(self, items: tuple[Expression | Spread, ...]) -> tuple[tuple[int, ...], tuple[bool, ...] | None]:
        registers: list[int] = []
        for item in items:
            if isinstance(item, Spread):
                registers.append(self.force(self.expression(item.value)))
            else:
                registers.append(self.expression(item))
        flags = tuple(isinstance(item, Spread) for item in items)
        return tuple(registers), flags if any(flags) else None

    def _list(self, items: tuple[Expression | Spread, ...], span: Span) -> int:
        registers, spread = self._items(items)
        if spread is None and all(r in self.constant_registers for r in registers):
            values = tuple(self.template[r] for r in registers)
            return self.constant_for((tuple, (values, tuple(type(v) for v in values))), values)
        dst = self.register()
        self.emit(Opcode.LIST, dst, registers, spread, span)
        self.forced.add(dst)
        return dst

    def _comprehension(self, node: Comprehension) -> int:
        items = self.force(self.expression(node.items))
        dst = self.register()
        iterator = self.register()
        self.emit(Opcode.NEW, dst)
        self.emit(Opcode.ITERATE, iterator, items, node.span)
        self.forced.clear()
        start = len(self.instructions)
        outer = dict(self.names)
        targets = tuple(self.declare(name) for name in node.names)
        step = self._next(iterator, targets, node.span)
        if node.condition is not None:
            condition = self.force(self.expression(node.condition))
            self.emit(Opcode.BRANCH, condition, start, node.span)
        self.emit(Opcode.APPEND, dst, self.expression(node.element))
        self.emit(Opcode.JUMP, start)
        self.patch(step, 3)
        self.emit(Opcode.FREEZE, dst)
        self.names = outer
        return dst

    def _call(self, node: Call) -> int:
        builtin = self._builtin_name(node)
        if builtin is not None:
            self.problems += call_problems(node, builtin)
            return self._builtin(node, builtin)
        function = self.expression(node.function)
        wrong = call_problems(node, self.template[function] if function in self.constant_registers else MISSING)
        self.problems += wrong
        registers, spread = self._items(node.positional)
        named = tuple((name, self.expression(value)) for name, value in node.named)
        if wrong:
            return self.register()
        folded = self._fold_call(function, registers, spread, named)
        if folded is not None:
            return folded
        dst = self.register()
        self.emit(Opcode.CALL, dst, function, registers, spread, named or None, node.span)
        return dst

    def _fold_call(
        self,
        function: int,
        args: tuple[int, ...],
        spread: tuple[bool, ...] | None,
        named: tuple[tuple[str, int], ...],
    ) -> int | None:
        """The register of a primitive whose attributes are all constant, configured now; None where that fails."""
        callee = self.template[function] if function in self.constant_registers else None
        constant = all(r in self.constant_registers for r in (*args, *(r for _, r in named)))
        if spread is not None or not constant or not (isinstance(callee, type) and issubclass(callee, Op)):
            return None
        if not args and not named:
            return None
        try:
            op = callee.configure(*(self.template[r] for r in args), **{name: self.template[r] for name, r in named})
        except Mismatch:
            return None  # it says so where it runs, with the place
        return self.constant_for((Op, op), op)

    def _builtin_name(self, node: Call) -> Builtin | None:
        """The built-in function that a call names, if it names one.

        Some (`sqrt`, `max`) are primitives as well: as a value the name is the primitive, called on values it is
        the function, called on tensors the primitive.
        """
        name = node.function.name if isinstance(node.function, Name) else ""
        if name in self.names or name in self.scope.params or name in self.scope.macros:
            return None
        return None if node.named and name in OPS else BUILTINS.get(name)

    def _builtin(self, node: Call, callee: Builtin) -> int:
        args, spread = self._items(node.positional)
        for register in args:
            self.force(register, elements=True)
        if spread is not None:
            collected = self.register()
            self.emit(Opcode.LIST, collected, args, spread, node.span)
            args = (collected,)
        dst = self.register()
        self.emit(Opcode.BUILTIN, dst, callee, args, spread is not None, node.span)
        return dst
