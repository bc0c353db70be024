"""Moments with a running average, put together to a batch normalisation, against torch's own in both modes."""

from __future__ import annotations

import pytest
import torch
from small_graphs import Builder, single
from torch import nn

from einsyn.backends.torch_functions import functions_of
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.errors import BackendError
from einsyn.ir.types import TensorType
from einsyn.ops import OPS


def normalised(x: TensorType) -> nn.Module:
    """`(x - batch_mean(x)) / sqrt(batch_var(x) + 1e-5)`, written by the backend."""
    builder = Builder(x=x)
    (mean,) = builder.apply(OPS["batch_mean"].configure(), 0)
    (variance,) = builder.apply(OPS["batch_var"].configure(), 0)
    (shifted,) = builder.apply(OPS["affine"].configure(shift=1e-5), variance)
    (root,) = builder.apply(OPS["sqrt"].configure(), shifted)
    (centred,) = builder.apply(OPS["minus"].configure(), 0, mean)
    return build_module(write_source(builder.graph(*builder.apply(OPS["divide"].configure(), centred, root))))


@pytest.mark.parametrize("x", [TensorType("f32", ("c", "h", "w"), (3, 5, 4)), TensorType("f32", ("c", "l"), (3, 7))])
def test_batch_moments_are_those_of_batch_norm(x: TensorType) -> None:
    own = normalised(x)
    theirs = (nn.BatchNorm2d if x.rank == 3 else nn.BatchNorm1d)(3, affine=False)
    generator = torch.Generator().manual_seed(2)
    for _ in range(5):
        batch = (torch.randn(6, *x.concrete(), generator=generator) * 3 + 2).requires_grad_()
        for module in (own, theirs):
            batch.grad = None
            (module(batch) * torch.linspace(0, 1, batch.numel()).view(batch.shape)).sum().backward()
            module.gradient = batch.grad
        torch.testing.assert_close(own.gradient, theirs.gradient, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(own.batch_mean1.flatten(), theirs.running_mean)
    torch.testing.assert_close(own.batch_var1.flatten(), theirs.running_var)
    batch = torch.randn(2, *x.concrete(), generator=generator)
    torch.testing.assert_close(own.eval()(batch), theirs.eval()(batch))


def test_one_element_trains_without_numbers_that_are_none() -> None:
    own = normalised(TensorType("f32", ("c", "l"), (3, 1)))
    assert torch.isfinite(own(torch.ones(1, 3, 1))).all()
    assert torch.isfinite(own.batch_var1).all()


def test_a_function_is_defined_once_and_inputs_cannot_take_its_name() -> None:
    builder = Builder(batch_mean=TensorType("f32", ("c", "l"), (3, 7)))
    (first,) = builder.apply(OPS["batch_mean"].configure(), 0)
    (second,) = builder.apply(OPS["batch_mean"].configure(), 0)
    source = write_source(builder.graph(first, second))
    assert source.text.count("def batch_mean(") == 1
    first_value, _ = build_module(source)(torch.full((2, 3, 7), 4.0))
    assert first_value.flatten().tolist() == [4.0, 4.0, 4.0]


def test_two_functions_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPS["batch_var"], "functions", {"batch_mean": "def batch_mean(): ..."})
    builder = Builder(x=TensorType("f32", ("c", "l"), (3, 7)))
    (first,) = builder.apply(OPS["batch_mean"].configure(), 0)
    (second,) = builder.apply(OPS["batch_var"].configure(), 0)
    with pytest.raises(BackendError) as caught:
        write_source(builder.graph(first, second))
    assert caught.value.code == "B003"


def test_functions_of_regions_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = TensorType("f32", ("c", "l"), (3, 7))
    step = single(OPS["batch_var"].configure(), (signal,))
    monkeypatch.setattr(OPS["batch_mean"], "regions", (step,))
    assert sorted(functions_of(single(OPS["batch_mean"].configure(), (signal,)))) == ["batch_mean", "batch_var"]


def test_moments_trace_and_export() -> None:
    own = normalised(TensorType("f32", ("c", "h", "w"), (3, 5, 4)))
    batch = torch.randn(4, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    torch.fx.symbolic_trace(own)(batch)  # in training mode
    expected = own.eval()(batch)
    torch.testing.assert_close(torch.fx.symbolic_trace(own)(batch), expected)
    torch.testing.assert_close(torch.export.export(own, (batch,)).module()(batch), expected)
