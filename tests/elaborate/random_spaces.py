"""Random well-formed search spaces of small networks, as text, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

INPUTS = ["f32[B, s:6, d:8]", "f32[B, c:4, h:6, w:6]", "f32[B, c:4, l:12]", "f32[B, d:12]"]

# What an alternative without children may denote: text, alias.
LEAVES = ["identity", "relu", "tanh", "softmax", "layer_norm", "positional_encoding", "sigmoid", "norm", "squeezed"]
# What an alternative with a width may denote.
SIZED = ["linear", "wide", "conv1"]
# What an alternative with children may denote, by their number.
BRANCHED = {1: ["residual", "twice", "tied", "turned"], 2: ["seq", "plus", "gated", "joined"]}

DEFINITIONS = """
//@ define norm()(x) = if has_axis(x, "c") then batch_norm(x) else layer_norm(x)
//@ define squeezed()(x) = x * sigmoid(mean(-1, keep=true)(x))
//@ define wide(w)(x) = linear(w * size_of(x, -1))(x)
//@ define conv1(w)(x) = if has_axis(x, "c") then conv(w, 3)(x) else linear(w)(x)
//@ define twice(f)(x) = f(f(x))
//@ define tied(f)(x) { g = shared(f) return g(g(x)) }
//@ define turned(f)(x) = if kind_of(x) == "sequence" then permute(2, 1)(f(permute(2, 1)(x))) else f(x)
//@ define plus(a, b)(x) = a(x) + b(x)
//@ define gated(a, b)(x) = a(x) * sigmoid(b(x))
//@ define joined(a, b)(x) = concat(1)(a(x), b(x))
"""


@st.composite
def spaces(draw: st.DrawFn) -> str:
    """The text of a space, without the version line."""
    rules = ["start", "m", "k"][: draw(st.integers(1, 3))]
    lines: list[str] = []
    for number, rule in enumerate(rules):
        target = st.sampled_from(rules)
        alternatives = [f'"{rule}{i}" -> {name}' for i, name in enumerate(draw(_some(LEAVES)))]
        alternatives += [f'"{rule}w{i}" W -> {name}' for i, name in enumerate(draw(_some(SIZED)))]
        for i, count in enumerate(draw(st.lists(st.integers(1, 2), min_size=1 if number == 0 else 0, max_size=3))):
            name = draw(st.sampled_from(BRANCHED[count]))
            children = ' ";" '.join(draw(target) for _ in range(count))
            alternatives.append(f'"{rule}b{i}(" {children} ")" -> {name}')
        # Branching is drawn half as often as ending, so that draws end.
        weights = [1 if "b" in a.split('"')[1] else draw(st.integers(1, 4)) + len(alternatives) for a in alternatives]
        if number + 1 < len(rules) and not any(rules[number + 1] in a.split("->")[0].split() for a in alternatives):
            alternatives.append(rules[number + 1])
            weights.append(3)
        body = "\n    | ".join(f"{a}   //@ w {w}" for a, w in zip(alternatives, weights, strict=True))
        lines.append(f"{rule}: {body}")
    widths = draw(st.lists(st.sampled_from(["2", "4", "6", "8"]), min_size=2, max_size=3, unique=True))
    lines.append("W: " + " | ".join(f'"{w}"' for w in widths))
    if draw(st.booleans()):
        lines.append('%ignore " "')
    return f"//@ input x {draw(st.sampled_from(INPUTS))}\n" + "\n".join(lines) + "\n" + DEFINITIONS


def _some(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
