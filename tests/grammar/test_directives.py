"""`//@` lines, and the places of what they say."""

from __future__ import annotations

import pytest
from small_trees import load

TEXT = """\
//@ title A space; it's "quoted"
//@ cite https://arxiv.org/abs/2405.20838
//@ cite arXiv:2001.00326
//@ input image f32[B, c:3, h:32, w:32]   // the picture
//@ input tokens i64[B, t:context]
//@ output f32[B, d:classes]
//@ param classes 10      // how many
//@ param rate -0.5
//@ param context 2
//@ param bias true
//@ param act "relu"
//@ main wrap(classes)
//@ require classes > 1, "two classes at least"
//@ require context <= 4
//@ max_ops 5_000
//@ max_params 5e7
//@ max_depth 2**10
//@ max_memory 2 GiB   // on a laptop
//@ profile test image=c:3,h:16,w:16 tokens=t:4 classes=2
//@ define wrap(n)(body) {
//@   x = body
//@   return x
//@ }
start: "a" -> f

# a remark in Lark's other way
//@ define f()(x) =

//@   x
"""


def test_everything_that_a_space_says() -> None:
    found = load(TEXT.replace("5_000", "5000")).directives
    assert found.title == 'A space; it\'s "quoted"'
    assert found.cite == ("https://arxiv.org/abs/2405.20838", "arXiv:2001.00326")
    assert [(i.name, i.type_text) for i in found.inputs] == [
        ("image", "f32[B, c:3, h:32, w:32]"),
        ("tokens", "i64[B, t:context]"),
    ]
    assert found.output is not None
    assert found.output.type_text == "f32[B, d:classes]"
    assert dict(found.params) == {"classes": 10, "rate": -0.5, "context": 2, "bias": True, "act": "relu"}
    assert [type(v) for v in found.params.values()] == [int, float, int, bool, str]
    assert dict(found.limits) == {"max_ops": 5000, "max_params": 50_000_000, "max_depth": 1024, "max_memory": 2 << 30}
    assert {k: dict(v) for k, v in found.profiles.items()} == {
        "test": {"image": "c:3,h:16,w:16", "tokens": "t:4", "classes": "2"}
    }
    assert set(found.definitions) == {"wrap", "f"}
    assert [r.message for r in found.requires] == ["two classes at least", None]
    assert found.main is not None


def test_places_are_those_of_the_file() -> None:
    text = TEXT.replace("5_000", "5000")
    lines = f"//@ einsyn 1\n{text}".splitlines()
    found = load(text).directives
    for definition in found.definitions.values():
        line = lines[definition.span.line - 1]
        assert line[definition.span.column - 1 :].startswith(f"define {definition.name}")
    assert found.main is not None
    assert lines[found.main.span.line - 1][found.main.span.column - 1 :] == "wrap(classes)"
    assert lines[found.param_spans["rate"].line - 1] == "//@ param rate -0.5"


def test_directive_comments_inside_strings_and_patterns_are_none() -> None:
    grammar = load('start: "//@ p 3" N\nN: /[a-z#]+\\/\\/@?/  //@ one_of "a//" "a#//@"\n')
    assert len(grammar.terminals["N"].domain) == 2
    assert grammar.terminals['"//@ p 3"'].literal == "//@ p 3"


def test_parameters_are_overridden() -> None:
    text = '//@ param width 8\n//@ param rate 0.5\n//@ param act "relu"\nstart: "a"\n'
    found = load(text, params={"rate": 2, "act": "gelu"}).directives.params
    assert dict(found) == {"width": 8, "rate": 2.0, "act": "gelu"}
    assert isinstance(found["rate"], float)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_and_a_missing_last_one(ending: str) -> None:
    text = '//@ param p1 0.25\n//@ define f(x) {\n//@   return x\n//@ }\nstart: "a"  //@ p p1\n  | "b" -> f'
    grammar = load(text.replace("\n", ending))
    assert [str(p.probability) for p in grammar.start.productions] == ["1/4", "3/4"]
    assert grammar.directives.definitions["f"].span.line == 3


def test_notes_tell_what_is_not_used() -> None:
    grammar = load('start:\n  | "a"\nlost: "b" M\nN: "1"\nM: N "2"\nO: "3"\nP: Q\nQ: "4"\n%ignore P\n')
    assert [(n.code, n.span.line if n.span else 0) for n in grammar.notes] == [
        ("G112", 2), ("G110", 4), ("G111", 5), ("G111", 6), ("G111", 7),
    ]  # fmt: skip
    assert all(n.severity == "note" and n.hint for n in grammar.notes)
