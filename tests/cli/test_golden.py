"""The most important diagnostics in full, as a person sees them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from command_line import Command

SPACE = """\
//@ einsyn 1
//@ input x f32[B, s:6, d:8]
start: "(" start ";" start ")" -> seq
     | "[" start "+" start "]" -> both
     | "relu" -> relu
     | "linear" WIDTH -> linear
     | "half" -> half
WIDTH: "3" | "8"
//@ define both(a, b)(x) = add(a(x), b(x))
//@ define half()(x) = linear(size_of(x, "d") / 2)(x)
"""

ARCHITECTURES = {
    "[(relu;linear8)+linear3]": """\
        error[T014]: `add` needs equal shapes; axis d is 8 and 3
         at /  (space.lark:4:8)
           %2: f32[B, s:6, d:8]  /start[0]/start[1]  relu > linear(width=8)
           %3: f32[B, s:6, d:3]  /start[1]  linear(width=3)
        help: `concat("d")` joins tensors that differ in d alone
        reproduce: einsyn check space.lark '[(relu;linear8)+linear3]' --input s:6,d:8
        """,
    "(linear3;half)": """\
        error[V001]: 3 / 2 leaves a remainder
         at /start[1]  (space.lark:7:8)
           in the definition at space.lark:10:31
        help: use div(a, b) to round down, or other sizes
        reproduce: einsyn check space.lark '(linear3;half)' --input s:6,d:8
        """,
    "(relu;": """\
        error[A003]: the text ends too early
         at <architecture>:1:7
           (relu;
                 ^
           expected: "(", "[", "half", "linear", "relu"
        help: einsyn sample SPACE prints texts of the language
        """,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.lark").write_text(SPACE)


@pytest.mark.parametrize("text", ARCHITECTURES)
def test_wrong_architectures_in_json(einsyn: Command, text: str) -> None:
    (found,) = einsyn("check", "space.lark", text, "--json").findings()
    _, _, command = dedent(ARCHITECTURES[text]).partition("reproduce: ")
    assert found["reproduce"] == (command.strip() or None)


@pytest.mark.parametrize("text", ARCHITECTURES)
def test_wrong_architectures(einsyn: Command, text: str) -> None:
    done = einsyn("check", "space.lark", text)
    assert (done.status, done.out) == (1, "")
    assert [line.rstrip() for line in done.err.splitlines()] == dedent(ARCHITECTURES[text]).splitlines()


def test_limits(einsyn: Command) -> None:
    done = einsyn("check", "space.lark", "(linear8;linear8)", "--max-params", "100")
    assert done.err == dedent(
        """\
        error[L002]: more than max_params=100 parameters
         at /start[1]  (space.lark:6:8)
        help: raise it with --max-params, or `//@ max_params` in the space
        reproduce: einsyn check space.lark '(linear8;linear8)' --input s:6,d:8 --max-params 100
        """
    )


def test_sampling_that_gives_up(einsyn: Command) -> None:
    done = einsyn("sample", "space.lark", "--max-ops", "0", "--max-tries", "1000")
    assert done.err == dedent(
        """\
        error[S001]: 1000 draws in a row were rejected; acceptance 0.00%
           100.0 %  L001  more than max_ops=N operations
        help: loosen the limits, change the input, or raise --max-tries
        """
    )


def test_a_wrong_grammar(einsyn: Command) -> None:
    Path("space.lark").write_text(SPACE.replace("WIDTH -> linear", "WIDHT -> linear"))
    done = einsyn("sample", "space.lark")
    assert done.status == 1
    assert done.err.splitlines() == [
        "error[G020]: the terminal `WIDHT`, used in `start`, is not defined",
        " at space.lark:6:17",
        '        | "linear" WIDHT -> linear',
        "                   ^^^^^",
        "help: did you mean `WIDTH`?",
    ]


def test_a_wrong_definition(einsyn: Command) -> None:
    Path("space.lark").write_text(SPACE.replace("add(a(x)", "ad(a(x)"))
    done = einsyn("sample", "space.lark")
    assert done.err.startswith("error[D010]: `ad` is not bound\n at space.lark:9:28\n")
    assert "help: did you mean `add`?\n" in done.err
