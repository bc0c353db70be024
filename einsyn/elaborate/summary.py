"""What applying a nonterminal does, step by step, whatever is drawn: the parts that `Summaries` puts together.

A step is where an elaboration stands: it draws an alternative, emits an operation, applies another nonterminal,
returns, or has failed. As a mapping it holds what can follow; steps are worked out when they are first met.

The tensors of one call are numbered: first those that it is applied to, then those that its operations and calls give,
in order of data flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.derivation.choice import Choice
from einsyn.derivation.tree import Derivation, Token

if TYPE_CHECKING:
    from einsyn.elaborate.limits import Limits
    from einsyn.grammar.model import Production, Rule
    from einsyn.ir.mismatch import Reason
    from einsyn.ir.types import TensorType

# What a step does.
DRAW: Final = 0  # draws an alternative
EMIT: Final = 1  # emits an operation, or a definition in which nothing is chosen
CALL: Final = 2  # applies a nonterminal, whatever the types
RETURN: Final = 3  # is done with a call
TYPED_CALL: Final = 4  # applies a nonterminal, in a call where types are known
LOOKUP_CALL: Final = 5  # applies a nonterminal for which types matter, in a call for which they do not
DONE: Final = 6  # is done with the network
FAILED: Final = 7  # is infeasible
UNFORESEEN: Final = 8  # needs a whole elaboration

# The answer that one tensor is; a list of n tensors is the answer n.
SINGLE: Final = -1


class Result:
    """A tensor of some type, or a list of them. Equal ones are one object.

    Args:
        types: of the tensors.
        parts: the tensors one by one; None for a tensor itself.
    """

    __slots__ = ("count", "parts", "types")

    def __init__(self, types: tuple[TensorType, ...], parts: tuple[Result, ...] | None = None) -> None:
        self.types = types
        self.parts = () if parts is None else parts
        self.count = SINGLE if parts is None else len(parts)


class Outcome:
    """What an operation does with tensors of some types: its result and costs, or why there is none.

    Without a result and a cause, a limit was exceeded: the whole has to be elaborated to know which.
    """

    __slots__ = ("cause", "cost", "result")

    def __init__(self, result: Result | None, cost: int, cause: Reason | None) -> None:
        self.result = result
        self.cost = cost
        self.cause = cause


class Call:
    """What steps belong to: a nonterminal applied to tensors, or the network where `rule` is None.

    Args:
        rule: the nonterminal.
        arity: how many tensors.
        types: their types, where what happens depends on more than their number.
    """

    __slots__ = ("arity", "rule", "types")

    def __init__(self, rule: Rule | None, arity: int, types: tuple[TensorType, ...] | None) -> None:
        self.rule = rule
        self.arity = arity
        self.types = types


class Step:
    """One step of a call.

    Args:
        kind: one of the constants above.
        call: what it is a step of.
        above: the step before it, None for the first of a call.
        answer: what led from there to here: the number drawn, `SINGLE` or a number of tensors, or where the types of a
            call are known its `Result`.
        cost: what the call has cost so far, without what is emitted or called step by step: see `Costs`.
    """

    __slots__ = (
        "above",
        "after",
        "again",
        "answer",
        "call",
        "cause",
        "cost",
        "cumulative",
        "drawn",
        "entries",
        "entry",
        "given",
        "kind",
        "outcomes",
        "refs",
        "result",
        "single",
        "written",
    )

    def __init__(self, kind: int, call: Call, above: Step | None, answer: object, cost: int) -> None:
        self.kind = kind
        self.call = call
        self.above = above
        self.answer = answer
        self.cost = cost
        # Applications of the choice called last, made again before this step: the tensors, and those of the first time.
        self.again: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
        # Of a draw: probabilities, and what follows, as far as it is known; one more for when there is no number left.
        self.cumulative: tuple[float, ...] = ()
        self.drawn: list[Step | None] = []
        # Of what gives tensors: what follows a single one, and what follows other answers.
        self.single: Step | None = None
        self.after: dict[Any, Step] = {}
        # The tensors that are emitted on, called with or returned: the number of one, or those of several.
        self.refs: int | tuple[int, ...] = 0
        # Of an emission.
        self.outcomes: dict[Any, Outcome] = {}
        # Of a call: the first step of what it applies, or those by types; and the tensors where they are known.
        self.entry: Step = self
        self.entries: dict[Any, Step] = {}
        self.given: tuple[Result, ...] = ()
        # Of the end.
        self.result: Result | None = None
        self.written: Written | None = None
        self.cause: Reason | None = None

    def answers(self) -> list[Any]:
        """What led here from the first step of the call."""
        found: list[Any] = []
        step = self
        while step.above is not None:
            found.append(step.answer)
            step = step.above
        found.reverse()
        return found


class Costs:
    """Totals of an elaboration as one integer, so that adding them up is one addition.

    Six numbers stand side by side, with room above each: parameters, MACs, bytes of activations and state,
    operations, steps of evaluation, productions. Adding `_bias` carries into that room where one is beyond its limit.
    What is applied again counts again, so the last two are upper bounds.

    Args:
        limits: what must not be exceeded.
    """

    # Every number has 64 bits, and 16 above them.
    _MOST: Final = (1 << 64) - 1
    _ROOM: Final = (1 << 80) - (1 << 64)

    def __init__(self, limits: Limits) -> None:
        bounds = (limits.max_params, limits.max_macs, limits.max_memory, limits.max_ops, limits.fuel, limits.nodes)
        self._bias = self.pack(*[0 if b is None else self._MOST - min(b, self._MOST) for b in bounds])
        self._room = self.pack(*[self._ROOM for _ in bounds])

    def pack(self, params: int, macs: int, memory: int, ops: int, steps: int, size: int) -> int:
        """The numbers side by side."""
        return params | macs << 80 | memory << 160 | ops << 240 | steps << 320 | size << 400

    def most(self, packed: list[int]) -> int:
        """The greatest of each of the numbers."""
        rows = [[p >> shift & self._MOST for shift in range(0, 480, 80)] for p in packed]
        return self.pack(*map(max, zip(*rows, strict=True))) if rows else 0

    def exceeded(self, packed: int) -> bool:
        """Whether one of them is beyond its limit."""
        return bool((packed + self._bias) & self._room)

    def shown(self, packed: int) -> tuple[int, int]:
        """Parameters and MACs."""
        return packed & self._MOST, packed >> 80 & self._MOST


class Written:
    """What a finished call adds to a derivation; the calls that it made are holes, numbered in order of data flow.

    Args:
        root: the choice that was applied, with everything that the call itself chose.
        called: the holes.
        depth: productions on the longest path, those of the holes left out.
        size: productions, those of the holes left out.
    """

    __slots__ = ("_order", "_postfix", "depth", "depths", "holes", "logs", "size", "template")

    def __init__(self, root: Choice, called: dict[Choice, int], depth: int, size: int) -> None:
        self.depth = depth
        self.size = size
        self.holes = len(called)
        self.depths = [choice.depth - 1 for choice in called]
        # The tree in postfix order: a token, the number of a hole, or a production that takes what stands before it.
        self._postfix: list[Token | int | Production] = []
        logs: list[float] = []
        order: list[int] = []
        text: list[str] = []
        pending: list[Any] = [root]
        while pending:
            item = pending.pop()
            if item.__class__ is tuple:
                text.append(item[1].replace("%", "%%"))
            elif item.__class__ is not Choice:
                self._postfix.append(item)
            elif item in called:
                self._postfix.append(called[item])
                order.append(called[item])
                text.append("%s")
            elif item.production is None:
                token = Token(item.symbol, item.index)
                self._postfix.append(token)
                text.append(token.text.replace("%", "%%"))
                logs.append(item.symbol.domain.log_prob(item.index))
            else:
                logs.append(item.production.log_prob)
                pending.append(item.production)
                children = item.children
                for part in reversed(item.production.tokens):
                    pending.append(children[part] if part.__class__ is int else part)
        self.logs = logs
        self._order = order if order != list(range(self.holes)) else None
        self.template = "".join(text) if called else "".join(text).replace("%%", "%")

    def text(self, inner: list[str]) -> str:
        """The text, given those of the holes, where tokens are joined by nothing."""
        if self._order is not None:
            inner = [inner[i] for i in self._order]
        return self.template % tuple(inner)

    def tree(self, inner: list[Derivation | Token]) -> Derivation | Token:
        """The subtree, given those of the holes."""
        made: list[Derivation | Token] = []
        for item in self._postfix:
            if isinstance(item, int):
                made.append(inner[item])
            elif isinstance(item, Token):
                made.append(item)
            else:
                first = len(made) - len(item.slots)
                made[first:] = [Derivation(item, tuple(made[first:]))]
        return made[0]
