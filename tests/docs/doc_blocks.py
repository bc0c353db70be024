"""Runs what the pages show: files, console sessions and Python snippets, in the order of the page.

- A fence after `<!-- file: NAME -->` is written to that file.
- In a `console` fence lines that start with `$ ` are run; what follows is compared with standard output and
  standard error together. `...` stands for anything, on a line of its own for any lines.
- A `python` fence is executed; a `text` fence right after it is what it prints.
- A `diff` fence is applied with `git apply`, where the page is run in a copy of the project.

    python tests/docs/doc_blocks.py PAGE...

writes into pages what their commands and snippets say now; read the difference before you keep it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n+)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)

# What a command says that ends with another status than 0: a diagnostic, failed tests, findings.
REFUSED = re.compile(r"error\[|^\d+ failed|fail in [1-9]\d* ways|^fails ", re.MULTILINE)


@dataclass
class Block:
    """A fenced block of a page: its kind, text, the file that it is, the line that it starts on."""

    kind: str
    body: str
    file: str | None
    line: int
    follows: bool  # right after the block before it


def blocks_of(text: str) -> Iterator[Block]:
    end = 0
    for match in FENCE.finditer(text):
        follows = not text[end : match.start()].strip()
        line = text.count("\n", 0, match.start("body"))
        yield Block(match["kind"], match["body"], match["file"], line, follows)
        end = match.end()


def sessions(body: str) -> Iterator[tuple[str, str]]:
    """Commands of a console block with the output shown for each."""
    command: str | None = None
    shown: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(shown)
            command, shown = line[2:], []
        else:
            assert command is not None, f"a console block starts with `$ `: {line}"
            shown.append(line)
    if command is not None:
        yield command, "\n".join(shown)


def matches(expected: str, actual: str) -> bool:
    parts: list[str] = []
    for line in expected.strip("\n").splitlines():
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n")
    return re.fullmatch("".join(parts), actual.strip("\n") + "\n" if actual.strip("\n") else "") is not None


class Runner:
    """Runs the blocks of one page in a folder.

    Args:
        folder: where files are written and commands run.
        root: the project that is run; None for the one that is imported here, in this process.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self.root = root
        self.names: dict[str, object] = {"__name__": "page"}

    def command(self, line: str) -> tuple[int, str]:
        """Exit status and output of a command."""
        words = shlex.split(line)
        if words[0] == "cat":
            return 0, "".join((self.folder / name).read_text(encoding="utf-8") for name in words[1:])
        if words[0] == "einsyn" and self.root is None:
            from einsyn.cli.main import run

            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status = run(words[1:])
            return status, said.getvalue()
        programs = {"einsyn": [sys.executable, "-m", "einsyn"], "python": [sys.executable]}
        assert words[0] in programs, f"a page may run einsyn, python and cat, not `{words[0]}`"
        project = self.root or Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [*programs[words[0]], *words[1:]],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def python(self, body: str, place: str) -> str:
        """What a snippet prints; snippets of a page share their names."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(body, place, "exec"), self.names)
        return said.getvalue()

    def apply(self, diff: str) -> None:
        """Change the copy of the project as a diff says."""
        # Outside of any repository, also where the folder for temporary files lies in one.
        env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(
            ["git", "apply", "-"],
            input=diff,
            cwd=self.folder,
            env={**env, "GIT_CEILING_DIRECTORIES": str(self.folder.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def page(self, text: str, name: str) -> None:
        """Run a page; an assertion says where it shows something else than happens."""
        printed: str | None = None
        for block in blocks_of(text):
            place = f"{name}:{block.line}"
            if block.file is not None:
                file = self.folder / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.body, encoding="utf-8")
            elif block.kind == "console":
                for line, shown in sessions(block.body):
                    status, said = self.command(line)
                    assert matches(shown, said), f"{place}: $ {line}\nshown:\n{shown}\nis:\n{said}"
                    refused = REFUSED.search(said) is not None
                    assert (status != 0) == refused, f"{place}: $ {line}\nexit status {status}\n{said}"
            elif block.kind == "python":
                printed = self.python(block.body, place)
                continue
            elif block.kind == "text" and block.follows and printed is not None:
                assert matches(block.body, printed), f"{place}\nshown:\n{block.body}\nis:\n{printed}"
            elif block.kind == "diff":
                assert self.root is not None, f"{place}: only CONTRIBUTING.md has diffs"
                self.apply(block.body)
            printed = None


def refreshed(text: str, runner: Runner, name: str) -> str:
    """A page with the outputs of now; an output with `...` that still fits stays as it is."""
    parts: list[str] = []
    end = 0
    printed: str | None = None
    for match in FENCE.finditer(text):
        body, kind = match["body"], match["kind"]
        new = body
        snippet = kind == "python" and match["file"] is None
        if kind == "console":
            new = ""
            for line, shown in sessions(body):
                said = shown if matches(shown, actual := runner.command(line)[1]) else actual
                new += "\n".join([f"$ {line}", *said.strip("\n").splitlines()]) + "\n"
        elif kind == "text" and printed is not None and not text[end : match.start()].strip("`\n "):
            new = body if matches(body, printed) else printed
        elif not snippet:
            runner.page(match.group(), name)
        printed = runner.python(body, name) if snippet else None
        parts += [text[end : match.start("body")], new]
        end = match.end("body")
    return "".join([*parts, text[end:]])


def main(pages: list[str]) -> None:
    """Refresh pages in place."""
    from tempfile import TemporaryDirectory

    for page in map(Path, pages):
        file = page.resolve()
        with TemporaryDirectory() as folder, contextlib.chdir(folder):
            text = refreshed(file.read_text(encoding="utf-8"), Runner(Path(folder)), page.name)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
