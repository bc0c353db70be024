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
    Wrong("macros that call each other", "D020", 5, 'start: "a" -> one\n//@ define one()(x) = two(x)\n'
          "//@ define two()(x) = one(x)"),
    Wrong("unbound name", "D010", 4, 'start: "a" -> one\n//@ define one()(x) = relu(y)'),
    Wrong("unbound in main", "D010", 4, 'start: "a" -> relu\n//@ main classifier'),
    Wrong("syntax of a definition", "D002", 5, 'start: "a" -> one\n//@ define one()(x) = relu(x'),
    Wrong("nesting of a definition", "D003", 4,
          'start: "a" -> one\n//@ define one()(x) = ' + "(" * 100 + "x" + ")" * 100),
    Wrong("parameter twice in a definition", "D004", 4, 'start: "a" -> one\n//@ define one(a, a)(x) = x'),
    Wrong("definition twice", "G066", 5, 'start: "a" -> one\n//@ define one()(x) = x\n//@ define one()(x) = relu(x)'),
    Wrong("too many arguments", "D011", 4, 'start: "a" -> one\n//@ define one()(x) = linear(1, 2, 3, 4)(x)'),
    Wrong("unknown argument", "D013", 4, 'start: "a" -> one\n//@ define one()(x) = linear(4, biass=true)(x)'),
    Wrong("a number is applied", "D012", 4, 'start: "a" -> one\n//@ define one()(x) = 3(x)'),
]  # fmt: skip
