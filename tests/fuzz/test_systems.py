"""The tools of the ecosystem check: each does its work on the model, and what it does wrong is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import systems
from ecosystem import SYSTEMS
from small_graphs import Builder
from small_nets import classifier, language_model

from einsyn.ir.graph import Graph
from einsyn.ops import OPS
from einsyn.testing.case import Case, case_of
from einsyn.testing.oracles import ORACLES, oracle

NETS = [classifier(), language_model()]
NAMES = ["classifier", "language model"]


def plain(case: Case) -> list[np.ndarray]:
    return oracle("onnxruntime-off").run(case).outputs


@pytest.mark.parametrize("graph", NETS, ids=NAMES)
@pytest.mark.parametrize("tool", [systems.inferred, systems.upgraded, systems.downgraded])
def test_a_tool_that_is_right_computes_the_same(tool: Any, graph: Graph) -> None:
    case = case_of(graph, 3)
    for given, expected in zip(tool(case.model, case.inputs), plain(case), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)


def test_every_function_of_a_system_is_there() -> None:
    functions = {name for system in SYSTEMS.values() for name in system.against if name not in ORACLES}
    assert functions
    for name in functions:
        module, _, function = name.partition(":")
        assert module == "systems"
        assert callable(getattr(systems, function))


@pytest.mark.parametrize("change", ["size", "rank", "type", "symbol"])
@pytest.mark.parametrize("graph", NETS, ids=NAMES)
def test_a_wrong_inference_is_seen(change: str, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    infer = onnx.shape_inference.infer_shapes

    def wrong(*given: Any, **options: Any) -> onnx.ModelProto:
        model = infer(*given, **options)
        tensor = model.graph.value_info[len(model.graph.value_info) // 2].type.tensor_type
        last = tensor.shape.dim[-1]
        if change == "size":
            last.dim_value += 1
        elif change == "rank":
            tensor.shape.dim.add().dim_value = 1
        elif change == "type":
            tensor.elem_type = onnx.TensorProto.INT64 if tensor.elem_type == onnx.TensorProto.FLOAT else 1
        else:
            last.dim_param = "B"  # the batch has another size than that
        return model

    case = case_of(graph, 3)
    systems.inferred(case.model, case.inputs)
    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", wrong)
    with pytest.raises(ValueError, match="was inferred"):
        systems.inferred(case.model, case.inputs)


def test_what_is_unknown_is_no_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", lambda model, **_: model)
    case = case_of(classifier(), 3)
    np.testing.assert_array_equal(systems.inferred(case.model, case.inputs)[0], plain(case)[0])


def test_the_version_converter_converts(monkeypatch: pytest.MonkeyPatch) -> None:
    versions: list[int] = []
    run = systems._run

    def watched(model: onnx.ModelProto, inputs: Any) -> Any:
        versions.append(model.opset_import[0].version)
        return run(model, inputs)

    monkeypatch.setattr(systems, "_run", watched)
    case = case_of(language_model(), 3)
    systems.upgraded(case.model, case.inputs)
    systems.downgraded(case.model, case.inputs)
    assert versions == [systems.NEWER, systems.OLDER]
    # Gelu came with opset 20: there is no way back, and the converter says so.
    builder = Builder(**{name: graph.types[value] for graph in [classifier()] for name, value in graph.inputs})
    gelu = case_of(builder.graph(*builder.apply(OPS["gelu"].configure(), 0)), 3)
    systems.downgraded(gelu.model, gelu.inputs)
    assert versions[2] == onnx.load_from_string(gelu.model).opset_import[0].version


def test_a_converter_that_breaks_is_not_taken_for_one_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> onnx.ModelProto:
        raise RuntimeError("Assertion `x` failed")

    monkeypatch.setattr(onnx.version_converter, "convert_version", broken)
    case = case_of(classifier(), 3)
    with pytest.raises(RuntimeError, match="Assertion"):
        systems.upgraded(case.model, case.inputs)
