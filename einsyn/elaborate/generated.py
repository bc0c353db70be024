"""Python functions made of steps, one for each nonterminal: the same walk in a third of the time.

A function takes tensors and gives a `Result`, or None where it failed or where the steps that it is made of do not go
on. Its source consists of numbers and of names made up here; whatever it works with is reached through
`Generated.names`. Functions call each other as deep as a derivation is: whoever calls them is prepared for
RecursionError.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate.summary import CALL, EMIT, RETURN, SINGLE, Outcome, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from einsyn.derivation.choosers import Recall
    from einsyn.elaborate.summary import Costs, Result

# What `failed` holds where the steps do not go on.
MISSING: Final = Outcome(None, 0, None)
# Python refuses source that is nested deeper than 100 levels.
_DEEPEST: Final = 90
# More applications again than this are left to the steps.
_MOST_AGAIN: Final = 64
# An indentation, and a line, or a step to write with the number of tensors that there are.
_Item = tuple[int, str] | tuple[int, Step | None, int]


class Generated:
    """The functions of some steps.

    Args:
        entries: the first steps of calls in which types are not known.
        listed: gives the `Result` for a list of tensors.
        costs: how costs are counted.

    Attributes:
        functions: by entry.
        names: the global names of the functions: `draw` gives the next number, `total` is what has been spent, `done`
            lists the calls that were finished, `failed` says why the last function gave None.
        slack: more than calls that were not finished can have cost by themselves.
    """

    def __init__(self, entries: Iterable[Step], listed: Callable[[list[Result]], Result], costs: Costs) -> None:
        done: list[Step] = []
        self.names: dict[str, Any] = {
            "total": 0,
            "failed": MISSING,
            "missing": MISSING,
            "done": done,
            "keep": done.append,
            "listed": listed,
        }
        self._known: dict[int, str] = {}
        self._costs: list[int] = []
        complete = list(entries)
        lines: list[str] = []
        for entry in complete:
            lines.extend(self._function(entry))
        exec(compile("\n".join(lines), "<steps of a search space>", "exec"), self.names)
        self.functions: dict[Step, Callable[..., Result | None]] = {
            entry: self.names[self._name("call", entry)] for entry in complete
        }
        self.slack = costs.most(self._costs) * sys.getrecursionlimit()

    def begin(self, source: Recall) -> list[Step]:
        """Get ready for a draw; returns the list of finished calls."""
        names = self.names
        names["draw"] = source.stream()
        names["total"] = 0
        done: list[Step] = names["done"]
        done.clear()
        return done

    def _name(self, kind: str, thing: object) -> str:
        """The name of something that functions refer to."""
        name = self._known.get(id(thing))
        if name is None:
            name = self._known[id(thing)] = f"{kind}{len(self._known)}"
            self.names[name] = thing
        return name

    def _function(self, entry: Step) -> Iterator[str]:
        arity = entry.call.arity
        yield f"def {self._name('call', entry)}({_variables(range(arity))}):"
        pending: list[_Item] = [(1, entry, arity), (1, "global total, failed")]
        while pending:
            item = pending.pop()
            if len(item) == 2:
                yield " " * item[0] + item[1]
            else:
                pending.extend(reversed(list(self._step(*item))))

    def _step(self, at: int, step: Step | None, tensors: int) -> Iterator[_Item]:
        if step is None or at > _DEEPEST:
            yield from _leave(at, "missing")
        elif step.cumulative:
            yield at, "u = draw()"
            yield from _branches(at, step, tensors)
        elif step.kind == EMIT:
            key = _variables(step.refs)
            if step.refs.__class__ is not int:
                key = f"({key},)" if step.refs else "()"
            yield at, f"o = {self._name('outcomes', step.outcomes)}[{key}]"
            yield at, "r = o.result"
            yield at, "if r is None:"
            yield from _leave(at + 1, "o")
            yield at, "total += o.cost"
            yield from self._results(at, step, tensors)
        elif step.kind == CALL:
            yield at, "before = total"
            yield at, f"r = {self._name('call', step.entry)}({_variables(step.refs)})"
            yield at, "if r is None:"
            yield at + 1, "return"
            yield from self._results(at, step, tensors)
        elif step.kind == RETURN:
            yield at, f"keep({self._name('step', step)})"
            yield at, f"total += {step.cost}"
            self._costs.append(step.cost)
            one = isinstance(step.refs, int)
            yield at, f"return {_variables(step.refs)}" if one else f"return listed([{_variables(step.refs)}])"
        else:
            yield from _leave(at, "missing")

    def _results(self, at: int, step: Step, tensors: int) -> Iterator[_Item]:
        """What follows what a step gives, a single tensor or a list of them."""
        following = dict(step.after)
        if step.single is not None:
            following[SINGLE] = step.single
        for count, after in following.items():
            # One way to go on needs no deeper indentation.
            if len(following) == 1:
                yield at, f"if r.count != {count}:"
                yield from _leave(at + 1, "missing")
                yield from _take(at, count, after, tensors)
            else:
                yield at, f"if r.count == {count}:"
                yield from _take(at + 1, count, after, tensors)
        if len(following) != 1:
            yield from _leave(at, "missing")


def _take(at: int, count: int, after: Step, tensors: int) -> Iterator[_Item]:
    """Name what a step gives, and again for every application that is made again; then go on."""
    if len(after.again) > _MOST_AGAIN:
        yield from _leave(at, "missing")
        return
    if after.again:
        yield at, "spent = total - before"
    for now, first in (((), ()), *after.again):
        if now:
            equal = " and ".join(f"x{a} is x{b}" for a, b in zip(now, first, strict=True))
            yield at, f"if not ({equal}):"
            yield from _leave(at + 1, "missing")
            yield at, "total += spent"
        if count == SINGLE:
            yield at, f"x{tensors} = r"
        elif count:
            yield at, f"{_variables(range(tensors, tensors + count))}, = r.parts"
        tensors += abs(count)
    yield at, after, tensors


def _branches(at: int, step: Step, tensors: int) -> Iterator[_Item]:
    """The alternatives of a draw, found by halving."""
    halves: list[tuple[int, int, int]] = [(at, 0, len(step.cumulative))]
    while halves:
        at, low, high = halves.pop()
        if high < 0:
            yield at, "else:"
        elif high - low == 1:
            yield at, step.drawn[low], tensors
        else:
            middle = (low + high) // 2
            yield at, f"if u < {step.cumulative[middle - 1]!r}:"
            halves += [(at + 1, middle, high), (at, 0, -1), (at + 1, low, middle)]


def _leave(at: int, why: str) -> Iterator[_Item]:
    yield at, f"failed = {why}"
    yield at, "return"


def _variables(numbers: int | Iterable[int]) -> str:
    return f"x{numbers}" if isinstance(numbers, int) else ", ".join(f"x{i}" for i in numbers)
