"""Small recursive and typed spaces, in which every derivation within a limit can be enumerated."""

from __future__ import annotations

from small_spaces import small_space

from einsyn.space import Space

INPUT = "//@ input x f32[B, d:4]\n"
# Text, and limits that leave a few hundred derivations or fewer.
SPACES: dict[str, tuple[str, dict[str, int]]] = {
    # A list by recursion, values with weights.
    "layers": (
        """
        start: layers
        layers: layer
              | layer ";" layers -> seq   //@ p 0.4
        layer: "r" -> relu
             | "w" W -> linear            //@ p 0.3
        W: "2" | "4" | "8"                //@ p 0.5 0.25 0.25
        """,
        {"max_size": 7},
    ),
    # A tree by recursion; the start rule is inside itself. Limited in depth.
    "brackets": (
        """
        start: "(" start ";" start ")" -> seq   //@ p 0.3
             | "r" -> relu                      //@ p 0.2
             | "t" -> tanh
        """,
        {"max_depth": 3, "max_size": 7},
    ),
    # A rule that comes back to itself by way of two others, one of which is recursive as well; some of it never drawn.
    "detours": (
        """
        start: a
        a: "r" -> relu
         | "[" b "]" -> keep     //@ p 0.6
        b: a "," c -> seq
         | c a -> seq
         | "<" b ">"  -> keep    //@ p 0.3
         | "!" a -> keep         //@ p 0
        c: "t" -> tanh
         | "s" -> sigmoid        //@ p 0.7
        //@ define keep(f)(x) = f(x)
        """,
        {"max_size": 8},
    ),
    # Groups that do not divide and sums of unequal shapes: three quarters of the derivations are ill typed.
    "groups": (
        """
        start: "split" N body -> split
        N: "2" | "3" | "4"      //@ p 0.5 0.3 0.2
        body: "add" -> add      //@ p 0.25
            | "cat" -> cat
            | "pre" W body -> pre
            | "both" W W body -> both
        W: "4" | "6"
        //@ define split(n, join)(x) = join(*group(n, "d")(x))
        //@ define cat()(*xs) = concat("d")(*xs)
        //@ define pre(w, f)(*xs) = f(*[linear(w)(x) for x in xs])
        //@ define both(v, w, f)(*xs) = f(*[linear(v)(x) + linear(w)(x) for x in xs])
        """,
        {"max_size": 4},
    ),
    # Many slots of one rule, no recursion, a long range of values; limited in parameters.
    "widths": (
        """
        start: block block -> two
        block: "a" W act -> layer
             | act                //@ p 0.3
        act: "r" -> relu
           | "t" -> tanh
        W: /[0-9]+/               //@ int 1..3 log also 7..8
        //@ define layer(w, act)(x) = act(linear(w)(x))
        //@ define two(a, b)(x) = b(a(x))
        """,
        {"max_params": 25},
    ),
}


def move_space(name: str) -> tuple[Space, dict[str, int]]:
    """A space by its name, and the limits that make it small."""
    text, limits = SPACES[name]
    return small_space(INPUT + "\n".join(line.strip() for line in text.splitlines()) + "\n"), limits
