"""Every kind of wrong space ends in diagnostics with code, place and hint, with status 1, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command
from wrong_spaces import HEAD, SPACES, Wrong


@pytest.mark.parametrize("wrong", SPACES, ids=lambda w: w.name)
def test_wrong_space(einsyn: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Wrong) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "secret.ein").write_text("define leak()(x) = x\n")
    (folder / "evil.py").write_text("raise SystemExit('executed')\n")
    (folder / "space.lark").write_text(HEAD + wrong.text + "\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    before = sorted(tmp_path.rglob("*"))

    done = einsyn("sample", "space.lark", "-n", "3", "-o", "out.txt", "--json")
    assert (done.status, done.out) == (1, "")
    assert "Traceback" not in done.err
    first = done.findings()[0]
    assert first["code"] == wrong.code
    assert first["severity"] == "error"
    assert (first["file"], first["line"]) == ("space.lark", wrong.line)
    assert first["column"] >= 1
    assert all(found["hint"] for found in done.findings())
    assert sorted(tmp_path.rglob("*")) == before

    # For people: the same, and `lint` agrees.
    shown = einsyn("check", "space.lark", "a")
    assert shown.status == 1
    assert shown.err.startswith(f"error[{wrong.code}]: ")
    assert f"space.lark:{wrong.line}:{first['column']}" in shown.err
    assert "\nhelp: " in shown.err
    linted = einsyn("lint", "space.lark")
    assert linted.status == 1
    assert linted.out.startswith(f"space.lark:{wrong.line}:{first['column']}: error[{wrong.code}]: ")


def test_unreachable_rules_are_notes(einsyn: Command, tmp_path: Path) -> None:
    file = tmp_path / "space.lark"
    file.write_text(HEAD + 'start: "a" -> relu\nunused: "b" -> tanh\nW: "1"\n')
    done = einsyn("lint", str(file))
    assert done.status == 0
    assert f"{file}:4:1: note[G110]: " in done.out
    assert f"{file}:5:1: note[G111]: " in done.out
    assert "2 notes, no errors" in done.err
    assert einsyn("sample", str(file)).out == "a\n"


def test_every_error_is_reported_not_only_the_first(einsyn: Command, tmp_path: Path) -> None:
    file = tmp_path / "space.lark"
    file.write_text(HEAD + 'start: "a" -> relux | "b" -> tanhh\n//@ define one()(x) = y\n')
    codes = [found["code"] for found in einsyn("sample", str(file), "--json").findings()]
    assert codes == ["D031", "D031", "D010"]
