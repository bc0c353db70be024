"""An operation of your own: one class with its type rule, parameters, torch form and ONNX form.

    python examples/own_op.py

`own_op.lark` beside this file uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import einsyn
from einsyn.ops import attributes as attr


class LayerScale(einsyn.Op, name="layer_scale"):
    """`x * weight` with one learned factor for each feature of the last axis.

    Shapes: `... d -> ... d`; the other sizes may be open. Parameters: `weight` of the size of the last axis.
    MACs: 0. Errors: T003 open size of the last axis. Source: Touvron et al., ICCV 2021 (arXiv:2103.17239).
    """

    start: float = attr.real(1e-4, doc="what every factor starts as")

    def infer(self, *types: einsyn.TensorType) -> einsyn.TensorType:
        """The type of the input."""
        (x,) = types
        x.size(-1)  # raises T003 where it is a symbol
        return x

    def params(self, *types: einsyn.TensorType) -> Mapping[str, einsyn.Param]:
        """The factors."""
        return {"weight": einsyn.Param((types[0].size(-1),), f"constant {self.start!r}")}

    def torch(self, ctx: Any) -> str:
        """A product; torch broadcasts over the leading axes."""
        return f"{ctx.inputs[0]} * {ctx.parameter('weight')}"

    def onnx(self, ctx: Any) -> str:
        """A Mul; ONNX broadcasts in the same way."""
        return ctx.node("Mul", [ctx.inputs[0], ctx.weight("weight")])

    @classmethod
    def examples(cls) -> Iterable[tuple[einsyn.Op, tuple[einsyn.TensorType, ...]]]:
        """A sequence of open length, and another start."""
        yield cls.configure(), (einsyn.TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(0.5), (einsyn.TensorType("f32", ("d",), (4,)),)


def main() -> None:
    """Use the operation in a space; every printed claim is asserted."""
    # Declaring the class has registered it: load the space after that.
    space = einsyn.load(Path(__file__).with_name("own_op.lark"))
    arch = space.parse("[64]+[128]")
    print(f"{arch.text}: {arch.params:,} parameters, operations {arch.ops}")
    assert arch.ops["layer_scale"] == 2

    module = arch.module(seed=0)
    assert arch.params == sum(p.numel() for p in module.parameters())
    scales = [p for p in module.parameters() if p.shape == (32,) and bool((p == 0.1).all())]
    assert len(scales) == 2

    found = arch.verify(seed=0)
    print(f"torch and onnxruntime agree: {found.verified}, largest difference {found.difference:.2g}")
    assert found.verified

    # Attributes are checked like those of any other operation.
    code = ""
    try:
        LayerScale.configure("much")
    except einsyn.Mismatch as mismatch:
        code = mismatch.code
        print(f"{code}: {mismatch.message}")
    assert code == "T004"


if __name__ == "__main__":
    main()
