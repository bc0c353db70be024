"""Language models: no position sees a later one, and they learn a text."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

import einsyn

# Decision records are not changed once they are made.
RECORDS = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("000[1-9]-*.md"))
TEXT = "\n".join(file.read_text(encoding="utf-8") for file in RECORDS)
LETTERS = sorted(set(TEXT))
IDS = torch.tensor([LETTERS.index(c) for c in TEXT])
SLOW = ("near2w8", "mqa4")  # to train, for they learn like plain attention
MIXERS = ["attn2", "near2w8", "mqa4", "lin2", "gla2"]


def entropy() -> float:
    """Nats for each letter, where only its frequency is known."""
    return -sum(n / len(TEXT) * math.log(n / len(TEXT)) for n in Counter(TEXT).values())


@pytest.mark.parametrize("mixer", [pytest.param(m, marks=[pytest.mark.slow] * (m in SLOW)) for m in MIXERS])
def test_learns_a_text(mixer: str) -> None:
    context = 24
    space = einsyn.load("lm", params={"vocab": len(LETTERS), "context": context})
    module = space.parse(f"lm64t[1x({mixer}/2)]ln").module(seed=0).train()
    optimiser = torch.optim.AdamW(module.parameters(), 4e-3)
    generator = torch.Generator().manual_seed(3)
    losses: list[float] = []
    for _ in range(150):
        starts = torch.randint(0, len(IDS) - context - 1, (24,), generator=generator)
        batch = torch.stack([IDS[i : i + context + 1] for i in starts.tolist()])
        loss = nn.functional.cross_entropy(module(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) / 10 < entropy() - 0.5


@pytest.mark.parametrize("mixer", MIXERS)
def test_no_position_sees_a_later_one(mixer: str) -> None:
    space = einsyn.load("lm", params={"vocab": 20, "context": 12})
    module = space.parse(f"lm64[2x({mixer}/glu2)]rms").module(seed=0).eval()
    ids = torch.randint(0, 20, (1, 12), generator=torch.Generator().manual_seed(0))
    changed = ids.clone()
    changed[0, 7] = (ids[0, 7] + 1) % 20
    with torch.no_grad():
        a, b = module(ids), module(changed)
    torch.testing.assert_close(a[:, :7], b[:, :7])
    assert not torch.allclose(a[:, 7:], b[:, 7:])


def test_dropout_is_not_exported() -> None:
    space = einsyn.load("lm", profile="test")
    for architecture in islice(space.sampler(seed=2), 5):
        assert "dropout" in architecture.ops
        model = architecture.onnx()
        assert not {node.op_type for node in model.graph.node} & {"Dropout", "RandomUniform", "Bernoulli"}
        assert architecture.verify().verified


def test_tied_tables_are_one() -> None:
    space = einsyn.load("lm", params={"vocab": 50, "context": 8})
    tied, free = (space.parse(f"lm64{t}[1x(attn1/1)]ln").params for t in ("t", ""))
    assert free - tied == 64 * 50 + 50


def test_gpt2_has_its_published_size() -> None:
    assert einsyn.load("lm").ref("gpt2").params == 124_439_808
