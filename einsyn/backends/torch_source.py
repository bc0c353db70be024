"""A graph as standalone torch source: one `nn.Module`, flat statements, no import but torch.

Blocks that repeat are classes of their own; see `torch_blocks` for which they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from einsyn.backends.torch_blocks import Block, blocks_of
from einsyn.backends.torch_body import body_of
from einsyn.backends.torch_classes import ROW, Instance, Written, as_classes, comment_of, lines_of, written_out
from einsyn.backends.torch_declared import declared, with_declarations
from einsyn.backends.torch_format import assignment, commented, definition, deletion, row
from einsyn.backends.torch_functions import functions_of
from einsyn.backends.torch_members import Nested, Slot
from einsyn.backends.torch_names import CLASS_NAME, TAKEN, argument_names, attribute_name, class_name
from einsyn.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from einsyn.ir.graph import Graph

__all__ = ["Slot", "TorchSource", "write_source"]

_COMMENT_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class TorchSource:
    """Source of a module, and where its weights are.

    Args:
        text: a Python file that defines the class `Net`, and those of its blocks before it.
        keys: for the parameters and buffers of each weight set their keys in the `state_dict`.
    """

    text: str
    keys: Mapping[Slot, str]


def write_source(
    graph: Graph,
    *,
    title: str = "",
    architecture: str = "",
    space: str = "",
    blocks: bool = True,
    built: Graph | None = None,
) -> TorchSource:
    """Write a graph as torch source.

    Args:
        graph: what to write.
        title: for the comment at the top, where any text is safe.
        architecture: likewise.
        space: likewise.
        blocks: whether parts that repeat become classes of their own.
        built: for a graph that is deployed the one as elaborated; the comment at the top states the costs of both.

    Raises:
        BackendError: B003 an operation cannot be written, B004 operations that share weights need different layers.
    """
    functions = functions_of(graph)
    arguments = argument_names([name for name, _ in graph.inputs], TAKEN.union(functions))
    root = blocks_of(graph) if blocks else Block([], 0, list(graph.operations), len(graph.operations))
    taken = {*TAKEN, *functions}
    instances: dict[Block, Instance] = {}
    classes: list[Written] = []
    for members in _by_structure(root):
        # Of equal blocks the first is written.
        first: dict[object, Block] = {}
        written = [first.setdefault(_contents(graph, block, instances), block) for block in members]
        bodies = [body_of(graph, block, instances, None, set(functions)) for block in first.values()]
        stem = _common_name(members)
        made = as_classes(bodies, class_name(stem), attribute_name(stem), taken)
        of = dict(zip(first.values(), made, strict=True))
        for block, like in zip(members, written, strict=True):
            instances[block] = of[like] if block is like else of[like].applied(_owners(graph, like, block))
        classes += dict.fromkeys(instance.written for instance in made)
    whole = body_of(graph, root, instances, arguments, set(functions))
    lines = _header(graph, title, architecture, space, built)
    lines += ["import torch", "from torch import nn", "", ""]
    for text in functions.values():
        lines += [text.strip("\n"), "", ""]
    for written in classes:
        lines += [*_class(written), "", ""]
    lines += _class(Written(CLASS_NAME, "", whole))
    return TorchSource("\n".join(lines) + "\n", dict(whole.all_keys()))


def _by_structure(root: Block) -> Iterator[list[Block]]:
    """The blocks that are classes, those of one structure together, inner ones first."""
    found: dict[int, list[Block]] = {}
    pending: list[Block] = [root]
    while pending:
        block = pending.pop()
        if block.kept and block.structure is not None:
            found.setdefault(block.structure, []).append(block)
        pending += [item for item in reversed(block.items) if isinstance(item, Block)]
    for structure in sorted(found):
        yield found[structure]


def _contents(graph: Graph, block: Block, instances: Mapping[Block, Instance]) -> object:
    """What a block is, but for its weight sets and for where it stands: equal for blocks that are written alike."""
    values = {value: i for i, value in enumerate(block.inputs)}
    owners: dict[int | None, int] = {}
    found: list[object] = [graph.types[value] for value in block.inputs]
    for part in block.parts():
        if isinstance(part, Block):
            found.append(instances[part].body)
        else:
            found += part.op, owners.setdefault(part.owner, len(owners))
        found.append(tuple([values[value] for value in part.inputs]))
        for value in part.outputs:
            values[value] = len(values)
    found.append(tuple([values[value] for value in block.outputs]))
    return tuple(found)


def _owners(graph: Graph, block: Block, other: Block) -> dict[int, int]:
    """For each weight set of a block that of an equal one."""
    operations = graph.operations
    pairs = zip(operations[block.start : block.end], operations[other.start : other.end], strict=True)
    return {a.owner: b.owner for a, b in pairs if a.owner is not None and b.owner is not None}


def _common_name(blocks: Sequence[Block]) -> str:
    """The outermost name that all blocks have, else that of the first."""
    common = set(blocks[0].names).intersection(*[block.names for block in blocks])
    return next((name for name in reversed(blocks[0].names) if name in common), blocks[0].names[-1])


def _class(written: Written) -> list[str]:
    """A class as lines."""
    body, parameters = written.body, written.parameters
    lines = [f"class {written.name}(nn.Module):"]
    if written.texts or parameters or any(isinstance(member, Nested) for member in body.members):
        texts = written_out(lines_of(body), written.texts)
    else:
        # Nothing differs and nothing is nested: what was written is what is shown.
        texts = [member.value for member in body.members if not isinstance(member, Nested)]
        texts += [statement.code for statement in body.statements]
    count = len(body.members)
    buffers = [member.name for member in body.members if not isinstance(member, Nested) and member.kind == "buffer"]
    if buffers:
        # Else type checkers take what is registered for a tensor or a module.
        lines += [*[f"    {name}: torch.Tensor" for name in buffers], ""]
    if body.members:
        given = [f"{p.name}: {p.kind}" + ("" if p.default is None else f" = {p.default}") for p in parameters]
        lines += definition("__init__", given, "None")
        lines.append("        super().__init__()")
        lines += [f"        self.{p.name} = {p.name}" for p in parameters if p.stored]
        for member, text in zip(body.members, texts, strict=False):
            if isinstance(member, Nested) and len(member.instances) > 1:
                made, _, number = text.rpartition(ROW)
                lines += row(2, f"self.{member.name}", made, number)
            elif isinstance(member, Nested) or member.kind == "layer":
                lines += assignment(2, f"self.{member.name}", text)
            elif member.kind == "parameter":
                lines += assignment(2, f"self.{member.name}", f"nn.Parameter({text})")
            else:
                lines += assignment(2, "", f'self.register_buffer("{member.name}", {text})')
        lines.append("")
    returned = "torch.Tensor" if len(body.results) == 1 else f"tuple[{', '.join(['torch.Tensor'] * len(body.results))}]"
    lines += definition("forward", [f"{name}: torch.Tensor" for name in body.arguments], returned)
    declarations = declared(texts[count:], body.arguments)
    for i, (statement, text) in enumerate(zip(body.statements, texts[count:], strict=True)):
        if statement.deleted:
            lines += deletion(2 + statement.indent, statement.deleted)
            continue
        comment = written.shown[i] if written.shown else comment_of((statement,))
        if i in declarations:
            *above, text = with_declarations(text, declarations[i])
            lines += ["    " * (2 + statement.indent) + line for line in above]
        lines += commented(2 + statement.indent, text, comment)
    lines.append(f"        return {', '.join(body.results)}")
    return lines


def _header(graph: Graph, title: str, architecture: str, space: str, built: Graph | None) -> list[str]:
    """The comment at the top. Its first two lines are fixed, so that no text can pose as an encoding declaration."""
    lines = ["# A network written by einsyn.", "# It needs torch and nothing else."]
    facts = {"title": title, "space": space, "architecture": architecture}
    facts["inputs"] = ", ".join(f"{name} {graph.types[value]}" for name, value in graph.inputs)
    facts["outputs"] = ", ".join(str(graph.types[value]) for value in graph.outputs)
    facts["form"] = "" if built is None else "deploy, for evaluation alone"
    facts["parameters"] = f"{graph.params:,}{'' if built is None else f', as built {built.params:,}'}"
    facts["multiply-accumulates at batch 1"] = f"{graph.macs:,}{'' if built is None else f', as built {built.macs:,}'}"
    for name, fact in facts.items():
        if fact:
            text, mark = f"{name}: {printable(fact)}".rstrip(), "#"
            while text:
                # No line ends with a space: it begins the next one.
                end = len(text[:_COMMENT_WIDTH].rstrip()) or _COMMENT_WIDTH
                lines.append(f"{mark} {text[:end]}")
                text, mark = text[end:], "#  "
    return [*lines, ""]
