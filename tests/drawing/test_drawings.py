"""Drawings of architectures: everything is in them, nothing in a file gets out of its place, pages fetch nothing."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from html_page import Page
from said import Said

import einsyn
from einsyn.derivation.tree import Derivation
from einsyn.drawing.architecture import html, svg
from einsyn.drawing.graph import shape_shown
from einsyn.drawing.outline import numbers_of, rows_of
from einsyn.drawing.svg import short_number, text_width
from einsyn.ir.graph import Graph
from einsyn.ir.path import Path as DerivationPath

SVG = "{http://www.w3.org/2000/svg}"
NET = "route(im2col(4,4,0),linear64,identity)"
SPACES = ["nasbench201", "einspace", "resnet", "vit", "rnncell", "unet", "lm"]


def sampled(space: str) -> list[einsyn.Architecture]:
    return einsyn.load(space, profile="test").sample(4, seed=5)


def graphs(graph: Graph) -> list[Graph]:
    """A graph and all that its operations own."""
    return [graph, *(g for o in graph.operations for region in o.regions for g in graphs(region))]


@pytest.mark.parametrize("space", SPACES)
def test_every_operation_and_every_shape_is_drawn(space: str) -> None:
    for arch in sampled(space):
        root = ElementTree.fromstring(svg(arch))
        boxes = [e for e in root.iter(f"{SVG}g") if "box" in e.get("class", "").split()]
        titles = Counter(str(box.find(f"{SVG}title").text).split("\n")[0] for box in boxes)  # type: ignore[union-attr]
        drawn = graphs(arch.graph)
        expected = Counter(str(o.op) for g in drawn for o in g.operations)
        expected += Counter(f"input {name}" for g in drawn for name, _ in g.inputs)
        expected += Counter(f"output %{value}: {g.types[value]}" for g in drawn for value in g.outputs)
        assert titles == expected
        labels = [e for e in root.iter(f"{SVG}text") if e.get("class") == "label"]
        told = Counter(label.find(f"{SVG}title").text for label in labels)  # type: ignore[union-attr]
        values = Counter(f"%{v}: {t}" for g in drawn for v, t in enumerate(g.types))
        # More than two equal outlets of a box have one label.
        fans = [o.outputs for g in drawn for o in g.operations if len(o.outputs) > 2]
        assert told <= values
        assert sum((values - told).values()) <= sum(len(fan) - 1 for fan in fans)
        rows = [e for e in root.iter(f"{SVG}text") if e.get("class") == "row"]
        assert len(rows) == sum(1 for _ in arch.derivation.nodes())
        assert svg(arch) == svg(arch)


@pytest.mark.parametrize("space", SPACES)
def test_rows_are_the_tree(space: str) -> None:
    for arch in sampled(space):
        rows = rows_of(arch.derivation)
        number_of = numbers_of(arch.derivation)
        for number, (path, node) in enumerate(arch.derivation.walk()):
            row = rows[number]
            assert (row.depth, number_of(DerivationPath.of(*path))) == (len(path), number)
            below = sum(1 for _ in node.nodes()) if isinstance(node, Derivation) else 1
            assert row.end == number + below
            assert (row.value == "") == isinstance(node, Derivation)


@pytest.mark.parametrize("space", SPACES)
def test_pages_fetch_nothing_and_know_where_operations_come_from(space: str) -> None:
    for arch in sampled(space):
        page = Page(html(arch))
        assert page.fetched() == []
        assert page.handlers() == []
        assert any("default-src 'none'" in (a.get("content") or "") for tag, a in page.tags if tag == "meta")
        rows = [a for tag, a in page.tags if tag == "div" and "data-end" in a]
        numbers = [int(a["data-node"]) for tag, a in page.tags if "data-node" in a]  # type: ignore[arg-type]
        assert len(rows) == sum(1 for _ in arch.derivation.nodes())
        nodes = list(arch.derivation.nodes())
        assert all(isinstance(nodes[n], Derivation) for n in numbers)
        own = sum(len(g.operations) for g in graphs(arch.graph))
        assert len(numbers) == own + (
            sum(len(g.operations) for g in graphs(arch.rewritten.graph)) if arch.rewritten.fired else 0
        )


HOSTILE = """\
//@ einsyn 1
//@ title </title><script>alert(1)</script>"'&
//@ input x f32[B, d:4]
start: TEXT "</text><img src=x onerror=alert(2)>" -> f
TEXT: "<script>alert(3)</script>" | "\\"><svg onload=alert(4)>"
//@ define f(text)(x) = relu(x)
"""


def test_text_from_a_file_stays_text(tmp_path: Path) -> None:
    (tmp_path / "hostile.lark").write_text(HOSTILE)
    space = einsyn.load(tmp_path / "hostile.lark")
    plain = Page(html(einsyn.load("einspace").parse(NET)))
    for arch in space.enumerate():
        page = Page(html(arch))
        assert len(page.scripts) == len(plain.scripts)
        assert page.handlers() == []
        assert page.fetched() == []
        assert not any("alert" in script for script in page.scripts)
        assert "alert(2)" in "".join(page.texts)
        root = ElementTree.fromstring(svg(arch))
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
            "svg", "title", "style", "rect", "g", "text", "tspan", "path",
        }  # fmt: skip
        assert space.title in "".join(root.itertext())


def test_deep_and_long_networks_are_drawn_in_linear_size(tmp_path: Path) -> None:
    (tmp_path / "deep.lark").write_text(
        '//@ einsyn 1\n//@ input x f32[B, d:4]\n//@ max_ops 100000\nstart: "r" -> relu\n'
        '| "(" start ")" -> wrap\n| "[" start "]" -> res\n'
        "//@ define wrap(f)(x) = relu(f(x))\n//@ define res(f)(x) = x + f(x)\n"
    )
    space = einsyn.load(tmp_path / "deep.lark")
    for opening, closing in ("()", "[]"):
        sizes = [len(svg(space.parse(opening * n + "r" + closing * n))) for n in (1_000, 2_000)]
        assert sizes[1] < 2.3 * sizes[0]
    page = Page(html(space.parse("(" * 10_000 + "r" + ")" * 10_000)))
    assert sum(tag == "div" and "data-end" in a for tag, a in page.tags) == 10_001


def test_shapes_and_numbers_are_short() -> None:
    assert shape_shown(einsyn.load("nasbench201").inputs[0][1]) == "3x32x32"
    assert shape_shown(einsyn.load("lm").inputs[0][1]).startswith("i64 ")
    assert [short_number(n) for n in (7, 999, 999.6, 25_557_032, 4.1e9)] == ["7", "999", "1k", "25.6M", "4.1G"]
    assert text_width("\u4e2d", 10) == 2 * text_width("a", 10)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.chdir(tmp_path)
    return Said(capfd)


def test_show_draws(said: Said) -> None:
    arch = einsyn.load("einspace").parse(NET)
    shown = ("show", "einspace", NET)
    assert said(*shown, "-o", "net.svg") == 0
    assert said.out == "wrote net.svg\n"
    assert Path("net.svg").read_text() == svg(arch)
    assert said(*shown, "-o", "net.html") == 0
    assert Path("net.html").read_text() == html(arch)
    assert said(*shown, "--format", "svg") == 0
    assert said.out == svg(arch)
    assert said(*shown, "--format", "svg", "--as", "ir", "-o", "graph.txt") == 0
    assert Path("graph.txt").read_text() == svg(arch, ("ir",))
    assert said(*shown, "--format", "html", "--as", "tree", "--json") == 0
    assert re.search(r'"html": "<!DOCTYPE html>', said.out)
    assert said(*shown, "--as", "ir") == 0
    text = said.out
    assert said(*shown, "--as", "ir", "-o", "net.ir") == 0
    assert Path("net.ir").read_text() == text
    assert sorted(p.name for p in Path().iterdir()) == ["graph.txt", "net.html", "net.ir", "net.svg"]


def test_what_cannot_be_drawn(said: Said) -> None:
    assert said("show", "einspace", NET, "--as", "source", "-o", "net.svg") == 2
    assert said.err.splitlines()[0] == "error[U030]: there is no drawing of `source`"
    assert said("show", "einspace", NET, "--passes", "--format", "html") == 2
    assert said("show", "einspace", NET, "--format", "png") == 2
    assert said("show", "einspace", NET, "-o", "net.PNG") == 2
    assert said.err.splitlines()[0] == "error[U030]: there is no drawing as .png"
    assert said("show", "einspace", "-o", "net.svg") == 2
    assert said.err.startswith("error[U012]")
    assert said("show", "einspace", NET, "-o", "absent/net.svg") == 1
    assert said.err.startswith("error[F009]")
    assert list(Path().iterdir()) == []


def test_what_a_file_says_is_written_and_drawn(said: Said) -> None:
    assert said("compile", "einspace", NET, "-o", "net.onnx") == 0
    assert said("show", "net.onnx") == 0
    text = said.out
    assert said("show", "net.onnx", "-o", "net.txt") == 0
    assert Path("net.txt").read_text() == text
    assert said("show", "net.onnx", "-o", "net.svg") == 0
    assert Path("net.svg").read_text() == svg(einsyn.load("einspace").parse(NET))
