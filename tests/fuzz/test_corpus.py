"""The corpus of findings: each is readable, explained, free of code that a replay would run, and happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from ecosystem import SYSTEMS

from einsyn.testing.oracles import ORACLES
from einsyn.testing.replay import replay
from einsyn.testing.stored import folders, read_case, read_finding
from einsyn.versions import versions

CORPUS = Path(__file__).parent / "corpus"
FOLDERS = list(folders(CORPUS))
# The functions beside this file that run a tool; nothing else is imported for a finding.
TOOLS = [name for system in SYSTEMS.values() for name in system.against if name not in ORACLES]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_finding_is_explained_and_reads_back(folder: Path) -> None:
    explained = (CORPUS / "README.md").read_text(encoding="utf-8")
    assert f"`{folder.relative_to(CORPUS).as_posix()}` | " in explained
    finding = read_finding(folder)
    assert {finding.oracle, finding.reference} <= {*ORACLES, *TOOLS}
    then, now = read_case(folder, finding)
    assert then.shapes == now.shapes
    assert {name: array.shape for name, array in then.inputs.items()} == {n: a.shape for n, a in now.inputs.items()}


def test_every_explanation_has_a_finding() -> None:
    rows = [line for line in (CORPUS / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(FOLDERS)


@pytest.mark.slow
def test_what_was_found_happens_with_the_versions_that_it_was_found_with() -> None:
    packages = [package for system in SYSTEMS.values() for package in system.packages]
    again = list(replay(CORPUS, TOOLS))
    assert [each.folder for each in again] == FOLDERS
    now = {key: value for key, value in versions(*packages).items() if key != "python"}
    for each in again:
        unchanged = all(now.get(key) == value for key, value in each.finding.versions.items() if key in now)
        if unchanged:
            assert each.status in ("fails", "rewritten"), each
        else:
            assert each.status != "skipped", each
