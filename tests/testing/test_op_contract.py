"""`check_op` finds every way to break the contract of an operation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from einsyn import Mismatch, Param
from einsyn.ops import OPS, Op
from einsyn.ops.attributes import integer
from einsyn.testing import ContractError, check_op
from einsyn.testing.contract import run_checks
from einsyn.testing.derived import derived_examples

DOC = "A layer. Shapes: `... d -> ... width`. MACs: one for each weight. Errors: T002. Source: this test."


class Layer(Op):
    """What the operations below break in one place each."""

    width = integer(ge=1, doc="size of the output")

    @classmethod
    def examples(cls):
        from einsyn.ir.parse_type import parse_type

        return [(cls.configure(n), (parse_type("f32[B, s:T, d:4]"),)) for n in (3, 5)]

    def infer(self, x):
        return x.resized(x.axis(-1), self.width)

    def params(self, x):
        return {"weight": Param((self.width, x.size(-1)), "kaiming_uniform")}

    def macs(self, x):
        self.params(x)
        return x.elements * self.width

    def torch(self, ctx):
        layer = ctx.layer(f"nn.Linear({ctx.types[0].size(-1)}, {self.width}, bias=False)")
        return f"{layer}({ctx.inputs[0]})"

    def onnx(self, ctx):
        return ctx.node("MatMul", [ctx.inputs[0], ctx.node("Transpose", [ctx.weight("weight")], perm=[1, 0])])


@pytest.fixture
def registry() -> Iterator[None]:
    known = dict(OPS)
    yield
    for name in set(OPS) - set(known):
        del OPS[name]


def declared(**changes: object) -> type[Op]:
    """The layer under a name of its own, with some of it changed."""
    return type("Changed", (Layer,), {"__doc__": DOC, **changes}, name="changed_layer")


def failures(op: type[Op]) -> set[str]:
    with pytest.raises(ContractError) as caught:
        check_op(op)
    assert all(f.message for f in caught.value.findings)
    assert str(len(caught.value.findings)) in str(caught.value)
    return {f.check.split(",")[0] for f in caught.value.findings}


@pytest.mark.usefixtures("registry")
def test_an_operation_that_keeps_the_contract_passes() -> None:
    check_op(declared())


def no_width(self, x):
    return x


def grudging(self, x):
    if x.size(-1) > 6:
        raise ValueError("too wide")
    return x.resized(x.axis(-1), self.width)


def silent(self, x):
    if x.rank != 2:
        raise Mismatch("T002", "")
    return x.resized(x.axis(-1), self.width)


def no_params(self, x):
    return {}


def more_macs(self, x):
    return x.elements * self.width + 1


def detached(self, ctx):
    return Layer.torch(self, ctx) + ".detach()"


def untransposed(self, ctx):
    shape = ctx.constant([-1, self.width])
    return ctx.node("MatMul", [ctx.inputs[0], ctx.node("Reshape", [ctx.weight("weight"), shape])])


def fixed_batch(self, ctx):
    return Layer.torch(self, ctx) + ".expand(2, -1, -1)"


def one_example(cls):
    return Layer.examples.__func__(cls)[:0]


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"__doc__": DOC.replace("MACs:", "Cost:")}, "It is documented"),
        ({"infer": no_width}, "Torch has the inferred shapes and types at any batch size"),
        ({"infer": grudging}, "The type rule answers any types"),
        ({"infer": silent}, "The type rule answers any types"),
        ({"params": no_params}, "Parameters and buffers are those of torch"),
        ({"macs": more_macs}, "MACs are half of the FLOPs that torch counts"),
        ({"torch": detached}, "Gradients reach every parameter"),
        ({"torch": fixed_batch}, "Torch has the inferred shapes and types at any batch size"),
        ({"onnx": untransposed}, "ONNX computes the same at the oldest"),
        ({"examples": classmethod(one_example)}, "The examples show every attribute at more than its default"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_breaks_the_contract_is_found(changes: dict[str, object], expected: str) -> None:
    assert expected in failures(declared(**changes))


@pytest.mark.usefixtures("registry")
def test_a_class_that_is_not_the_registered_one_is_found() -> None:
    op = declared()
    OPS["changed_layer"] = OPS["relu"]
    assert "It is registered under its name" in failures(op)


def messages(op: type[Op]) -> dict[str, str]:
    """The first message of every check that failed."""
    with pytest.raises(ContractError) as caught:
        check_op(op)
    return {f.check.split(",")[0]: f.message for f in reversed(caught.value.findings)}


def rectified(self, ctx):
    return ctx.node("Relu", [Layer.onnx(self, ctx)])


UNSHOWN = {"examples": Op.examples}
LACKING = {"It is documented", "The examples show every attribute at more than its default"}


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"infer": no_width}, "at batch 2 torch gives [2, 4, 8, 2], `infer` says [2, 4, 8, 8]"),
        ({"params": no_params}, None),
        ({"macs": more_macs}, "513 MACs predicted, 512 in torch"),
        ({"torch": detached}, "the outputs do not depend on the parameters"),
        ({"onnx": rectified}, "elements differ; at [0, 0, 0, "),
    ],
    ids=lambda value: next(iter(value), "right") if isinstance(value, dict) else "",
)
def test_without_examples_the_numbers_are_compared_all_the_same(
    changes: dict[str, object], expected: str | None
) -> None:
    op = declared(**UNSHOWN, __doc__="A layer. Shapes: `... d -> ... width`. MACs: one for each weight.", **changes)
    found = messages(op)
    assert found.keys() >= LACKING
    assert found["It is documented"] == "the docstring lacks Errors:, Source:"
    if not changes:
        assert found.keys() == LACKING
    if expected is not None:
        assert any(expected in message for message in found.values()), found


@pytest.mark.usefixtures("registry")
def test_weights_that_differ_are_told_with_their_shapes_and_once() -> None:
    found = messages(declared(params=lambda self, x: {"w": Param((1,), "ones")}, onnx=lambda self, ctx: ctx.inputs[0]))
    said = found["Parameters and buffers are those of torch"]
    assert said.startswith("torch owns {'changed_layer1.weight': (3, 4)}, `params` and `buffers` say")
    assert not any("KeyError" in message or "it does not hold" in message for message in found.values())
    assert "Its laws hold" not in found


@pytest.mark.usefixtures("registry")
def test_a_type_rule_that_admits_nothing_usual_is_told_with_its_reasons() -> None:
    def never(self, x):
        raise Mismatch("T011", "not for me")

    found = messages(declared(**UNSHOWN, infer=never))
    assert "on f32[B, c:4, h:8, w:8]: T011 not for me" in found["It can be tried on usual types"]

    del OPS["changed_layer"]

    def failing(self, x):
        raise KeyError("d")

    found = messages(declared(**UNSHOWN, infer=failing))
    assert "raises KeyError: 'd'" in found["It can be tried on usual types"]
    assert f"{__file__}:{failing.__code__.co_firstlineno + 1}" in found["It can be tried on usual types"]


def test_usual_types_fit_nearly_every_built_in_operation() -> None:
    lacking = {name for name, op in OPS.items() if not derived_examples(op).examples}
    # Loops own a step, and these take sizes that no small value happens to fit.
    assert len(lacking) <= 0.1 * len(OPS), sorted(lacking)


def test_assertions_without_a_message_show_their_line() -> None:
    def check(subject: int) -> None:
        """It is three."""
        assert subject == 3

    # Pytest writes messages of its own into this file.
    error = AssertionError()
    error.add_note("a note")

    def silent(subject: int) -> None:
        """It is silent."""
        raise error

    (found,), _ = run_checks([silent], 4, "four")
    assert found.message.startswith("at test_op_contract.py:")
    assert found.message.endswith("raise error\n    a note")
    assert len(run_checks([check], 4, "four")[0]) == 1
