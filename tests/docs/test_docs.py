"""What README, docs/ and CONTRIBUTING show is what happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import Runner, blocks_of, matches

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
RUN = [p for p in PAGES if any(b.kind in ("console", "python") for b in blocks_of((ROOT / p).read_text("utf-8")))]
EXAMPLES = sorted(p.name for p in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("page", RUN)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from einsyn.ops import OPS

    known = dict(OPS)
    monkeypatch.chdir(tmp_path)
    try:
        Runner(tmp_path).page((ROOT / page).read_text(encoding="utf-8"), page)
    finally:
        for name in set(OPS) - set(known):
            del OPS[name]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example)],
        cwd=tmp_path,
        # One thread: tests run beside each other, and threads that wait for a busy core cost more than they give.
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_contributing(tmp_path: Path) -> None:
    """The diffs apply to a copy of the project, and the copy then does what the page shows."""
    copy = tmp_path / "einsyn"
    copy.mkdir()
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("einsyn", "grammars", "docs", "tests/rewrite"):
        shutil.copytree(ROOT / name, copy / name, ignore=skip)
    for file in ROOT.glob("*.md"):
        shutil.copy(file, copy / file.name)
    for name in ("LICENSE", "pyproject.toml", "tests/conftest.py", "tests/small_spaces.py"):
        shutil.copy(ROOT / name, copy / name)
    Runner(copy, copy).page((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "CONTRIBUTING.md")


def test_generated_pages_are_current_and_links_resolve() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build.py"), "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_screen_of_the_readme_has_the_essentials() -> None:
    head = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:60])
    for needed in ("make demo", "make test", "pip install", "docs/README.md", "$ einsyn", "does not"):
        assert needed in head, needed


def test_elision() -> None:
    assert matches("a ... c\n...\nz", "a b c\n1\n2\nz\n")
    assert matches("", "")
    assert not matches("a\nz", "a\nb\nz\n")
    assert not matches("", "said\n")
