"""What a production denotes, worked out once when a space is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.grammar.model import ConstArg, ListArg, SlotArg

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.derivation.choice import Choice
    from einsyn.elaborate.code import Code
    from einsyn.grammar.model import Arg, Production
    from einsyn.ops.op import Op

# How to get from a production to the value that it denotes.
CHILD: Final = 0  # the value of one child
VALUE: Final = 1  # a value that needs no child
PRIMITIVE: Final = 2  # a primitive configured by terminals
SEQUENCE: Final = 3  # seq of the children
ARROW: Final = 4  # a definition that the children complete
ARGUMENT: Final = 5  # its one argument, a list or a spliced child
CALL: Final = 6  # anything else: apply `target` to the arguments


class Plan:
    """How to get from a production to what it denotes.

    Args:
        production: the production.
        kind: one of the constants above.
        target: the macro, primitive or combinator that its name denotes; for VALUE the value.
        code: the definition of an ARROW.
    """

    __slots__ = ("cache", "child", "code", "kind", "plain", "production", "target")

    def __init__(self, production: Production, kind: int, target: object = None, code: Code | None = None) -> None:
        self.production = production
        self.kind = kind
        self.target = target
        self.code = code
        # All children in order are the arguments: no need to rearrange them.
        args = production.args
        self.plain = len(args) == len(production.slots) and all(
            isinstance(a, SlotArg) and a.index == i for i, a in enumerate(args)
        )
        self.child = args[0].index if len(args) == 1 and isinstance(args[0], SlotArg) else 0
        self.cache: dict[tuple[int, ...], Op] = {}

    def args(self, choice: Choice, choose: Callable[[Choice], None]) -> list[object]:
        """The arguments that a chosen node passes; spliced children are chosen now."""
        if self.plain:
            return list(choice.children)
        return _collect(choice, self.production.args, choose)


def _collect(choice: Choice, args: tuple[Arg, ...], choose: Callable[[Choice], None]) -> list[object]:
    found: list[object] = []
    # A spliced rule may splice again: keep a stack of what is left to collect.
    pending: list[tuple[Choice, tuple[Arg, ...], int, list[object]]] = [(choice, args, 0, found)]
    while pending:
        node, specs, at, into = pending.pop()
        if at == len(specs):
            continue
        pending.append((node, specs, at + 1, into))
        spec = specs[at]
        if isinstance(spec, SlotArg):
            into.append(node.children[spec.index])
        elif isinstance(spec, ConstArg):
            into.append(spec.value)
        elif isinstance(spec, ListArg):
            into.append(tuple(_collect(node, spec.items, choose)))
        else:
            child = node.children[spec.index]
            if child.production is None:
                choose(child)
            assert child.production is not None
            pending.append((child, child.production.args, 0, into))
    return found
