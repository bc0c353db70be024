"""`scan` in the language: one weight set, counted costs, and what a step may not do."""

from __future__ import annotations

import copy

import pytest
import torch
from small_spaces import SEQUENCE, net, refusal, small_space, wiring

from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph

ELMAN = """
define step(width)(h, x) {
  y = tanh(linear(width)(h) + linear(width, false)(x))
  return y, y
}
define start(width) = weight(d=width, init=0)
"""


def test_a_step_is_elaborated_once() -> None:
    made = net(f'{ELMAN} define net()(x) = scan("s", step(4))(start(4)(), x)[1]')
    assert wiring(made) == [
        '%1: f32[d:4] = weight(d=4, init="constant 0.0")() weights 0',
        '%2: f32[B, d:4], %3: f32[B, s:6, d:4] = scan(axis="s")(%1, %0) weights 1',
        "%2: f32[B, d:4] = linear(width=4)(%0) weights 0",
        "%3: f32[B, d:4] = linear(width=4, bias=false)(%1) weights 1",
        "%4: f32[B, d:4] = add(%2, %3)",
        "%5: f32[B, d:4] = tanh(%4)",
        "output %3",
    ]
    assert made.params == 4 + (4 * 4 + 4) + 4 * 8
    assert made.macs == 6 * (4 * 4 + 8 * 4)
    assert made.output == [["B", 6, 4]]
    assert made.ops == {"add": 1, "linear": 2, "scan": 1, "tanh": 1, "weight": 1}
    verify_graph(made.graph)
    assert parse_graph(print_graph(made.graph)) == made.graph
    assert made.verify().verified


def test_equals_a_loop_written_out() -> None:
    made = net(f'{ELMAN} define net()(x) = scan("s", step(4))(start(4)(), x)[1]')
    module = made.module(seed=3)
    x = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    h = torch.zeros(2, 4)
    for t in range(6):
        h = torch.tanh(module.linear1(h) + module.linear2(x[:, t]))
        torch.testing.assert_close(module(x)[:, t], h)


def test_a_choice_in_a_step_is_made_once() -> None:
    space = small_space(
        f'{SEQUENCE}start: act -> net\nact: "t" -> tanh | "r" -> relu\n'
        "//@ define step(act)(h, x) { y = act(h + x) return y, y }\n"
        '//@ define net(act)(x) = scan("s", step(act))(mean("s")(x), x)\n'
    )
    assert [a.text for a in space.enumerate()] == ["t", "r"]
    assert all(a.verify().verified for a in space.enumerate())
    assert {a.text for a in space.sample(20, seed=1)} == {"t", "r"}


def test_loops_inside_loops_and_inside_repetitions() -> None:
    made = net(
        """
        define inner()(h, x) = [h + x, h * x]
        define outer()(h, x) {
          total, products = scan("s", inner)(mean("d", keep=true)(h), rearrange("d -> s:d d:1")(x))
          return tanh(linear(8)(total)), rearrange("s 1 -> d:s")(products)
        }
        define block()(x) = scan("s", outer)(mean("s")(x), x)[1]
        define net()(x) = repeat(2, block)(x)
        """
    )
    assert made.ops["scan"] == 4
    assert made.params == 2 * (8 + 8)
    assert made.macs == 2 * 6 * 8
    assert made.verify().verified
    verify_graph(made.graph)
    assert parse_graph(print_graph(made.graph)) == made.graph


def test_weights_are_shared_by_loops_that_are_shared() -> None:
    tied = net(
        f'{ELMAN} define net()(x) {{ f = shared(scan("s", step(8))) h, y = f(start(8)(), x) return f(h, y)[1] }}'
    )
    free = net(f'{ELMAN} define net()(x) {{ f = scan("s", step(8)) h, y = f(start(8)(), x) return f(h, y)[1] }}')
    assert tied.params == 8 + 8 * 8 + 8 + 8 * 8
    assert free.params == tied.params + 8 * 8 + 8 + 8 * 8
    assert sum(p.numel() for p in tied.module().parameters()) == tied.params
    assert tied.verify().verified


def test_several_states_and_none_stacked() -> None:
    made = net(
        """
        define step()(a, b, x) = [b, a + x]
        define net()(x) = scan("s", step, 2)(mean("s")(x), zero(mean("s")(x)), x)
        """
    )
    assert made.output == [["B", 8], ["B", 8]]
    x = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    a, b = x.mean(1), torch.zeros(2, 8)
    for t in range(6):
        a, b = b, a + x[:, t]
    for computed, expected in zip(made.module()(x), (a, b), strict=True):
        torch.testing.assert_close(computed, expected)
    assert made.verify().verified


REFUSED = [
    ('scan("s", f)(x)', "", "T001", "at least one sequence"),
    ('scan("t", f)(mean("s")(x), x)', "", "T002", "no axis t"),
    ('scan("s", f, 0)(x, x)', "", "V002", "1 or more states"),
    ("scan(2.5, f)(x, x)", "", "V002", "an axis name"),
    ('scan("s", 3)(x, x)', "", "V006", "needs arrows"),
    ('scan("s", f)(mean("s")(x), x)', "define f()(h, x) = [linear(3)(h), x]", "T051", "d:8"),
    ('scan("s", f, 2)(x, x, x)', "define f()(a, b, x) = [a]", "T051", "2 are states"),
    ('scan("s", f)(mean("s")(x), x)', "define f()(h, x) = [h, 3]", "V006", "an integer"),
    ('scan("s", f)(mean("s")(x), x, narrow("s", 0, 2)(x))', "", "T014", "one length"),
    ('scan("s", f([x]))(mean("s")(x), x)', 'define f(l)(h, x) = [h, mean("s")(l[0]) + x]', "T053", "from outside"),
    (
        'scan("s", f(g))(mean("s")(x), g(x))',
        "define f(g)(h, x) = [h, g(x)]",
        "T054",
        "what is outside",
    ),
]


@pytest.mark.parametrize(("expression", "definition", "code", "told"), REFUSED)
def test_what_is_refused(expression: str, definition: str, code: str, told: str) -> None:
    body = definition or "define f()(h, x) = [h, x]"
    found = refusal(
        f'{SEQUENCE}start: "net" -> net\n//@ {body}\n'
        f"//@ define net()(x) {{ g = shared(linear(8)) return {expression} }}\n"
    )
    assert (found.code, told in found.message) == (code, True), found


def test_nesting_is_bounded() -> None:
    def nested(levels: int) -> str:
        steps = "".join(
            f'//@ define f{i}()(h, x) = scan("s", f{i + 1})(h, rearrange("d -> s:1 d")(x))\n' for i in range(levels - 1)
        )
        last = f"//@ define f{levels - 1}()(h, x) = h + x\n"
        main = '//@ define net()(x) = scan("s", f0)(mean("s")(x), x)\n'
        return f'{SEQUENCE}start: "net" -> net\n{steps}{last}{main}'

    (made,) = small_space(nested(8)).enumerate()
    assert made.ops["scan"] == 8
    assert made.verify().verified
    assert refusal(nested(9)).code == "L009"


def test_traces_and_exports() -> None:
    made = net(f'{ELMAN} define net()(x) = scan("s", step(4))(start(4)(), x)[1]')
    module, x = made.module(seed=3).eval(), torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    for other in (torch.fx.symbolic_trace(module), torch.export.export(module, (x,)).module(), copy.deepcopy(module)):
        torch.testing.assert_close(other(x), module(x))
