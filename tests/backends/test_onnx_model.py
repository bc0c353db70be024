"""ONNX models: names, symbols, metadata, files."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, numpy_helper
from small_graphs import Builder, single
from small_nets import branches, classifier, deep, language_model

from einsyn.backends.onnx_file import encoded, weight_bytes
from einsyn.backends.onnx_model import DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET, build_onnx, save_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.backends.verify import check_onnx, random_inputs, verify
from einsyn.errors import BackendError, FileError
from einsyn.ir.graph import Graph
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS


def lowered(graph: Graph, **options: object) -> tuple[torch.nn.Module, ModelProto]:
    source = write_source(graph)
    module = build_module(source)
    return module, build_onnx(graph, module.state_dict(), source.keys, **options)  # type: ignore[arg-type]  # options by name


@pytest.mark.parametrize(
    "graph", [classifier(), language_model(), deep(30), branches(40)], ids=["image", "tokens", "deep", "wide"]
)
@pytest.mark.parametrize("opset", range(OLDEST_OPSET, NEWEST_OPSET + 1))
def test_agrees_with_torch_at_every_opset(graph: Graph, opset: int) -> None:
    module, model = lowered(graph, opset=opset)
    check_onnx(model)
    outcome = verify(module, model)
    assert outcome.verified
    assert outcome.batches == (2, 3)


def test_batch_and_open_sizes_are_symbols() -> None:
    _, model = lowered(language_model())
    (tokens,) = model.graph.input
    assert [dim.dim_param for dim in tokens.type.tensor_type.shape.dim] == ["B", "T"]
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    logits, pooled = inferred.graph.output
    assert [d.dim_param or d.dim_value for d in logits.type.tensor_type.shape.dim] == ["B", "T", 20]
    assert [d.dim_param or d.dim_value for d in pooled.type.tensor_type.shape.dim] == ["B", 8]


def test_names() -> None:
    _, model = lowered(classifier(), name="nets", metadata={"einsyn.space": "nets"})
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert names[:3] == ["/0:conv", "/0/1:batch_norm", "/0/0/0/3:relu"]
    assert "/0/0/0/0/0/0/0/7:linear/Add" in names
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["output"]
    assert model.graph.name == "nets"
    assert {p.key: p.value for p in model.metadata_props} == {"einsyn.space": "nets"}
    weights = {t.name for t in model.graph.initializer}
    assert {"conv1.weight", "linear1.weight.T", "linear2.weight", "batch_norm1.running_mean"} <= weights


def test_deep_nets_have_distinct_node_names() -> None:
    _, model = lowered(deep(300))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)


def test_few_nodes() -> None:
    expected = {
        ("linear", "d:4"): ["Gemm"],
        ("linear", "s:3,d:4"): ["MatMul", "Add"],
        ("gelu", "d:4"): ["Gelu"],
        ("identity", "d:4"): ["Identity"],
        ("layer_norm", "s:3,d:4"): ["LayerNormalization"],
        ("im2col", "c:3,h:8,w:8"): ["Reshape", "Transpose", "Reshape"],
    }
    attributes = {"linear": {"width": 5}, "im2col": {"kernel": 4, "stride": 4}}
    for (name, text), nodes in expected.items():
        _, model = lowered(single(OPS[name].configure(**attributes.get(name, {})), (parse_type(text),)), opset=20)
        assert [node.op_type for node in model.graph.node] == nodes, name


def test_weights_are_those_of_the_module() -> None:
    module, model = lowered(classifier())
    state = module.state_dict()
    for tensor in model.graph.initializer:
        key = tensor.name.removesuffix(".T")
        if key in state:
            expected = state[key].t() if tensor.name != key else state[key]
            np.testing.assert_array_equal(numpy_helper.to_array(tensor), expected.numpy())


def test_shared_weights_are_stored_once() -> None:
    _, model = lowered(language_model())
    names = [t.name for t in model.graph.initializer]
    assert len(set(names)) == len(names)
    assert {"linear1.weight.T", "linear1.bias", "weight1"} <= set(names)


def test_an_output_may_be_an_input_or_come_twice() -> None:
    builder = Builder(output=parse_type("d:4"))
    (y,) = builder.apply(OPS["relu"].configure(), 0)
    module, model = lowered(builder.graph(0, y, y))
    check_onnx(model)
    assert len({value.name for value in (*model.graph.output, *model.graph.input)}) == 4
    assert verify(module, model).verified


def test_tables_limit_random_ids() -> None:
    _, model = lowered(language_model(), metadata={"a": "b"})
    assert {p.key: p.value for p in model.metadata_props} == {"a": "b", "einsyn.ids.tokens": "20"}
    ids = random_inputs(model, batch=50)["tokens"]
    assert ids.min() == 0
    assert ids.max() == 19


@pytest.mark.parametrize("opset", [0, OLDEST_OPSET - 1, NEWEST_OPSET + 1, 10**6])
def test_opset_out_of_range(opset: int) -> None:
    with pytest.raises(BackendError) as caught:
        lowered(classifier(), opset=opset)
    assert caught.value.code == "B002"
    assert str(DEFAULT_OPSET) in (caught.value.diagnostics[0].hint or "")


def test_weights_must_fit() -> None:
    graph = classifier()
    source = write_source(graph)
    state = build_module(source).state_dict()
    for broken in ({**state, "conv1.weight": torch.zeros(1)}, {k: v for k, v in state.items() if k != "linear1.bias"}):
        with pytest.raises(BackendError) as caught:
            build_onnx(graph, broken, source.keys)
        assert caught.value.code == "B008"


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_missing_packages_are_explained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, model = lowered(branches(2))
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError) as caught:
        check_onnx(model) if name == "onnx" else verify(module, model)
    assert caught.value.code == "B001"
    assert caught.value.diagnostics[0].hint == "pip install 'einsyn[onnx]'"


def test_files_with_weights_inside(tmp_path: Path) -> None:
    _, model = lowered(classifier())
    path = tmp_path / "net.onnx"
    path.write_text("something older")
    save_onnx(model, path)
    assert onnx.load(path) == model
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    assert path.stat().st_mode & 0o444 == 0o444


@pytest.mark.parametrize(
    "graph", [classifier(), language_model(), single(OPS["relu"].configure(), (parse_type("d:4"),))]
)
def test_files_hold_what_protobuf_would_write(graph: Graph) -> None:
    _, model = lowered(graph, metadata={"key": "value" * 100})
    written = b"".join(encoded(model))
    assert ModelProto.FromString(written) == model
    assert len(written) == model.ByteSize()


def test_files_with_weights_outside(tmp_path: Path) -> None:
    _, model = lowered(classifier(), metadata={"einsyn.space": "nets"})
    whole = model.SerializeToString()
    path = tmp_path / "net.onnx"
    save_onnx(model, path, external=True)
    assert model.SerializeToString() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.onnx.data"]
    assert path.stat().st_size < len(whole) - 8_000
    assert (tmp_path / "net.onnx.data").stat().st_size > 8_000
    onnx.checker.check_model(str(path), full_check=True)
    loaded = onnx.load(path)
    assert loaded.metadata_props == model.metadata_props
    for a, b in zip(loaded.graph.initializer, model.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(a), numpy_helper.to_array(b))

    import onnxruntime

    inputs = random_inputs(model, 2)
    (inside,) = onnxruntime.InferenceSession(whole).run(None, inputs)
    (outside,) = onnxruntime.InferenceSession(str(path)).run(None, inputs)
    np.testing.assert_array_equal(inside, outside)


@pytest.mark.parametrize("external", [False, True])
def test_nothing_half_written(tmp_path: Path, external: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = lowered(classifier())
    with pytest.raises(FileError) as caught:
        save_onnx(model, tmp_path / "no" / "net.onnx", external)
    assert caught.value.code == "F009"
    (tmp_path / "net.onnx").mkdir()
    with pytest.raises(FileError) as caught:
        save_onnx(model, tmp_path / "net.onnx", external)
    assert caught.value.code == "F002"
    left = {p.name for p in tmp_path.iterdir()}
    assert left <= {"net.onnx", "net.onnx.data"}

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        save_onnx(model, tmp_path / "other.onnx", external)
    assert {p.name for p in tmp_path.iterdir()} == left


def test_ten_thousand_operations_take_linear_time() -> None:
    seconds = {}
    for count in (1_000, 10_000):
        graph = deep(count)
        source = write_source(graph)
        state = build_module(source).state_dict()
        start = time.process_time()
        model = build_onnx(graph, state, source.keys)
        seconds[count] = time.process_time() - start
        model.SerializeToString()
    assert seconds[10_000] < 50 * seconds[1_000] + 0.1  # a square would be a factor of 100


def test_weights_that_do_not_fit_go_outside_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, model = lowered(classifier())
    for part in ("onnx_file", "verify"):
        monkeypatch.setattr(f"einsyn.backends.{part}.LARGEST_INSIDE", weight_bytes(model) - 1)
    save_onnx(model, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx.data").stat().st_size >= 4096
    assert (tmp_path / "net.onnx").stat().st_size < weight_bytes(model)
    loaded = onnx.load(tmp_path / "net.onnx")
    assert [t.raw_data for t in loaded.graph.initializer] == [t.raw_data for t in model.graph.initializer]
    # Both run a model of any size: from a file.
    check_onnx(model)
    assert verify(module, model).verified


def test_weights_stay_inside_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = lowered(classifier())
    monkeypatch.setattr("einsyn.backends.onnx_file.LARGEST_INSIDE", weight_bytes(model))
    save_onnx(model, tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
