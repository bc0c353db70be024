"""What operations say of their functions is tried with numbers, and what is wrong is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from einsyn.ir.types import TensorType
from einsyn.ops import OPS
from einsyn.ops.activation import Gelu
from einsyn.ops.arithmetic import Negate
from einsyn.ops.laws import Digit, Law, Part
from einsyn.ops.linear import Linear
from einsyn.ops.normalisation import BatchNorm
from einsyn.ops.op import Op
from einsyn.ops.parts import Group
from einsyn.ops.routing import Im2col
from einsyn.testing.contract import run_checks
from einsyn.testing.law_contract import LAW_CHECKS
from einsyn.testing.op_contract import Example


@pytest.fixture
def declared() -> Iterable[list[type[Op]]]:
    """Classes that are registered for a test alone."""
    made: list[type[Op]] = []
    yield made
    for each in made:
        del OPS[each.name]


def findings(op: type[Op]) -> list[str]:
    """What is found, without what pytest adds to assertions."""
    found: list[str] = []
    for one, types in op.examples():
        found += [
            finding.message.splitlines()[0] for finding in run_checks(LAW_CHECKS, Example(one, types), str(one))[0]
        ]
    return found


def test_laws_that_do_not_hold_are_found(declared: list[type[Op]]) -> None:
    class Bent(Gelu, name="bent"):
        laws = Law.HOMOGENEOUS

    class Dipping(Gelu, name="dipping"):
        laws = Law.NEVER_NEGATIVE

    class Lower(Gelu, name="lower"):
        laws = Law.FIXES_POSITIVE

    class Away(Negate, name="away"):
        laws = Law.KEEPS_SIGN

    class Elsewhere(Negate, name="elsewhere"):
        laws = Law.FIXES_ALL

    class Adrift(BatchNorm, name="adrift"):
        scaled_by = ("weight",)

        def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
            return dict.fromkeys(("weight", "bias", "running_mean"), (0,))

        def fixing(self, *types: TensorType) -> Mapping[str, float] | None:
            return dict.fromkeys(("weight", "bias", "running_mean", "running_var", "num_batches_tracked"), 1)

    class Crosswise(Linear, name="crosswise"):
        def carries(self, *types: TensorType) -> tuple[tuple[int | None, ...], ...]:
            return tuple([(0,) for _ in types[0].axes])

    class Shifted(Group, name="shifted"):
        def parts(self, *types: TensorType) -> tuple[int, tuple[Part, ...]]:
            axis, parts = super().parts(*types)
            return axis, parts[::-1]

    class Unrolled(Im2col, name="unrolled"):
        def folds(self, *types: TensorType) -> Mapping[int, tuple[Digit, ...]]:
            return {out: digits[::-1] for out, digits in super().folds(*types).items()}

    declared += [Bent, Dipping, Lower, Away, Elsewhere, Adrift, Crosswise, Shifted, Unrolled]
    for op in declared[:5]:
        assert set(findings(op)) == {f"{op.laws.name} does not hold"}
    found = findings(Adrift)
    assert {"`scaled_by` does not hold", "`fixing` does not hold"} <= set(found)
    assert any("`along`" in each for each in found)
    assert findings(Crosswise)
    assert any("`parts`" in each for each in findings(Shifted))
    assert any("`folds`" in each for each in findings(Unrolled))
    assert not findings(BatchNorm)
