"""The value side of the definition language: what expressions mean, and what is wrong with others."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, net, refusal

# An expression and the value that a linear layer takes from it.
WIDTHS = [
    ("7", 7),
    ("2 + 3 * 4", 14),
    ("(2 + 3) * 4", 20),
    ("20 - 8 - 2", 10),
    ("2 ** 3 ** 1", 8),
    ("-2 ** 2 + 10", 6),
    ("12 / 4", 3),
    ("div(13, 4)", 3),
    ("div(-13, 4) + 10", 6),
    ("13 % 5", 3),
    ("floor(13 / 4.0)", 3),
    ("ceil(2.1)", 3),
    ("round(2.5)", 2),
    ("round(3.5)", 4),
    ("round_to(8, 21)", 24),
    ("round_to(8, 20)", 16),
    ("floor(sqrt(50))", 7),
    ("floor(exp(log(9)) + 0.5)", 9),
    ("abs(-5)", 5),
    ("min(4, 9)", 4),
    ("max([3, 11, 5])", 11),
    ("sum([1, 2, 3])", 6),
    ("sum([]) + 1", 1),
    ("len([4, 4, 4])", 3),
    ("[5, 6, 7][1]", 6),
    ("[5, 6, 7][-1]", 7),
    ("len([1, 2] + [3])", 3),
    ("len(0..5)", 5),
    ("len(5..0) + 1", 1),
    ("sum(1..4)", 6),
    ("sum([a * b for a, b in zip([1, 2, 3], [4, 5, 6])])", 32),
    ("sum([i * w for i, w in enumerate([9, 5, 7])])", 19),
    ("sum([n for n in 0..10 if n % 3 == 0])", 18),
    ("len([[a, a] for a in 0..3])", 3),
    ("if true then 4 else 5", 4),
    ("if 1 < 2 and not (2 < 1) or false then 4 else 5", 4),
    ("if false or 3 == 3.0 then 4 else 5", 4),
    ("if 1 == true then 4 else 5", 5),
    ('if "a" == "a" then 4 else 5', 4),
    ("if none == none then 4 else 5", 4),
    ("if [1, [2, 3]] == [1, [2, 3]] then 4 else 5", 4),
    ("if 3 >= 3 and 2 != 3 and 2 <= 2 and 5 > 4 then 4 else 5", 4),
    ("size_of(x, 1)", 6),
    ("size_of(x, -1)", 8),
    ('size_of(x, "s") + size_of(x, "d")', 14),
    ("len(axes_of(x))", 2),
    ('if kind_of(x) == "sequence" then 4 else 5', 4),
    ('if has_axis(x, "c") then 4 else 5', 5),
    ("if type_of(x) == type_of(relu(x)) then 4 else 5", 4),
    ("if type_of(x) == type_of(linear(3)(x)) then 4 else 5", 5),
]


@pytest.mark.parametrize(("expression", "width"), WIDTHS)
def test_value_of_an_expression(expression: str, width: int) -> None:
    architecture = net(f"define net()(x) = linear({expression})(x)")
    assert architecture.output == [["B", 6, width]]


def test_floats_stay_floats() -> None:
    architecture = net("define net()(x) = leaky_relu(1 / 4.0)(x) * 2 + 7 * 0.5")
    assert [str(o.op) for o in architecture.graph.operations] == [
        "leaky_relu(slope=0.25)",
        "affine(scale=2.0)",
        "affine(shift=3.5)",
    ]


# An expression that has no value, the code, and a part of the message.
WITHOUT_VALUE = [
    ("7 / 2", "V001", "7 / 2 leaves a remainder"),
    ("size_of(x, -1) / 3", "V001", "8 / 3 leaves a remainder"),
    ("1 / 0", "V007", "`/` divides by zero"),
    ("1 % 0", "V007", "`%` divides by zero"),
    ("div(1, 0)", "V007", "`div` divides by zero"),
    ("2 ** 5000", "V007", "more than 4096 bits"),
    ("(2 ** 4000) * (2 ** 4000)", "V007", "more than 4096 bits"),
    ("10.0 ** 400", "V007", "overflows"),
    ("sqrt(-1)", "V007", "sqrt(-1) is not a finite number"),
    ("log(0)", "V007", "log(0) is not a finite number"),
    ("floor(1e300 * 1e300)", "V007", "not a finite number"),
    ('1 + "a"', "V002", "`+` does not work on an integer and a string"),
    ("1 + true", "V002", "`+` does not work on an integer and a boolean"),
    ("[1] + 2", "V002", "`+` does not work on a list and an integer"),
    ('if 1 < "a" then 1 else 2', "V002", "`<` does not work on an integer and a string"),
    ("if 1 then 2 else 3", "V002", "a condition must be a boolean, not an integer"),
    ("if not 1 then 2 else 3", "V002", "`not` needs a boolean, not an integer"),
    ("if 1 and true then 2 else 3", "V002", "a condition must be a boolean, not an integer"),
    ("if relu == relu then 2 else 3", "V002", "`==` cannot compare"),
    ("[1, 2][2]", "V003", "index 2 is outside a list of 2"),
    ("[1, 2][-3]", "V003", "index -3 is outside a list of 2"),
    ("5[0]", "V002", "an integer cannot be indexed"),
    ("min([])", "V003", "`min` of an empty list"),
    ("len(zip([1], [1, 2]))", "V004", "`zip` needs lists of one length, not 1, 2"),
    ("len(3)", "V002", "`len` needs a list, not an integer"),
    ("sum([a for a in 5])", "V002", "only lists can be gone through, not an integer"),
    ("sum([a for a, b in [[1, 2, 3]]])", "V004", "2 names cannot take a list of 3"),
    ("len(0..1000000)", "L008", "more than 100000 elements"),
    ('size_of(x, "h")', "T002", "h"),
    ("size_of(x, 3)", "T002", "3"),
    ("channels_of(x)", "T002", "c"),
    ("channels_of(3)", "V002", "`channels_of` needs a tensor, not an integer"),
    ("2.5", "T004", "width"),
    ("0", "T004", "width"),
    ("-4", "T004", "width"),
    ("true", "T004", "width"),
    ('"8"', "T004", "width"),
    ("none", "T004", "width"),
    ("relu", "T004", "width"),
]


@pytest.mark.parametrize(("expression", "code", "message"), WITHOUT_VALUE)
def test_an_expression_without_a_value_makes_the_draw_infeasible(expression: str, code: str, message: str) -> None:
    text = f'{SEQUENCE}start: "net" -> net\n//@ define net()(x) = linear({expression})(x)\n'
    found = refusal(text)
    assert found.code == code
    assert message in found.message
    assert found.path == "/"
    assert found.span is not None
    assert found.span.line == 3
