"""The written source: readable, safe, standalone, and gentle on memory."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_graphs import Builder, single
from small_nets import branches, classifier, deep, language_model
from small_spaces import small_space

import einsyn
from einsyn.backends.torch_format import commented
from einsyn.backends.torch_initial import DTYPES, initialised
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_names import argument_names
from einsyn.backends.torch_source import write_source
from einsyn.errors import BackendError
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS
from einsyn.ops.op import Param

EXPECTED = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.batch_norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.linear1 = nn.Linear(128, 16)
        self.positional_encoding1 = nn.Parameter(torch.randn(16, 16))
        self.layer_norm1 = nn.LayerNorm(16)
        self.linear2 = nn.Linear(16, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.conv1(image)  # [B, c:8, h:16, w:16]
        x = self.batch_norm1(x)  # [B, c:8, h:16, w:16]
        x1 = torch.relu(x)  # [B, c:8, h:16, w:16]
        x1 = self.conv2(x1)  # [B, c:8, h:16, w:16]
        x1 = x1 + x  # [B, c:8, h:16, w:16]
        del x
        x1 = nn.functional.unfold(x1, 4, stride=4).transpose(1, 2)  # [B, s:4*4, d:128]
        x1 = self.linear1(x1)  # [B, s:4*4, d:16]
        x1 = x1 + self.positional_encoding1  # [B, s:4*4, d:16]
        x1 = self.layer_norm1(x1)  # [B, s:4*4, d:16]
        x = torch.unflatten(x1, 2, (2, 8)).transpose(1, 2)
        x2 = torch.unflatten(x1, 2, (2, 8)).transpose(1, 2)
        x3 = torch.unflatten(x1, 2, (2, 8)).transpose(1, 2)
        x4 = nn.functional.scaled_dot_product_attention(x, x2, x3)
        x = x4.transpose(1, 2).flatten(2)  # [B, s:4*4, d:16]
        del x2, x3, x4, x1
        x = nn.functional.gelu(x)  # [B, s:4*4, d:16]
        x = x.mean(1)  # [B, d:16]
        x = self.linear2(x)  # [B, d:10]
        return x
"""


def test_reads_like_a_person_wrote_it() -> None:
    text = write_source(classifier()).text
    assert text[text.index("import torch") :] == EXPECTED


def test_runs_without_einsyn(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(write_source(classifier(), title="a net").text, "utf-8")
    run = "y = net.Net()(torch.zeros(2, 3, 16, 16)); print(tuple(y.shape), 'einsyn' in sys.modules)"
    script = f"import sys, torch, net; {run}"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "(2, 10) False"


HOSTILE = [
    '"""\nimport os\n',
    "\nraise SystemExit(3)",
    "\r\nraise SystemExit(3)",
    "\x0c\x0b\x1c\u2028\u2029\x85raise SystemExit(3)",
    "coding: utf-7\n+AAo-raise SystemExit(3)",
    "\udc80 lone surrogate",
    "\x00",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_comments_cannot_be_left(text: str, tmp_path: Path) -> None:
    graph = classifier()
    written = write_source(graph, title=text, architecture=text, space=text).text
    plain = write_source(graph).text
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(plain))
    file = tmp_path / "net.py"
    file.write_text(written, "utf-8")  # as a file, where an encoding declaration would count
    assert ast.dump(ast.parse(file.read_bytes())) == ast.dump(ast.parse(plain))
    assert max(map(len, written.splitlines())) < 130


def test_argument_names_are_safe() -> None:
    names = ["image", "class", "self", "torch", "a b", "x", "x", "\u00e9", "input2", "__class__", "ok); import os; ("]
    found = argument_names(names)
    assert len(set(found)) == len(found)
    assert found[0] == "image"
    assert found[5] == "x"
    assert all(name.isidentifier() and name.isascii() for name in found)
    assert not {"class", "self", "torch"} & set(found)


def test_hostile_input_names_run() -> None:
    builder = Builder(**{"x": parse_type("d:4"), "x1": parse_type("d:4"), "print()": parse_type("d:4")})
    (a,) = builder.apply(OPS["relu"].configure(), 0)
    (b,) = builder.apply(OPS["relu"].configure(), 1)
    module = build_module(write_source(builder.graph(*builder.apply(OPS["add"].configure(), a, b, 2, 0))))
    x, y, z = torch.randn(3, 2, 4)
    torch.testing.assert_close(module(x, y, z), x.relu() + y.relu() + z + x)


def test_shared_weights_are_one_layer() -> None:
    source = write_source(language_model())
    module = build_module(source)
    assert source.text.count("nn.Linear(") == 1
    assert source.text.count("self.linear1(") == 2
    assert source.keys[7, "weight"] == "linear1.weight"
    assert source.keys[0, "weight"] == "weight1"
    assert sum(p.numel() for p in module.parameters()) == language_model().params == 20 * 8 + 8 * 8 + 8


def test_shared_weights_that_need_two_layers_are_refused() -> None:
    builder = Builder(image=parse_type("c:4,h:3,w:3"), signal=parse_type("c:4,l:9"))
    (a,) = builder.apply(OPS["batch_norm"].configure(), 0, owner=0)
    (b,) = builder.apply(OPS["batch_norm"].configure(), 1, owner=0)
    with pytest.raises(BackendError) as caught:
        write_source(builder.graph(a, b))
    assert caught.value.code == "B004"


def test_outputs_may_be_inputs_repeated_and_many() -> None:
    builder = Builder(x=parse_type("d:4"))
    (a,) = builder.apply(OPS["relu"].configure(), 0)
    module = build_module(write_source(builder.graph(0, a, a)))
    x = torch.randn(2, 4)
    y, z, w = module(x)
    assert y is x
    assert z is w
    torch.testing.assert_close(z, x.relu())


def test_unused_layers_stay() -> None:
    builder = Builder(x=parse_type("c:4,h:3,w:3"))
    builder.apply(OPS["batch_norm"].configure(), 0)
    builder.apply(OPS["group"].configure(2, "c"), 0)
    module = build_module(write_source(builder.graph(*builder.apply(OPS["relu"].configure(), 0))))
    module(torch.randn(5, 4, 3, 3))
    assert module.get_buffer("batch_norm1.num_batches_tracked") == 1


def test_every_name_dies_after_its_last_use() -> None:
    """After each operation no local variable is bound that nothing reads any more."""
    for graph in (classifier(), branches(30), deep(60), language_model()):
        text = write_source(graph).text
        lines = text.splitlines()
        forward = ast.parse(text).body[-1].body[-1].body  # type: ignore[attr-defined]  # a class and its last method
        bound: set[str] = set()
        for i, statement in enumerate(forward[:-1]):
            if isinstance(statement, ast.Delete):
                bound -= {node.id for node in statement.targets if isinstance(node, ast.Name)}
            else:
                bound |= {
                    node.id
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                }
            ended = "  # [" in lines[statement.lineno - 1] or isinstance(statement, ast.Delete)
            if ended and not isinstance(forward[i + 1], ast.Delete):
                rest = ast.walk(ast.Module(forward[i + 1 :], []))
                assert bound <= {n.id for n in rest if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def test_other_dtypes() -> None:
    for dtype, kind in (("f64", torch.float64), ("f16", torch.float16), ("bf16", torch.bfloat16)):
        builder = Builder(x=parse_type(f"{dtype}[B, s:4, d:6]"))
        (x,) = builder.apply(OPS["positional_encoding"].configure(), 0)
        (x,) = builder.apply(OPS["layer_norm"].configure(), x)
        (x,) = builder.apply(OPS["linear"].configure(3), x)
        module = build_module(write_source(builder.graph(x)))
        assert module(torch.randn(2, 4, 6, dtype=kind)).dtype == kind


@pytest.mark.parametrize(
    ("init", "mean", "std"),
    [
        ("zeros", 0.0, 0.0),
        ("ones", 1.0, 0.0),
        ("constant -2.5", -2.5, 0.0),
        ("normal 1.0", 0.0, 1.0),
        ("normal 0.02", 0.0, 0.02),
        ("kaiming_uniform", 0.0, (1 / 3 / 400) ** 0.5),
        ("fan_in_uniform", 0.0, (1 / 3 / 300) ** 0.5),
    ],
)
def test_initialisation(init: str, mean: float, std: float) -> None:
    torch.manual_seed(0)
    tensor = eval(initialised(Param((300, 400), init)), {"torch": torch, "nn": torch.nn})
    assert tensor.shape == (300, 400)
    assert abs(tensor.mean().item() - mean) <= 0.01 * (std or 1e-9)
    assert abs(tensor.std().item() - std) <= 0.01 * std


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
def test_a_number_that_repeats_is_written_once(dtype: str) -> None:
    """The bits are those of the list."""
    for number, made in ((0.0, "zeros("), (1.0, "ones("), (-0.0, "full("), (1 / 3, "full("), (1e-30, "full(")):
        numbers = [number] * 100
        text = initialised(Param((100,), f"values {' '.join(map(repr, numbers))}"), dtype)
        assert text.startswith(f"torch.{made}")
        assert len(text) < 80
        found, wanted = eval(text, {"torch": torch}), torch.tensor(numbers, dtype=getattr(torch, DTYPES[dtype]))
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert found.view(torch.uint8).equal(wanted.view(torch.uint8))
    assert initialised(Param((1,), "values 0.0")) == "torch.tensor([0.0])"
    assert initialised(Param((2,), "values 0.0 -0.0")) == "torch.tensor([0.0, -0.0])"


def test_recurrent_networks_are_short() -> None:
    assert len(einsyn.load("rnncell").ref("lstm").source().splitlines()) < 80


def test_loops_may_have_no_turn() -> None:
    """After a loop nothing is deleted that only the loop would have made."""
    space = small_space("""
//@ input x f32[B, s:T, d:4]
start: "r" -> last
//@ define last()(x) { state, y = scan("s", step)(constant("d", [0, 0, 0])(), x) return state }
//@ define step()(h, x) { new = tanh(linear(3)(h) + linear(3)(x)) return new, new }
""")
    source = space.parse("r").source().replace("torch.stack(x2", "torch.stack(x2 or [x]")
    with torch.no_grad():
        assert build_module(source)(torch.ones(2, 0, 4)).equal(torch.zeros(2, 3))


def test_layers_start_as_declared() -> None:
    for name, attributes, text in (
        ("linear", {"width": 200}, "d:300"),
        ("conv", {"channels": 64, "kernel": 3}, "c:64,h:8,w:8"),
    ):
        graph = single(OPS[name].configure(**attributes), (parse_type(text),))
        weight = build_module(write_source(graph)).state_dict()[f"{name}1.weight"]
        bound = weight[0].numel() ** -0.5
        assert 0.98 * bound < weight.abs().max().item() <= bound


def test_many_targets_and_a_long_value_are_broken_both() -> None:
    targets = [f"x{i}" for i in range(29)]
    sizes = ["128"] * len(targets)
    code = f"{', '.join(targets)} = x.split_with_sizes([{', '.join(sizes)}], dim=1)"
    lines = commented(1, code, "shapes")
    assert max(map(len, lines)) <= 88
    (statement,) = ast.parse("if True:\n" + "\n".join(lines)).body[0].body  # type: ignore[attr-defined]
    assert ast.unparse(statement) == ast.unparse(ast.parse(code))
