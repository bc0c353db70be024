"""The judge, with oracles whose answers are written down: what is a disagreement, and what is rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from small_graphs import Builder

from einsyn.backends.agreement import TOLERANCE
from einsyn.ir.parse_type import parse_type
from einsyn.testing.case import Case, case_of
from einsyn.testing.judge import MEANINGS, NUMERIC, ROUNDING_FACTOR, Disagreement, Verdict, examine
from einsyn.testing.oracles import NOISE
from einsyn.testing.outcome import Outcome

SHAPE = (2, 3)
CASE = Case("", b"", {}, (SHAPE,))
ONES = np.ones(SHAPE, np.float32)
NAN, INF = float("nan"), float("inf")


class Script:
    """Oracles that give what they are told to, and a record of what they were asked.

    Args:
        outcomes: by name; what is not there gives ones, exactly like the reference.
    """

    def __init__(self, **outcomes: Outcome) -> None:
        self.outcomes = {name.replace("_", "-"): outcome for name, outcome in outcomes.items()}
        self.asked: list[tuple[tuple[str, ...], bool]] = []

    def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
        assert case is CASE
        self.asked.append((tuple(names), gradients))
        return {name: self.outcomes.get(name, done(ONES)) for name in names}


def done(*outputs: np.ndarray, **gradients: np.ndarray) -> Outcome:
    return Outcome(outputs=outputs, gradients=gradients)


def with_first(value: float, like: np.ndarray = ONES) -> np.ndarray:
    """The same array with another first element."""
    changed = like.copy()
    changed.flat[0] = value
    return changed


def judged(names: Sequence[str] = ("torch", "onnxruntime"), **outcomes: Outcome) -> Verdict:
    return examine(Script(**outcomes), CASE, names)


def kinds(verdict: Verdict) -> list[tuple[str, str]]:
    return [(d.oracle, d.kind) for d in verdict.disagreements]


def noise(*values: float) -> dict[str, Outcome]:
    """Runs with noise of the size of rounding, whose first elements are these."""
    return {name.replace("-", "_"): done(with_first(v)) for name, v in zip(NOISE, values, strict=True)}


def test_agreement_asks_for_no_noise() -> None:
    script = Script(onnxruntime=done(with_first(1 + TOLERANCE / 2)))
    verdict = examine(script, CASE, ("torch", "onnxruntime"))
    assert (verdict.disagreements, verdict.finite, verdict.rounding, verdict.unstable) == ((), True, (), False)
    np.testing.assert_array_equal(verdict.reference[0], ONES)
    assert script.asked == [(("torch", "onnxruntime"), False)]


@pytest.mark.parametrize(
    ("reference", "value", "differs"),
    [
        (1.0, 1 + 0.99 * TOLERANCE, False),
        (1.0, 1 + 1.01 * TOLERANCE, True),
        (0.0, 0.99 * TOLERANCE, False),
        (0.0, 1.01 * TOLERANCE, True),
        # Beyond 1 the tolerance grows with the largest element.
        (1000.0, 1000 + 990 * TOLERANCE, False),
        (1000.0, 1000 + 1010 * TOLERANCE, True),
    ],
)
def test_values_differ_from_the_tolerance_on(reference: float, value: float, differs: bool) -> None:
    base = np.full(SHAPE, reference, np.float64)
    exact = dict.fromkeys(("torch", "float64", *(n.replace("-", "_") for n in NOISE)), done(base))
    verdict = judged(onnxruntime=done(with_first(value, base)), **exact)
    assert kinds(verdict) == ([("onnxruntime", "values")] if differs else [])


def test_a_difference_says_where_and_how_large() -> None:
    (found,) = judged(onnxruntime=done(with_first(1.5))).disagreements
    assert found == Disagreement("onnxruntime", "values", "", "output 1, largest difference 0.5, largest value 1")


# The gap of the suspect, the first elements of the noisy runs around 1 in 64 bits, and whether that explains it.
@pytest.mark.parametrize(
    ("gap", "noisy", "explained"),
    [
        (0.1, (1.0, 1.0, 1.0), False),
        (0.1, (1.0, 1.011, 1.0), True),
        (0.1, (1.0, 1.0, 0.989), True),
        (0.1, (1.009, 0.991, 1.009), False),
        (5.0, (1.009, 0.991, 1.009), False),
        # Noise decides whether there is a number.
        (0.1, (1.0, NAN, 1.0), True),
        (0.1, (INF, 1.0, 1.0), True),
    ],
)
def test_rounding_explains_up_to_a_multiple_of_the_spread(
    gap: float, noisy: tuple[float, ...], explained: bool
) -> None:
    assert ROUNDING_FACTOR == 10
    verdict = judged(onnxruntime=done(with_first(1 + gap)), **noise(*noisy))
    assert kinds(verdict) == ([] if explained else [("onnxruntime", "values")])
    assert verdict.rounding == (("onnxruntime",) if explained else ())
    assert verdict.unstable is explained


def test_only_whom_the_spread_covers_is_explained() -> None:
    names = ("torch", "onnxruntime", "reference", "onnxruntime-off")
    verdict = judged(
        names, onnxruntime=done(with_first(1.05)), reference=done(with_first(3.0)), **noise(1.01, 1.0, 0.99)
    )
    assert kinds(verdict) == [("reference", "values")]
    assert verdict.rounding == ("onnxruntime",)
    assert not verdict.unstable  # something is wrong with it


def test_noise_is_compared_with_64_bits_and_not_with_the_reference() -> None:
    # The reference is off like the suspect is right: what counts is how far noise moves the exact result.
    verdict = judged(
        torch=done(with_first(1.5)), onnxruntime=done(ONES), float64=done(with_first(1.5)), **noise(1.5, 1.5, 1.5)
    )
    assert kinds(verdict) == [("onnxruntime", "values")]


@pytest.mark.parametrize(
    ("reference", "suspect"), [(1.0, NAN), (NAN, 1.0), (1.0, INF), (INF, 1.0), (INF, -INF), (NAN, INF)]
)
def test_other_elements_that_are_not_finite(reference: float, suspect: float) -> None:
    same = done(with_first(reference))
    judges = dict.fromkeys(("torch", "float64", *(n.replace("-", "_") for n in NOISE)), same)
    verdict = judged(onnxruntime=done(with_first(suspect)), **judges)
    assert kinds(verdict) == [("onnxruntime", "pattern")]
    assert verdict.finite is bool(np.isfinite(reference))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_same_elements_not_finite_are_nothing_definite(value: float) -> None:
    same = done(with_first(value))
    script = Script(torch=same, onnxruntime=same)
    verdict = examine(script, CASE, ("torch", "onnxruntime"))
    assert (kinds(verdict), verdict.finite, verdict.unstable) == ([], False, True)
    assert len(script.asked) == 1


def test_finite_elements_beside_those_that_are_not_have_to_agree() -> None:
    base = with_first(NAN)
    off = base.copy()
    off[1, 2] = 2.0
    judges = dict.fromkeys(("torch", "float64", *(n.replace("-", "_") for n in NOISE)), done(base))
    verdict = judged(onnxruntime=done(off), **judges)
    assert kinds(verdict) == [("onnxruntime", "values")]
    assert not verdict.finite


def test_a_pattern_that_32_bits_decide_is_rounding() -> None:
    # In 64 bits there is a number: the reference's own NaN is an overflow.
    verdict = judged(torch=done(with_first(NAN)), onnxruntime=done(with_first(INF)))
    assert (kinds(verdict), verdict.rounding, verdict.unstable) == ([], ("onnxruntime",), True)


def test_a_pattern_is_not_explained_by_noise_in_values() -> None:
    verdict = judged(onnxruntime=done(with_first(NAN)), **noise(5.0, -3.0, 1.0))
    assert kinds(verdict) == [("onnxruntime", "pattern")]


@pytest.mark.parametrize(
    "outputs", [(), (ONES, ONES), (np.ones((3, 2), np.float32),), (np.ones((2, 3, 1), np.float32),)]
)
def test_other_shapes_and_other_numbers_of_outputs(outputs: tuple[np.ndarray, ...]) -> None:
    script = Script(onnxruntime=done(*outputs))
    verdict = examine(script, CASE, ("torch", "onnxruntime"))
    assert kinds(verdict) == [("onnxruntime", "shape")]
    assert verdict.disagreements[0].detail == f"{[list(a.shape) for a in outputs]}, not [[2, 3]]"
    assert len(script.asked) == 1  # values of other shapes are not compared


def test_a_reference_that_contradicts_the_type_rules() -> None:
    wide = done(np.ones((2, 4), np.float32))
    assert kinds(judged(torch=wide, onnxruntime=wide)) == [("torch", "shape")]
    assert kinds(judged(torch=wide)) == [("torch", "shape"), ("onnxruntime", "shape")]


@pytest.mark.parametrize(
    ("outcome", "kind", "exception", "detail"),
    [
        (
            Outcome("exception", exception="ValueError", message="bad axis 3 of '/conv'\nat node 7"),
            "exception",
            "ValueError: bad axis N of * at node N",
            "ValueError: bad axis 3 of '/conv'",
        ),
        (Outcome("exception", exception="KeyError"), "exception", "KeyError", "KeyError"),
        (Outcome("memory", exception="MemoryError", message=""), "memory", "MemoryError", "MemoryError"),
        (Outcome("crash", exception="SIGSEGV", message="at 0x7f"), "crash", "SIGSEGV", "SIGSEGV: at 0x7f"),
        (Outcome("hang", message="no answer in time"), "hang", "", "no answer in time"),
    ],
)
def test_ways_to_give_no_answer(outcome: Outcome, kind: str, exception: str, detail: str) -> None:
    script = Script(onnxruntime=outcome)
    verdict = examine(script, CASE, ("torch", "onnxruntime", "reference"))
    assert verdict.disagreements == (Disagreement("onnxruntime", kind, exception, detail),)
    assert kind in MEANINGS
    assert kind not in NUMERIC
    assert len(script.asked) == 1
    # Without a reference there is nothing to compare the others with, whatever they computed.
    verdict = judged(("torch", "onnxruntime", "reference"), torch=outcome, onnxruntime=done(with_first(7.0)))
    assert verdict.disagreements == (Disagreement("torch", kind, exception, detail),)
    assert verdict.reference == ()


def test_everybody_who_fails_is_told() -> None:
    names = ("torch", "onnxruntime", "reference", "onnxruntime-off")
    failed = Outcome("exception", exception="Fail")
    verdict = judged(names, onnxruntime=failed, reference=done(), onnxruntime_off=done(with_first(2.0)), float64=failed)
    assert kinds(verdict) == [("onnxruntime", "exception"), ("reference", "shape"), ("onnxruntime-off", "values")]


def test_without_a_run_in_64_bits_nothing_is_put_down_to_rounding() -> None:
    failed = Outcome("memory", exception="MemoryError")
    verdict = judged(onnxruntime=done(with_first(1.5)), float64=failed, **noise(3.0, -3.0, 0.0))
    assert kinds(verdict) == [("onnxruntime", "values")]
    # Noisy runs that fail are left out.
    verdict = judged(onnxruntime=done(with_first(1.5)), **{**noise(1.1, 1.0, 1.0), "noise_2": failed})
    assert kinds(verdict) == []


def test_gradients_are_asked_for_where_two_have_them() -> None:
    slopes = {"w": ONES, "x": 2 * ONES}
    off = {"w": ONES, "x": with_first(2.5, 2 * ONES)}
    judges = {name.replace("-", "_"): done(ONES, **slopes) for name in ("torch", "float64", *NOISE)}
    script = Script(compile=done(ONES, **off), **judges)
    verdict = examine(script, CASE, ("torch", "compile"))
    assert verdict.disagreements == (
        Disagreement("compile", "gradient", "", "gradient of x, largest difference 0.5, largest value 2"),
    )
    assert script.asked == [(("torch", "compile"), True), (("float64", *NOISE), True)]
    # Noise that moves this gradient as far explains it; noise in another gradient does not.
    for key, explained in (("x", True), ("w", False)):
        noisy = {**slopes, key: with_first(2.2, slopes[key])}
        script.outcomes[NOISE[0]] = done(ONES, **noisy)
        assert (kinds(examine(script, CASE, ("torch", "compile"))) == []) is explained
    # Nobody has gradients that it was not asked for, and what has none is compared by outputs alone.
    script = Script(torch=done(ONES, **slopes))
    assert kinds(examine(script, CASE, ("torch", "onnxruntime"))) == []
    assert script.asked == [(("torch", "onnxruntime"), False)]
    assert kinds(judged(("torch", "compile", "onnxruntime"), torch=done(ONES, **slopes))) == []


def test_a_real_network_that_amplifies_rounding_is_no_finding() -> None:
    """The noise itself, on a network that subtracts nearly equal numbers: sin of large numbers."""
    from einsyn.ops import OPS
    from einsyn.testing.judge import InProcess

    class Nudged(InProcess):
        """onnxruntime that rounds its last bit the other way: its input differs by one unit in the last place."""

        def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
            found = super().run(case, names, gradients=gradients)
            if "onnxruntime" in names:
                nudged = {name: np.nextafter(a, np.float32(INF)) for name, a in case.inputs.items()}
                moved = Case(case.source, case.model, nudged, case.shapes)
                found["onnxruntime"] = super().run(moved, ["onnxruntime"])["onnxruntime"]
            return found

    for factor, stable in ((1.0, True), (1e4, False)):
        builder = Builder(x=parse_type("d:8"))
        (x,) = builder.apply(OPS["affine"].configure(factor, 0.0), 0)
        (x,) = builder.apply(OPS["sin"].configure(), x)
        verdict = examine(Nudged(), case_of(builder.graph(x), 3), ("torch", "onnxruntime"))
        assert verdict.disagreements == ()
        assert (verdict.rounding == ()) is stable


def test_there_is_a_way_to_each_kind_that_people_are_told_of() -> None:
    failed = {kind: Outcome(kind, exception="E") for kind in ("exception", "memory", "crash", "hang")}
    answers: dict[str, Outcome] = {
        **failed,
        "values": done(with_first(2.0), w=ONES),
        "pattern": done(with_first(NAN), w=ONES),
        "gradient": done(ONES, w=with_first(2.0)),
        "shape": done(),
    }
    assert set(answers) == set(MEANINGS)
    judges = {name.replace("-", "_"): done(ONES, w=ONES) for name in ("torch", "float64", *NOISE)}
    for kind, outcome in answers.items():
        (found,) = examine(Script(compile=outcome, **judges), CASE, ("torch", "compile")).disagreements
        assert found.kind == kind
