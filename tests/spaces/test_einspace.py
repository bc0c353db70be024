"""einspace: the published reference networks, and sampled ones that are what einsyn predicts."""

from __future__ import annotations

import math

import pytest

import einsyn
from einsyn import Architecture
from einsyn.testing.space_contract import check_model, check_module, check_text

# Without the classifier head, from the official code.
REFERENCES = {
    "resnet18_no_maxpool": 11_210_560,
    "wideresnet16_4": 2_748_576,
    "transformer_d4": 4_269_568,
    "mlp_mixer": 2_434_048,
}


@pytest.fixture(scope="module")
def samples() -> list[Architecture]:
    return einsyn.load("einspace").sample(400, seed=2024)


def test_references_have_the_published_parameters() -> None:
    space = einsyn.load("einspace")
    assert set(space.refs) == set(REFERENCES)
    for name, published in REFERENCES.items():
        architecture = space.ref(name)
        *_, head = architecture.graph.owners()
        assert architecture.output == [["B", 10]]
        assert architecture.params - head.signature.param_count == published
        assert architecture.space.derivation(architecture.text) == architecture.derivation


@pytest.mark.parametrize("name", REFERENCES)
def test_references_run(name: str) -> None:
    architecture = einsyn.load("einspace").ref(name)
    check_module(architecture)
    assert architecture.verify().verified


def test_references_take_other_classes_and_inputs() -> None:
    space = einsyn.load("einspace", params={"classes": 100}, input="3x64x64")
    architecture = space.parse(einsyn.load("einspace").ref("resnet18_no_maxpool").text)
    assert architecture.output == [["B", 100]]
    assert architecture.params == 11_210_560 + 512 * 100 + 100


def test_samples_parse_back(samples: list[Architecture]) -> None:
    for architecture in samples:
        check_text(architecture)
        assert architecture.space.parse(architecture.text).record() == architecture.record()
        assert math.isfinite(architecture.log_prob)


@pytest.mark.parametrize("part", range(8))
def test_samples_run_as_predicted(samples: list[Architecture], part: int) -> None:
    for architecture in samples[part * 40 : part * 40 + 40]:
        check_module(architecture)


@pytest.mark.parametrize("part", range(4))
def test_samples_agree_as_onnx(samples: list[Architecture], part: int) -> None:
    stable = [check_model(architecture) for architecture in samples[part::4][:16]]
    assert len(stable) == 16
    assert stable.count(False) <= 1


def test_signals_run_as_predicted() -> None:
    space = einsyn.load("einspace", input="c:3,l:1024")
    drawn = space.sample(40, seed=3, max_macs=200_000_000)
    assert any("im2col" in a.text for a in drawn)
    for architecture in drawn:
        check_text(architecture)
        check_module(architecture)
    assert all(check_model(a) for a in drawn[:6])


def test_the_share_of_computation_is_a_parameter() -> None:
    half = einsyn.load("einspace", params={"computation": 0.5})
    assert half.parse("(identity;norm)").log_prob - einsyn.load("einspace").parse("(identity;norm)").log_prob == (
        pytest.approx(2 * math.log(0.5 / 0.32))
    )


def test_no_lone_computation_at_the_root() -> None:
    space = einsyn.load("einspace")
    with pytest.raises(einsyn.ArchitectureError):
        space.parse("linear64")
    assert all(a.text.startswith(("(", "branch", "route")) for a in space.sample(200, seed=8))


def test_what_only_the_references_use_is_never_drawn() -> None:
    space = einsyn.load("einspace")
    assert space.ref("mlp_mixer").log_prob == -math.inf
    assert space.parse("(linear*4;linear/4)").log_prob == -math.inf
    texts = " ".join(a.text for a in space.sample(2000, seed=4))
    assert "im2col(7" not in texts
    assert "linear*" not in texts
    assert "linear/" not in texts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("route(im2col(4,4,0),identity,permute132)", "T017"),
        ("(linear64;route(identity,identity,col2im))", "T011"),
        ("branch(group8/2,linear16,linear16,add)", None),
        ("branch(clone2,linear16,linear32,add)", "T014"),
        ("branch(group4/1,identity,concat/1)", "T016"),
    ],
)
def test_what_the_space_refuses(text: str, code: str | None) -> None:
    space = einsyn.load("einspace")
    if code is None:
        with pytest.raises(einsyn.ArchitectureError):
            space.parse(text)
        return
    with pytest.raises(einsyn.InfeasibleError) as caught:
        space.parse(text)
    assert caught.value.code == code
