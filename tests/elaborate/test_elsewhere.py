"""What is said of names that mean nothing where they stand, and something elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import einsyn
from einsyn.grammar.macros.parser import Parser
from einsyn.shipped import grammars_folder

HEAD = "//@ einsyn 1\n//@ input x f32[B, c:3, h:8, w:8]\n"


def hint(folder: Path, text: str, **files: str) -> str:
    """What the one mistake in a space says to do."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
    file = folder / "space.lark"
    file.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(einsyn.GrammarError) as caught:
        einsyn.load(str(file))
    (found,) = caught.value.diagnostics
    return found.hint or ""


@pytest.mark.parametrize("library", ["std.ein", "transformer.ein", "windows.ein"])
def test_a_name_of_a_shipped_file_names_the_file(library: str, tmp_path: Path) -> None:
    definitions = Parser((grammars_folder() / library).read_text(encoding="utf-8"), library).file()[1]
    for definition in definitions[:3]:
        text = f'start: "a" -> {definition.name}\n'
        assert hint(tmp_path, text) == f"{library} defines `{definition.name}`; take it in: `//@ use {library}`"


def test_a_used_file_is_told_in_its_own_syntax(tmp_path: Path) -> None:
    text = '//@ use my.ein\nstart: "a" -> one\n'
    mine = "define one()(x) = conv_bn(8, 3)(x)\n"
    assert hint(tmp_path, text, my_ein=mine) == "std.ein defines `conv_bn`; take it in: `use std.ein`"


def test_an_alias_of_an_imported_grammar_is_defined_there(tmp_path: Path) -> None:
    other = HEAD + 'start: f\nf: "a" -> blk | "b" -> relu\n//@ define blk()(x) = tanh(x)\n'
    said = hint(tmp_path, "%import .other.f\nstart: f\n", other_lark=other)
    assert said == "other.lark defines `blk`; take it in: `//@ use other.lark`"
    text = f"{HEAD}//@ use other.lark\n%import .other.f\nstart: f\n"
    (tmp_path / "space.lark").write_text(text, encoding="utf-8")
    assert einsyn.load(str(tmp_path / "space.lark")).count() == 2


def test_an_imported_grammar_whose_definitions_are_wrong_is_no_other_mistake(tmp_path: Path) -> None:
    other = HEAD + 'start: f\nf: "a" -> blk | "b" -> relu\n//@ define blk()(x) = tanh(\n'
    said = hint(tmp_path, "%import .other.f\nstart: f\n", other_lark=other)
    assert said == "add `//@ define blk(...)(x) = ...`"


def test_parameters_reach_a_used_file_as_arguments(tmp_path: Path) -> None:
    text = '//@ use my.ein\n//@ param width 8\nstart: "a" -> one\n'
    mine = "define one()(x) = conv(width, 3)(x)\n"
    assert hint(tmp_path, text, my_ein=mine) == (
        "`width` is a parameter of the space; let the definition take it as an argument"
    )


def test_a_name_that_is_nowhere_is_near_another_or_to_be_bound(tmp_path: Path) -> None:
    assert hint(tmp_path, 'start: "a" -> one\n//@ define one()(x) = rleu(x)\n') == "did you mean `relu`?"
    text = 'start: "a" -> one\n//@ define one()(x) = relu(zzz)\n'
    assert hint(tmp_path, text) == "bind it, define it, or make it an argument"


def test_an_arrow_whose_tensors_are_values(tmp_path: Path) -> None:
    file = tmp_path / "space.lark"
    file.write_text(f'{HEAD}start: "a" -> sg\n//@ define sg(x) = sigmoid(x)\n', encoding="utf-8")
    with pytest.raises(einsyn.InfeasibleError) as caught:
        einsyn.load(str(file)).parse("a")
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("V006", "`sg` still awaits x")
    assert found.hint == (
        f"`define sg(x)` at {file}:4:5 is no arrow: tensors have brackets of their own, `define sg()(x)`"
    )
