"""Blocks of one structure as classes: what differs between them becomes an argument of the constructor.

Every number in what a block writes is a place. Blocks whose text is equal but for the numbers are one class; numbers
that are the same in all of them stay what they are, and those that differ in the same way become one parameter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.backends.torch_layers import LAYERS, SIZES, taken_apart
from einsyn.backends.torch_members import Body, Nested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.backends.torch_members import Statement
    from einsyn.ir.types import TensorType

# A string, which is left alone, or a number or a truth value on its own.
_NUMBER: Final = re.compile(
    r"""("[^"]*"|'[^']*')|(?<![\w.])(\d+(?:\.\d*)?(?:e[+-]?\d+)?|True|False)(?![\w.]|\.\d)""", re.ASCII
)
_TRUTHS: Final = ("True", "False")
# What numbers in statements are called.
_WORDS: Final = {"int": "size", "float": "value", "bool": "flag"}
# Between what makes one block of a row, and how many there are.
ROW: Final = " * "
# Beyond so many, arguments are given by name.
_MOST_POSITIONAL: Final = 4


class Place(NamedTuple):
    """A number in what a block writes.

    Args:
        text: the number.
        argument: what it is called where it stands: the name of a constructor's argument, or nothing.
        member: the attribute that it is for, or nothing in a statement.
        default: what the argument is where it is not given.
    """

    text: str
    argument: str = ""
    member: str = ""
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a class.

    Args:
        name: its name.
        kind: its type.
        default: what it is where it is not given.
        argument: what it is called where it is used first.
        stored: whether statements need it.
    """

    name: str
    kind: str
    default: str | None
    argument: str
    stored: bool


@dataclass(eq=False, slots=True)
class Written:
    """A class.

    Args:
        name: its name.
        attribute: what attributes that hold it are called, but for a number.
        parameters: of its constructor.
        body: that of one of its blocks.
        texts: for each place of the body what stands there.
        shown: for each statement of the body the comment.
    """

    name: str
    attribute: str
    body: Body
    parameters: list[Parameter] = field(default_factory=list[Parameter])
    texts: list[str] = field(default_factory=list[str])
    shown: list[str] = field(default_factory=list[str])


@dataclass(eq=False, slots=True)
class Instance:
    """A block as one of a class.

    Args:
        body: what it does, written for the first block that is equal to it.
        written: its class.
        arguments: for each parameter of the class what it is given.
        owners: for the weight sets of the body its own, where those are others.
    """

    body: Body
    written: Written
    arguments: tuple[str, ...]
    owners: Mapping[int, int] = field(default_factory=dict[int, int])

    def applied(self, owners: Mapping[int, int]) -> Instance:
        """An equal block, which has these weight sets in place of its own."""
        return Instance(self.body, self.written, self.arguments, owners)

    def same_as(self, other: Instance) -> bool:
        """Whether another is made in the same way."""
        return self.written is other.written and self.arguments == other.arguments


# What is written: text, places, and arguments that can be left out where they are what they would be anyway.
class Optional(NamedTuple):
    """An argument given by name."""

    name: str
    value: tuple[str | Place, ...]
    default: str


Part = str | Place | Optional


class Line(NamedTuple):
    """What a member or a statement writes.

    Args:
        parts: in order.
        form: the parts without the numbers, which lines of one class have in common.
        places: the numbers in order.
    """

    parts: tuple[Part, ...]
    form: tuple[object, ...]
    places: tuple[Place, ...]


def lines_of(body: Body) -> list[Line]:
    """What a body writes: its members, then its statements."""
    lines: list[Line] = []
    for member in body.members:
        if isinstance(member, Nested):
            lines.append(_line(_nested(member)))
        else:
            lines.append(_constructed(member.name, member.value))
    lines += [_masked_line(statement.code) for statement in body.statements]
    return lines


def _line(parts: Sequence[Part]) -> Line:
    form: list[object] = []
    places: list[Place] = []
    for part in parts:
        if isinstance(part, Optional):
            value = _line(part.value)
            form.append((part.name, value.form))
            places += value.places
        elif isinstance(part, Place):
            form.append(None)
            places.append(part)
        else:
            form.append(part)
    return Line(tuple(parts), tuple(form), tuple(places))


def _masked(text: str, argument: str = "", member: str = "", default: str | None = None) -> tuple[str | Place, ...]:
    """A text with its numbers as places."""
    found: list[str | Place] = []
    at = 0
    for match in _NUMBER.finditer(text):
        if match.group(2) is None:
            continue
        found += [text[at : match.start()], Place(match.group(2), argument, member, default)]
        at = match.end()
    return (*found, text[at:])


# Blocks, and one network after the other, write the same few lines over and over.
@lru_cache(maxsize=4096)
def _masked_line(text: str) -> Line:
    return _line(_masked(text))


@lru_cache(maxsize=4096)
def _constructed(name: str, value: str) -> Line:
    """What makes a member that is no block."""
    made = taken_apart(value)
    if made is None:
        return _line(_masked(value, "", name))
    parts: list[Part] = [f"{made.function}("]
    for i, (argument, text) in enumerate(made.positional):
        parts += [", " if i else "", *_masked(text, argument, name)]
    defaults = LAYERS[made.function][1]
    for argument, text in made.named:
        default = defaults.get(argument)
        if default is None:
            parts += [f", {argument}=", *_masked(text, argument, name)]
        else:
            parts.append(Optional(argument, _masked(text, argument, name, default), default))
    return _line([*parts, ")", made.rest])


def _nested(member: Nested) -> list[Part]:
    first, count = member.instances[0], len(member.instances)
    written = first.written
    by_name = sum(parameter.default is None for parameter in written.parameters) > _MOST_POSITIONAL
    parts: list[Part] = [f"{written.name}("]
    opened = True
    for parameter, text in zip(written.parameters, first.arguments, strict=True):
        if parameter.default is not None:
            value = (Place(text, parameter.argument, member.name, parameter.default),)
            parts.append(Optional(parameter.name, value, parameter.default))
            continue
        name = f"{parameter.name}=" if by_name else ""
        parts += ["" if opened else ", ", name, Place(text, parameter.argument, member.name)]
        opened = False
    parts.append(")")
    if count == 1:
        return parts
    return [*parts, ROW, Place(str(count), "depth", member.name)]


def written_out(lines: Sequence[Line], texts: Sequence[str]) -> list[str]:
    """Lines as text.

    Args:
        lines: in order.
        texts: what stands in the places, in order; nothing where they stay as they are.
    """
    remaining = iter(texts or [place.text for place in places_of(lines)])
    found: list[str] = []
    for line in lines:
        text = ""
        for part in line.parts:
            if isinstance(part, Optional):
                value = "".join([next(remaining) if isinstance(each, Place) else each for each in part.value])
                if value != part.default:
                    text += f"{'' if text.endswith('(') else ', '}{part.name}={value}"
            else:
                text += next(remaining) if isinstance(part, Place) else part
        found.append(text)
    return found


def shape_of(lines: Sequence[Line], body: Body) -> object:
    """What bodies of one class have in common: everything but the numbers."""
    names = tuple([(type(member), member.name) for member in body.members])
    types = [t for statement in body.statements for t in statement.types]
    axes = tuple([(t.axes, t.batched, t.dtype) for t in (*body.inputs, *body.outputs, *types)])
    statements = tuple([(s.indent, len(s.types), s.unused) for s in body.statements])
    text = tuple([line.form for line in lines])
    kinds = tuple([None if isinstance(member, Nested) else member.kind for member in body.members])
    nested = tuple([id(member.instances[0].written) if isinstance(member, Nested) else None for member in body.members])
    return names, kinds, nested, text, axes, statements, tuple(body.results)


def places_of(lines: Sequence[Line]) -> list[Place]:
    """The places in order."""
    return [place for line in lines for place in line.places]


def as_classes(bodies: Sequence[Body], name: str, attribute: str, taken: set[str]) -> list[Instance]:
    """Bodies of one structure as instances of as few classes as possible.

    Args:
        bodies: in order.
        name: of the first class; others get a number.
        attribute: of what holds one.
        taken: names of classes and functions; those of the new classes are added.
    """
    groups: dict[object, list[int]] = {}
    lines = [lines_of(body) for body in bodies]
    for i, body in enumerate(bodies):
        groups.setdefault(shape_of(lines[i], body), []).append(i)
    found: dict[int, Instance] = {}
    for members in groups.values():
        chosen, number = name, 1
        while chosen in taken:
            number += 1
            chosen = f"{name}{number}"
        taken.add(chosen)
        written = Written(chosen, attribute, bodies[members[0]])
        columns = list(zip(*[places_of(lines[i]) for i in members], strict=True))
        given = _parameters(written, columns, [bodies[i] for i in members])
        written.shown = _comments([bodies[i] for i in members])
        for at, i in enumerate(members):
            found[i] = Instance(bodies[i], written, tuple([column[at] for column in given]))
    return [found[i] for i in range(len(bodies))]


def _parameters(written: Written, columns: list[tuple[Place, ...]], bodies: list[Body]) -> list[tuple[str, ...]]:
    """Give a class its parameters and say what stands in its places; returns the values of each parameter."""
    of: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for i, column in enumerate(columns):
        texts = tuple([place.text for place in column])
        if any(text != texts[0] for text in texts):
            argument = column[0].argument
            family = "" if argument in SIZES or not argument else argument
            of.setdefault((family, texts), []).append(i)
    # Where a statement has a number that a constructor has as well, it is the same one.
    for (family, texts), places in list(of.items()):
        if family == "" and all(not columns[i][0].argument for i in places):
            other = next((key for key in of if key[1] == texts and key[0]), None)
            if other is not None:
                of[other] += of.pop((family, texts))
    # What a class stores must not be what it owns.
    names = {"self", *[member.name for member in written.body.members]}
    found: list[tuple[Parameter, tuple[str, ...]]] = []
    at: dict[int, str] = {}
    for (_, texts), places in of.items():
        kind = _kind(texts)
        first = next((columns[i][0] for i in places if columns[i][0].argument), columns[places[0]][0])
        name = _named(first, kind, texts, bodies, names)
        names.add(name)
        defaults = {place.default for i in places for place in columns[i][:1]}
        default = first.default if defaults == {first.default} and first.argument not in SIZES else None
        stored = any(not columns[i][0].member for i in places)
        found.append((Parameter(name, kind, default, first.argument, stored), texts))
        for i in places:
            at[i] = name if columns[i][0].member else f"self.{name}"
    # Arguments that may be left out come last.
    found.sort(key=lambda pair: pair[0].default is not None)
    written.parameters = [parameter for parameter, _ in found]
    written.texts = [at.get(i, column[0].text) for i, column in enumerate(columns)]
    return [texts for _, texts in found]


def _kind(texts: Sequence[str]) -> str:
    """The type of what stands in a place."""
    if all([text in _TRUTHS for text in texts]):
        return "bool"
    return "int" if all([text in _TRUTHS or text.isdigit() for text in texts]) else "float"


def _named(place: Place, kind: str, texts: tuple[str, ...], bodies: list[Body], taken: set[str]) -> str:
    """A name for a parameter: a size of what comes in or goes out, or what it is called where it stands."""
    word = SIZES.get(place.argument, place.argument or _WORDS[kind])
    chosen = word
    if place.argument in SIZES:
        first, last = (_feature_sizes(bodies, end) for end in ("inputs", "outputs"))
        ends = {(True, False): "in_", (False, True): "out_", (False, False): "inner_", (True, True): ""}
        chosen = f"{ends[texts == first, texts == last]}{word}"
    elif chosen in taken and place.member:
        chosen = f"{place.member}_{word}"
    name, number = chosen, 1
    while name in taken:
        number += 1
        name = f"{chosen}{number}"
    return name


def _feature_sizes(bodies: list[Body], end: str) -> tuple[str, ...]:
    """The number of channels or features of the first tensor that each body takes or gives."""
    found: list[str] = []
    for body in bodies:
        t: TensorType = (body.inputs if end == "inputs" else body.outputs)[0]
        sizes = dict(zip(t.axes, t.sizes, strict=True))
        found.append(str(sizes.get("c", sizes.get("d", ""))))
    return tuple(found)


def _comments(bodies: list[Body]) -> list[str]:
    """The comment of every statement: its types, with those sizes that are the same in all bodies."""
    found: list[str] = []
    for statements in zip(*[body.statements for body in bodies], strict=True):
        found.append(comment_of(statements))
    return found


def comment_of(statements: Sequence[Statement]) -> str:
    """What a comment says of equal statements."""
    first = statements[0]
    if first.unused:
        return "unused"
    types = [_common([statement.types[i] for statement in statements]) for i in range(len(first.types))]
    if len(types) > 1 and len(set(types)) == 1:
        return f"{len(types)} x {types[0]}"
    return ", ".join(types)


def _common(types: Sequence[TensorType]) -> str:
    texts = [shown(t) for t in types]
    if all(text == texts[0] for text in texts):
        return texts[0]
    rows = zip(*[text.split(", ") for text in texts], strict=True)
    parts = [row[0] if len(set(row)) == 1 else row[0].partition(":")[0] for row in rows]
    text = ", ".join(parts)
    return text if text.endswith("]") else f"{text}]"


@lru_cache(maxsize=4096)
def shown(t: TensorType) -> str:
    """A type as a comment shows it: the dtype only where it is not the usual one."""
    return str(t).removeprefix("f32")
