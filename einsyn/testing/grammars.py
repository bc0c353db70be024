"""Hypothesis strategies for search spaces themselves, as text.

`grammars` gives spaces that load: small networks over inputs of every kind, with definitions, operations of the
registry, options, lists, domains and weights. `grammar_texts` gives grammars that use all of the syntax and mean
nothing; some are ambiguous or repeat themselves, and the loader has to say so.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence


# In the cube every permutation fits, whatever order it is made in.
INPUTS: Final = (
    "f32[B, s:6, d:8]",
    "f32[B, c:4, h:6, w:6]",
    "f32[B, c:6, h:6, w:6]",
    "f32[B, c:4, l:12]",
    "f32[B, d:12]",
    "i64[B, t:6]",
)

# What an alternative may denote: without children, with a width, with one or two children, with options or a list.
_LEAVES: Final = (
    "identity",
    "relu",
    "tanh",
    "softmax",
    "positional_encoding",
    "sigmoid",
    "norm",
    "squeezed",
    "scaled",
    "swapped",
)
_SIZED: Final = ("linear", "wide", "conv1")
# The most children that a node of a drawn network has on average.
_CHILDREN: Final = 0.9
_BRANCHED: Final = {1: ("residual", "twice", "tied", "turned", "cut"), 2: ("seq", "plus_", "gated", "joined")}
_DEFINITIONS: Final = """\
//@ define norm()(x) = if has_axis(x, "c") then batch_norm(x) else layer_norm(x)
//@ define squeezed()(x) = x * sigmoid(mean(-1, keep=true)(x))
//@ define scaled()(x) = x * 2 - 1
//@ define wide(w)(x) = linear(w * size_of(x, -1))(x)
//@ define conv1(w)(x) = if has_axis(x, "c") then conv(w, 3)(x) else linear(w)(x)
//@ define twice(f)(x) = f(f(x))
//@ define tied(f)(x) { g = shared(f) return g(g(x)) }
//@ define cut(f)(x) {
//@   y = f(x)
//@   return add(y, zero(y), y)
//@ }
//@ define turned(f)(x) = if kind_of(x) == "sequence" then permute(2, 1)(f(permute(2, 1)(x))) else rolled(f)(x)
//@ define rolled(f)(x) = if kind_of(x) == "image2d" then permute(2, 1, 3)(f(permute(3, 1, 2)(x))) else f(x)
//@ define swapped()(x) = turned(identity)(x)
//@ define plus_(a, b)(x) = a(x) + b(x)
//@ define gated(a, b)(x) = a(x) * sigmoid(b(x))
//@ define joined(a, b)(x) = concat(1)(a(x), b(x))
//@ define maybe(w)(x) = if w == none then x else linear(w)(x)
//@ define pair(v, w)(x) = linear(w)(linear(v)(x))
//@ define chained(ws)(x) = seq(*[linear(w) for w in ws])(x)
//@ define embedded(f)(x) = f(if kind_of(x) == "tokens" then take(weight(v=12, d=8)(), x) else x)
"""


@st.composite
def grammars(draw: st.DrawFn) -> str:
    """The text of a space that loads; its networks have a few operations on small tensors."""
    rules = ["m", "k", "j"][: draw(st.integers(1, 3))]
    lines = ["start: m -> embedded"]
    spaced = draw(st.booleans())
    for number, rule in enumerate(rules):
        leaves = draw(_some(_LEAVES))
        alternatives = [(f'"{rule}{i}" -> {name}', 0) for i, name in enumerate(leaves)]
        alternatives += [(f'"{rule}w{i}" W -> {name}', 0) for i, name in enumerate(draw(_some(_SIZED)))]
        if draw(st.booleans()):
            alternatives.append((f'"{rule}o" ("!" W)? -> maybe', 0))
        if draw(st.booleans()):
            alternatives.append((f'"{rule}l" ("+" W) ~ 1..3 -> chained', 0))
        if spaced and draw(st.booleans()):  # two widths that only a space keeps apart
            alternatives.append((f'"{rule}p" W W -> pair', 0))
        counts = draw(st.lists(st.integers(1, 2), min_size=0 if number else 1, max_size=3))
        for i, count in enumerate(counts):
            name = draw(st.sampled_from(_BRANCHED[count]))
            children = ' ";" '.join(draw(st.sampled_from(rules)) for _ in range(count))
            alternatives.append((f'"{rule}b{i}(" {children} ")" -> {name}', count))
        following = rules[number + 1 : number + 2]
        if following and not any(following[0] in text.split("->")[0].split() for text, _ in alternatives):
            alternatives.append((following[0], 1))
        weights = _ending([children for _, children in alternatives], draw(_weights(len(alternatives))))
        rows = [f"{text}   //@ w {weight}" for (text, _), weight in zip(alternatives, weights, strict=True)]
        lines.append(f"{rule}: " + "\n    | ".join(rows))
    lines.append(draw(_widths()))
    if spaced:
        lines.append('%ignore " "')
    head = f"//@ einsyn 1\n//@ input x {draw(st.sampled_from(INPUTS))}\n"
    return head + "\n".join(lines) + "\n" + _DEFINITIONS


def _weights(number: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, 4), min_size=number, max_size=number)


def _ending(children: list[int], weights: list[int]) -> list[int]:
    """Weights of a rule's alternatives with which a node has about `_CHILDREN` children on average, and no more.

    Draws end where that is less than one (Harris 1963, The Theory of Branching Processes), and are not all leaves.
    """
    expected = sum(n * w for n, w in zip(children, weights, strict=True))
    inner = sum(w for n, w in zip(children, weights, strict=True) if n)
    leaves = sum(weights) - inner
    # As `a * expected = _CHILDREN * (a * inner + b * leaves)`, with whole numbers a and b of which one is 1.
    ratio = _CHILDREN * leaves / (expected - _CHILDREN * inner) if inner else 1
    more, less = max(1, floor(ratio)), max(1, ceil(1 / ratio))
    return [w * (more if n else less) for n, w in zip(children, weights, strict=True)]


@st.composite
def _widths(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return "W: /[1-9][0-9]*/   //@ int 2..12 step 2"
    widths = draw(st.lists(st.sampled_from(("2", "4", "6", "8")), min_size=2, max_size=3, unique=True))
    return "W: " + " | ".join(f'"{w}"' for w in widths)


def _some(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)


# Grammars that mean nothing, for the loader.

_WORDS: Final = ("a", "ab", "conv", "conv1", "x", "(", ")", ",", ";", "+", "-", "1", "if")
_TERMINALS: Final = {
    "N": 'N: "1" | "2" | "3"',
    "M": 'M: "4" | "44" | "5"',
    "WIDTH": 'WIDTH: "16" | "32"  //@ p 0.25 0.75',
    "K": "K: /[1-9][0-9]*/  //@ int 1..12 step 3",
    "F": "F: /[0-9]+\\.[0-9]+/  //@ float 0.5..2 step 0.5",
    "ACT": 'ACT: "re" ("lu" | "lu6") | "gelu"',
    "ONE": 'ONE: "7"',
    "_SEP": '_SEP: ":" | "/"',
}
_NESTING: Final = 2


@st.composite
def grammar_texts(draw: st.DrawFn) -> str:
    """The text of a grammar without its version line: groups, options, repetitions, recursion, domains, weights.

    It is well formed. Whether it is unambiguous is for the loader to say.
    """
    rules = ["start", "b", "c", "d"][: draw(st.integers(1, 4))]
    used: set[str] = set()
    lines: list[str] = []
    for number, rule in enumerate(rules):
        later = rules[number + 1 :]
        alternatives: list[str] = []
        for k in range(draw(st.integers(1, 3))):
            inner = draw(_sequences(tuple(later), 0, used))
            # Recursion in brackets, so that many grammars are LALR(1); the first alternative ends.
            form = draw(st.sampled_from(("plain", "named", "named") + ("recursive",) * (3 if k else 0)))
            if form == "recursive":
                inner = f'"<{k}" {draw(st.sampled_from(rules))} {inner} ">"'
            elif form == "named":
                inner = f'"{rule}{k}" {inner}'
            alternatives.append(inner)
        if later:
            alternatives[-1] += f" {later[0]}"
        weighted = draw(st.booleans())
        for k, text in enumerate(alternatives):
            pragma = f"   //@ w {draw(st.integers(1, 4))}" if weighted else ""
            lines.append(f"{rule + ':' if k == 0 else '  |'} {text}{pragma}")
    lines.extend(_TERMINALS[name] for name in sorted(used))
    if draw(st.booleans()):
        lines.append('%ignore " "')
    return "\n".join(lines) + "\n"


@st.composite
def _sequences(draw: st.DrawFn, below: tuple[str, ...], nesting: int, used: set[str]) -> str:
    """One to three items of a right-hand side; the terminals in them are added to `used`."""
    return " ".join(draw(_items(below, nesting, used)) for _ in range(draw(st.integers(1, 3))))


@st.composite
def _items(draw: st.DrawFn, below: tuple[str, ...], nesting: int, used: set[str]) -> str:
    kinds = ("word",) * 9 + ("terminal",) * 5 + ("rule",) * 3 * bool(below) + ("group",) * 3 * (nesting < _NESTING)
    kind = draw(st.sampled_from(kinds))
    if kind == "word":
        text = f'"{draw(st.sampled_from(_WORDS))}"'
    elif kind == "rule":
        text = draw(st.sampled_from(below))
    elif kind == "terminal":
        text = draw(st.sampled_from(sorted(_TERMINALS)))
        used.add(text)
    elif draw(st.booleans()):
        text = f"[{draw(_sequences(below, nesting + 1, used))}]"
    else:
        inner = [draw(_sequences(below, nesting + 1, used)) for _ in range(draw(st.integers(1, 2)))]
        text = f"({' | '.join(inner)})"
    suffix = draw(st.sampled_from(("",) * 8 + ("?", "~")))
    if suffix == "~":
        return f"{text} ~ {draw(st.integers(0, 1))}..{draw(st.integers(1, 3))}"
    return text + suffix
