"""What acts while training: it changes numbers then and nothing afterwards."""

from __future__ import annotations

import pytest
import torch
from small_graphs import shape, single

from einsyn.backends.onnx_model import build_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS

IMAGE = parse_type("c:4,h:12,w:12")


@pytest.mark.parametrize("name", ["dropout", "drop_path", "drop_block"])
def test_acts_while_training_alone(name: str) -> None:
    graph = single(OPS[name].configure(0.5), (IMAGE,))
    source = write_source(graph)
    module = build_module(source)
    x = torch.rand(64, *shape(IMAGE)[1:], generator=torch.Generator().manual_seed(1)) + 0.5
    assert torch.equal(module.eval()(x), x)
    torch.manual_seed(0)
    trained = module.train()(x)
    dropped = trained == 0
    assert 0.25 < dropped.float().mean() < 0.75
    ratio = (trained / x)[~dropped]
    if name == "drop_block":
        assert torch.allclose(ratio, ratio[0].expand_as(ratio))
        assert abs(float((trained / x).mean()) - 1) < 1e-4
    else:
        assert torch.allclose(ratio, torch.tensor(2.0))
    if name == "drop_path":
        assert set(dropped.flatten(1).float().mean(1).tolist()) == {0.0, 1.0}
    model = build_onnx(graph, module.state_dict(), source.keys)
    assert [node.op_type for node in model.graph.node] == ["Identity"]


@pytest.mark.parametrize("name", ["dropout", "drop_path", "drop_block"])
def test_nothing_is_dropped_with_probability_zero(name: str) -> None:
    module = build_module(write_source(single(OPS[name].configure(0.0), (IMAGE,)))).train()
    x = torch.rand(shape(IMAGE), generator=torch.Generator().manual_seed(1))
    assert torch.equal(module(x), x)


@pytest.mark.parametrize("name", ["dropout", "drop_path", "drop_block"])
def test_everything_is_dropped_with_probability_one(name: str) -> None:
    op = OPS[name].configure(1.0, 1) if name == "drop_block" else OPS[name].configure(1.0)
    module = build_module(write_source(single(op, (IMAGE,)))).train()
    assert not module(torch.ones(shape(IMAGE))).any()
