"""Zero-cost proxies against what their papers define, worked out another way on small networks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_spaces import net

import einsyn
from einsyn.evaluate.data import read_data
from einsyn.evaluate.fit import Examples, fit
from einsyn.evaluate.named import PROXY_NAMES, objective_of
from einsyn.evaluate.objective import EvaluationError, evaluate
from einsyn.evaluate.proxies import PROXIES, Subject

INPUT = "//@ input x f32[B, d:5]\n"
DEEP = "define net()(x) = linear(3)(relu(linear(4)(x)))"


def examples(count: int = 12, size: int = 5, classes: int = 3) -> Examples:
    random = torch.Generator().manual_seed(1)
    return Examples(torch.randn(count, size, generator=random), torch.arange(count) % classes)


def subject(definition: str = DEEP, given: Examples | None = None) -> Subject:
    return Subject(net(definition, INPUT), 0, given or examples())


def by_hand() -> tuple[list[torch.Tensor], Any]:
    """Weights of `DEEP` and its loss as a function of them, in plain torch."""
    module = subject().module
    w1, b1, w2, b2 = (p.detach().double() for p in module.parameters())
    x, y = examples()

    def loss(v1: torch.Tensor, v2: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy((x.double() @ v1.T + b1).relu() @ v2.T + b2, y)

    return [w1, w2], loss


def test_gradients() -> None:
    weights, loss = by_hand()
    gradients = torch.autograd.functional.jacobian(loss, tuple(weights))
    expected = {
        "grad_norm": sum(float(g.square().sum().sqrt()) for g in gradients),
        "snip": sum(float((w * g).abs().sum()) for w, g in zip(weights, gradients, strict=True)),
        "plain": sum(float((w * g).sum()) for w, g in zip(weights, gradients, strict=True)),
        "l2": sum(float(w.square().sum().sqrt()) for w in weights),
    }
    for name, value in expected.items():
        assert PROXIES[name][0](subject()) == pytest.approx(value, rel=1e-4), name


def test_grasp_with_the_whole_hessian() -> None:
    weights, loss = by_hand()
    sizes = [w.numel() for w in weights]

    def flat(v: torch.Tensor) -> torch.Tensor:
        return loss(*[p.reshape(w.shape) for p, w in zip(v.split(sizes), weights, strict=True)])

    v = torch.cat([w.flatten() for w in weights])
    hessian = torch.autograd.functional.hessian(flat, v)
    gradient = torch.autograd.functional.jacobian(flat, v)
    assert PROXIES["grasp"][0](subject()) == pytest.approx(float(-(v * (hessian @ gradient)).sum()), rel=1e-3)


def test_synflow_is_the_logarithm_of_the_sum_over_paths() -> None:
    # Without biases every path from an input to an output counts once for each of its two weights.
    s = subject("define net()(x) = linear(3, bias=false)(relu(linear(4, bias=false)(x)))")
    w1, w2 = (p.detach().double().abs() for p in s.module.parameters())
    paths = float((w2 @ w1).sum())
    assert PROXIES["synflow"][0](s) == pytest.approx(math.log(2 * paths), rel=1e-9)


def test_naswot_is_the_determinant_of_the_agreements() -> None:
    s = subject()
    x = s.x
    with torch.no_grad():
        w1, b1 = list(s.module.parameters())[:2]
        code = (x @ w1.T + b1 > 0).numpy()
    alike = (code[:, None, :] == code[None, :, :]).sum(2)
    sign, expected = np.linalg.slogdet(alike.astype(float))
    if sign > 0:
        assert PROXIES["naswot"][0](s) == pytest.approx(expected, rel=1e-6)
    few = Examples(x[:3], examples().y[:3])
    alike = alike[:3, :3]
    assert np.linalg.slogdet(alike.astype(float))[0] > 0
    found = PROXIES["naswot"][0](subject(given=few))
    assert found == pytest.approx(np.linalg.slogdet(alike.astype(float))[1], rel=1e-6)


def test_jacov_with_numpy() -> None:
    s = subject()
    w1, b1, w2, _ = (p.detach().double().numpy() for p in s.module.parameters())
    open_ = s.x.numpy() @ w1.T + b1 > 0
    jacobian = np.stack([(w2.sum(0) * row) @ w1 for row in open_])
    v = np.linalg.eigvalsh(np.corrcoef(jacobian)) + 1e-5
    assert PROXIES["jacov"][0](s) == pytest.approx(float(-(np.log(v) + 1 / v).sum()), rel=1e-2)


def test_fisher_by_hand() -> None:
    s = subject()
    x, y = examples()
    w1, b1, w2, b2 = (p.detach() for p in s.module.parameters())
    hidden = (x @ w1.T + b1).requires_grad_()
    output = hidden.relu() @ w2.T + b2
    output.retain_grad()
    torch.nn.functional.cross_entropy(output, y).backward()
    expected = sum(
        float((a.detach() * a.grad).square().mean(0).sum() / 2) for a in (hidden, output) if a.grad is not None
    )
    assert PROXIES["fisher"][0](s) == pytest.approx(expected, rel=1e-4)


def test_zen_of_a_linear_network_does_not_depend_on_the_data() -> None:
    found = [PROXIES["zen"][0](subject(given=examples(count))) for count in (6, 12)]
    assert found[0] == found[1]
    assert math.isfinite(found[0])


def test_networks_on_which_a_proxy_says_nothing() -> None:
    with pytest.raises(EvaluationError):
        PROXIES["naswot"][0](subject("define net()(x) = linear(3)(x)"))


def test_every_proxy_on_spaces_of_every_kind(tmp_path: Path) -> None:
    objectives = {name: objective_of(name) for name in PROXY_NAMES}
    kinds = set()
    for name, params in (("nasbench201", {"cells": 1, "channels": 4}), ("einspace", {})):
        space = einsyn.load(name, input="1x8x8", params=params)
        for arch in space.sample(4, seed=2, max_macs=300_000):
            for proxy, objective in objectives.items():
                first, again = (evaluate([objective], arch, 0) for _ in range(2))
                assert first == again, proxy
                assert first.failure in (None, "nan"), (proxy, arch, first)
                kinds.add((proxy, first.failure))
    assert {proxy for proxy, failure in kinds if failure is None} == set(PROXY_NAMES)


def test_batches_are_of_the_training_part_and_follow_the_seed() -> None:
    arch = einsyn.load("nasbench201", input="1x8x8").parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|"
    )
    objective = objective_of("snip")
    values = [evaluate([objective], arch, seed).values for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    data = fit(read_data("digits"), arch.space)
    assert objective._examples is not None  # type: ignore[attr-defined]
    assert len(objective._examples.x) == len(data.train.x)  # type: ignore[attr-defined]
