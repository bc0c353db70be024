"""Every operation of the registry, in every example that it gives: the type rule against torch and ONNX."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from small_graphs import shape, single
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from einsyn.backends.onnx_model import NEWEST_OPSET, OLDEST_OPSET, build_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import TorchSource, write_source
from einsyn.backends.verify import check_onnx, random_inputs
from einsyn.ir.graph import Graph
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.types import TensorType
from einsyn.ir.verify import verify_graph
from einsyn.ops import OPS, Op

Example = tuple[Op, tuple[TensorType, ...]]
EXAMPLES = [example for cls in OPS.values() for example in cls.examples()]
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e[0]}:{'|'.join(map(str, e[1]))}")
every_op = pytest.mark.parametrize("name", sorted(OPS))


def built(example: Example) -> tuple[Graph, TorchSource, torch.nn.Module]:
    graph = single(*example)
    source = write_source(graph, title=str(example[0]))
    return graph, source, build_module(source, seed=3)


def arguments(types: tuple[TensorType, ...], batch: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [
        torch.randint(0, 10, shape(t, batch), generator=generator)
        if t.dtype == "i64"
        else torch.randn(shape(t, batch), generator=generator)
        for t in types
    ]


def closed(t: TensorType) -> TensorType:
    """The type with every open size closed to 1."""
    sizes = tuple(1 if isinstance(size, str) else size for size in t.sizes)
    return TensorType(t.dtype, t.axes, sizes, t.factors, t.batched)


def run(module: torch.nn.Module, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    computed = module(*inputs)
    return computed if isinstance(computed, tuple) else (computed,)


@every_op
def test_declares_everything(name: str) -> None:
    cls = OPS[name]
    text = cls.__doc__ or ""
    for part in ("Shapes:", "MACs:", "Errors:", "Source:"):
        assert part in text, f"the docstring of {name} lacks {part}"
    for method in ("infer", "torch", "onnx", "examples"):
        assert getattr(cls, method) is not getattr(Op, method), f"{name} lacks {method}"
    assert all(attribute.doc for attribute in cls.attributes.values())
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


@every_op
def test_examples_set_every_attribute(name: str) -> None:
    cls = OPS[name]
    for i, key in enumerate(cls.attributes):
        values = {op.key[i] for op, _ in cls.examples()}
        attribute = cls.attributes[key]
        assert attribute.required or attribute.variadic or len(values) > 1, f"{key} of {name} always has its default"


@every_example
def test_torch_has_the_inferred_shapes(example: Example) -> None:
    graph, _, module = built(example)
    for batch in (2, 3):
        outputs = run(module, arguments(example[1], batch))
        assert [tuple(out.shape) for out in outputs] == [shape(graph.types[v], batch) for v in graph.outputs]
        assert all(
            out.dtype == torch.float32
            for out, v in zip(outputs, graph.outputs, strict=True)
            if graph.types[v].dtype == "f32"
        )


@every_example
def test_parameters_and_buffers_are_those_of_torch(example: Example) -> None:
    graph, source, module = built(example)
    signature = graph.operations[0].signature
    state = module.state_dict()
    declared = {**signature.params, **signature.buffers}
    assert {source.keys[0, name]: p.shape for name, p in declared.items()} == {
        k: tuple(t.shape) for k, t in state.items()
    }
    assert sum(p.numel() for p in module.parameters()) == graph.params == signature.param_count
    assert sum(t.numel() * t.element_size() for t in state.values()) == signature.state_bytes
    learned = dict(module.named_parameters())
    assert {source.keys[0, name] for name in signature.params} == set(learned)


@every_example
def test_macs_are_half_of_what_torch_counts(example: Example) -> None:
    graph, _, module = built(example)
    if any(isinstance(size, str) for t in graph.types for size in t.sizes):
        # A symbol counts as 1: compare at that length.
        types = tuple(closed(t) for t in example[1])
        assert single(example[0], types).macs == graph.macs
        graph, _, module = built((example[0], types))
    batch = 3 if any(graph.types[v].batched for v in graph.outputs) else 1
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        module.eval()(*arguments(tuple(graph.types[v] for _, v in graph.inputs), batch))
    assert counter.get_total_flops() == 2 * batch * graph.macs


@every_example
def test_gradients_reach_every_parameter(example: Example) -> None:
    graph, _, module = built(example)
    inputs = [x.requires_grad_() if x.is_floating_point() else x for x in arguments(example[1], 2)]
    outputs = run(module, inputs)
    if not any(out.requires_grad for out in outputs):
        assert graph.params == 0
        return
    sum((out * torch.linspace(1, 2, out.numel()).view(out.shape)).sum() for out in outputs).backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in module.parameters())


@every_example
@pytest.mark.parametrize("opset", [OLDEST_OPSET, 20, NEWEST_OPSET])
def test_onnxruntime_computes_the_same(example: Example, opset: int) -> None:
    import onnxruntime

    _, source, module = built(example)
    model = build_onnx(single(*example), module.state_dict(), source.keys, opset=opset)
    check_onnx(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    module.eval()
    for batch in (2, 5):
        inputs = random_inputs(model, batch, seed=1)
        with torch.no_grad():
            references = run(module, [torch.from_numpy(x) for x in inputs.values()])
        for reference, result in zip(references, session.run(None, inputs), strict=True):
            # Where torch gives no number, below the domain of a root or logarithm, ONNX must not give one either.
            np.testing.assert_allclose(result, reference.detach().numpy(), rtol=1e-5, atol=1e-5, equal_nan=True)


@every_example
def test_text_reads_back_equal(example: Example) -> None:
    graph = single(*example)
    verify_graph(graph)
    assert parse_graph(print_graph(graph)) == graph


@every_example
def test_batch_statistics_survive_training_mode(example: Example) -> None:
    _, source, module = built(example)
    module.train()
    run(module, arguments(example[1], 2))
    assert set(module.state_dict()) == set(source.keys.values())
