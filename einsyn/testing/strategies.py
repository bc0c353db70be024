"""Hypothesis strategies over a search space: derivations, networks, and pairs that differ in one place.

Every draw is a choice of the grammar by its weights, and every example is well typed and within the limits: what does
not fit is repaired, not filtered (see `einsyn.testing.drawing`). Failures shrink to the smallest derivation that fails.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from hypothesis import note, reject
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck

from einsyn.architecture import Architecture
from einsyn.derivation.choosers import tree_of
from einsyn.derivation.tree import Derivation
from einsyn.diagnostics import Diagnostic, printable
from einsyn.errors import SamplingError
from einsyn.ir.path import Path
from einsyn.search.moves.regenerate import is_open
from einsyn.space import Space
from einsyn.testing.barren import why_nothing
from einsyn.testing.drawing import DrawnChooser, settle
from einsyn.testing.net import Net
from einsyn.testing.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path as FilePath

    from einsyn.elaborate.elaborate import Elaboration
    from einsyn.elaborate.limits import Limits
    from einsyn.testing.options import Draw

    Require = Callable[[Architecture], bool]

T = TypeVar("T")

# Productions of a derivation where neither the space nor the test says otherwise: tests want many small networks.
MAX_SIZE: Final = 50
# How many places of a derivation are tried for a change.
PLACES: Final = 8


class NothingToDrawError(SamplingError, FailedHealthCheck):
    """There seems to be nothing to draw. Hypothesis ends at a failed health check, and would shrink another error."""


class Source:
    """A space to draw from, under limits.

    Args:
        space: a space, or the name or path of one.
        require: what else an architecture must be.
        settings: `input`, `params`, `profile` as for `einsyn.load`, and limits.

    Raises:
        SamplingError: S001 every derivation is larger or deeper than the limits allow.
    """

    def __init__(self, space: Space | str | FilePath, require: Require | None, settings: Mapping[str, Any]) -> None:
        given = dict(settings)
        if not isinstance(space, Space):
            from einsyn.loading import load

            names = ("input", "params", "profile")
            space = load(space, **{name: given.pop(name) for name in names if name in given})
        self.space = space
        self.options = Options(space)
        bounds = space.bounds(given)
        self.limits: Limits = bounds.merged({"max_size": MAX_SIZE}) if bounds.max_size is None else bounds
        self.require = require
        self._nothing: dict[int, Diagnostic | None] = {}
        advice, start = self.options.viability, space.grammar.start
        for name, least in (("max_size", advice.sizes[start]), ("max_depth", advice.depths[start])):
            most = getattr(self.limits, name)
            if most is not None and most < least:
                raise SamplingError(
                    Diagnostic("S001", f"no derivation of `{space.name}` is within {name}={most}; the least is {least}")
                )

    def architecture(self, outcome: Elaboration) -> Architecture:
        """What an elaboration without a cause stands for."""
        return Architecture(self.space, outcome)

    @cached_property
    def everything(self) -> list[Architecture]:
        """Every architecture within the limits, by size.

        Raises:
            SamplingError: S001 there is none.
        """
        found = self.space.enumerate(**asdict(self.limits))
        kept = [a for a in found if self.require is None or self.require(a)]
        if not kept:
            message = f"no architecture of `{self.space.name}` is within max_size={self.limits.max_size}"
            raise SamplingError(Diagnostic("S001", message))
        return kept

    def accepts(self, outcome: Elaboration) -> bool:
        """Whether it is what the test requires."""
        return self.require is None or self.require(self.architecture(outcome))

    def draw(self, draw: Draw) -> Architecture:
        """An architecture.

        Raises:
            SamplingError: S001 there seems to be none; hypothesis would only say that it filters too much.
        """
        found = settle(self.options, DrawnChooser(draw, self.options, self.limits), self.limits, self.accepts)
        return self.give_up() if found is None else self.architecture(found)

    def give_up(self, wanted: int = 1) -> NoReturn:
        """Reject a draw, or say why nothing can be drawn. Raises SamplingError S001 or S002."""
        if wanted not in self._nothing:
            self._nothing[wanted] = why_nothing(self.space, self.limits, self.require, wanted)
        reason = self._nothing[wanted]
        if reason is not None:
            raise NothingToDrawError(reason)
        reject()

    def show(self, *texts: str) -> None:
        """Have a failing test print texts, each with a command that shows it again."""
        for text in texts:
            note(f"{printable(text)}\n    {printable(self.space.command('check', text))}")


def derivations(
    space: Space | str | FilePath, *, require: Require | None = None, **settings: Any
) -> st.SearchStrategy[Derivation]:
    """Well-typed derivations of a space within the limits.

    Args:
        space: a space, or the name or path of one.
        require: what else the architecture must be; refusing most of them makes the strategy slow.
        **settings: for a name or path `input`, `params` and `profile` as for `einsyn.load`; for all `max_params`,
            `max_macs` and the other limits. `max_size` is 50 where neither the space nor the test says otherwise.

    Raises:
        EinsynError: the space or a limit is wrong.
    """
    return _derivations(Source(space, require, settings))


def architectures(
    space: Space | str | FilePath, *, require: Require | None = None, seed: int = 0, batch: int = 2, **settings: Any
) -> st.SearchStrategy[Net]:
    """Networks of a space: text, module, ONNX bytes and example inputs in one object, each made when asked for.

    Args:
        space: as for `derivations`.
        require: as there.
        **settings: as there.
        seed: of weights and inputs.
        batch: the batch size of the inputs.
    """
    return _drawn(Source(space, require, settings), lambda a: Net(a, seed, batch))


def small_architectures(
    space: Space | str | FilePath,
    *,
    max_size: int,
    require: Require | None = None,
    seed: int = 0,
    batch: int = 2,
    **settings: Any,
) -> st.SearchStrategy[Net]:
    """Networks of a space up to a size, each as likely as any other whatever the weights of the grammar say.

    A test with as many examples as there are tries every one of them. Most bugs have a small counterexample, and this
    finds those that are behind rare choices (Runciman et al. 2008, SmallCheck). All are enumerated at the first draw
    and kept.

    Args:
        space: as for `derivations`.
        max_size: productions of the largest.
        require: as there.
        seed: of weights and inputs.
        batch: the batch size of the inputs.
        **settings: as there.

    Raises:
        EinsynError: the space or a limit is wrong; at the first draw, S001: there is nothing to draw.
    """
    return _one_of_all(Source(space, require, {**settings, "max_size": max_size}), seed, batch)


class Mutation(NamedTuple):
    """Two architectures that differ below one node.

    Args:
        before: what was drawn first.
        after: the same with another subtree at `path`.
        path: child numbers from the root.
    """

    before: Architecture
    after: Architecture
    path: tuple[int, ...]

    def __repr__(self) -> str:
        return f"<Mutation at {Path.of(*self.path)}: {self.before.text!r} becomes {self.after.text!r}>"


def mutations(
    space: Space | str | FilePath, *, require: Require | None = None, **settings: Any
) -> st.SearchStrategy[Mutation]:
    """Pairs of an architecture and a changed one, both well typed and within the limits.

    Args:
        space: as for `derivations`.
        require: as there.
        **settings: as there.
    """
    return _mutations(Source(space, require, settings))


# Not `map`: hypothesis would show the function in place of what it gives.
@st.composite
def _drawn(draw: st.DrawFn, source: Source, made: Callable[[Architecture], T]) -> T:
    return made(source.draw(draw))


@st.composite
def _derivations(draw: st.DrawFn, source: Source) -> Derivation:
    drawn = source.draw(draw)
    source.show(drawn.text)
    return drawn.derivation


@st.composite
def _one_of_all(draw: st.DrawFn, source: Source, seed: int, batch: int) -> Net:
    everything = source.everything
    return Net(everything[draw(st.integers(0, len(everything) - 1))], seed, batch)


@st.composite
def _mutations(draw: st.DrawFn, source: Source) -> Mutation:
    before = source.draw(draw)
    tree = before.derivation
    for path in places(draw, tree):
        chooser = DrawnChooser(draw, source.options, source.limits, given=tree, hole=path)

        def changed(outcome: Elaboration) -> bool:
            return tree_of(outcome.root) != tree and source.accepts(outcome)

        found = settle(source.options, chooser, source.limits, changed)
        if found is not None:
            after = source.architecture(found)
            source.show(before.text, after.text)
            return Mutation(before, after, path)
    return source.give_up(2)


def places(draw: Draw, tree: Derivation) -> Iterator[tuple[int, ...]]:
    """Some nodes of a tree where there is something else to choose, one after the other; the smallest come first.

    Raises:
        SamplingError: S002 the tree is all that can be chosen.
    """
    open_ = [(node.size if isinstance(node, Derivation) else 0, path) for path, node in tree.walk() if is_open(node)]
    if not open_:
        raise SamplingError(Diagnostic("S002", "nothing can be changed: the space has a single derivation"))
    paths = [path for _, path in sorted(open_)]
    for _ in range(min(PLACES, len(paths))):
        path = draw(st.sampled_from(paths))
        paths.remove(path)
        yield path
