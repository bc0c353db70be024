"""Random search spaces, most of them good ones, for property tests."""

from __future__ import annotations

import random

_WORDS = ["a", "ab", "conv", "conv1", "x", "(", ")", ",", ";", "+", "-", "1", "if"]
_TERMINALS = {
    "N": 'N: "1" | "2" | "3"',
    "M": 'M: "4" | "44" | "5"',
    "WIDTH": 'WIDTH: "16" | "32"  //@ p 0.25 0.75',
    "K": "K: /[1-9][0-9]*/  //@ int 1..12 step 3",
    "F": "F: /[0-9]+\\.[0-9]+/  //@ float 0.5..2 step 0.5",
    "ACT": 'ACT: "re" ("lu" | "lu6") | "gelu"',
    "ONE": 'ONE: "7"',
    "_SEP": '_SEP: ":" | "/"',
}


def random_grammar(seed: int) -> str:
    """The text of a space without its version line."""
    rng = random.Random(seed)
    rules = ["start", "b", "c", "d"][: rng.randint(1, 4)]
    used: set[str] = set()

    def atom(depth: int, below: list[str]) -> str:
        kind = rng.random()
        if kind < 0.45 or (kind < 0.6 and not below):
            return f'"{rng.choice(_WORDS)}"'
        if kind < 0.6:
            return rng.choice(below)
        if kind < 0.85 or depth > 1:
            name = rng.choice(list(_TERMINALS))
            used.add(name)
            return name
        inner = " | ".join(sequence(depth + 1, below) for _ in range(rng.randint(1, 2)))
        return f"({inner})" if rng.random() < 0.5 else f"[{sequence(depth + 1, below)}]"

    def item(depth: int, below: list[str]) -> str:
        text = atom(depth, below)
        kind = rng.random()
        if kind < 0.1:
            return f"{text}?"
        if kind < 0.2:
            return f"{text} ~ {rng.randint(0, 1)}..{rng.randint(1, 3)}"
        return text

    def sequence(depth: int, below: list[str]) -> str:
        return " ".join(item(depth, below) for _ in range(rng.randint(1, 3)))

    lines: list[str] = []
    for number, rule in enumerate(rules):
        later = rules[number + 1 :]
        alternatives = []
        for k in range(rng.randint(1, 3)):
            # Recursion in brackets, so that many grammars are LALR(1); the first alternative ends.
            if k and rng.random() < 0.5:
                alternatives.append(f'"<{k}" {rng.choice(rules)} {sequence(0, later)} ">"')
            else:
                alternatives.append(f'"{rule}{k}" {sequence(0, later)}' if rng.random() < 0.6 else sequence(0, later))
        if later:
            alternatives[-1] += f" {later[0]}"
        weights = rng.random() < 0.4
        for k, text in enumerate(alternatives):
            pragma = f"   //@ w {rng.randint(1, 4)}" if weights else ""
            lines.append(f"{rule + ':' if k == 0 else '  |'} {text}{pragma}")
    lines.extend(_TERMINALS[name] for name in sorted(used))
    if rng.random() < 0.5:
        lines.append('%ignore " "')
    return "\n".join(lines) + "\n"
