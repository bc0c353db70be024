"""Blame: an operation is tried alone on what it meets in the network, and that is enough to find who is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from small_graphs import Builder
from small_nets import classifier, language_model

from einsyn.backends.torch_source import write_source
from einsyn.ir.graph import Graph
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS
from einsyn.testing.case import Case, arrays_of, case_of, weight_of
from einsyn.testing.culprit import culprit, explains, given_to, groups, part
from einsyn.testing.judge import Disagreement, InProcess
from einsyn.testing.met import run_through
from einsyn.testing.oracles import Results
from einsyn.testing.outcome import Outcome
from einsyn.testing.reduce import Witness


class Wrong(InProcess):
    """onnxruntime with a bug: where the network has an operator, its outputs go through a function of the inputs.

    Args:
        operator: as ONNX calls it.
        bug: takes the outputs and the inputs.
    """

    def __init__(self, operator: bytes, bug: Callable[[list[np.ndarray], list[np.ndarray]], list[np.ndarray]]) -> None:
        self.operator = operator
        self.bug = bug
        self.runs = 0

    def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
        self.runs += 1
        found = super().run(case, names, gradients=gradients)
        if "onnxruntime" in found and self.operator in case.model:
            outputs = self.bug(list(found["onnxruntime"].outputs), list(case.inputs.values()))
            found["onnxruntime"] = Outcome.of(Results(outputs, {}))
        return found


def without_nan(outputs: list[np.ndarray], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """NaN is lost, as in runtimes whose maximum compares with `>`."""
    return [np.where(np.isnan(y), np.float32(0), y) for y in outputs]


def clipped(outputs: list[np.ndarray], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Numbers beyond 1000 are cut off."""
    return [np.clip(y, -1000, 1000) for y in outputs]


def chain(*steps: tuple[str, tuple[object, ...]], start: str = "s:6,d:8") -> Graph:
    builder = Builder(x=parse_type(start))
    value = 0
    for name, arguments in steps:
        (value,) = builder.apply(OPS[name].configure(*arguments), value)
    return builder.graph(value)


def blamed(graph: Graph, runner: Wrong, kind: str) -> list[str]:
    witness = Witness(runner, Disagreement("onnxruntime", kind, "", ""), "torch", 3)
    assert witness.fails(graph)
    return [operation.op.name for operation in culprit(graph, witness.alone(graph))]


@pytest.mark.parametrize("around", [0, 1, 5])
def test_an_operation_that_minds_nan(around: int) -> None:
    padding = [("identity", ()), ("tanh", ()), ("negate", ()), ("permute", (2, 1)), ("permute", (2, 1))][:around]
    graph = chain(*padding, ("sqrt", ()), *padding, ("max", (-1, True)), *padding)
    # Random numbers have no NaN; the square root of half of them is one.
    assert blamed(graph, Wrong(b"ReduceMax", without_nan), "pattern") == ["max"]


def test_an_operation_that_minds_large_numbers() -> None:
    graph = chain(("affine", (1e4, 0.0)), ("identity", ()), ("relu", ()), ("identity", ()))
    assert blamed(graph, Wrong(b"Relu", clipped), "values") == ["relu"]


def test_two_that_are_wrong_together() -> None:
    class Fused(Wrong):
        def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
            self.operator = b"Relu" if b"Sigmoid" in case.model else b"nothing"
            return super().run(case, names, gradients=gradients)

    graph = chain(("tanh", ()), ("sigmoid", ()), ("relu", ()), ("negate", ()))
    assert blamed(graph, Fused(b"", lambda ys, xs: [y + 1 for y in ys]), "values") == ["sigmoid", "relu"]


def test_where_no_part_is_wrong_all_are_blamed() -> None:
    class Long(Wrong):
        def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
            both = b"Sigmoid" in case.model and b"Neg" in case.model
            self.operator = b"Relu" if both else b"nothing"
            return super().run(case, names, gradients=gradients)

    graph = chain(("sigmoid", ()), ("relu", ()), ("negate", ()))
    runner = Long(b"", lambda ys, xs: [y + 1 for y in ys])
    assert blamed(graph, runner, "values") == ["sigmoid", "relu", "negate"]


def test_a_known_finding_explains_only_networks_in_which_it_happens() -> None:
    runner = Wrong(b"ReduceMax", without_nan)
    what = Disagreement("onnxruntime", "pattern", "", "")
    for first, happens in (("sqrt", True), ("abs", False)):
        graph = chain((first, ()), ("max", (-1, True)))
        assert explains(["max"], graph, Witness(runner, what, "torch", 3).alone(graph)) is happens
        assert not explains([first], graph, Witness(runner, what, "torch", 3).alone(graph))
        assert not explains(["max", "tanh"], graph, Witness(runner, what, "torch", 3).alone(graph))


def test_where_numbers_do_not_matter_equal_operations_are_tried_once() -> None:
    class Failing(InProcess):
        runs = 0

        def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
            type(self).runs += 1
            return {**super().run(case, names, gradients=gradients), "onnxruntime": Outcome("exception", exception="E")}

    graph = chain(*[("tanh", ())] * 6)
    witness = Witness(Failing(), Disagreement("onnxruntime", "exception", "Other", ""), "torch", 3)
    alone = witness.alone(graph)
    assert [alone(operations) for operations in groups(graph, 1)] == [False] * 6
    assert Failing.runs == 2  # the whole network once, for what is met in it, and one tanh


@pytest.mark.parametrize("graph", [classifier(), language_model()], ids=["classifier", "language model"])
def test_a_part_computes_alone_what_it_computes_in_the_network(graph: Graph) -> None:
    """With the same numbers and weights: its outputs are the values that the network has there."""
    runner = InProcess()
    for reference in ("torch", "onnxruntime"):
        met = run_through(runner, graph, 3, reference)
        assert met is not None
        whole = case_of(graph, 3)
        for value, array in zip(graph.outputs, runner.run(whole, ["torch"])["torch"].outputs, strict=True):
            np.testing.assert_allclose(met.values[value], array, rtol=1e-4, atol=1e-4)
        for operations in (*groups(graph, 1), *groups(graph, 2)):
            case = met.case(operations)
            alone = part(graph, operations)
            assert [name for name, _ in alone.inputs] == list(case.inputs)
            for value, array in zip(given_to(operations), case.inputs.values(), strict=True):
                np.testing.assert_array_equal(array, met.values[value])
            used = {value for operation in operations for value in operation.inputs}
            expected = [met.values[v] for o in operations for v in o.outputs if v not in used]
            for array, given in zip(expected, runner.run(case, ["torch"])["torch"].outputs, strict=True):
                np.testing.assert_allclose(given, array, rtol=1e-4, atol=1e-4)
            stored, keys = arrays_of(case.model), write_source(alone).keys
            for slot, key in keys.items():
                array = weight_of(stored, key)
                if slot in met.weights:
                    assert array is not None
                    np.testing.assert_array_equal(array, met.weights[slot])
                else:
                    assert array is None  # the number of batches that a normalisation has seen


def test_a_network_that_does_not_run_has_met_nothing() -> None:
    class Down(InProcess):
        def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
            return dict.fromkeys(names, Outcome("crash", exception="SIGSEGV"))

    assert run_through(Down(), classifier(), 3, "torch") is None
    # Then parts are tried on random numbers.
    witness = Witness(Down(), Disagreement("torch", "crash", "SIGSEGV", ""), "torch", 3)
    graph = chain(("tanh", ()), ("relu", ()))
    assert [o.op.name for o in culprit(graph, witness.alone(graph))] == ["tanh"]
