"""Search spaces that are wrong, with the code and line that the command line must report for each.

Every text stands below `//@ einsyn 1` and an input, so its own first line is line 3.
"""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """A wrong space."""

    name: str
    code: str
    line: int
    text: str


HEAD = "//@ einsyn 1\n//@ input x f32[B, s:6, d:8]\n"

SPACES = [
    # Rules and terminals.
    Wrong("undefined rule", "G020", 3, 'start: "a" missing -> relu'),
    Wrong("undefined terminal", "G020", 3, 'start: "a" WIDTH -> linear'),
    Wrong("duplicate rule", "G021", 4, 'start: "a" -> relu\nstart: "b" -> tanh'),
    Wrong("duplicate terminal", "G021", 5, 'start: "a" W -> linear\nW: "1" | "2"\nW: "3"'),
    Wrong("unproductive rule", "G027", 4, 'start: "a" -> relu | loop\nloop: "x" loop -> seq'),
    Wrong("no start", "G105", 1, 'begin: "a" -> relu'),
    Wrong("rule that is only itself", "G039", 4, 'start: a\na: a | "x" -> relu'),
    Wrong("star in a rule", "G037", 3, 'start: "a"* -> seq'),
    Wrong("plus in a rule", "G037", 3, 'start: f+ -> seq\nf: "a" -> relu'),
    Wrong("equal alternatives", "G038", 3, 'start: "a" -> relu | "a" -> tanh'),
    Wrong("equal after expansion", "G038", 3, 'start: "a" "b"? -> relu | "a" -> tanh'),
    Wrong("LALR conflict", "G104", 3, 'start: start "+" start -> seq | "a" -> relu'),
    Wrong("terminals that collide", "G101", 4, 'start: A -> linear | B -> linear\nA: "1" | "2"\nB: "2" | "3"'),
    Wrong("keyword that a pattern hides", "G101", 4, 'start: "if" -> relu | N -> name\nN: /[a-z]+/ //@ one_of if of'),
    Wrong("neighbours that run together", "G103", 4, 'start: D D -> pair\nD: "1" | "6" | "16"'),
    Wrong("infinite terminal", "G080", 4, 'start: "l" W -> linear\nW: /[0-9]+/'),
    Wrong("empty terminal", "G033", 4, 'start: "l" W -> linear\nW: /[0-9]*/ //@ int 1..8'),
    Wrong("broken pattern", "G034", 4, 'start: "l" W -> linear\nW: /[0-9/ //@ int 1..8'),
    Wrong("unclosed bracket", "G003", 3, 'start: ("a" -> relu'),
    Wrong("priority", "G004", 3, 'start.2: "a" -> relu'),
    Wrong("impossible repetition", "G006", 3, 'start: "a" ~ 3..2 -> relu'),
    Wrong("explosion of options", "G036", 3, "start: " + '("a" | "b")~0..40' + " -> relu"),
    Wrong("text that is no grammar", "G003", 3, "this is not a grammar at all"),
    # Probabilities.
    Wrong("probability above 1", "G092", 3, 'start: "a" -> relu //@ p 0.7\n | "b" -> tanh //@ p 0.7'),
    Wrong("probability left over", "G093", 3, 'start: "a" -> relu //@ p 0.3\n | "b" -> tanh //@ p 0.3'),
    Wrong("negative probability", "G091", 3, 'start: "a" -> relu //@ p -0.3\n | "b" -> tanh'),
    Wrong("probability that is not a number", "G051", 3, 'start: "a" -> relu //@ p 0/0\n | "b" -> tanh'),
    Wrong("weights and probabilities", "G090", 4, 'start: "a" -> relu //@ p 0.5\n | "b" -> tanh //@ w 1'),
    Wrong("weights of zero", "G094", 3, 'start: "a" -> relu //@ w 0\n | "b" -> tanh //@ w 0'),
    Wrong("negative weight", "G091", 3, 'start: "a" -> relu //@ w -1\n | "b" -> tanh //@ w 2'),
    Wrong("two alternatives on a line", "G044", 3, 'start: "a" -> relu | "b" -> tanh //@ p 0.5'),
    Wrong("pragma alone", "G046", 4, 'start: "a" -> relu\n//@ p 0.5\n | "b" -> tanh'),
    Wrong("draws that never end", "G095", 3, 'start: "(" start start ")" -> seq //@ p 1\n | "a" -> relu //@ p 0'),
    Wrong("unknown pragma", "G043", 3, 'start: "a" -> relu //@ prob 0.5'),
    Wrong("domain backwards", "G084", 4, 'start: "l" W -> linear\nW: /[0-9]+/ //@ int 9..3'),
    Wrong("text not canonical", "G086", 4, 'start: "l" W -> leaky_relu\nW: /[0-9.]+/ //@ one_of 0.10 0.5'),
    Wrong("literal not canonical", "G086", 4, 'start: "l" W -> leaky_relu\nW: "0.10" | "0.5"'),
    Wrong("weights of another number", "G083", 4, 'start: "l" W -> linear\nW: "1" | "2" //@ p 0.1 0.2 0.7'),
    # Directives.
    Wrong("unknown directive", "G047", 3, '//@ inputs x f32[B, d:3]\nstart: "a" -> relu'),
    Wrong("parameter twice", "G061", 4, '//@ param n 1\n//@ param n 2\nstart: "a" -> relu'),
    Wrong("malformed type", "G062", 3, '//@ output 3x32x32\nstart: "a" -> relu'),
    Wrong("size of zero", "T032", 3, '//@ input y f32[B, d:0]\nstart: "a" -> relu'),
    Wrong("limit of zero", "G064", 3, '//@ max_ops 0\nstart: "a" -> relu'),
    Wrong("use outside the folder", "G073", 3, '//@ use ../secret.ein\nstart: "a" -> relu'),
    Wrong("use of an absolute path", "G070", 3, '//@ use /etc/passwd\nstart: "a" -> relu'),
    Wrong("use of Python", "G071", 3, '//@ use evil.py\nstart: "a" -> relu'),
    Wrong("use of a missing file", "G072", 3, '//@ use nowhere.ein\nstart: "a" -> relu'),
    # Definitions.
    Wrong("unknown op", "D031", 3, 'start: "a" -> relux'),
    Wrong("unnamed alternative", "D030", 3, 'start: f f\nf: "a" -> relu'),
    Wrong("wrong arity of an op", "D032", 3, 'start: "a" W "," W -> relu\nW: "1" | "2"'),
    Wrong("wrong arity of a macro", "D032", 3, 'start: f f -> once\nf: "a" -> relu\n//@ define once(f)(x) = f(x)'),
    Wrong("op on arrows", "D032", 3, 'start: f f -> add\nf: "a" -> relu'),
    Wrong("attribute of a wrong kind", "D033", 3, 'start: "a" K -> linear\nK: "wide"'),
    Wrong("attribute out of range", "D033", 3, 'start: "a" K -> linear\nK: "0"'),
    Wrong("alternatives that await different things", "D034", 4, 'start: f -> once\nf: "a" -> relu | "b" -> two\n'
          "//@ define once(f)(x) = f(x)\n//@ define two(w, n)(x) = x"),
    Wrong("alternatives that await different kinds", "D034", 4, 'start: f -> eight\nf: "a" -> linear | "b" -> of\n'
          "//@ define eight(f)(x) = f(8)(x)\n//@ define of(g)(x) = g(x)"),
    Wrong("tensors where values stand", "D034", 4, 'start: "a" -> relu\n | "b" -> two\n'
          "//@ define two(x) = tanh(x)"),
    Wrong("tensors after children where values stand", "D034", 4, 'start: "a" -> relu\n | "b" W -> two\nW: "8"\n'
          "//@ define two(w, x) = linear(w)(x)"),
    Wrong("macros that call each other", "D020", 5, 'start: "a" -> one\n//@ define one()(x) = two(x)\n'
          "//@ define two()(x) = one(x)"),
    Wrong("unbound name", "D010", 4, 'start: "a" -> one\n//@ define one()(x) = relu(y)'),
    Wrong("rule in a definition", "D010", 4, 'start: "a" f -> one\n//@ define one(g)(x) = add(f(x), g(x))\n'
          'f: "b" -> relu'),
    Wrong("terminal in a definition", "D010", 4, 'start: "a" W -> one\n//@ define one(w)(x) = linear(W)(x)\n'
          'W: "8" | "9"'),
    Wrong("axis without quotes", "D010", 4, 'start: "a" -> one\n//@ define one()(x) = mean([s])(x)'),
    Wrong("false misspelt", "D010", 4, 'start: "a" -> one\n//@ define one()(x) = linear(8, bias=fals)(x)'),
    Wrong("library not taken in", "D010", 4, 'start: "a" -> one\n//@ define one()(x) = conv_bn(8, 3)(x)'),
    Wrong("alias of a library not taken in", "D031", 3, 'start: "a" W -> conv_bn\nW: "8" | "9"'),
    Wrong("unbound in main", "D010", 4, 'start: "a" -> relu\n//@ main classifier'),
    Wrong("syntax of a definition", "D002", 4, 'start: "a" -> one\n//@ define one()(x) = relu(x'),
    Wrong("if with a block", "D002", 6, 'start: "a" -> one\n//@ define one()(x) {\n//@   y = x\n'
          "//@   if true { y = relu(x) }\n//@   return y\n//@ }"),
    Wrong("if without then", "D002", 4, 'start: "a" -> one\n//@ define one()(x) = if true { x } else { relu(x) }'),
    Wrong("if after its value", "G049", 4, 'start: "a" -> one\n//@ define one()(x) = relu(x) if true else x'),
    Wrong("if after its value in a block", "D002", 4,
          'start: "a" -> one\n//@ define one()(x) { return relu(x) if true else x }'),
    Wrong("comparison with one sign", "D002", 4, 'start: "a" -> one\n//@ define one(n=1)(x) = if n = 1 then x else x'),
    Wrong("statements with semicolons", "D001", 4, 'start: "a" -> one\n//@ define one()(x) { y = relu(x); return y }'),
    Wrong("single quotes", "D001", 4, "start: \"a\" -> one\n//@ define one()(x) = mean(['s'])(x)"),
    Wrong("and as a sign", "D001", 4, 'start: "a" -> one\n//@ define one()(x) = if true && false then x else x'),
    Wrong("or as a sign", "D001", 4, 'start: "a" -> one\n//@ define one()(x) = if true || false then x else x'),
    Wrong("not as a sign", "D001", 4, 'start: "a" -> one\n//@ define one()(x) = if !true then x else x'),
    Wrong("method", "D001", 4, 'start: "a" -> one\n//@ define one()(x) = tanh(x.relu())'),
    Wrong("number without a digit before its point", "D001", 4,
          'start: "a" -> one\n//@ define one()(x) = leaky_relu(.5)(x)'),
    Wrong("block without a result", "D002", 4, 'start: "a" -> one\n//@ define one()(x) { y = relu(x) }'),
    Wrong("block of an expression", "D002", 4, 'start: "a" -> one\n//@ define one()(x) { relu(x) }'),
    Wrong("block after a sign", "D002", 4, 'start: "a" -> one\n//@ define one()(x) = { return x }'),
    Wrong("colon before a body", "D001", 4, 'start: "a" -> one\n//@ define one()(x): relu(x)'),
    Wrong("parameter with a sign", "D002", 3, '//@ param width = 64\nstart: "a" -> relu'),
    Wrong("main with a sign", "D002", 3, '//@ main = one\nstart: "a" -> relu\n//@ define one(f)(x) = f(x)'),
    Wrong("percentage", "D002", 4, 'start: "a" -> relu\n | "b" -> tanh //@ p 30%'),
    Wrong("percentages", "G045", 3, 'start: "a" -> relu //@ p 30%\n | "b" -> tanh //@ p 70%'),
    Wrong("nesting of a definition", "D003", 4,
          'start: "a" -> one\n//@ define one()(x) = ' + "(" * 100 + "x" + ")" * 100),
    Wrong("parameter twice in a definition", "D004", 4, 'start: "a" -> one\n//@ define one(a, a)(x) = x'),
    Wrong("definition twice", "G066", 5, 'start: "a" -> one\n//@ define one()(x) = x\n//@ define one()(x) = relu(x)'),
    Wrong("too many arguments", "D011", 4, 'start: "a" -> one\n//@ define one()(x) = linear(1, 2, 3, 4)(x)'),
    Wrong("unknown argument", "D013", 4, 'start: "a" -> one\n//@ define one()(x) = linear(4, biass=true)(x)'),
    Wrong("a number is applied", "D012", 4, 'start: "a" -> one\n//@ define one()(x) = 3(x)'),
]  # fmt: skip
