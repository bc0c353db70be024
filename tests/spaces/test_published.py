"""Published networks: every row of the table of facts is a reference, with its parameters and multiply-accumulates."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import einsyn
from einsyn.references import References
from einsyn.shipped import shipped_spaces

PUBLISHED = Path(__file__).parents[3] / "shared" / "reference" / "architectures.csv"
SOURCES = ("cv ", "tv ")  # marks of other libraries than timm, before some names
REFERENCES = {name: space for space, file in shipped_spaces().items() for name in References(file).names}


def rows() -> list[tuple[str, int, float, int]]:
    """Name of the reference, parameters, millions of MACs, side of the image."""
    if not PUBLISHED.exists():
        return []
    with PUBLISHED.open(encoding="utf-8") as file:
        return [
            (_name(row["model"]), int(row["params"]), float(row["mmacs"]), int(row["input"]))
            for row in csv.DictReader(file)
        ]


def _name(model: str) -> str:
    """The name of a row without the mark of its library and without remarks."""
    for mark in SOURCES:
        model = model.removeprefix(mark)
    return model.split(" (")[0].lower()


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"{PUBLISHED} is not there")
@pytest.mark.parametrize("row", [r for r in rows() if r[0] in REFERENCES], ids=lambda r: r[0])
def test_costs_are_the_published_ones(row: tuple[str, int, float, int]) -> None:
    name, params, mmacs, side = row
    space = einsyn.load(REFERENCES[name])
    architecture = space.ref(name)
    assert [t.shape[1:] for _, t in architecture.space.inputs] == [[3, side, side]]
    assert architecture.params == params
    assert abs(architecture.macs / 1e6 - mmacs) <= max(0.001 * mmacs, 0.05)
