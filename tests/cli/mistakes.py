"""Mistakes as the author of a space or of an architecture makes them, beside those of `wrong_spaces`.

`DOUBTFUL` are spaces that load and that `lint` has something to say about; every text stands below the same two lines
as those of `wrong_spaces`. `TEXTS` are what `explain` is asked about, in the space `SPACE`.
"""

from __future__ import annotations

DOUBTFUL = {
    "definition never used": 'start: "a" -> relu\n//@ define helper()(x) = tanh(x)',
    "definition used by an unused one": 'start: "a" -> relu\n//@ define f()(x) = g()(x)\n'
    "//@ define g()(x) = tanh(x)",
    "parameter never used": '//@ param width 64\nstart: "a" -> relu',
    "definition that hides a primitive": 'start: "a" -> relu\n//@ define relu()(x) = tanh(x)',
    "argument that hides a parameter": '//@ param n 3\nstart: "a" -> f\n'
    "//@ define f(n=8)(x) = linear(n)(x)\n//@ main g\n"
    "//@ define g(body)(x) = repeat(n, body)(x)",
    "local names that hide others": '//@ param n 3\nstart: "a" W -> top\nW: "8" | "4"\n'
    "//@ define twice(v) = 2 * v\n//@ define top(w)(x) {\n//@   n = twice(w) + n\n//@   tanh, y = [relu, x]\n"
    "//@   for twice in 0..n with gelu = y { gelu = linear(n)(tanh(gelu)) }\n"
    "//@   return seq(*[silu for silu in [relu]])(gelu)\n//@ }",
    "parameter with the name of an input": '//@ param x 8\nstart: "a" -> wide\n//@ define wide()(y) = linear(x)(y)',
    "parameter that hides a primitive": '//@ param tanh 3\nstart: "a" -> f\n//@ define f()(x) = linear(tanh)(x)',
    "parameter with the name of what an alternative denotes": '//@ param relu 3\nstart: "a" -> relu',
    "comments like pragmas and directives": '// @param n 3\n# @ title Mine\n// @author me\n'
    'start: "v" -> relu // @ p 0.3\n | "w" -> tanh #@p 0.4\n | "x" -> silu // p 0.3\n',
    "rule never used": 'start: "a" -> relu\nb: "b" -> tanh',
    "terminal never used": 'start: "a" -> relu\nW: "8" | "16"',
    "empty first alternative": 'start: a\na:\n | "a" -> relu\n | "b" -> tanh',
    "recursion that grows": 'start: "a" -> relu //@ p 0.3\n | "(" start ";" start ")" -> seq',
    "recursion on the edge": 'start: "a" -> relu\n | "(" start ";" start ")" -> seq',
    "recursion through two rules": 'start: m\nm: "a" -> relu //@ p 0.2\n | s\ns: "(" m ";" m ")" -> seq',
    "recursion with weights": 'start: "a" -> relu //@ w 1\n | "(" start ";" start ")" -> seq //@ w 3',
    "recursion where probabilities add to 1": 'start: "a" -> relu //@ p 0.4\n | "b" -> tanh //@ p 0.1\n'
    ' | "(" start ";" start ")" -> seq //@ p 0.5',
    "recursion through an option": 'start: "a" ["(" start ";" start ")"] -> opt\n'
    "//@ define opt(a, b)(x) = if a == none then relu(x) else b(a(x))",
    "convolution of a sequence": 'start: "a" -> relu\n | "c" W -> conv3\nW: "8" | "16"\n'
    "//@ define conv3(w)(x) = conv(w, 3)(x)",
    "sizes that never agree": 'start: "a" -> relu\n | "b" -> f\n//@ define f()(x) = x + linear(4)(x)',
    "division with a remainder": 'start: "a" -> relu\n | "h" -> f\n//@ define f()(x) = linear(size_of(x, "s") / 4)(x)',
    "an attribute that a definition leaves out": 'start: "a" K -> wide\nK: "8" | "9"\n'
    "//@ define wide(w)(x) = linear()(x)",
    "a loop over a number": 'start: "a" K -> loop\nK: "8" | "9"\n'
    "//@ define loop(w)(x) { for i in w with y = x { y = relu(y) } return y }",
    "an attribute of a wrong kind in a definition": 'start: "a" K -> wide\nK: "8" | "9"\n'
    '//@ define wide(w)(x) = linear("w")(x)',
    "what fails before the others are chosen": 'start: "a" f -> early\nf: "r" -> relu | "t" -> tanh\n'
    "//@ define early(f)(x) = f(linear(x)(x))",
    "main that awaits more values": '//@ param n 10\n//@ main top\nstart: "a" -> relu\n'
    "//@ define top(f, m)(x) = linear(n + m)(f(x))",
    "main that awaits more values, in an infinite space": '//@ main top\nstart: "a" -> relu | "a" start -> seq\n'
    "//@ define top(f, m)(x) = linear(m)(f(x))",
    "an arrow whose tensors are values": 'start: "a" -> act\n//@ define act(x) = tanh(x)',
    "a requirement that is no condition": '//@ require params\nstart: "a" -> relu\n | "b" W -> linear\nW: "8"',
    "a requirement that never holds": '//@ require params > 100, "more"\nstart: "a" -> relu\n | "b" W -> linear\n'
    'W: "16"',
    "a limit that lets nothing through": '//@ max_params 10\nstart: "a" -> relu\n | "l" W -> linear\nW: "8" | "16"',
    "an alternative that never fits, in an infinite space": 'start: f //@ p 0.7\n | f ";" start -> seq\n'
    'f: "a" -> relu\n | "c" -> conv3\n//@ define conv3()(x) = conv(4, 3)(x)',
}  # fmt: skip

SPACE = """\
//@ einsyn 1
//@ input x f32[B, s:6, d:8]
//@ max_params 2000
start: layer
     | layer ";" start              -> seq
layer: "linear" WIDTH               -> linear
     | "relu"                       -> relu
     | "old"                        -> tanh     //@ p 0
     | "[" start "+" start "]"      -> plus
     | "half"                       -> half
     | "heads" HEADS                -> attend
     | "drop" RATE                  -> leaky_relu
WIDTH: "4" | "8" | "16"
HEADS: /[0-9]+/  //@ int 1..4
RATE: /[0-9]\\.[0-9]+/  //@ float 0.1..0.5 step 0.1
%ignore " "
//@ define plus(a, b)(x) = add(a(x), b(x))
//@ define half()(x) = linear(size_of(x, "d") / 2)(x)
//@ define attend(n)(x) { require n < 4, "at most three heads" return attention(heads=n)(x, x, x) }
"""

TEXTS = [
    # No sentences.
    "", "   ", "linaer8", "linear", "linear 32", "linear08", "linear8;", ";linear8", "linear8 relu", "linear8,relu",
    "linear8;;relu", "[linear8+relu", "linear8+relu]", "[linear8;relu]", "(linear8;relu)", "Linear8", "relu6", "heads9",
    "drop0.10", "drop.1", "drop1", "half half", "relu;conv3;relu", "linear(8)", "[relu+relu];;[relu relu]",
    # Sentences that are no architectures.
    "[linear4+linear8]", "linear4;half;half;half", "heads4", "heads3", "[half+relu]",
    ";".join(["linear16"] * 8),
    # Architectures.
    "linear8;relu", "[relu+old]",
]  # fmt: skip
