"""The forms in which an architecture is written: as elaborated, rewritten, or for deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import UsageError
from einsyn.rewrite import Rewritten, rewrite
from einsyn.rewrite.rules import DEFAULT, DEPLOY, EVALUATED
from einsyn.rewrite.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from einsyn.backends.torch_source import Slot, TorchSource
    from einsyn.ir.graph import Graph
    from einsyn.rewrite import Phase

# `none`: every operation as it was elaborated. `exact`: the same function of the same parameters, as a person would
# write it. `deploy`: the same function in eval mode, parameters folded where they can be.
Rewriting = Literal["none", "exact", "deploy"]

PHASES: Final[Mapping[str, Sequence[Phase]]] = {"none": (), "exact": DEFAULT, "deploy": DEPLOY}


def phases_of(name: str) -> Sequence[Phase]:
    """The phases of a way of rewriting.

    Raises:
        UsageError: U024 there is none of that name.
    """
    if name not in PHASES:
        near = closest(name, PHASES)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(PHASES)}"
        raise UsageError(Diagnostic("U024", f"there is no way of rewriting called `{name}`", hint=hint))
    return PHASES[name]


@dataclass(frozen=True)
class Form:
    """A graph as it is written.

    Args:
        rewritten: the graph, and where its weights come from.
        torch: its source, and where its weights are in the module's state.
    """

    rewritten: Rewritten
    torch: TorchSource

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The state of this form's module: the sizes of the tensor at every key."""
        return {self.torch.keys[slot]: of.shape for slot, of in self.rewritten.weights.items()}

    def keys(self) -> dict[Slot, str]:
        """For every weight of the elaborated graph the key of the module's state whose tensor it is, or is a part of.

        Weights that the form has not (some of `deploy`) are left out.
        """
        written = self.torch.keys
        return {slot: written[own] for own, of in self.rewritten.weights.items() for slot in of.slots()}

    def elaborated_weights(self, state: Mapping[str, torch.Tensor]) -> dict[Slot, torch.Tensor]:
        """The weights of the elaborated graph, from the state of this form's module."""
        keys = self.torch.keys
        return self.rewritten.weights.scatter({slot: state[keys[slot]] for slot in self.rewritten.weights})

    def state(self, weights: Mapping[Slot, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The state of this form's module, from the weights of the elaborated graph."""
        found = self.rewritten.weights.gather(weights)
        return {self.torch.keys[slot]: tensor for slot, tensor in found.items()}


def write(graph: Graph, rewriting: Rewriting, *, title: str, architecture: str, space: str) -> Form:
    """Rewrite a graph and write it as torch source.

    Args:
        graph: as elaborated.
        rewriting: how.
        title: for the comment at the top.
        architecture: likewise.
        space: likewise.

    Raises:
        UsageError: U024 an unknown way of rewriting.
        BackendError: B003, B004 the graph cannot be written.
    """
    from einsyn.backends.torch_source import write_source

    after = rewrite(graph, phases_of(rewriting))
    ordered = scheduled(after.graph) if rewriting != "none" else after.graph
    if ordered is not after.graph:
        after = Rewritten(ordered, after.weights, {**after.fired, "order": 1})
    built = graph if rewriting == "deploy" else None
    return Form(after, write_source(after.graph, title=title, architecture=architecture, space=space, built=built))


def evaluated(form: Form) -> Form:
    """A form for evaluation: batch normalisations are folded into the kernels before them. No parameter is lost.

    What it returns is the form itself where there is nothing to fold; else its weights come from those of `form`.
    """
    from einsyn.backends.torch_source import write_source

    after = rewrite(form.rewritten.graph, EVALUATED)
    return Form(after, write_source(after.graph)) if after.fired else form


def evaluated_state(form: Form, to: Form, state: Mapping[str, torch.Tensor]) -> tuple[Form, Mapping[str, torch.Tensor]]:
    """What `evaluated` made of a form, with weights for it.

    Where a state does not fit the form, both are returned as they are: whoever writes them says what is wrong.
    """
    weights = {slot: state[key] for slot, key in form.torch.keys.items() if key in state}
    for operation in form.rewritten.graph.operations:
        for name, declared in (*operation.signature.params.items(), *operation.signature.buffers.items()):
            given = weights.get((operation.owner, name)) if operation.owner is not None else None
            if given is None or tuple(given.shape) != declared.shape:
                return form, state
    return to, to.state(weights)
