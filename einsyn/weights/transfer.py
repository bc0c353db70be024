"""What a network takes over from another one: the weights of what is unchanged."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import WeightsError
from einsyn.weights.alignment import NumberedTree, align
from einsyn.weights.file import read_weights
from einsyn.weights.preserving.check import SAME, difference
from einsyn.weights.preserving.solve import solve
from einsyn.weights.state import check_state, detached, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from pathlib import Path

    import torch
    from torch import nn

    from einsyn.architecture import Architecture
    from einsyn.forms import Rewriting
    from einsyn.ir.graph import Operation
    from einsyn.rewrite.weights import Slot
    from einsyn.weights.alignment import Pair

CHANGED = "the derivation was changed here"
OTHER_SHAPES = "the operation had weights of other shapes"
ONCE_MORE = "the operation is applied more often than before"


@dataclass(frozen=True)
class Weight:
    """What became of one weight of a child.

    Args:
        path: the derivation node that it comes from.
        operation: what uses it.
        name: of the parameter or buffer in the operation.
        key: of the tensor in the module's `state_dict` that holds it, perhaps beside others.
        shape: of the weight, before any rewriting.
        copied: whether the parent's was taken, as it is.
        source: the derivation node of the parent that it was taken or worked out from.
        reason: why it was taken, what was worked out, or why it is fresh.
        computed: whether it was worked out so that the network computes what its parent does.
    """

    path: str
    operation: str
    name: str
    key: str
    shape: tuple[int, ...]
    copied: bool
    source: str | None
    reason: str
    computed: bool = False

    @property
    def scalars(self) -> int:
        """How many numbers it is."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True)
class Transfer:
    """What a child took over from its parent.

    Args:
        weights: every parameter and buffer of the child, in the order of execution.
        difference: the largest difference of the child's outputs from its parent's, on random inputs in eval mode and
            64 bits, over the largest of them where that is above 1; None where no weights were found with which
            they are the same, or nobody asked for them.
    """

    weights: tuple[Weight, ...]
    difference: float | None = None

    @property
    def preserved(self) -> bool:
        """Whether the child computes what its parent does, in eval mode."""
        return self.difference is not None

    @property
    def copied(self) -> tuple[Weight, ...]:
        """Those that were taken from the parent."""
        return tuple([w for w in self.weights if w.copied])

    @property
    def computed(self) -> tuple[Weight, ...]:
        """Those that were worked out so that the function stays."""
        return tuple([w for w in self.weights if w.computed])

    @property
    def fresh(self) -> tuple[Weight, ...]:
        """Those that are as they were initialised."""
        return tuple([w for w in self.weights if not (w.copied or w.computed)])

    def __str__(self) -> str:
        copied = self.copied
        lines = [
            f"{len(copied)} of {len(self.weights)} weights copied, "
            f"{sum(w.scalars for w in copied):,} of {sum(w.scalars for w in self.weights):,} numbers"
        ]
        if self.difference is not None:
            lines.insert(0, f"the function is the parent's, largest difference {self.difference:.1e}")
        counted = Counter((_done(w), w.reason) for w in self.weights)
        lines += [f"  {done:8} {n:4}  {reason}" for (done, reason), n in counted.items()]
        return "\n".join(lines)


def _done(weight: Weight) -> str:
    return "copied" if weight.copied else "computed" if weight.computed else "fresh"


def transfer(
    parent: tuple[Architecture, nn.Module],
    child: tuple[Architecture, nn.Module],
    *,
    rewrite: Rewriting = "exact",
    preserve: bool = False,
) -> Transfer:
    """Give a network the weights of another one, where it is unchanged.

    A weight is taken over if the derivation node that it comes from stands for one of the parent's: its subtree is the
    same at the same place, or the same elsewhere, or it has the same production at the same place while something below
    was changed; and if the weights of the operation have the same shapes. An operation takes all its weights or none.
    Running statistics are taken as weights are. Everything else stays as it was initialised.

    With `preserve`, weights are looked for with which the child computes what its parent does, in eval mode: wider
    layers repeat units, what was inserted hands its input on or adds nothing, copies that are added share. Where none
    are found, or outputs differ by more than 1e-5, weights are taken over as without.

    Args:
        parent: an architecture and its module, which stays as it is.
        child: an architecture of the same grammar and its module, which is changed in place.
        rewrite: the form of both modules, as `Architecture.module` was told.
        preserve: look for weights that keep the function (Chen, Goodfellow & Shlens 2016, arXiv:1511.05641; Wei et al.
            2016, arXiv:1603.01670); `Transfer.preserved` says whether there are any.

    Raises:
        WeightsError: W002, W003, W005 a module is not of its architecture and form; W006 the form is `deploy`; W008 the
            grammars differ.
        UsageError: U024 there is no such form.
    """
    (before, trained), (after, module) = parent, child
    given = elaborated(before, detached(trained.state_dict()), rewrite)
    now = elaborated(after, detached(module.state_dict()), rewrite)
    plan = Plan.of(before, after)
    if preserve:
        found = _preserving(plan, before, given, now)
        if found is not None:
            numbers, report = found
            kept = {key: tensor.clone() for key, tensor in detached(module.state_dict()).items()}
            fill(module, after.form(rewrite).state(numbers))
            apart = difference(after.graph, trained, module)
            if apart <= SAME:
                return report(rewrite, apart)
            fill(module, kept)
    fill(module, after.form(rewrite).state(plan.weights(given, now)))
    return plan.report(rewrite)


def take_over(path: Path, child: Architecture, module: nn.Module, *, preserve: bool = False) -> Transfer:
    """Give a network the weights in a file, where it is unchanged.

    Args:
        path: a file that `Architecture.save_weights` wrote, of an architecture of the same space.
        child: the architecture.
        module: its module, of the form `exact`; it is changed in place.
        preserve: look for weights that keep the function, see `transfer`.

    Raises:
        WeightsError: W001 to W003, W005, W006 the file is damaged, not of this space, or folded for deployment.
        FileError: it cannot be read.
    """
    given = read_weights(path)
    form = cast("Rewriting", given.facts.get("form", "exact"))
    parent = child.space.parse(str(given.facts.get("architecture")))
    weights = elaborated(parent, given.tensors, form)
    if preserve:
        trained = parent.module()
        fill(trained, parent.form().state(weights))
        return transfer((parent, trained), (child, module), preserve=True)
    plan = Plan.of(parent, child)
    fill(module, child.form().state(plan.weights(weights, elaborated(child, detached(module.state_dict()), "exact"))))
    return plan.report("exact")


def can_preserve(parent: Architecture, child: Architecture) -> bool:
    """Whether weights are found with which a child computes what its parent does, as far as their graphs say.

    Raises:
        WeightsError: W008 the grammars differ.
    """
    return solve(parent.graph, child.graph, Plan.of(parent, child).counterparts) is not None


def _preserving(
    plan: Plan, parent: Architecture, given: Mapping[Slot, torch.Tensor], now: Mapping[Slot, torch.Tensor]
) -> tuple[dict[Slot, torch.Tensor], Callable[[Rewriting, float], Transfer]] | None:
    """The child's weights with which it computes what its parent does, and what reports of them; None if not found."""
    from einsyn.weights.preserving import numbers

    graphs = parent.graph, plan.child.graph
    solved = solve(*graphs, plan.counterparts)
    if solved is None:
        return None
    made = numbers.numbers(solved, graphs, given, now)
    weights = plan.weights(given, now)
    for owner, (tensors, _) in made.items():
        for name, tensor in tensors.items():
            weights[owner, name] = tensor.to(dtype=weights[owner, name].dtype, device=weights[owner, name].device)

    def report(rewrite: Rewriting, apart: float) -> Transfer:
        found: list[Weight] = []
        usual = plan.report(rewrite).weights
        for weight, (owner, name) in zip(usual, plan.slots(), strict=True):
            if owner not in made or name not in made[owner][0]:
                found.append(weight)
                continue
            why = made[owner][1]
            role = solved.roles.get(owner)
            source = None if role is None or role.source is None else str(role.source.path)
            same = why == numbers.SAME
            found.append(replace(weight, copied=same, computed=not same, source=source, reason=why))
        return Transfer(tuple(found), apart)

    return weights, report


def elaborated(
    architecture: Architecture, state: Mapping[str, torch.Tensor], rewrite: Rewriting
) -> dict[Slot, torch.Tensor]:
    """The weights of an architecture as elaborated, from the state of a module.

    Raises:
        WeightsError: W002, W003, W005 the state is not that of a module of this form; W006 the form is `deploy`.
        UsageError: U024 there is no such form.
    """
    form = architecture.form(rewrite)
    if rewrite == "deploy":
        said = "weights that were folded for deployment cannot be taken apart"
        raise WeightsError(Diagnostic("W006", said, hint="use the module that was deployed, `rewrite='exact'`"))
    check_state(state, form.shapes, f"a module of {architecture.text}")
    return form.elaborated_weights(state)


class _Site(NamedTuple):
    """A weight set, where it is used first."""

    owner: int
    operation: Operation
    kind: Hashable


@dataclass(frozen=True)
class Plan:
    """Which weight sets of a child are the parent's.

    Args:
        child: the child.
        sets: for every weight set of the child's graph that of the parent's or None, the parent's place, and why.
        counterparts: for weight sets of the child the parent's of the same class of operation at the same place, of
            whatever shapes.
    """

    child: Architecture
    sets: Mapping[int, tuple[int | None, str | None, str]]
    counterparts: Mapping[int, int]

    @classmethod
    def of(cls, parent: Architecture, child: Architecture) -> Plan:
        """Work out what a child takes over; no weights are looked at.

        Raises:
            WeightsError: W008 the grammars differ.
        """
        if parent.space.grammar.digest != child.space.grammar.digest:
            said = f"`{parent.space.name}` and `{child.space.name}` are not the same grammar"
            hint = "weights are taken over between architectures of one grammar; inputs and parameters may differ"
            raise WeightsError(Diagnostic("W008", said, hint=hint))
        old, new = NumberedTree(parent.derivation), NumberedTree(child.derivation)
        given, asked = _sites(parent, old), _sites(child, new)
        pairs = align(old, new, _kinds(given), _kinds(asked))
        found: dict[int, tuple[int | None, str | None, str]] = {}
        for pair, sites in zip(pairs, asked, strict=True):
            found |= _matched(pair, given[pair.node] if pair else [], sites)
        counterparts: dict[int, int] = {}
        for pair, sites in zip(pairs, asked, strict=True):
            if pair is not None:
                counterparts |= _counterparts(given[pair.node], sites)
        return cls(child, found, counterparts)

    def slots(self) -> list[Slot]:
        """The weights of the child in the order of the report."""
        return [
            (operation.owner, name)
            for operation in self.child.graph.owners()
            if operation.owner is not None
            for name in _declared(operation)
        ]

    def weights(
        self, parent: Mapping[Slot, torch.Tensor], child: Mapping[Slot, torch.Tensor]
    ) -> dict[Slot, torch.Tensor]:
        """The child's weights with the parent's in place of some; both as elaborated."""
        found = dict(child)
        for (owner, name), own in child.items():
            source = self.sets[owner][0]
            if source is not None:
                found[owner, name] = parent[source, name].to(dtype=own.dtype, device=own.device)
        return found

    def report(self, rewrite: Rewriting) -> Transfer:
        """What becomes of every weight, in a form of the child."""
        form = self.child.form(rewrite)
        keys = {
            old: form.torch.keys[new] for new in form.rewritten.weights for old in form.rewritten.weights[new].slots()
        }
        found: list[Weight] = []
        for operation in self.child.graph.owners():
            owner = operation.owner
            assert owner is not None  # owners have one
            source, place, reason = self.sets[owner]
            for name, param in _declared(operation).items():
                found.append(
                    Weight(
                        str(operation.path),
                        str(operation.op),
                        name,
                        keys[owner, name],
                        param.shape,
                        source is not None,
                        place,
                        reason,
                    )
                )
        return Transfer(tuple(found))


def _declared(operation: Operation) -> dict[str, Any]:
    return {**operation.signature.params, **operation.signature.buffers}


def _sites(architecture: Architecture, tree: NumberedTree) -> list[list[_Site]]:
    """For every node of the derivation the weight sets that come from it, in the order of execution."""
    found: list[list[_Site]] = [[] for _ in tree.nodes]
    for operation in architecture.graph.owners():
        assert operation.owner is not None  # owners have one
        shapes = tuple([(name, p.shape, p.dtype) for name, p in _declared(operation).items()])
        kind = (operation.op.__class__, shapes)
        found[tree.number(operation.path)].append(_Site(operation.owner, operation, kind))
    return found


def _kinds(sites: Iterable[list[_Site]]) -> list[Hashable]:
    return [tuple([site.kind for site in each]) for each in sites]


def _matched(
    pair: Pair | None, given: list[_Site], asked: list[_Site]
) -> dict[int, tuple[int | None, str | None, str]]:
    """For the weight sets of a node those of the node that it stands for: of one kind, in order."""
    if pair is None:
        return {site.owner: (None, None, CHANGED) for site in asked}
    left: dict[Hashable, deque[_Site]] = {}
    for site in given:
        left.setdefault(site.kind, deque()).append(site)
    found: dict[int, tuple[int | None, str | None, str]] = {}
    for site in asked:
        queue = left.get(site.kind)
        if queue:
            source = queue.popleft()
            found[site.owner] = (source.owner, str(source.operation.path), pair.why.value)
        else:
            found[site.owner] = (None, None, OTHER_SHAPES if queue is None else ONCE_MORE)
    return found


def _counterparts(given: list[_Site], asked: list[_Site]) -> dict[int, int]:
    """For the weight sets of a node those of the node that it stands for: of one class of operation, in order."""
    left: dict[type, deque[_Site]] = {}
    for site in given:
        left.setdefault(type(site.operation.op), deque()).append(site)
    found: dict[int, int] = {}
    for site in asked:
        queue = left.get(type(site.operation.op))
        if queue:
            found[site.owner] = queue.popleft().owner
    return found
