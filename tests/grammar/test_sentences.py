"""Parsing sentences: derivations from reductions, linear and without recursion, and helpful errors."""

from __future__ import annotations

import time

import pytest
from small_trees import leaves, load, parse, text_of

from einsyn.errors import ArchitectureError

TEXT = (
    'start: "(" module ";" module ")" -> seq | "branch" "(" module ")"\nmodule: start | op\n'
    'op: "linear" WIDTH | "norm" | "leaky_relu" | "permute" A A | "scale" F\n'
    'WIDTH: "16" | "32" | "64"\nA: "1" | "2"\nF: /[0-9]+\\.[0-9]+/  //@ float 0.5..2 step 0.5\n'
    '%ignore " "\n%ignore "\\n"\n'
)


def test_children_are_in_order_of_slots() -> None:
    grammar = load(TEXT)
    production, children = parse(grammar, "(linear32;norm)")
    assert production.name == "seq"
    assert [child[0].rule.name for child in children] == ["module", "module"]
    linear = children[0][1][0]
    assert linear[1] == ((grammar.terminals["WIDTH"], 1, "32"),)
    assert children[1][1][0][1] == ()


def test_the_builder_is_called_once_for_each_reduction_from_below() -> None:
    grammar = load(TEXT)
    seen: list[str] = []
    grammar.tables.parse("(norm;leaky_relu)", lambda production, _: seen.append(production.rule.name) or len(seen))
    assert seen == ["op", "module", "op", "module", "start"]


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "hint"),
    [
        ("", "A001", "1:1", "the text is empty", None),
        (" \n ", "A001", "2:2", "the text is empty", None),
        ("(norm", "A003", "1:6", "ends too early", "write `;` here"),
        ("(norm;norm) norm", "A004", "1:13", "ends before `norm`", None),
        ("(norm;nrom)", "A002", "1:7", "unexpected `nrom`", "did you mean `norm`?"),
        ("(norm;\n  leaky)", "A002", "2:3", "unexpected `leaky`", "did you mean `leaky_relu`?"),
        ("(norm;linear17)", "A002", "1:13", "unexpected `17`", "did you mean `16`?"),
        ("(scale0.50;norm)", "A005", "1:7", "`0.50` is not a value of F", "write `0.5`"),
        ("(norm;%)", "A002", "1:7", "unexpected `%`", None),
        ("norm", "A002", "1:1", "unexpected `norm`", None),
    ],
)
def test_errors(text: str, code: str, place: str, message: str, hint: str | None) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse(load(TEXT), text)
    found = caught.value.diagnostics[0]
    assert found.span is not None
    assert (found.code, f"{found.span.line}:{found.span.column}") == (code, place)
    assert message in found.message
    assert found.hint == hint or hint is None
    assert any(line.startswith(("expected: ", "its values: ")) for line in found.evidence)


def test_what_is_expected_is_what_the_parser_takes() -> None:
    grammar = load('start: "[" x "]" | "(" x ")"\nx: "a" | "a" "b"\n')
    with pytest.raises(ArchitectureError) as caught:
        parse(grammar, "[a)")
    # `)` could follow `x` elsewhere, so the merged state shifts it in theory; here it cannot come.
    assert caught.value.diagnostics[0].evidence[-1] == 'expected: "]", "b"'


def test_expected_tokens_are_cut() -> None:
    grammar = load("start: " + " | ".join(f'"w{i:02}"' for i in range(30)) + "\n")
    with pytest.raises(ArchitectureError) as caught:
        parse(grammar, "x")
    assert caught.value.diagnostics[0].evidence[-1].endswith("and 22 more")


@pytest.mark.parametrize("shape", ["left", "right"])
def test_ten_thousand_nested_modules(shape: str) -> None:
    grammar = load(TEXT)
    parse(grammar, "(norm;norm)")

    def seconds(depth: int) -> float:
        if shape == "left":
            text = "(" * depth + "norm" + ";linear16)" * depth
        else:
            text = "(norm;" * depth + "linear16" + ")" * depth
        start = time.process_time()
        node = parse(grammar, text)
        elapsed = time.process_time() - start
        assert text_of(grammar, node) == text
        while node[1]:  # taken apart from above: Python frees deep tuples itself
            node = next((c for c in node[1] if c[0] in grammar.productions and c[1]), (None, ()))
        return elapsed

    times = {depth: min(seconds(depth) for _ in range(2)) for depth in (1000, 10_000)}
    # Ten times the text takes ten times as long if parsing is linear, a hundred times if it is quadratic.
    assert times[10_000] < 50 * times[1000]


def test_error_at_the_end_of_a_long_text_is_found_quickly() -> None:
    grammar = load(TEXT)
    start = time.process_time()
    with pytest.raises(ArchitectureError):
        parse(grammar, "(norm;" * 20_000 + "norm" + ")" * 19_999)
    assert time.process_time() - start < 10


def test_leaves_are_the_text() -> None:
    grammar = load(TEXT)
    node = parse(grammar, "branch ( ( permute 2 1 ; norm ) )")
    assert "".join(text for _, text in leaves(node)) == "branch((permute21;norm))"
