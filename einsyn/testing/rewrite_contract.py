"""`check_rewrite`: everything that einsyn relies on of a rewrite, in one call."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph
from einsyn.loading import load
from einsyn.rewrite import Phase, Rewritten, rewrite
from einsyn.testing.contract import ContractError, run_checks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from einsyn.backends.torch_source import Slot
    from einsyn.ir.graph import Graph
    from einsyn.rewrite import Rule
    from einsyn.testing.case import Case

    Array = np.ndarray[Any, Any]

# In 64 bits, relative to the largest element.
_TOLERANCE: Final = 1e-7


class Pair(NamedTuple):
    """A graph, and what rewriting made of it."""

    before: Graph
    after: Rewritten


def check_rewrite(rule: Rule) -> None:
    """Test everything that einsyn relies on of a rewrite, on its examples.

    It fires, and the graph stays sound. Where it is exact, parameters of the two graphs map one to one, and outputs and
    gradients are the same in 64 bits; where it folds weights outputs are the same in eval mode.

    Args:
        rule: the rewrite.

    Raises:
        ContractError: with all that was found.
    """
    assert rule.examples, f"`{rule.name}` has no examples"
    found = run_checks((check_fires,), rule, rule.name)[0]
    exact = (check_sound, check_parameters, check_function)
    checks = exact if rule.law == "exact" else (check_sound, check_outputs)
    for number, graph in enumerate(example_graphs(rule), 1):
        pair = Pair(graph, rewrite(graph, [Phase(rule.name, (rule,))]))
        found += run_checks(checks, pair, f"{rule.name}, example {number}")[0]
    if found:
        raise ContractError(f"rewrite `{rule.name}`", found)


def example_graphs(rule: Rule) -> list[Graph]:
    """The graphs of a rule's examples, as they are elaborated."""
    graphs: list[Graph] = []
    with TemporaryDirectory() as folder:
        file = Path(folder) / "example.lark"
        for shape, expression in rule.examples:
            define = f"//@ define net()(x) = {expression}"
            file.write_text(f'//@ einsyn 1\n//@ input x {shape}\nstart: "net" -> net\n{define}\n', encoding="utf-8")
            graphs.append(load(file).parse("net").graph)
    return graphs


def check_fires(rule: Rule) -> None:
    """The rule changes each of its examples."""
    for (_, expression), graph in zip(rule.examples, example_graphs(rule), strict=True):
        fired = rewrite(graph, [Phase(rule.name, (rule,))]).fired
        assert fired, f"it does not apply to {expression}"


def check_sound(pair: Pair) -> None:
    """The rewritten graph is sound."""
    graph = pair.after.graph
    verify_graph(graph)
    assert parse_graph(print_graph(graph)) == graph
    types = [pair.before.types[v] for v in pair.before.outputs]
    assert [graph.types[v] for v in graph.outputs] == types, "outputs have other types"


def check_parameters(pair: Pair) -> None:
    """Parameters of the two graphs map one to one."""
    before = Counter(_parameters(pair.before))
    assert pair.after.graph.params == pair.before.params, "the number of parameters is another one"
    after = Counter(slot for own in _parameters(pair.after.graph) for slot in pair.after.weights[own].slots())
    assert after == before, f"{dict(after - before)} too often, {dict(before - after)} missing"


def _parameters(graph: Graph) -> list[Slot]:
    return [(o.owner, name) for o in graph.owners() if o.owner is not None for name in o.signature.params]


def check_function(pair: Pair) -> None:
    """Outputs and gradients are the same in 64 bits."""
    from einsyn.testing.oracles import Float64

    before, after = cases(pair)
    oracle = Float64()
    wanted, given = (oracle.run(each.case, gradients=True) for each in (before, after))
    for i, (a, b) in enumerate(zip(wanted.outputs, given.outputs, strict=True)):
        assert_close(a, b, f"output {i}")
    # Whatever no gradient reaches has none, or zeros: what is cut off and what is multiplied by zero are alike.
    slots = {key: slot for slot, key in after.keys.items()}
    slopes = {slots[key]: slope for key, slope in given.gradients.items() if key in slots}
    apart = {before.keys[slot]: slope for slot, slope in scattered(pair.after, slopes).items()}
    apart.update({name: slope for name, slope in given.gradients.items() if name in after.case.inputs})
    for key in sorted(wanted.gradients.keys() | apart.keys()):
        a, b = wanted.gradients.get(key), apart.get(key)
        like = a if a is not None else b
        assert like is not None
        assert_close(like * 0 if a is None else a, like * 0 if b is None else b, f"the gradient of {key}")


def check_outputs(pair: Pair) -> None:
    """Outputs are the same in eval mode."""
    from einsyn.testing.oracles import Float64

    before, after = cases(pair)
    wanted, given = (Float64().run(each.case).outputs for each in (before, after))
    for i, (a, b) in enumerate(zip(wanted, given, strict=True)):
        # Weights that were computed are kept in 32 bits.
        assert_close(a, b, f"output {i}", 1e-5)


def assert_close(wanted: Array, given: Array, what: str, tolerance: float = _TOLERANCE) -> None:
    """Assert that two arrays are the same but for rounding."""
    from einsyn.backends.agreement import agreement

    found = agreement(wanted, given)
    assert found.differs in ("", "values"), f"{what}: the {found.differs} differs"
    assert found.gap <= tolerance * max(1.0, found.magnitude), (
        f"{what} differs by {found.gap:.3g}, the largest is {found.magnitude:.3g}"
    )


# Weights of both graphs.


class Weighted(NamedTuple):
    """A graph with weights and inputs, and where its weights are in the module's state."""

    case: Case
    keys: Mapping[Slot, str]


def cases(pair: Pair, seed: int = 0) -> tuple[Weighted, Weighted]:
    """Both graphs with the same random weights and inputs."""
    from einsyn.testing.case import case_of, flat_source, random_weights

    graph, keys = pair.before, flat_source(pair.before).keys
    arrays = random_weights(graph, keys, seed)
    before = case_of(graph, seed, weights=arrays)
    new_keys = flat_source(pair.after.graph).keys
    moved = gathered(pair.after, {slot: arrays[key] for slot, key in keys.items() if key in arrays})
    weights = {new_keys[slot]: array for slot, array in moved.items() if slot in new_keys}
    after = case_of(pair.after.graph, seed, weights=weights, inputs=before.inputs)
    return Weighted(before, keys), Weighted(after, new_keys)


def gathered(after: Rewritten, arrays: Mapping[Slot, Array]) -> dict[Slot, Array]:
    """Arrays of the weights of a rewritten graph, from those of the elaborated one."""
    import torch

    found = after.weights.gather({slot: torch.as_tensor(array) for slot, array in arrays.items()})
    return {slot: tensor.numpy() for slot, tensor in found.items()}


def scattered(after: Rewritten, arrays: Mapping[Slot, Array]) -> dict[Slot, Array]:
    """Arrays of the weights of the elaborated graph, from those of the rewritten one."""
    import torch

    found = after.weights.scatter({slot: torch.as_tensor(array) for slot, array in arrays.items()})
    return {slot: tensor.numpy() for slot, tensor in found.items()}
