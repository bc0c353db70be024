"""`%import`, `%override`, `use`: names, places, and what stays outside."""

from __future__ import annotations

from pathlib import Path

import lark
import pytest
from small_trees import load, load_files, parse

from einsyn.errors import GrammarError
from einsyn.grammar.loader import load_grammar

OTHER = """\
//@ einsyn 1
op: "conv" KERNEL -> conv  //@ p 0.25
  | "(" inner ")" -> wrap
inner: "x" -> identity | _pair
_pair: KERNEL "," WIDTH
KERNEL: "1" | "3"  //@ p 0.9 0.1
WIDTH: "16" | "32"
list{x}: x | x "+" list{x}
unused: "never"
"""


def test_imported_rules_bring_what_they_need(tmp_path: Path) -> None:
    grammar = load_files(tmp_path, space__lark="//@ einsyn 1\n%import .other.op\nstart: op op\n", other__lark=OTHER)
    assert list(grammar.rules) == ["op", "other__inner", "_other__pair", "start"]
    assert [t for t in grammar.terminals if '"' not in t] == ["other__KERNEL", "other__WIDTH"]
    assert [str(p.probability) for p in grammar.rules["op"].productions] == ["1/4", "3/4"]
    assert [p.name for p in grammar.rules["op"].productions] == ["conv", "wrap"]
    assert str(grammar.terminals["other__KERNEL"].domain.probability(0)) == "9/10"
    assert grammar.rules["_other__pair"].splices
    assert grammar.rules["op"].span.file.endswith("other.lark")
    stock = lark.Lark.open(str(tmp_path / "space.lark"), parser="lalr", strict=True)
    for text in ("conv3conv1", "(x)(1,32)"):
        parse(grammar, text)
        stock.parse(text)


def test_lists_renaming_and_templates(tmp_path: Path) -> None:
    text = "//@ einsyn 1\n%import .other (op, WIDTH)\n%import .other.list -> chain\nstart: chain{op} WIDTH\n"
    grammar = load_files(tmp_path, space__lark=text, other__lark=OTHER)
    assert "chain{op}" in grammar.rules
    lark.Lark.open(str(tmp_path / "space.lark"), parser="lalr", strict=True).parse("(x)+conv116")
    parse(grammar, "(x)+conv116")


def test_override_replaces_and_a_twin_is_refused(tmp_path: Path) -> None:
    own = 'inner: "y" -> identity\n'
    text = "//@ einsyn 1\n%import .other (op, inner)\nstart: op\n"
    grammar = load_files(tmp_path, space__lark=text + "%override " + own, other__lark=OTHER)
    assert [p.describe() for p in grammar.rules["inner"].productions] == ['"y"']
    parse(grammar, "(y)")
    with pytest.raises(GrammarError) as caught:
        load_files(tmp_path, space__lark=text + own, other__lark=OTHER)
    assert caught.value.code == "G021"
    assert caught.value.diagnostics[0].hint == "write `%override` before it"


def test_imports_of_imports(tmp_path: Path) -> None:
    grammar = load_files(
        tmp_path,
        space__lark="//@ einsyn 1\n%import .a.x\nstart: x\n",
        a__lark='%import .b.y\nx: "<" y ">"\n',
        b__lark='y: "q" Z\nZ: "1" | "2"\n',
    )
    assert list(grammar.rules) == ["a__y", "x", "start"]
    parse(grammar, "<q2>")


def test_shipped_grammars_are_found(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "blocks.lark").write_text('op: "conv" | "pool"\n')
    (shipped / "std.ein").write_text("define twice(f) = seq(f, f)\n")
    text = "//@ einsyn 1\n//@ use std.ein\n%import blocks.op\nstart: op\n"
    grammar = load_grammar(tmp_path / "space.lark", text=text, search=[shipped])
    assert len(grammar.rules["op"].productions) == 2
    assert set(grammar.directives.definitions) == {"twice"}


def test_larks_own_grammars_are_found() -> None:
    grammar = load("%import common.WS\n%import common.DIGIT\n%ignore WS\nstart: DIGIT DIGIT\n")
    assert len(grammar.terminals["DIGIT"].domain) == 10
    parse(grammar, "4 2")


def test_an_imported_terminal_takes_its_domain_where_it_is_imported() -> None:
    grammar = load("%import common.INT  //@ int 1..8\nstart: INT\n")
    assert len(grammar.terminals["INT"].domain) == 8


def test_used_definitions_and_scopes(tmp_path: Path) -> None:
    grammar = load_files(
        tmp_path,
        space__lark='//@ einsyn 1\n//@ use a.ein\n//@ define f(x) = g(x)\nstart: "a" -> f\n',
        a__ein="use b.ein\n// a remark\ndefine f(x) = x\ndefine g(x) =\n  h(x)\n",
        b__ein="define h(x) = x\n",
    )
    found = grammar.directives.definitions
    assert set(found) == {"f", "g", "h"}
    assert found["f"].span.file.endswith("space.lark")
    assert set(found["g"].scope) == {"f", "g", "h"}
    assert found["g"].scope["f"].span.file.endswith("a.ein")
    assert set(found["h"].scope) == {"h"}
    assert [n.code for n in grammar.notes] == ["G067"]


def test_a_file_used_twice_is_one(tmp_path: Path) -> None:
    grammar = load_files(
        tmp_path,
        space__lark='//@ einsyn 1\n//@ use a.ein\n//@ use b.ein\nstart: "a"\n',
        a__ein="use b.ein\ndefine f(x) = x\n",
        b__ein="define h(x) = x\n",
    )
    assert set(grammar.directives.definitions) == {"f", "h"}


def test_the_digest_covers_every_file(tmp_path: Path) -> None:
    files = {"space__lark": '//@ einsyn 1\n//@ use a.ein\nstart: "a"\n', "a__ein": "define f(x) = x\n"}
    one = load_files(tmp_path, **files).digest
    assert load_files(tmp_path, **files).digest == one
    assert load_files(tmp_path, **{**files, "a__ein": "define f(y) = y\n"}).digest != one
    assert len(one) == 16
