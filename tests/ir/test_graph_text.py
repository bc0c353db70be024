"""Graphs as text: equal when read back, linear in depth, and bad text is placed."""

from __future__ import annotations

import dataclasses

import pytest
from small_graphs import Builder

from einsyn.diagnostics import Span
from einsyn.errors import EinsynError
from einsyn.ir.call import Call
from einsyn.ir.graph import Graph, Operation
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.parse_type import parse_type
from einsyn.ir.path import Path
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph
from einsyn.ops import OPS


def small() -> Graph:
    builder = Builder(image=parse_type("c:3,h:8,w:8"))
    (tokens,) = builder.apply(OPS["im2col"].configure(4, 4, 0), 0)
    a, b = builder.apply(OPS["group"].configure(2, "d"), tokens)
    (c,) = builder.apply(OPS["linear"].configure(6, bias=False), a, owner=0)
    (d,) = builder.apply(OPS["linear"].configure(6, bias=False), b, owner=0)
    return builder.graph(*builder.apply(OPS["add"].configure(), c, d))


def chain(depth: int) -> Graph:
    """Each operation one level deeper than the one before."""
    relu = OPS["relu"].configure()
    t = parse_type("d:4")
    path = Path()
    operations: list[Operation] = []
    for i in range(depth):
        operations.append(Operation(relu, (i,), (i + 1,), relu.signature((t,)), None, path, Span("a.lark", i + 1, 2)))
        path = Path(path, i % 2)
    return Graph("deep", (("x", 0),), tuple(operations), (depth,), (t,) * (depth + 1))


def test_what_an_operation_is_part_of_is_no_part_of_it() -> None:
    operation = small().operations[0]
    part = operation._replace(call=Call("stem"))
    assert part == operation
    assert not part != operation  # it is defined on its own
    assert operation != operation._replace(outputs=(9,))


def test_prints_as_shown() -> None:
    text = print_graph(small()).splitlines()
    assert text[:4] == [
        "einsyn ir 1",
        'graph "test"',
        "input image %0: f32[B, c:3, h:8, w:8]",
        "%1: f32[B, s:(h:2*w:2), d:48] = im2col(kernel=4, stride=4)(%0) at /0",
    ]
    assert text[-1] == "output %6"
    assert "%4: f32[B, s:(h:2*w:2), d:6] = linear(width=6, bias=false)(%2) weights 0 at /0/0/2" in text


def test_reads_back_equal() -> None:
    graph = small()
    assert parse_graph(print_graph(graph)) == graph
    spanned = graph.operations[0]._replace(span=Span('we"ird\n.lark', 3, 1, 3, 9))
    graph = dataclasses.replace(graph, operations=(spanned, *graph.operations[1:]), name='a "name"\n// x')
    assert parse_graph(print_graph(graph)) == graph


def test_reads_inputs_with_any_name() -> None:
    builder = Builder(**{"a b\n": parse_type("d:4"), "relu": parse_type("d:4")})
    graph = builder.graph(*builder.apply(OPS["add"].configure(), 0, 1))
    assert parse_graph(print_graph(graph)) == graph


def loops() -> Graph:
    """A loop whose step holds a loop over the same step as its neighbour's."""
    scan = OPS["scan"]
    inner, types = next(iter(scan.examples()))
    builder = Builder(h=types[0], x=types[1])
    last, _ = builder.apply(inner, 0, 1)
    region = builder.graph(last)
    outer = Builder(h=types[0], x=parse_type("p:3,s:5,d:4"), y=types[1])
    (again,) = outer.apply(scan.configure("p").with_regions(region), 0, 1)
    return outer.graph(*outer.apply(inner, again, 2))


def test_regions_read_back_equal() -> None:
    graph = loops()
    verify_graph(graph)
    assert parse_graph(print_graph(graph)) == graph
    unlike = graph.operations[0]._replace(op=OPS["scan"].configure("p").with_regions(chain(2)))
    assert graph != dataclasses.replace(graph, operations=(unlike, graph.operations[1]))


def test_a_wrong_region_is_reported() -> None:
    graph = loops()
    outer, inner = graph.operations
    (region,) = outer.regions
    broken = dataclasses.replace(region, outputs=(9,))
    op = OPS["scan"].configure("p").with_regions(broken)
    with pytest.raises(EinsynError) as caught:
        verify_graph(dataclasses.replace(graph, operations=(outer._replace(op=op), inner)))
    assert "I010" in {d.code for d in caught.value.diagnostics}


def test_deep_paths_take_linear_space() -> None:
    text = print_graph(chain(3000))
    assert len(text) < 3000 * 120
    assert parse_graph(text) == chain(3000)


LOOP = 'einsyn ir 1\ninput h %0: d:4\ninput x %1: s:3,d:4\n%2: f32[B, d:4] = scan(axis="s")(%0, %1) at /'
BAD = [
    ("", "I001", 1, "begins with"),
    ("einsyn ir 2", "I001", 1, "begins with"),
    ("einsyn ir 1\n", "I001", 1, "no `output`"),
    ("einsyn ir 1\nwhat", "I001", 2, "not IR"),
    ("einsyn ir 1\ninput x: f32[B]", "I001", 2, "no input line"),
    ("einsyn ir 1\ninput x %0: f33[B]", "T030", 2, "no dtype f33"),
    ("einsyn ir 1\ninput x %0: d:0", "T032", 2, "at least 1"),
    ("einsyn ir 1\ninput x %0: d:4\ninput y %0: d:4", "I003", 3, "defined twice"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = rellu(%0) at /", "I002", 3, "'rellu'"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = relu(slope=1)(%0) at /", "I002", 3, "slope"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = linear(width=0)(%0) at /", "I002", 3, "at least 1"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:5] = relu(%0) at /", "I012", 3, "gives f32[B, d:4]"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = relu(%0, %0) at /", "T001", 3, "2 were given"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = relu(%2) at /", "I003", 3, "%2 is not defined"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = relu(%0)", "I001", 3, "at PATH"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = relu(%0) at p7/0", "I003", 3, "p7"),
    ("einsyn ir 1\ninput x %0: d:4\n%1: f32[B, d:4] = linear(width=@)(%0) at /", "I001", 3, "no attribute"),
    ("einsyn ir 1\ninput x %0: d:4\n%2: f32[B, d:4] = relu(%0) at /\noutput %2", "I003", 4, "without a gap"),
    ("einsyn ir 1\ninput x %0: d:4\noutput %0\noutput %0", "I001", 4, "after the end"),
    ("einsyn ir 1\nregion", "I001", 2, "none"),
    ("einsyn ir 1\nend", "I001", 2, "closes a region"),
    (f"{LOOP}\noutput %2", "I001", 5, "owns a region, which has to follow"),
    (f"{LOOP}\nregion\ninput h %0: d:4\ninput x %1: d:5\noutput %0\nend", "T052", 9, "takes f32[B, d:4], f32[B, d:5]"),
]


@pytest.mark.parametrize(("text", "code", "line", "message"), BAD)
def test_bad_text(text: str, code: str, line: int, message: str) -> None:
    with pytest.raises(EinsynError) as caught:
        parse_graph(text, "net.ir")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert diagnostic.span is not None
    assert (diagnostic.span.file, diagnostic.span.line) == ("net.ir", line)
    assert message in diagnostic.message


def test_verify_accepts_what_is_right() -> None:
    verify_graph(small())
    verify_graph(chain(2000))


def broken() -> list[tuple[str, Graph]]:
    graph = small()
    first, second, third, fourth, last = graph.operations
    replace = dataclasses.replace
    wide = OPS["linear"].configure(7)
    wider = fourth._replace(op=wide, signature=wide.signature((graph.types[3],)))
    types = (*graph.types[:5], parse_type("f32[B, s:2*2, d:7]"), graph.types[6])
    return [
        ("I010", replace(graph, operations=(second, first, third, fourth, last))),
        ("I010", replace(graph, outputs=(9,))),
        ("I011", replace(graph, operations=(first, second, third, fourth._replace(outputs=(4,)), last))),
        ("I011", replace(graph, types=(*graph.types, graph.types[0]))),
        ("I011", replace(graph, inputs=(*graph.inputs, ("again", 0)))),
        ("I012", replace(graph, types=(*graph.types[:6], parse_type("d:3")))),
        ("I012", replace(graph, operations=(first, second, third, fourth, last._replace(signature=first.signature)))),
        ("I013", replace(graph, operations=(first, second, third, wider, last), types=types)),
        ("I014", replace(graph, operations=(first, second, third, fourth._replace(owner=None), last))),
        ("I014", replace(graph, operations=(first._replace(owner=5), second, third, fourth, last))),
    ]


@pytest.mark.parametrize(("code", "graph"), broken())
def test_verify_refuses(code: str, graph: Graph) -> None:
    with pytest.raises(EinsynError) as caught:
        verify_graph(graph)
    assert code in {d.code for d in caught.value.diagnostics}
