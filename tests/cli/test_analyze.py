"""`einsyn analyze` at the command line."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from command_line import Command

FIELDS = ["productions", "recursive", "consistent", "spectral_radius", "expected_size", "count", "entropy"]
SPACE = """\
//@ einsyn 1
//@ title <b>&
//@ input x f32[B, d:8]
start: item  //@ p 0.8
     | item ";" start -> seq
item: "r" -> relu | "l" W -> linear
W: "8" | "16"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.lark").write_text(SPACE)


def test_fields(einsyn: Command) -> None:
    done = einsyn("analyze", "space.lark", "--json", "-n", "50")
    (record,) = done.records()
    assert done.status == 0
    assert [name for name in FIELDS if name not in record] == []
    assert (record["productions"], record["recursive"], record["consistent"]) == (4, True, True)
    assert record["spectral_radius"] == pytest.approx(0.2)
    assert record["expected_size"] == pytest.approx(2 / 0.8)
    assert record["count"] == "infinite"
    assert record["count_by_size"] == {"2": 3, "4": 9, "6": 27, "8": 81, "10": 243, "12": 729}
    assert record["well_typed"]["share"] == 1.0
    assert record["well_typed"]["draws"] == record["distinct"]["samples"] == 50
    assert record["distinct"]["graphs"] <= record["distinct"]["texts"] < 50
    assert record["params"]["min"] == 0
    assert sum(entry["share"] for entry in record["dominating"]) == pytest.approx(1)
    assert einsyn("analyze", "space.lark", "--json", "-n", "50").out == done.out


def test_a_space_that_never_ends_has_no_size(einsyn: Command) -> None:
    Path("space.lark").write_text(SPACE.replace("p 0.8", "p 0"))
    done = einsyn("analyze", "space.lark", "--json", "-n", "0")
    assert done.findings()[0]["code"] == "G095"
    text = '//@ einsyn 1\n//@ input x f32[B, d:8]\nstart: "(" start start ")" -> seq | "r" -> relu //@ p 0.25\n'
    Path("space.lark").write_text(text.replace(" | ", "\n  | "))
    (record,) = einsyn("analyze", "space.lark", "--json", "-n", "0").records()
    assert (record["consistent"], record["expected_size"], record["entropy"]) == (False, None, None)
    assert record["spectral_radius"] == pytest.approx(1.5)
    assert (record["dominating"], record["well_typed"]["share"], record["params"]) == ([], None, None)
    shown = einsyn("analyze", "space.lark", "-n", "10")
    assert shown.status == 0
    assert "some derivations never end" in shown.out


def test_plot(einsyn: Command) -> None:
    assert einsyn("analyze", "space.lark", "--plot", "costs.svg").status == 0
    image = ET.fromstring(Path("costs.svg").read_text(encoding="utf-8"))
    texts = [e.text for e in image.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "<b>&: 200 architectures"
    assert {"parameters", "MACs"} <= set(texts)
    bars = [e for e in image.iter("{http://www.w3.org/2000/svg}rect") if e.get("fill") != "white"]
    assert len(bars) > 4
    assert einsyn("analyze", "space.lark", "--plot", "costs.png").status == 2
    assert not Path("costs.png").exists()


def test_target_size_prints_a_patch(einsyn: Command) -> None:
    done = einsyn("analyze", "space.lark", "--target-size", "20")
    assert done.status == 0
    assert done.out.splitlines() == [
        "--- space.lark",
        "+++ space.lark",
        "@@ -4 +4,1 @@",
        "-start: item  //@ p 0.8",
        "+start: item   //@ w 0.1",
        "@@ -5 +5,1 @@",
        '-     | item ";" start -> seq',
        '+     | item ";" start -> seq   //@ w 0.9',
    ]
    assert done.err == "expected size 2.5 -> 20\n"
    (record,) = einsyn("analyze", "space.lark", "--target-size", "20", "--json").records()
    assert record["expected_size"] == pytest.approx(20)
    wrong = einsyn("analyze", "space.lark", "--target-size", "1", "--json")
    assert (wrong.status, wrong.findings()[0]["code"]) == (1, "G121")
    assert einsyn("analyze", "space.lark", "--target-size", "-1").status == 2


HEAD = "//@ einsyn 1\n//@ input x f32[B, d:8]\n"
TARGETS = {
    "groups over several lines": 'start: f | ( "(" start ";"\n    | "[" start ";" ) start ")" -> seq // hello\n'
    'f: "a" -> relu\n',
    "lines that go on": 'start: "a" -> relu | \\\n   "(" start ";" start ")" -> seq | "b" -> tanh\n',
    "no end of the last line": 'start: "a" -> relu | "(" start ";" start ")" -> seq',
    "carriage returns": 'start: "a" -> relu # one\r\n  | "(" start ";" start ")" -> seq | "b" -> tanh\r\n',
    "a template": 'start: "a" -> relu\n  | "<" t{start} ">"\n  | "[" t{leaf} "]"\nleaf: "b" -> tanh\n'
    't{n}: n\n  | "(" n ";" n ")" -> seq\n',
}


def patched(patch: str) -> None:
    """Do what `patch -p0` does: every line that goes has to be there."""
    name, shift = "", 0
    lines: list[str] = []
    hunks = re.split(r"^(?=@@|--- )", patch, flags=re.MULTILINE)
    for hunk in filter(None, hunks):
        head, *body = hunk.removesuffix("\n").split("\n")
        if head.startswith("--- "):
            name, shift = head[4:].removesuffix("\t"), 0
            assert body == [f"+++ {head[4:]}"]
            continue
        match = re.fullmatch(r"@@ -(\d+) \+(\d+),(\d+) @@", head)
        assert match is not None
        old, new, number = (int(text) for text in match.groups())
        assert new == old + shift
        lines = Path(name).read_bytes().decode().split("\n")
        gone = [line[1:] for line in body if line[0] == "-"]
        come = [line[1:] for line in body if line[0] == "+"]
        assert (gone, number) == ([lines[new - 1]], len(come))
        marks = [line for line in body if line[0] == "\\"]
        assert len(marks) == (2 if new == len(lines) else 0)
        lines[new - 1 : new] = come
        Path(name).write_bytes("\n".join(lines).encode())
        shift += len(come) - 1


@pytest.mark.parametrize("name", TARGETS)
def test_the_patch_gives_the_size_that_is_claimed(einsyn: Command, name: str) -> None:
    Path("space.lark").write_bytes((HEAD + TARGETS[name]).encode())
    (claimed,) = einsyn("analyze", "space.lark", "--target-size", "30", "--json").records()
    patched(einsyn("analyze", "space.lark", "--target-size", "30").out)
    (record,) = einsyn("analyze", "space.lark", "--json", "-n", "0").records()
    assert record["expected_size"] == pytest.approx(claimed["expected_size"], rel=1e-9)
    assert record["expected_size"] == pytest.approx(30, rel=1e-3)


def test_large_sizes_get_the_digits_that_they_need(einsyn: Command) -> None:
    text = 'start: f //@ p 0.6\n | "old" start -> one //@ p 0\n | "(" start ";" start ")" -> seq\nf: "a" -> relu\n'
    Path("space.lark").write_text(f"{HEAD}{text}//@ define one(f) = f\n")
    patched(einsyn("analyze", "space.lark", "--target-size", "100000").out)
    (record,) = einsyn("analyze", "space.lark", "--json", "-n", "0").records()
    assert record["expected_size"] == pytest.approx(100_000, rel=1e-3)


@pytest.mark.parametrize("name", ["my space.lark", "{folder}/space.lark"])
def test_names_of_files_are_those_that_patch_takes(einsyn: Command, tmp_path: Path, name: str) -> None:
    file = name.format(folder=tmp_path)
    Path(file).write_text(SPACE)
    done = einsyn("analyze", file, "--target-size", "30")
    assert done.out.splitlines()[0] in ("--- my space.lark\t", "--- space.lark")
    patched(done.out)
    (record,) = einsyn("analyze", file, "--json", "-n", "0").records()
    assert record["expected_size"] == pytest.approx(30, rel=1e-3)


def test_recursion_through_an_option_is_not_weighed(einsyn: Command) -> None:
    text = 'start: "a" ["(" start start ")"] -> opt\n'
    macro = "//@ define opt(a, b)(x) = if a == none then relu(x) else b(a(x))\n"
    Path("space.lark").write_text(HEAD + text + macro)
    (wrong,) = einsyn("analyze", "space.lark", "--target-size", "30", "--json").findings()
    assert wrong["code"] == "G121"
    assert "no recursive rule" not in str(wrong["evidence"])
    assert "write them as alternatives" in str(wrong["hint"])
    mended = 'start: "a" -> relu\n | "a" "(" start start ")" -> both\n//@ define both(a, b)(x) = b(a(x))\n'
    Path("space.lark").write_text(HEAD + mended)
    patched(einsyn("analyze", "space.lark", "--target-size", "30").out)
    (record,) = einsyn("analyze", "space.lark", "--json", "-n", "0").records()
    assert record["expected_size"] == pytest.approx(30, rel=1e-3)
