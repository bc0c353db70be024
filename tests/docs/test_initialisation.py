"""ADR 0005: the written file, seeded by hand, has the weights of the live module."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import einsyn


@pytest.mark.parametrize(
    ("space", "profile", "text"),
    [
        ("nasbench201", "test", "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"),
        ("einspace", None, "(route(im2col(4,4,0),linear64,identity);(pos_enc;(norm;linear32)))"),
    ],
)
def test_a_seed_gives_the_same_weights_without_einsyn(
    space: str, profile: str | None, text: str, tmp_path: Path
) -> None:
    arch = einsyn.load(space, profile=profile).parse(text)
    file = tmp_path / "net.py"
    file.write_text(arch.source(), encoding="utf-8")
    names: dict[str, type] = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = names["Net"]().state_dict()
    before = torch.random.get_rng_state()
    found = arch.module(seed=3).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in found)
