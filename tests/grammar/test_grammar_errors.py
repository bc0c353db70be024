"""Every mistake in a space gives its code, its place, evidence and a hint; no traceback, no recursion."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from small_trees import load, load_files
from wrong_grammars import CASES

from einsyn.errors import EinsynError, FileError, GrammarError, UsageError
from einsyn.grammar import loader
from einsyn.grammar.codes import CODES
from einsyn.grammar.loader import load_grammar


@pytest.mark.parametrize(("text", "where", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_wrong_grammar(text: str, where: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "space").mkdir()
    (tmp_path / "other.ein").write_text("")
    monkeypatch.chdir(tmp_path / "space")
    text = text.removeprefix("RAW:") if text.startswith("RAW:") else f"//@ einsyn 1\n{text}"
    with pytest.raises(GrammarError) as caught:
        load_grammar("space.lark", text=text)
    found = caught.value.diagnostics[0]
    assert found.span is not None
    assert (f"{found.code} {found.span.line}:{found.span.column}", found.span.file) == (where, "space.lark")
    assert message in found.message
    assert found.hint or found.code.startswith("D")
    assert found.severity == "error"
    if text.strip() and found.span.line <= len(text.splitlines()):
        assert any("^" in line for line in found.evidence)
    for diagnostic in caught.value.diagnostics:
        assert diagnostic.code in CODES or diagnostic.code.startswith("D")


def test_the_cases_are_distinct_mistakes() -> None:
    assert len({name for name, *_ in CASES}) == len(CASES) >= 60
    assert len({where.split()[0] for _, _, where, _ in CASES}) >= 55


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(GrammarError) as caught:
        load("start: a | b\n")
    assert [d.code for d in caught.value.diagnostics] == ["G020", "G020"]


def test_a_flood_of_mistakes_is_cut() -> None:
    with pytest.raises(GrammarError) as caught:
        load("start: " + " ".join(f"x{i}" for i in range(500)) + "\n")
    assert len(caught.value.diagnostics) == 20


def test_conflict_shows_both_productions_and_their_lines() -> None:
    with pytest.raises(GrammarError) as caught:
        load('start: "if" start\n     | "if" start "else" start\n     | "s"\n')
    evidence = "\n".join(caught.value.diagnostics[0].evidence)
    assert '"else"' in evidence
    assert 'start: "if" start ·   (space.lark:2:8)' in evidence
    assert 'start: "if" start · "else" start   (space.lark:3:8)' in evidence


def test_star_shows_the_rule_to_write() -> None:
    with pytest.raises(GrammarError) as caught:
        load('start: "[" layer* "]"\nlayer: "a" -> identity\n')
    shown = [line.strip() for line in caught.value.diagnostics[0].evidence[-2:]]
    fixed = load('start: "[" layers "]"\nlayer: "a" -> identity\n' + "\n".join(shown) + "\n")
    assert [str(p.probability) for p in fixed.rules["layers"].productions] == ["1/2", "1/2"]


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (lambda p: None, "F001"),
        (lambda p: p.mkdir(), "F002"),
        (lambda p: os.mkfifo(p), "F003"),
        (lambda p: p.write_bytes(b"//" + b"x" * 4_000_000), "F004"),
        (lambda p: p.write_bytes(b"//@ einsyn 1\nstart: \xff\n"), "F005"),
        (lambda p: p.write_bytes(b"PK\0\0"), "F005"),
        (lambda p: p.symlink_to(p), "F006"),
    ],
)
def test_files_that_cannot_be_read(write: object, code: str, tmp_path: Path) -> None:
    path = tmp_path / "space.lark"
    write(path)  # type: ignore[operator]
    with pytest.raises(FileError) as caught:
        load_grammar(path)
    assert caught.value.code == code


def test_a_used_file_that_cannot_be_read_is_told_where_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "blocks.ein").mkdir()
    with pytest.raises(FileError) as caught:
        load_files(tmp_path, space__lark='//@ einsyn 1\n//@ use blocks.ein\nstart: "a"\n')
    span = caught.value.diagnostics[0].span
    assert span is not None
    assert (caught.value.code, span.line) == ("F002", 2)


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.ein").write_text("define f(x) = x\n")
    folder = tmp_path / "space"
    folder.mkdir()
    (folder / "blocks.ein").symlink_to(tmp_path / "secret.ein")
    with pytest.raises(GrammarError) as caught:
        load_files(folder, space__lark='//@ einsyn 1\n//@ use blocks.ein\nstart: "a"\n')
    assert caught.value.code == "G073"


def test_files_that_use_each_other(tmp_path: Path) -> None:
    with pytest.raises(GrammarError) as caught:
        load_files(
            tmp_path,
            space__lark='//@ einsyn 1\n//@ use a.ein\nstart: "a"\n',
            a__ein="use b.ein\n",
            b__ein="use a.ein\n",
        )
    assert caught.value.code == "G074"
    with pytest.raises(GrammarError) as caught:
        load_files(
            tmp_path, space__lark="//@ einsyn 1\n%import .a.x\nstart: x\n", a__lark='%import .space.start\nx: "a"\n'
        )
    assert caught.value.code == "G074"


@pytest.mark.parametrize(
    ("params", "code"),
    [({"widht": 3}, "U010"), ({"width": 2.5}, "U011"), ({"width": "8"}, "U011"), ({"width": True}, "U011"),
     ({"rate": float("nan")}, "U011"), ({"rate": float("inf")}, "U011"), ({"name": 3}, "U011")],
)  # fmt: skip
def test_wrong_parameters(params: dict, code: str) -> None:
    text = '//@ param width 8\n//@ param rate 0.5\n//@ param name "x"\nstart: "a"\n'
    with pytest.raises(UsageError) as caught:
        load(text, params=params)
    assert caught.value.code == code
    assert caught.value.diagnostics[0].hint


def test_garbage_never_escapes_as_another_exception() -> None:
    rng = random.Random(7)
    pieces = (
        '//@ p 0.1 $//@ int 1..9$//@$"$/$($)$[$|$->$~ 1..3$?$*$+${$}$ $A$a$_x$"1"$:$\\$%ignore$start$é$..$-$1'.split(
            "$"
        )
    )
    pieces += ["\n", "\0", "%import common.WS\n"]
    base = 'start: "a" [x] -> f  //@ p 0.5\n  | t{A} "b"\nx: "(" start ")"\nt{y}: y y\nA: "1" | "2" //@ w 1 2\n'
    loaded, refused = 0, []
    for _ in range(400):
        text = base
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(pieces) + text[at + rng.choice([0, 0, 1, 4]) :]
        try:
            load(text)
            loaded += 1
        except EinsynError as error:
            refused.extend(error.diagnostics)
    assert loaded > 10
    assert len(refused) > 100
    assert all(d.span is not None and d.render() for d in refused)


@pytest.mark.parametrize("depth", [40, 5_000])
def test_deep_nesting_is_no_recursion_error(depth: int) -> None:
    for opening, closing in ("()", "[]"):
        text = "start: " + opening * depth + '"a"' + closing * depth + ' "b"\n'
        with pytest.raises(GrammarError) as caught:
            load(text + "x: y\n")
        assert caught.value.code == ("G005" if depth > 50 else "G020")
    chain = "start: r0\n" + "".join(f'r{i}: "a{i}" r{i + 1} "b" | "c{i}"\n' for i in range(1500)) + 'r1500: "z"\n'
    assert len(load(chain).rules) == 1502


def test_every_code_is_listed_and_used() -> None:
    folder = Path(loader.__file__).parent
    used = {
        c for p in folder.glob("*.py") if p.name != "codes.py" for c in re.findall(r'"([AFGU]\d{3})"', p.read_text())
    }
    assert used == set(CODES)
