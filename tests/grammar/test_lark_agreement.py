"""einsyn's reader of `.lark` files and its tables agree with Lark itself."""

from __future__ import annotations

import random
import time
from pathlib import Path

import lark
import pytest
from small_trees import draw, load_grammar, parse, text_of

ROOT = Path(__file__).parents[2]
SPACES = sorted((ROOT / "grammars").glob("*.lark"))

# Constructions whose reading is easy to get wrong.
GRAMMARS = {
    "options": 'start: "a" ["b" [N]] ("c" | "d")? "e" ~ 0..2\nN: "1" | "2"\n',
    "line breaks": 'start: "a" \\\n  "b" -> x  // remark\n\n  // remark\n  | "c"\n# remark\n\n'
    '  | ("d"\n | "e") "f"\nx: "y"\n',
    "escapes": r'start: "\"" "\\" "\n" "\t" "\x41" "\u00e9" "/" "a\b" N'
    + "\n"
    + r"N: /\d\/\\/  //@ one_of 1/\ "
    + "\n",
    "ranges": 'start: N "x" "a".."c"\nN: "0".."3" ("a".."b")?\n',
    "flags": 'start: "Abc"i N "z"\nN: /x  # remark\n  [a-b ]\\ /x  //@ one_of "xa " "x  "\n',
    "templates": 'start: sep{n, ","} | "[" sep{n2, ";"} "]"\nsep{x, s}: x | x s sep{x, s}\n'
    'n: N\nn2: "<" N ">"\nN: "1"\n',
    "long prefixes": 'start: "linear" N | "linear_attn" | "lin" "x" | "relu" | "relu6"\nN: "16" | "1"\n',
    "conditional": 'start: x\n?x: y | "(" x ")"\n?y: N -> n | "q"\nN: "1" | "2"\n',
    "ignored": 'start: A "b" A\nA: "a" ~ 1..3\n%ignore /[ \\t]+/\n%ignore /\\/\\/[^\\n]*/\n%ignore "\\n"\n',
    "nullable": 'start: a b c "!"\na: | "a"\nb: | "b" N\nc: a2?\na2: "c"\nN: "1" | "2"\n',
    "twins": 'start: "2" x | "z" TWO y\nx: "x"\ny: "y"\nTWO: "2"\n',
}


@pytest.mark.parametrize("name", GRAMMARS)
def test_sentences_of_tricky_grammars(name: str) -> None:
    text = "//@ einsyn 1\n" + GRAMMARS[name]
    grammar = load_grammar("space.lark", text=text)
    stock = lark.Lark(text, parser="lalr", strict=True)
    rng = random.Random(0)
    for _ in range(60):
        node = draw(grammar, rng)
        assert node is not None
        sentence = text_of(grammar, node)
        assert parse(grammar, sentence) == node
        stock.parse(sentence)
        # What is broken for one is broken for the other, but for values outside domains.
        at = rng.randrange(len(sentence))
        broken = sentence[:at] + rng.choice(["", "x", "1", sentence[at] * 2]) + sentence[at + 1 :]
        assert _accepts(lambda s: parse(grammar, s), broken) <= _accepts(stock.parse, broken)


def _accepts(parser: object, text: str) -> bool:
    try:
        parser(text)  # type: ignore[operator]
    except Exception:
        return False
    return True


def test_spaces_are_shipped() -> None:
    assert {"einspace", "nasbench201"} <= {path.stem for path in SPACES}


@pytest.mark.parametrize("path", SPACES, ids=lambda p: p.stem)
def test_shipped_spaces(path: Path) -> None:
    grammar = load_grammar(path, search=[path.parent])
    stock = lark.Lark.open(str(path), parser="lalr", strict=True)
    rng = random.Random(1)
    drawn = [node for _ in range(60) if (node := draw(grammar, rng, 2000)) is not None][:40]
    assert len(drawn) == 40
    for node in drawn:
        sentence = text_of(grammar, node)
        assert parse(grammar, sentence) == node
        stock.parse(sentence)
    assert not [n for n in grammar.notes if n.code != "G067"]


def test_loading_is_quick() -> None:
    path = next(p for p in SPACES if p.stem == "einspace")
    load_grammar(path, search=[path.parent])
    start = time.process_time()
    load_grammar(path, search=[path.parent])
    assert time.process_time() - start < 0.5  # 0.03 s on an idle machine
