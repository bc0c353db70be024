"""What `lint` and `explain` say about every mistake, in full: `mistakes.txt` is what a person reads.

`python tests/cli/test_mistakes.py` writes the file anew; read the difference before it is committed.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from mistakes import DOUBTFUL, SPACE, TEXTS
from wrong_spaces import HEAD, SPACES

from einsyn.cli.main import run

GOLDEN = Path(__file__).with_name("mistakes.txt")


def said(*arguments: str) -> str:
    """The results and messages of a command, and its status."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(list(arguments))
    shown = [line.rstrip() for line in (out.getvalue() + err.getvalue()).splitlines()]
    return "\n".join([*shown, f"exit status {status}"])


def sections() -> Iterator[str]:
    """A mistake and what is said about it."""
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("evil.py").write_text("")
        file = Path("space.lark")
        for name, text in [*[(w.name, w.text) for w in SPACES], *DOUBTFUL.items()]:
            file.write_text(HEAD + text + "\n", encoding="utf-8")
            shown = "\n".join(f"    {line[:200]}" for line in text.splitlines())
            yield f"# lint: {name}\n{shown}\n{said('lint', 'space.lark')}\n"
        file.write_text(SPACE, encoding="utf-8")
        for text in TEXTS:
            yield f"# explain: {text!r}\n{said('explain', 'space.lark', text)}\n"


def test_every_mistake_is_told_as_it_was_agreed() -> None:
    expected = re.split(r"(?m)^(?=# (?:lint|explain): )", GOLDEN.read_text(encoding="utf-8"))[1:]
    found = [f"{section}\n" for section in sections()]
    assert [s.splitlines()[0] for s in found] == [s.splitlines()[0] for s in expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == theirs


def test_there_are_enough_and_each_says_what_to_do() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    parts = re.split(r"(?m)^(?=# (?:lint|explain): )", text)[1:]
    assert len(parts) == len(SPACES) + len(DOUBTFUL) + len(TEXTS) >= 60
    for part in parts:
        architecture = "an architecture of space\n" in part
        assert architecture or "help: " in part or "nearest" in part, part
        assert "Traceback" not in part
        # A code and a place in every finding.
        assert architecture or re.search(r"(error|warning|note)\[[A-Z]\d{3}\]: ", part), part
        assert architecture or re.search(r"(space\.lark|<architecture>):\d+:\d+", part), part


if __name__ == "__main__":
    GOLDEN.write_text("\n".join(sections()) + "\n", encoding="utf-8")
