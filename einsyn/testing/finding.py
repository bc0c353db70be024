"""A finding on disk: a folder with the network, its inputs, a script that shows the failure, and what it says.

net.arch         the derivation, as text
graph.ir         the typed graph; `--replay` reads this, so that it runs no code from the folder
model.onnx       the network with its weights
net.py           the network as torch source
inputs.npz       the inputs
reproduce.py     shows the failure without einsyn
finding.json     everything that is known about it
README.md        the same for people
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError
from einsyn.files import replacing
from einsyn.ir.text import print_graph
from einsyn.testing.case import Case
from einsyn.testing.judge import MEANINGS
from einsyn.testing.reproduction import reproduction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.architecture import Architecture

RECORD: Final = "finding.json"
# Who fails where a network cannot even be written.
EINSYN: Final = "einsyn"
# What a folder holds beside its record.
FILES: Final = ("net.arch", "graph.ir", "README.md", "net.py", "reproduce.py", "model.onnx", "inputs.npz")


@dataclass(frozen=True)
class Finding:
    """One failure, shrunk.

    Args:
        oracle, kind, exception, detail: who fails and how, see `Disagreement`.
        reference: whom it is compared with.
        pattern: the operations to blame, `max_pool(kernel=3) < conv(...)` for one fed by another.
        ops: their names, the last first.
        space: how the space was named.
        arch: the smallest architecture found.
        modules: productions in its derivation, and operations in its graph.
        original: the architecture that was drawn.
        tests: how many derivations were tried to get there.
        seed: of weights and inputs.
        timeout: seconds that a run was given.
        reproducible: whether it happened again in a fresh process.
        versions: of the packages that took part.
        seen: how often it was met in the run.
        memory: bytes that a run might take beyond what is loaded; None for no bound.
    """

    oracle: str
    reference: str
    kind: str
    exception: str
    detail: str
    pattern: str
    space: str
    arch: str
    timeout: float
    ops: tuple[str, ...] = ()
    size: int = 0
    operations: int = 0
    original: str = ""
    tests: int = 0
    seed: int = 0
    reproducible: bool = True
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    seen: int = 1
    memory: int | None = None

    @property
    def key(self) -> tuple[str, str, str, tuple[str, ...]]:
        """Findings with equal keys are one."""
        return self.oracle, self.kind, self.exception, self.ops

    @property
    def title(self) -> str:
        """One line for people."""
        how = self.exception or MEANINGS[self.kind]
        return f"{self.oracle}: {self.kind} in {self.pattern} ({how})"

    @property
    def folder(self) -> str:
        """The name of its folder, without the number."""
        words = "-".join((self.oracle, self.kind, *self.ops[:2]))
        return "".join(c if c.isalnum() or c in "-_" else "-" for c in words)[:80]


def write_finding(folder: Path, finding: Finding, architecture: Architecture, case: Case | None) -> None:
    """Write the folder of a finding; each file is whole or not there, the record comes last.

    Where the network cannot be written at all, there is no case, and so no model and no script. A folder without its
    record is not left behind.

    Raises:
        FileError: F009 a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"`{folder}` cannot be made: {error.strerror or error}"
        raise FileError(Diagnostic("F009", said, hint="check the folder")) from None
    try:
        _write_files(folder, finding, architecture, case)
        write_record(folder, finding)
    except BaseException:  # no half of a finding stays, whatever happens, Ctrl-C too
        if not (folder / RECORD).exists():
            for name in FILES:
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # somebody else's files are in it
                folder.rmdir()
        raise


def _write_files(folder: Path, finding: Finding, architecture: Architecture, case: Case | None) -> None:
    import numpy as np

    graph = replace(architecture.graph, operations=tuple(o._replace(span=None) for o in architecture.graph.operations))
    texts = {
        "net.arch": arch_file(architecture),
        "graph.ir": print_graph(graph) + "\n",
        "README.md": _readme(finding, architecture),
    }
    if case is not None:
        texts["net.py"] = case.source
        texts["reproduce.py"] = reproduction(
            finding.title,
            finding.reference,
            finding.oracle,
            finding.kind,
            case.shapes,
            finding.timeout,
            finding.memory,
        )
    for name, text in texts.items():
        with replacing(folder / name) as stream:
            stream.write(text)
    if case is not None:
        with replacing(folder / "model.onnx", "wb") as stream:
            stream.write(case.model)
        with replacing(folder / "inputs.npz", "wb") as stream:
            np.savez(stream, **cast("dict[str, Any]", dict(case.inputs)))


def write_record(folder: Path, finding: Finding) -> None:
    """Write `finding.json` alone, after a count has changed."""
    with replacing(folder / RECORD) as stream:
        stream.write(json.dumps(vars(finding), indent=2, ensure_ascii=False) + "\n")


def arch_file(architecture: Architecture) -> str:
    """The text of an `.arch` file: parameters and inputs as directives, then the architecture."""
    space = architecture.space
    lines = [
        f"//@ set {name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in space.params.items()
        if len(str(value).split()) == 1
    ]
    for name, t in space.inputs:
        axes = ",".join(f"{axis}:{size}" for axis, size in zip(t.axes, t.sizes, strict=True))
        lines.append(f"//@ input {axes}" if len(space.inputs) == 1 else f"//@ input {name}={axes}")
    return "\n".join([*lines, architecture.text, ""])


def _readme(finding: Finding, architecture: Architecture) -> str:
    shown = architecture.text if len(architecture.text) <= 2_000 else f"{architecture.text[:2_000]} ..."
    versions = "\n".join(f"- {name} {version}" for name, version in finding.versions.items())
    again = (
        "It happened again in a fresh process."
        if finding.reproducible
        else ("It did not happen again in a fresh process: the state of the one before may have mattered.")
    )
    return f"""# {finding.title}

{MEANINGS[finding.kind].capitalize()}: {finding.detail or "nothing was said"}. {again}

- under test: `{finding.oracle}`, reference: `{finding.reference}`
- to blame: `{finding.pattern}`
- space: `{finding.space}`, {finding.size} productions, {finding.operations} operations
- {finding.tests} derivations were tried to get there

```text
{shown}
```

Show it again, without einsyn: `python reproduce.py`. With einsyn: `einsyn fuzz --replay .`

Seen with:

{versions}
"""
