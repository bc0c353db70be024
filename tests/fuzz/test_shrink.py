"""Shrinking on trees: against the smallest failing tree that enumeration finds, on every tree of small grammars."""

from __future__ import annotations

import gc
import itertools
import random
import time
from collections.abc import Callable, Iterator

import pytest
from small_spaces import small_space

from einsyn import Architecture, Space
from einsyn.derivation.tree import Derivation, Token
from einsyn.grammar.model import Production, Rule, Terminal
from einsyn.testing.shrink import Shrinker, path_of, smallest_derivations

# Everything is one rule.
ONE_RULE = """
//@ input x f32[B, c:2, h:4, w:4]
start: "(" start ";" start ")" -> seq      //@ p 0.2
     | "sum(" start "," start ")" -> both  //@ p 0.1
     | "relu" -> relu
     | "tanh" -> tanh
     | "conv" KERNEL -> here
     | TIMES "*" start -> again
KERNEL: "1" | "3" | "5"
TIMES: "2" | "3"
//@ define both(f, g)(x) = f(x) + g(x)
//@ define here(k)(x) = conv(2, k)(x)
//@ define again(n, f)(x) = repeat(n, f)(x)
"""
# Modules of several rules, one of which is only met through another; what stands first is never drawn.
SEVERAL_RULES = """
//@ input x f32[B, d:4]
start: body ":" head -> seq
body: step
    | step ";" body -> seq
step: "tanh" -> tanh               //@ p 0
    | "res[" body "]" -> residual
    | act
act: "relu" -> relu
   | "leaky" SLOPE -> leaky_relu
head: "fc" WIDTH -> linear
    | "sum" -> all_of_it
SLOPE: "0.1" | "0.2" | "0.3"
WIDTH: "2" | "4" | "8"
//@ define all_of_it()(x) = sum(["d"])(x)
"""
LARGEST = {ONE_RULE: 5, SEVERAL_RULES: 11}
SPACES = {"one rule": ONE_RULE, "several rules": SEVERAL_RULES}
Fails = Callable[[Derivation], bool]


def nodes(tree: Derivation) -> Iterator[Derivation]:
    return (node for node in tree.nodes() if isinstance(node, Derivation))


def names(tree: Derivation) -> list[str]:
    return [node.production.name for node in nodes(tree)]


def values(tree: Derivation, terminal: str) -> list[str]:
    return [node.text for node in tree.nodes() if isinstance(node, Token) and node.symbol.name == terminal]


def below(node: Derivation) -> list[Derivation]:
    return [child for child in node.children if isinstance(child, Derivation)]


def inside(tree: Derivation, outer: str, inner: str) -> bool:
    return any(inner in names(child) for node in nodes(tree) if node.production.name == outer for child in below(node))


PREDICATES: dict[str, dict[str, Fails]] = {
    ONE_RULE: {
        "anything": lambda tree: True,
        "a convolution": lambda tree: "here" in names(tree),
        "a wide convolution": lambda tree: "5" in values(tree, "KERNEL"),
        "a kernel above 1": lambda tree: values(tree, "KERNEL").count("1") < len(values(tree, "KERNEL")),
        "three times": lambda tree: "3" in values(tree, "TIMES"),
        "a sum": lambda tree: "both" in names(tree),
        "a convolution in a repetition": lambda tree: inside(tree, "again", "here"),
        "a repetition in a sum": lambda tree: inside(tree, "both", "again"),
        "two kernels": lambda tree: len(set(values(tree, "KERNEL"))) > 1,
        "three leaves": lambda tree: sum(not below(node) for node in nodes(tree)) >= 3,
        "depth 3": lambda tree: tree.depth >= 3,
        "tanh first in a chain": lambda tree: any(
            node.production.name == "seq" and below(node)[0].production.name == "tanh" for node in nodes(tree)
        ),
        "relu and a convolution": lambda tree: {"relu", "here"} <= set(names(tree)),
        "two convolutions and no more": lambda tree: names(tree).count("here") == 2,
        "an odd number of tanh": lambda tree: names(tree).count("tanh") % 2 == 1,
    },
    SEVERAL_RULES: {
        "anything": lambda tree: True,
        "a sum": lambda tree: "all_of_it" in names(tree),
        "a slope above 0.1": lambda tree: bool({"0.2", "0.3"} & set(values(tree, "SLOPE"))),
        "the last width": lambda tree: "8" in values(tree, "WIDTH"),
        "a slope and a width": lambda tree: "0.2" in values(tree, "SLOPE") and "4" in values(tree, "WIDTH"),
        "a residual": lambda tree: "residual" in names(tree),
        "a slope in a residual": lambda tree: any(
            values(node, "SLOPE") for node in nodes(tree) if node.production.name == "residual"
        ),
        "two activations": lambda tree: sum(node.production.rule.name == "act" for node in nodes(tree)) >= 2,
        "relu and a slope": lambda tree: "relu" in names(tree) and "leaky_relu" in names(tree),
        "a residual and a slope outside": lambda tree: any(
            node.production.name == "seq" and "residual" in names(below(node)[0]) and values(below(node)[1], "SLOPE")
            for node in nodes(tree)
        ),
    },
}


@pytest.fixture(scope="module")
def spaces() -> dict[str, Space]:
    return {text: small_space(text) for text in SPACES.values()}


@pytest.fixture(scope="module")
def trees(spaces: dict[str, Space]) -> dict[str, list[Derivation]]:
    return {text: [a.derivation for a in up_to(LARGEST[text], space)] for text, space in spaces.items()}


def up_to(size: int, space: Space) -> Iterator[Architecture]:
    return itertools.takewhile(lambda architecture: architecture.size <= size, space.enumerate())


class Simplicity:
    """Fewer productions, then alternatives with less below them and earlier ones, then earlier values."""

    def __init__(self, space: Space) -> None:
        least = {rule: tree.size for rule, tree in smallest_derivations(space.grammar).items()}
        self.ranks: dict[Production, int] = {}
        for rule in space.grammar.rules.values():
            sizes = {p: sum(least[slot] for slot in p.slots if isinstance(slot, Rule)) for p in rule.drawable}
            self.ranks |= {production: i for i, production in enumerate(sorted(sizes, key=sizes.__getitem__))}

    def __call__(self, tree: Derivation) -> tuple[int, int, int]:
        indexes = [node.index for node in tree.nodes() if isinstance(node, Token)]
        return tree.size, sum(self.ranks[node.production] for node in nodes(tree)), sum(indexes)


CASES = [(space, name) for space, text in SPACES.items() for name in PREDICATES[text]]


@pytest.mark.parametrize(("space", "name"), CASES)
def test_what_fails_shrinks_to_the_smallest_that_does(
    space: str, name: str, spaces: dict[str, Space], trees: dict[str, list[Derivation]]
) -> None:
    text = SPACES[space]
    fails, simplicity = PREDICATES[text][name], Simplicity(spaces[text])
    failing = [tree for tree in trees[text] if fails(tree)]
    truth = min(simplicity(tree) for tree in failing)
    shrinker = Shrinker(spaces[text].grammar)
    for tree in failing[:100] + failing[100::7]:
        shrunk, _ = shrinker.shrink(tree, fails)
        assert fails(shrunk)
        assert simplicity(shrunk) == truth, names(tree)


@pytest.mark.parametrize("space", SPACES)
def test_smallest_derivations_are_the_first_of_enumeration(
    space: str, spaces: dict[str, Space], trees: dict[str, list[Derivation]]
) -> None:
    found = smallest_derivations(spaces[SPACES[space]].grammar)
    for rule, smallest in found.items():
        sizes = [node.size for tree in trees[SPACES[space]] for node in nodes(tree) if node.production.rule is rule]
        assert smallest.size == min(sizes)
        assert smallest.production.rule is rule
        assert all(node.index == 0 for node in smallest.nodes() if isinstance(node, Token))


def test_numbers_of_nodes_are_their_places_in_text_order(trees: dict[str, list[Derivation]]) -> None:
    for tree in trees[SEVERAL_RULES][::5]:
        paths = [path for path, node in tree.walk() if isinstance(node, Derivation)]
        assert [path_of(tree, number) for number in range(tree.size)] == paths


def test_the_same_failure_shrinks_to_the_same_tree_after_as_many_tests() -> None:
    fails = PREDICATES[ONE_RULE]["two kernels"]
    runs = []
    for _ in range(2):
        # Another space, read from the same text: nothing hangs on identities or on what was done before.
        space = small_space(ONE_RULE)
        tried: list[str] = []

        def noted(tree: Derivation, tried: list[str] = tried, space: Space = space) -> bool:
            tried.append(space.check(tree).text)
            return fails(tree)

        shrunk, tests = Shrinker(space.grammar).shrink(space.derivation("(2*conv3;(sum(tanh,conv5);conv1))"), noted)
        assert tests == len(tried) == len(set(tried))
        runs.append((space.check(shrunk).text, tried))
    assert runs[0] == runs[1]
    assert runs[0][0] == "(conv3;conv1)"


def test_what_fails_is_all_that_is_known_and_nothing_grows() -> None:
    """On a predicate without sense whatever is kept fails and is smaller than what was there before."""
    space = small_space(ONE_RULE)
    simplicity, shrinker = Simplicity(space), Shrinker(space.grammar)
    for number in range(30):
        (drawn,) = space.sample(1, seed=number, max_size=25)
        kept = [simplicity(drawn.derivation)]

        def fails(tree: Derivation, number: int = number, kept: list[tuple[int, int, int]] = kept) -> bool:
            if random.Random(f"{number} {space.check(tree).text}").random() < 0.3:
                kept.append(simplicity(tree))
                return True
            return False

        shrunk, _ = shrinker.shrink(drawn.derivation, fails)
        assert kept == sorted(set(kept), reverse=True)
        assert simplicity(shrunk) == kept[-1]


def test_values_are_halved() -> None:
    space = small_space("""
        //@ input x f32[B, d:4]
        start: "linear" WIDTH "," WIDTH -> two
        //@ define two(a, b)(x) = linear(b)(linear(a)(x))
        //@ max_params 2000000
        WIDTH: /[0-9]+/  //@ int 1..1000
    """)
    tree = space.derivation("linear1000,977")
    shrunk, tests = Shrinker(space.grammar).shrink(tree, lambda t: int(values(t, "WIDTH")[0]) >= 300)
    assert values(shrunk, "WIDTH") == ["300", "1"]
    assert tests < 60  # 700 if the values before were tried one by one


def test_what_is_never_drawn_is_replaced() -> None:
    space = small_space(SEVERAL_RULES)
    shrinker = Shrinker(space.grammar)
    shrunk, _ = shrinker.shrink(space.derivation("tanh;res[tanh;tanh]:sum"), PREDICATES[SEVERAL_RULES]["a residual"])
    assert space.check(shrunk).text == "res[relu]:fc2"
    # What needs it keeps it.
    shrunk, _ = shrinker.shrink(space.derivation("relu;res[tanh;tanh]:sum"), lambda tree: "tanh" in names(tree))
    assert space.check(shrunk).text == "tanh:fc2"


@pytest.mark.parametrize("most", [0, 1, 5])
def test_no_more_tests_than_allowed(most: int) -> None:
    space = small_space(ONE_RULE)
    tree = space.derivation("(2*conv3;(sum(tanh,conv5);conv1))")
    tried: list[Derivation] = []

    def fails(candidate: Derivation) -> bool:
        tried.append(candidate)
        return PREDICATES[ONE_RULE]["two kernels"](candidate)

    shrunk, tests = Shrinker(space.grammar).shrink(tree, fails, max_tests=most)
    assert tests == len(tried) == most
    assert PREDICATES[ONE_RULE]["two kernels"](shrunk)


DEEP = """
//@ input x f32[B, s:4, d:4]
//@ max_ops 20000
start: "(" start ";" start ")" -> seq
     | "relu" -> relu
     | "norm" -> layer_norm
     | "linear" WIDTH -> linear
WIDTH: "4" | "8"
"""


def nested(space: Space, modules: int, side: str) -> Derivation:
    """`modules` leaves in as many brackets but one, nested on one side; the innermost leaf alone is a linear map."""
    chain, relu, norm, linear = space.grammar.start.productions
    (slot,) = linear.slots
    assert isinstance(slot, Terminal)
    tree = Derivation(linear, (Token(slot, 1),))
    for i in range(modules - 1):
        leaf = Derivation((relu, norm)[i % 2], ())
        tree = Derivation(chain, (tree, leaf) if side == "left" else (leaf, tree))
    return tree


# Of a tree of n modules what fails, and between which sizes it is left when 200 trees were tried.
DEEP_PREDICATES: dict[str, Callable[[int], tuple[Fails, float, float]]] = {
    "the innermost leaf": lambda n: (lambda tree: "8" in values(tree, "WIDTH"), 1, 1),
    "relu and the innermost leaf": lambda n: (lambda tree: {"relu", "linear"} <= set(names(tree)), 3, 3),
    "half as deep": lambda n: (lambda tree: tree.depth >= n // 2, n - 1, 1.2 * n),
    "all of it": lambda n: (lambda tree: tree.size >= 2 * n - 1, 2 * n - 1, 2 * n - 1),
}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", DEEP_PREDICATES)
def test_ten_thousand_nested_modules(name: str, side: str) -> None:
    space = small_space(DEEP)
    shrinker = Shrinker(space.grammar)
    rates = []
    for modules in (1_000, 10_000):
        tree = nested(space, modules, side)
        fails, least, most = DEEP_PREDICATES[name](modules)
        gc.collect()
        started = time.process_time()
        shrunk, tests = shrinker.shrink(tree, fails, max_tests=200)
        rates.append((time.process_time() - started) / modules)
        assert fails(shrunk)
        assert tests <= 200
        assert least <= shrunk.size <= most
    # A square would be a factor of 10.
    assert rates[1] < 5 * rates[0], rates
