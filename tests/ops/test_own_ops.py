"""Mistakes in operations that users declare are told as theirs: the operation, the method, the place."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from typing import Any

import pytest
from small_spaces import small_space

import einsyn
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS

SEQUENCES = """//@ input x f32[B, d:8]
start: layer | layer ";" start -> seq
layer: "relu" -> relu
     | "own" -> own
"""


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    known = dict(OPS)
    yield
    for name in set(OPS) - set(known):
        del OPS[name]


def broken(*given: object) -> Any:
    raise ValueError("this is broken")


def declared(**methods: object) -> type[einsyn.Op]:
    """An operation `own` that doubles, with some methods of it changed."""
    whole: dict[str, object] = {
        "infer": lambda self, x: x,
        "torch": lambda self, ctx: f"2 * {ctx.inputs[0]}",
        "onnx": lambda self, ctx: ctx.node("Mul", [ctx.inputs[0], ctx.scalar(2.0)]),
    }
    return type("Own", (einsyn.Op,), {**whole, **methods, "__module__": __name__}, name="own")


def own_architecture(text: str = "relu;own") -> einsyn.Architecture:
    return small_space(SEQUENCES).parse(text)


def test_what_is_right_goes_through() -> None:
    declared()
    architecture = own_architecture("own;relu;own")
    assert architecture.verify().verified
    assert "2 * x" in architecture.source()


@pytest.mark.parametrize("method", ["infer", "params", "buffers", "macs"])
def test_an_exception_while_types_are_worked_out_is_told_with_both_places(method: str) -> None:
    declared(**{method: broken})
    space = small_space(SEQUENCES)
    with pytest.raises(einsyn.OpError) as caught:
        space.parse("relu;own;relu")
    (found,) = caught.value.diagnostics
    assert found.code == "O001"
    assert found.message == f"`{method}` of the operation `own` raises ValueError: this is broken"
    line = broken.__code__.co_firstlineno + 1
    assert found.evidence == (
        f"{__file__}:{line}: in broken: {linecache.getline(__file__, line).strip()}",
        "on f32[B, d:8]",
    )
    assert found.path == "/start/layer"
    assert found.span is not None
    assert '"own" -> own' in space.grammar.source.splitlines()[found.span.line - 1]
    assert "EINSYN_TRACEBACK=1" in str(found.advice)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_draw_with_a_broken_operation_is_no_rejected_draw() -> None:
    def grudging(self: Any, x: Any) -> Any:
        if x.size(-1) == 4:
            raise ValueError("not four")
        return x

    declared(infer=grudging)
    space = small_space('//@ input x f32[B, d:8]\nstart: a a a -> seq\na: W -> linear\n | "own" -> own\nW: "4" | "8"\n')
    for seed in range(3):
        with pytest.raises(einsyn.OpError) as caught:
            space.sample(200, seed=seed)
        assert caught.value.code == "O001"
        # The walk that elaborates nothing knows no derivation; what stands in its place does.
        assert str(caught.value.diagnostics[0].path).startswith("/a[")
    # What the type rule itself refuses is a rejected draw as ever.
    del OPS["own"]

    def refusing(self: Any, x: Any) -> Any:
        if x.size(-1) == 4:
            raise einsyn.Mismatch("T011", "not four")
        return x

    declared(infer=refusing)
    sampler = small_space(space.grammar.source).sampler(0)
    assert len([next(sampler) for _ in range(50)]) == 50
    assert sampler.rejected > 0


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("infer", None, "it returns nothing"),
        ("infer", "f32", "it returns str 'f32'"),
        ("params", {"w": (3,)}, "it returns dict {'w': (3,)}"),
        ("buffers", [], "it returns list []"),
        ("macs", 0.5, "it returns float 0.5"),
        ("torch", None, "for 1 output it returns nothing"),
        ("torch", ("a", "b"), "for 1 output it returns tuple ('a', 'b')"),
        ("onnx", None, "for 1 output it returns nothing"),
    ],
)
def test_what_cannot_be_used_is_told(method: str, answer: object, said: str) -> None:
    declared(**{method: lambda *given: answer})
    with pytest.raises(einsyn.OpError) as caught:
        own_architecture().onnx()
    (found,) = caught.value.diagnostics
    assert found.code == "O002"
    assert found.message == f"what `{method}` of the operation `own` returns cannot be used: {said}"
    assert found.path is not None
    assert "it has to return" in str(found.hint)


@pytest.mark.parametrize("method", ["torch", "onnx"])
def test_an_exception_of_a_form_is_told(method: str) -> None:
    declared(**{method: broken})
    with pytest.raises(einsyn.OpError, match=f"`{method}` of the operation `own` raises ValueError") as caught:
        own_architecture().onnx()
    assert caught.value.diagnostics[0].path == "/1/0"


def test_a_built_in_operation_that_fails_is_no_mistake_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPS["relu"], "infer", broken)
    with pytest.raises(ValueError, match="this is broken"):
        OPS["relu"].configure().signature((parse_type("f32[B, d:123]"),))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("nosuchname({})", "uses `nosuchname`, which is not defined"),
        ("troch.relu({})", "uses `troch`, which is not defined"),
        ("torch.relu({}", "is no Python, '(' was never closed"),
    ],
)
def test_source_that_cannot_run_is_not_written(written: str, said: str) -> None:
    declared(torch=lambda self, ctx: written.format(ctx.inputs[0]))
    architecture = own_architecture()
    for write in (architecture.source, architecture.module):
        with pytest.raises(einsyn.OpError) as caught:
            write()
        assert caught.value.code == "O003"
        assert caught.value.diagnostics[0].message == f"the torch form of the operation `own` {said}"


def test_names_that_a_form_binds_itself_are_defined() -> None:
    def torch(self: Any, ctx: Any) -> str:
        a = ctx.assign(f"torch.stack([helper(y) for y in {ctx.inputs[0]}.unbind(0)])")
        b = ctx.fresh()
        with ctx.block("for i in range(2):"):
            ctx.statement(f"{b} = (lambda z: z + i)({a})")
        return f"sum([{b}, 0 * {a}])"

    declared(torch=torch, onnx=lambda self, ctx: ctx.inputs[0], functions={"helper": "def helper(y):\n    return y"})
    assert own_architecture().module() is not None


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (
            {"torch": lambda self, ctx: f"{ctx.inputs[0]}[..., :1]"},
            "gives the shape [2, 1], and `infer` says the shape [2, 8]",
        ),
        (
            {"torch": lambda self, ctx: f"torch.nosuch({ctx.inputs[0]})"},
            "fails, AttributeError: module 'torch' has no attribute 'nosuch'",
        ),
        (
            {
                "params": lambda self, x: {"w": einsyn.Param((1,), "ones")},
                "torch": lambda self, ctx: f"{ctx.layer('nn.Linear(8, 8)')}({ctx.inputs[0]})",
            },
            "owns own1.weight [8, 8], own1.bias [8], and `params` and `buffers` say own1.w [1]",
        ),
    ],
)
def test_a_module_that_is_not_what_was_declared_is_told(methods: dict[str, object], said: str) -> None:
    declared(**methods)
    with pytest.raises(einsyn.OpError) as caught:
        own_architecture().verify()
    (found,) = caught.value.diagnostics
    assert found.code == "O004"
    assert found.message == f"the torch module of the operation `own` {said}"
    assert found.path == "/1/0"


def test_a_layer_that_torch_lacks_is_told_where_the_module_is_made() -> None:
    declared(
        params=lambda self, x: {"weight": einsyn.Param((8, 8), "ones")},
        torch=lambda self, ctx: f"{ctx.layer('nn.Linaer(8, 8)')}({ctx.inputs[0]})",
    )
    with pytest.raises(einsyn.OpError, match="`own` cannot be made, AttributeError") as caught:
        own_architecture().module()
    assert caught.value.code == "O004"
