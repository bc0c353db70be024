"""Local variables that are declared, since type checkers do not find out what they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# pyright does not infer the type of a variable that is assigned more often.
MOST_INFERRED: Final = 64
_TARGETS: Final = re.compile(r"(x\d*(?:, x\d*)*) = ")
# Lists of tensors, and what a loop counts with.
_OTHER: Final = re.compile(r"(?:for )?(x\d*) (?:in |= list\[)")


def declared(statements: Sequence[str], arguments: Collection[str]) -> dict[int, list[str]]:
    """For the number of a statement the variables that are declared there, which it assigns first.

    Args:
        statements: of a method, in order, without comments.
        arguments: names that are declared already.
    """
    if len(statements) <= MOST_INFERRED:
        return {}
    assigned: dict[str, list[int]] = {}
    known = set(arguments)
    for i, statement in enumerate(statements):
        match = _TARGETS.match(statement)
        for name in match[1].split(", ") if match else ():
            assigned.setdefault(name, []).append(i)
        if other := _OTHER.match(statement):
            known.add(other[1])
    found: dict[int, list[str]] = {}
    for name, places in assigned.items():
        if len(places) > MOST_INFERRED and name not in known:
            found.setdefault(places[0], []).append(name)
    return found


def with_declarations(statement: str, names: Sequence[str]) -> list[str]:
    """A statement that declares the variables, after lines that do where it assigns others as well."""
    target, _, value = statement.partition(" = ")
    if list(names) == [target]:
        return [f"{target}: torch.Tensor = {value}"]
    return [*[f"{name}: torch.Tensor" for name in names], statement]
