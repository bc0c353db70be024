"""`check_space` finds what is wrong with a space or with what einsyn makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_spaces import small_space

from einsyn.ops.linear import Linear
from einsyn.ops.op import Op
from einsyn.testing import ContractError, check_space

SPACE = """//@ einsyn 1
//@ input x f32[B, d:8]
//@ output f32[B, d:classes]
//@ param classes 3
//@ profile test input=d:4 classes=2
//@ main head
start: W -> linear | "r" -> relu
W: "2" | "4"
//@ define head(f)(x) = linear(classes)(f(x))
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    (tmp_path / "small.refs").mkdir()
    (tmp_path / "small.refs" / "one.arch").write_text("r\n", encoding="utf-8")
    file = tmp_path / "small.lark"
    file.write_text(SPACE, encoding="utf-8")
    return file


def checks(space: Path) -> set[str]:
    with pytest.raises(ContractError, match="space `small` breaks") as caught:
        check_space(space)
    return {f.check for f in caught.value.findings}


def test_a_good_space_passes(space: Path) -> None:
    assert check_space(space) == 0
    assert check_space(small_space(SPACE), samples=3) == 0


def test_a_reference_outside_the_language_is_found(space: Path) -> None:
    (space.parent / "small.refs" / "two.arch").write_text("rr\n", encoding="utf-8")
    assert checks(space) == {"References load, with the parameters and the input that they state"}


@pytest.mark.parametrize(
    ("method", "wrong", "expected"),
    [
        ("macs", lambda self, x: 1, "The module builds, runs forward and backward, and is as predicted"),
        ("onnx", lambda self, ctx: ctx.node("Identity", ctx.inputs), "The ONNX model is valid and computes the same"),
        ("torch", lambda self, ctx: ctx.inputs[0], "The module builds, runs forward and backward, and is as predicted"),
    ],
)
def test_what_an_operation_does_wrong_is_found(
    space: Path, method: str, wrong: object, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fresh(self: Op, types: object) -> object:
        return self.work_out(types)  # type: ignore[arg-type]  # tensor types

    monkeypatch.setattr(Linear, "known", fresh)
    monkeypatch.setattr(Linear, method, wrong)
    assert expected in checks(space)


def test_unstable_networks_are_counted(space: Path) -> None:
    space.write_text(
        SPACE.replace('"r" -> relu', '"r" -> overflowing') + "//@ define overflowing()(x) = exp(exp(x * x * 99))\n"
    )
    assert 0 < check_space(space, samples=12) < 12
