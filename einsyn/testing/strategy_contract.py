"""`check_strategy`: everything that a run relies on of a search strategy, in one call."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from einsyn.search.strategy import Outcome
from einsyn.space import Space
from einsyn.testing.contract import ContractError, run_checks
from einsyn.testing.space_contract import limits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.search.strategy import Proposal, Strategy

    Score = Callable[[Proposal], tuple[float, ...] | None]

BATCH: Final = 8
EVALUATIONS: Final = 64


class Make(Protocol):
    """What makes a strategy: a class like the shipped ones, or a function with the same arguments."""

    def __call__(
        self, space: Space, seed: int = 0, *, limits: Limits | None = None, start: Sequence[Architecture] = ()
    ) -> Strategy:
        """A strategy at its beginning."""
        ...


@dataclass
class Subject:
    """A way of making strategies, and a space for them.

    Args:
        make: makes a strategy.
        space: the space.
        endless: whether there is always something left to propose.
    """

    make: Make
    space: Space
    endless: bool

    def searched(
        self, score: Score, sizes: Sequence[int] = (BATCH,), strategy: Strategy | None = None
    ) -> list[Proposal]:
        """What is proposed in `EVALUATIONS` evaluations, asked for in batches of these sizes, over and over."""
        strategy = strategy or self.make(self.space, 0)
        found: list[Proposal] = []
        while len(found) < EVALUATIONS:
            asked = strategy.ask(sizes[len(found) % len(sizes)])
            if not asked:
                assert not self.endless, f"it ended after {len(found)} of {EVALUATIONS} evaluations"
                break
            found += asked
            strategy.tell([Outcome(p, score(p)) for p in asked])
        return found


def check_strategy(make: Make, space: Space | str | Path = "einspace", *, endless: bool = True) -> None:
    """Test everything that runs rely on of a search strategy.

    Proposals are numbered, within the limits and have known parents; what is given comes first; the same seed and
    outcomes give the same search, and telling a new strategy what was found continues it; failures, equal and extreme
    scores and batches of any size end nothing; random states of Python and numpy stay as they are.

    Args:
        make: the class, or a function with the arguments of `Strategy`.
        space: what is searched; a space that is loaded here is loaded at its profile `test`.
        endless: whether the space has far more than a hundred architectures, so that no search may end.

    Raises:
        ContractError: with all that was found.
        EinsynError: the space cannot be loaded.
    """
    if not isinstance(space, Space):
        from einsyn.loading import load

        space = load(space, profile="test")
    subject = Subject(make, space, endless)
    checks = (
        check_proposals,
        check_limits,
        check_start,
        check_same_seed,
        check_replay,
        check_batches,
        check_failures,
        check_scores,
        check_random_state,
    )
    found, _ = run_checks(checks, subject, space.name)
    if found:
        raise ContractError(f"strategy `{getattr(make, 'name', make)}`", found)


def made_up(proposal: Proposal) -> tuple[float, float]:
    """Two objectives that architectures have at once: few parameters, few MACs."""
    return -float(proposal.architecture.params), -float(proposal.architecture.macs)


def _texts(proposals: Sequence[Proposal]) -> list[tuple[int, str, tuple[int, ...], str]]:
    return [(p.id, p.architecture.text, p.parents, p.move) for p in proposals]


def check_proposals(subject: Subject) -> None:
    """Proposals are numbered in order, and their parents have been evaluated before and are among the living."""
    strategy = subject.make(subject.space, 0)
    told = 0
    while told < EVALUATIONS:
        living = strategy.living
        asked = strategy.ask(BATCH)
        if not asked:
            break
        assert len(asked) <= BATCH, f"{BATCH} are asked for, {len(asked)} given"
        assert [p.id for p in asked] == list(range(told, told + len(asked))), "they are not numbered in order"
        gone = {parent for p in asked for parent in p.parents} - set(range(told) if living is None else living)
        assert not gone, f"{sorted(gone)} are parents and were not among the living"
        for p in asked:
            assert all(0 <= parent < told for parent in p.parents), f"{p.id} has the parents {p.parents}"
        strategy.tell([Outcome(p, made_up(p)) for p in asked])
        told += len(asked)


def check_limits(subject: Subject) -> None:
    """Proposals are architectures of the space within the limits of the search."""
    costs = sorted(a.params for a in subject.space.sample(9, seed=1))
    limits = subject.space.limits.merged({"max_params": costs[4]})
    for p in subject.searched(made_up, strategy=subject.make(subject.space, 0, limits=limits)):
        assert p.architecture.space is subject.space, "it is of another space"
        assert p.architecture.params <= costs[4], f"{p.architecture.params} parameters, {costs[4]} are the limit"
        again = subject.space.check(p.architecture.derivation, **limits_of(subject.space))
        assert again.record() == p.architecture.record(), "the architecture is not that of its derivation"


def check_start(subject: Subject) -> None:
    """What is given to begin with is proposed first, and the search goes on from there."""
    given = subject.space.sample(3, seed=7)
    found = subject.searched(made_up, strategy=subject.make(subject.space, 0, start=given))
    assert [(p.architecture, p.parents, p.move) for p in found[:3]] == [(a, (), "start") for a in given]
    assert len(found) > 3 or not subject.endless


def check_same_seed(subject: Subject) -> None:
    """The same seed gives the same search, and another seed another."""
    first, second = (_texts(subject.searched(made_up)) for _ in range(2))
    assert first == second
    other = subject.searched(made_up, strategy=subject.make(subject.space, 1))
    assert _texts(other) != first or not subject.endless, "the seed makes no difference"


def check_replay(subject: Subject) -> None:
    """A new strategy that is told what was found goes on like the old one."""
    old, new = (subject.make(subject.space, 0) for _ in range(2))
    told: list[list[tuple[float, ...] | None]] = []
    for _ in range(4):
        asked = old.ask(BATCH)
        told.append([made_up(p) for p in asked])
        old.tell([Outcome(p, values) for p, values in zip(asked, told[-1], strict=True)])
    for row in told:
        new.tell([Outcome(p, values) for p, values in zip(new.ask(BATCH), row, strict=True)])
    assert _texts(new.ask(BATCH)) == _texts(old.ask(BATCH))


def check_batches(subject: Subject) -> None:
    """Batches of one and of any other size go on."""
    subject.searched(made_up, (1,))
    subject.searched(made_up, (5, 1, 17))


def check_failures(subject: Subject) -> None:
    """Failed evaluations do not end a search: none, half of them, all of them."""
    subject.searched(lambda p: None if p.id % 2 else made_up(p))
    subject.searched(lambda _: None)
    subject.searched(lambda p: (float("nan"), 0.0) if p.id % 3 else (float("-inf"), 0.0))


def check_scores(subject: Subject) -> None:
    """Equal and extreme scores do not end a search."""
    subject.searched(lambda _: (1.0, 1.0))
    subject.searched(lambda p: ((-1e308, 1e308)[p.id % 2], (1e-308, -1e308)[p.id % 2]))


def check_random_state(subject: Subject) -> None:
    """The global random states of Python and numpy are neither read nor changed."""
    import numpy as np

    def states() -> list[Any]:
        kept: Any = np.random.get_state()  # noqa: NPY002  # the global state is what must not change
        return [random.getstate(), kept[1].tolist(), kept[2]]

    before = states()
    first = _texts(subject.searched(made_up))
    assert states() == before, "a search changes them"
    random.seed(before[2])
    try:
        assert _texts(subject.searched(made_up)) == first, "a search depends on them"
    finally:
        random.setstate(before[0])
