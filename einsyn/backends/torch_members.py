"""What a class of torch source consists of: what it owns, and the lines of its `forward`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from einsyn.backends.torch_classes import Instance
    from einsyn.ir.types import TensorType

# What weights are indexed with: the weight set and the name of a parameter or buffer in it.
Slot = tuple[int, str]


class Member(NamedTuple):
    """What a module owns under one name.

    Args:
        name: the attribute.
        kind: a layer, a bare parameter, or a buffer.
        value: the expression that makes it.
    """

    name: str
    kind: Literal["layer", "parameter", "buffer"]
    value: str


class Nested(NamedTuple):
    """A block that a module owns, or several equal ones that are applied one after the other."""

    name: str
    instances: tuple[Instance, ...]


class Statement(NamedTuple):
    """A line of `forward`.

    Args:
        indent: levels below those of the method.
        code: without a comment.
        types: of what it computes, for the comment.
        unused: whether nobody uses that.
        deleted: names that it deletes; nothing else is done then.
    """

    indent: int
    code: str
    types: tuple[TensorType, ...] = ()
    unused: bool = False
    deleted: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class Body:
    """What a class does.

    Args:
        members: what it owns, in the order of execution.
        statements: what `forward` does.
        arguments: what `forward` takes.
        results: what it returns.
        keys: where its own weights are in its `state_dict`.
        inputs, outputs: the types of what it takes and returns.
    """

    arguments: list[str]
    members: list[Member | Nested] = field(default_factory=list["Member | Nested"])
    statements: list[Statement] = field(default_factory=list[Statement])
    results: list[str] = field(default_factory=list[str])
    keys: dict[Slot, str] = field(default_factory=dict[Slot, str])
    inputs: tuple[TensorType, ...] = ()
    outputs: tuple[TensorType, ...] = ()

    def all_keys(self) -> Iterator[tuple[Slot, str]]:
        """Where the weights of it and of all blocks inside are."""
        pending: list[tuple[str, Body, Mapping[int, int]]] = [("", self, {})]
        while pending:
            prefix, body, owners = pending.pop()
            for (owner, name), key in body.keys.items():
                yield (owners.get(owner, owner), name), f"{prefix}{key}"
            for member in body.members:
                if isinstance(member, Nested):
                    for i, instance in enumerate(member.instances):
                        within = f"{member.name}.{i}." if len(member.instances) > 1 else f"{member.name}."
                        own = {a: owners.get(b, b) for a, b in instance.owners.items()} or owners
                        pending.append((f"{prefix}{within}", instance.body, own))
