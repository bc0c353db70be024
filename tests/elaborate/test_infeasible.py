"""Why a derivation is no architecture: the code, the place in derivation and file, the evidence, a hint."""

from __future__ import annotations

import pytest
from small_spaces import IMAGE, SEQUENCE, small_space

import einsyn

NETS = """
start: "n" f f -> net
f: "r" -> relu | "l" W -> linear | "(" f ";" f ")" -> seq | "+" f f -> plus | "h" -> halve | "m" -> pooled
W: "3" | "8" | "4000"
//@ define net(f, g)(x) = f(g(x))
//@ define plus(a, b)(x) = add(a(x), b(x))
//@ define halve()(x) = linear(size_of(x, -1) / 2)(x)
//@ define pooled()(x) = max_pool(9)(x)
"""


def cause(text: str, architecture: str, **limits: int) -> einsyn.Diagnostic:
    with pytest.raises(einsyn.InfeasibleError) as caught:
        small_space(text).parse(architecture, **limits)
    (found,) = caught.value.diagnostics
    return found


def test_a_shape_error_names_path_line_and_both_histories() -> None:
    found = cause(SEQUENCE + NETS, "n(r;+(l8;r)(l8;l3))r")
    assert found.code == "T014"
    assert found.message == "`add` needs equal shapes; axis d is 8 and 3"
    assert found.path == "/f[0]/f[1]"
    assert found.span is not None
    assert (found.span.line, found.span.column) == (5, 61)
    assert found.evidence == (
        "%4: f32[B, s:6, d:8]  /f[0]/f[1]/f[0]/f[1]  relu > relu > linear(width=8) > relu",
        "%6: f32[B, s:6, d:3]  /f[0]/f[1]/f[1]/f[1]  relu > relu > linear(width=8) > linear(width=3)",
    )
    assert found.hint
    assert found.reproduce is not None
    assert found.reproduce.endswith("--input s:6,d:8")
    assert "'n(r;+(l8;r)(l8;l3))r'" in found.reproduce


@pytest.mark.parametrize(
    ("architecture", "code", "path", "message"),
    [
        ("nhl3", "V001", "/f[0]", "3 / 2 leaves a remainder"),
        ("n(h;h)(h;h)", "V001", "/f[0]/f[1]", "1 / 2 leaves a remainder"),
        ("nrm", "T011", "/f[1]", "max_pool"),
    ],
)
def test_the_place_is_where_it_happened(architecture: str, code: str, path: str, message: str) -> None:
    found = cause(SEQUENCE + NETS, architecture)
    assert (found.code, found.path) == (code, path)
    assert message in found.message
    assert found.span is not None
    assert found.span.line == 5
    assert ("in the definition at" in "".join(found.evidence)) == code.startswith("V")


@pytest.mark.parametrize(
    ("architecture", "limits", "code", "message"),
    [
        ("nrr", {"max_ops": 1}, "L001", "more than max_ops=1 operations"),
        ("nl8r", {"max_params": 71}, "L002", "more than max_params=71 parameters"),
        ("nl8r", {"max_macs": 383}, "L003", "more than max_macs=383 multiply-accumulates"),
        ("nl4000r", {"max_memory": 1000}, "L004", "more than max_memory=1000 bytes"),
        ("n((r;r);r)r", {"max_depth": 3}, "L005", "more than max_depth=3 productions deep"),
        ("n((r;r);r)r", {"max_size": 6}, "L006", "more than 6 productions (max_size)"),
    ],
)
def test_limits(architecture: str, limits: dict[str, int], code: str, message: str) -> None:
    found = cause(SEQUENCE + NETS, architecture, **limits)
    assert found.code == code
    assert message in found.message
    assert found.path is not None
    assert found.hint
    # One more is enough.
    ((name, bound),) = limits.items()
    if code not in ("L004",):
        small_space(SEQUENCE + NETS).parse(architecture, **{name: bound + 1})


def test_the_memory_limit_is_exact() -> None:
    architecture = small_space(SEQUENCE + NETS).parse("nl8r")
    assert small_space(SEQUENCE + NETS).parse("nl8r", max_memory=architecture.memory).memory == architecture.memory
    assert cause(SEQUENCE + NETS, "nl8r", max_memory=architecture.memory - 1).code == "L004"


@pytest.mark.parametrize(("call", "code"), [('linear("w")(x)', "T004"), ("linear()(x)", "D042")])
def test_a_wrong_call_shows_its_place(call: str, code: str) -> None:
    found = cause(f'{SEQUENCE}start: "n" -> net\n//@ define net()(x) = relu({call})\n', "n")
    assert found.code == code
    assert found.evidence[0].startswith("in the definition at ")
    assert found.evidence[0].endswith("space.lark:4:28")


@pytest.mark.parametrize("condition", ["params", "params + 1", '"yes"', "[params]"])
def test_a_requirement_that_is_no_condition(condition: str) -> None:
    found = cause(f'{SEQUENCE}//@ require {condition}\nstart: "n" -> relu\n', "n")
    assert (found.code, found.path) == ("V002", None)
    assert found.message.startswith("`require` needs a boolean, not a")
    assert found.span is not None
    assert found.span.line == 3


def test_windows_that_fit_nowhere() -> None:
    found = cause(IMAGE + NETS, "nrm")
    assert found.code == "T015"
    assert "9" in found.message
    assert found.evidence == ("%0: f32[B, c:4, h:8, w:8]  an input",)


def test_a_macro_that_gives_no_tensor() -> None:
    found = cause(SEQUENCE + 'start: "n" -> net\n//@ define net()(x) = 3\n', "n")
    assert found.code == "V006"
    assert found.message == "the network gives an integer instead of tensors"


def test_an_infeasible_sample_is_rejected_with_its_cause() -> None:
    space = small_space(SEQUENCE + NETS.replace('start: "n" f f', 'start: "n" f f'))
    sampler = space.sampler(seed=0)
    for _ in range(200):
        next(sampler)
    assert {code for code, _, _ in sampler.causes()} <= {"T011", "T014", "V001", "L006"}
    assert len(sampler.causes()) >= 3
