"""The corpus of findings: each is readable, explained, and free of code that a replay would run."""

from __future__ import annotations

from pathlib import Path

import pytest

from einsyn.testing.oracles import ORACLES
from einsyn.testing.stored import folders, read_case, read_finding

CORPUS = Path(__file__).parent / "corpus"
FOLDERS = list(folders(CORPUS))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_finding_is_explained_and_reads_back(folder: Path) -> None:
    explained = (CORPUS / "README.md").read_text(encoding="utf-8")
    assert f"`{folder.relative_to(CORPUS).as_posix()}` | " in explained
    finding = read_finding(folder)
    assert {finding.oracle, finding.reference} <= set(ORACLES)
    then, now = read_case(folder, finding)
    assert then.shapes == now.shapes
    assert {name: array.shape for name, array in then.inputs.items()} == {n: a.shape for n, a in now.inputs.items()}


def test_every_explanation_has_a_finding() -> None:
    rows = [line for line in (CORPUS / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(FOLDERS)
