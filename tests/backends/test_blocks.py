"""Parts of a network that repeat are classes: what is written computes the same, and a person would leave it so."""

from __future__ import annotations

import copy
import inspect
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_spaces import small_space
from torch import nn

import einsyn
from einsyn.architecture import Architecture
from einsyn.backends.onnx_model import build_onnx
from einsyn.backends.torch_declared import MOST_INFERRED, declared, with_declarations
from einsyn.backends.torch_layers import LAYERS, SIZES, taken_apart
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_names import attribute_name, class_name
from einsyn.backends.torch_source import TorchSource, write_source
from einsyn.backends.verify import random_inputs
from einsyn.ir.graph import Graph, single
from einsyn.ops import OPS
from einsyn.ops.linear import Linear
from einsyn.ops.lowering import TorchContext
from einsyn.shipped import shipped_spaces

GOLDEN = Path(__file__).parent / "golden"
REVIEWED = (
    ("resnet", "resnet50"),
    ("vit", "vit_tiny_patch16_224"),
    ("nasbench201", "best_cifar10"),
    ("einspace", "resnet18_no_maxpool"),
)
# The formatter and the linter as they are without any settings, and with longer lines.
RUFF = (sys.executable, "-m", "ruff")
CHECKS = (
    ("check", "--isolated", "--quiet"),
    ("format", "--isolated", "--check", "--quiet"),
    ("format", "--isolated", "--check", "--quiet", "--line-length=120"),
)


def ruff(folder: Path) -> None:
    """Every file of a folder passes the linter, and the formatter leaves it as it is."""
    for arguments in CHECKS:
        done = subprocess.run([*RUFF, *arguments, str(folder)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def classes(text: str) -> list[str]:
    return re.findall(r"^class (\w+)", text, re.MULTILINE)


@pytest.mark.parametrize(("space", "name"), REVIEWED, ids=[name for _, name in REVIEWED])
def test_reviewed(space: str, name: str) -> None:
    """The source of published networks, as people have read it.

    After a change that was meant: `python tests/backends/test_blocks.py` writes the files anew; read them.
    """
    text = einsyn.load(space).ref(name).source()
    assert text == (GOLDEN / f"{name}.py.txt").read_text("utf-8")
    assert len(text.splitlines()) < 120


def pyright(folder: Path) -> None:
    """A strict type checker finds nothing in the files of a folder."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', "utf-8")
    command = [sys.executable, "-m", "pyright", "--project", str(folder), "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_strict_type_checker_finds_nothing_in_a_few(tmp_path: Path) -> None:
    """Loops, what torch does not say the type of, and more assignments of one name than are looked through."""
    for space, name in (
        ("rnncell", "lstm"), ("hybrid", "swin_tiny_patch4_window7_224"), ("darts", "darts_v2_cifar10"),
    ):  # fmt: skip
        (tmp_path / f"{name}.py").write_text(einsyn.load(space).ref(name).source(), "utf-8")
    pyright(tmp_path)


@pytest.mark.slow
def test_a_strict_type_checker_finds_nothing(tmp_path: Path) -> None:
    """In any published network, in networks of every space, rewritten or not, in any operation."""
    for space in shipped_spaces():
        loaded = einsyn.load(space)
        for name in loaded.refs:
            (tmp_path / f"{space}_{name}.py").write_text(loaded.ref(name).source(), "utf-8")
        for i, architecture in enumerate(einsyn.load(space, profile="test").sample(12, seed=3)):
            for rewrite in ("none", "exact", "deploy"):
                (tmp_path / f"{space}_{i}_{rewrite}.py").write_text(architecture.source(rewrite), "utf-8")
    for name, cls in OPS.items():
        for i, (op, types) in enumerate(cls.examples()):
            (tmp_path / f"op_{name}_{i}.py").write_text(write_source(single(op, types)).text, "utf-8")
    pyright(tmp_path)


def test_declarations() -> None:
    """Where names are assigned often, whatever else is assigned there, and nothing that is no tensor."""
    often = [f"x = x + {i}" for i in range(MOST_INFERRED)]
    assert declared(often, []) == {}
    assert declared([*often, "x = 0"], []) == {0: ["x"]}
    assert declared([*often, "x = 0"], ["x"]) == {}
    assert declared(["x1, x = f(y)", *often], []) == {0: ["x"]}
    assert declared([*often, "x = list[torch.Tensor]()"], []) == {}
    assert declared([*often, "for x in range(3):", "x = 0"], []) == {}
    assert with_declarations("x = f(y)", ["x"]) == ["x: torch.Tensor = f(y)"]
    assert with_declarations("x1, x = f(y)", ["x"]) == ["x: torch.Tensor", "x1, x = f(y)"]


def flat_state(module: nn.Module, source: TorchSource, flat: TorchSource) -> dict[str, torch.Tensor]:
    """The state of a module by the keys that it has where everything is one class."""
    state = module.state_dict()
    assert set(state) == set(source.keys.values())
    return {flat.keys[slot]: state[key] for slot, key in source.keys.items()}


def check_function(graph: Graph, source: TorchSource) -> None:
    """The same seed gives the same weights, and they the same outputs and gradients, as if it were one class."""
    flat = write_source(graph, blocks=False)
    assert classes(flat.text) == ["Net"]
    nested, whole = build_module(source, seed=3), build_module(flat, seed=3)
    state = flat_state(nested, source, flat)
    assert all(torch.equal(tensor, state[key]) for key, tensor in whole.state_dict().items())
    assert sum(p.numel() for p in nested.parameters()) == graph.params
    model = build_onnx(graph, nested.state_dict(), source.keys)
    inputs = [torch.tensor(array) for array in random_inputs(model, 2).values()]
    for module in (nested, whole):
        module.double()
    inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    results: list[list[torch.Tensor]] = []
    for module in (nested, whole):
        torch.manual_seed(0)
        module.train()
        outputs = module(*inputs)
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
        sum(y.sum() for y in outputs if y.requires_grad).backward() if any(y.requires_grad for y in outputs) else None
        module.eval()
        with torch.no_grad():
            evaluated = module(*inputs)
        results.append([*outputs, *([evaluated] if isinstance(evaluated, torch.Tensor) else evaluated)])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a.nan_to_num(), b.nan_to_num())
    slopes = [{key: p.grad for key, p in module.named_parameters()} for module in (nested, whole)]
    for slot, key in source.keys.items():
        a, b = slopes[0].get(key), slopes[1].get(flat.keys[slot])
        assert (a is None) == (b is None)
        assert a is None or b is None or torch.equal(a.nan_to_num(), b.nan_to_num())


def check_samples(space: str, samples: int, seed: int, folder: Path) -> int:
    """Check networks of a space; returns how many have classes beside `Net`."""
    found = 0
    for i, architecture in enumerate(einsyn.load(space, profile="test").sample(samples, seed=seed)):
        form = architecture.form()
        (folder / f"{space}_{i}.py").write_text(form.torch.text, "utf-8")
        check_function(form.rewritten.graph, form.torch)
        found += len(classes(form.torch.text)) > 1
    ruff(folder)
    return found


@pytest.mark.parametrize("space", sorted(shipped_spaces()))
def test_few_networks_of_every_space(space: str, tmp_path: Path) -> None:
    check_samples(space, 4, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("space", sorted(shipped_spaces()))
def test_many_networks_of_every_space(space: str, tmp_path: Path) -> None:
    check_samples(space, 40, 2, tmp_path)


def test_references_are_formatted_and_shorter(tmp_path: Path) -> None:
    """What is written with classes is no longer than a half in sum, and hardly ever longer than it would be without."""
    lengths: list[tuple[int, int]] = []
    for space in ("resnet", "mbconv", "vit", "mlp", "nasbench201", "vgg", "unet", "csp", "fractal", "regnet"):
        loaded = einsyn.load(space)
        for name in loaded.refs:
            form = loaded.ref(name).form()
            (tmp_path / f"{space}_{name}.py").write_text(form.torch.text, "utf-8")
            flat = write_source(form.rewritten.graph, blocks=False).text
            lengths.append((len(form.torch.text.splitlines()), len(flat.splitlines())))
    ruff(tmp_path)
    assert sum(nested for nested, _ in lengths) < 0.5 * sum(flat for _, flat in lengths)
    assert all(nested < 1.15 * flat for nested, flat in lengths)


SPACE = """
//@ einsyn 1
//@ input image f32[B, c:8, h:8, w:8]
//@ main whole
start: part ~ 1..9 -> row
part: "s" -> plain
    | "t" -> wide
    | "c" -> class
    | "v" -> drops
    | "r" -> tied
//@ define row(parts) = seq(*parts)
//@ define plain()(x) = block(3, 1)(x)
//@ define wide()(x) = block(5, 2)(x)
//@ define class()(x) = block(3, 1, 0.3)(x)
//@ define drops()(x) = dropout(0.25)(block(3, 1)(x))
//@ define tied()(x) { f = shared(block(3, 1)) return f(f(x)) }
//@ define block(kernel, stride, p=0.1)(x) {
//@   y = dropout(p)(relu(conv(8, kernel, stride)(x)))
//@   z = batch_norm(conv(2 * channels_of(x), kernel, bias=false)(y))
//@   return conv(8, 1)(leaky_relu(p)(z)) + conv(8, 1, stride, 0)(x)
//@ }
//@ define whole(body)(image) = linear(3)(mean(["h", "w"])(body(image)))
"""


def parsed(text: str, tmp_path: Path) -> Architecture:
    path = tmp_path / "parts.lark"
    path.write_text(SPACE, "utf-8")
    return einsyn.load(path).parse(text)


def test_what_differs_is_an_argument(tmp_path: Path) -> None:
    architecture = parsed("sstsc", tmp_path)
    text = architecture.source()
    assert classes(text) == ["Block", "Net"]
    signature = re.search(r"def __init__\((.*?)\) -> None", text, re.DOTALL)
    assert signature
    assert signature[1].split() == [
        "self,", "kernel_size:", "int,", "value:", "float,", "stride:", "int", "=", "1,", "padding:", "int", "=", "0,",
    ]  # fmt: skip
    assert "self.value = value" in text
    assert "nn.functional.dropout(x1, self.value, self.training)" in text
    assert "self.block1 = nn.Sequential(*(Block(3, 0.1, padding=1) for _ in range(2)))" in text
    assert "self.block2 = Block(5, 0.1, stride=2, padding=2)" in text
    assert "self.block4 = Block(3, 0.3, padding=1)" in text
    check_function(architecture.rewritten.graph, architecture.form().torch)
    (tmp_path / "net.py").write_text(text, "utf-8")
    ruff(tmp_path)


def test_equal_blocks_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = einsyn.load("einspace").ref("mlp_mixer").rewritten.graph
    linears = [operation for operation in graph.operations if isinstance(operation.op, Linear)]
    written: list[Linear] = []
    usual = Linear.torch

    def torch(self: Linear, ctx: TorchContext) -> str:
        written.append(self)
        return usual(self, ctx)

    monkeypatch.setattr(Linear, "torch", torch)
    keys = write_source(graph).keys
    assert len(written) < len(linears) / 4
    # Each has its own weights nevertheless.
    assert len({keys[o.owner, "weight"] for o in linears if o.owner is not None}) == len(linears)


def test_shared_weights_stay_one_layer(tmp_path: Path) -> None:
    architecture = parsed("rr", tmp_path)
    check_function(architecture.rewritten.graph, architecture.form().torch)
    assert architecture.source().count("nn.BatchNorm2d(") in (1, 2)
    assert len([key for key in architecture.module().state_dict() if key.endswith("running_mean")]) == 2


# One definition in another that does nothing else, with the same weights or with others.
AROUND = """
//@ input x f32[B, d:3]
start: "shared(" start ")" -> tied
     | "twice(" start ")" -> twice
     | "in(" start ")" -> around
     | "linear" -> layer
//@ define tied(f)(x) { g = shared(f) return g(g(x)) }
//@ define twice(f)(x) = f(f(x))
//@ define around(f)(x) = f(x)
//@ define layer()(x) = linear(3)(x)
"""


def test_blocks_inside_one_another_share_what_their_definitions_share() -> None:
    """The weights of `in(...)` are used outside of it as well where what it stands in shares them."""
    for architecture in small_space(AROUND).enumerate(max_size=7):
        if len(architecture.graph.operations) > 8:
            found = sum(p.numel() for p in architecture.module(rewrite="none").parameters())
            assert found == architecture.params, architecture.text
    deep = small_space(AROUND).parse("shared(shared(shared(in(shared(linear)))))")
    check_function(deep.graph, write_source(deep.graph))


def test_names_are_those_of_the_place(tmp_path: Path) -> None:
    """A block keeps its names whatever else comes after it, and inside a block nothing outside has a say."""
    long, other = (parsed(text, tmp_path).module().state_dict() for text in ("tstsc", "tstst"))
    assert {key for key in long if not key.startswith("block5.")} <= set(other)
    inside = [{key.partition(".")[2] for key in state if key.startswith("block1.")} for state in (long, other)]
    assert inside[0] == inside[1]
    assert "conv1.weight" in inside[0]


def test_rules_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "names.lark"
    names = ("true", "none", "net", "torch_", "self_", "drop_path")
    rules = "".join(f'{name}: "{chr(97 + i)}" tail -> seq\n' for i, name in enumerate(names))
    text = f"""//@ einsyn 1
//@ input x f32[B, d:4]
start: part ~ {2 * len(names)} -> row
part: {" | ".join(names)}
{rules}tail: "t" -> tail
//@ define row(parts) = seq(*parts)
//@ define tail()(x) = layer_norm(relu(linear(8)(tanh(linear(4)(x)))))
"""
    path.write_text(text, "utf-8")
    architecture = einsyn.load(path).parse("".join(f"{chr(97 + i)}t" for i in range(len(names)) for _ in range(2)))
    check_function(architecture.rewritten.graph, architecture.form().torch)


def test_class_names() -> None:
    given = ["conv_bn", "edge{I0}", "true", "_x", "__init", "2d", "\u00e9", "", "Cell"]
    assert [class_name(name) for name in given] == [
        "ConvBn", "EdgeI0", "TrueBlock", "X", "Init", "Block2d", "Block", "Block", "Cell",
    ]  # fmt: skip
    found = [attribute_name(name) for name in given]
    assert found == ["conv_bn", "edge_i0", "true", "x", "init", "block_2d", "block", "block", "cell"]


def test_layers_are_those_of_torch() -> None:
    for name, (leading, defaults) in LAYERS.items():
        declared = inspect.signature(getattr(nn, name.removeprefix("nn."))).parameters
        assert list(declared)[: len(leading)] == list(leading), name
        assert {key: repr(declared[key].default) for key in defaults} == defaults, name
        # What a class stores hides nothing of a module.
        assert not [key for key in (*leading, *defaults) if hasattr(nn.Module(), key)]
    assert not [word for word in (*SIZES.values(), "size", "value", "flag", "depth") if hasattr(nn.Module(), word)]


def test_every_layer_is_known() -> None:
    """A new operation with a layer of its own belongs into the table."""
    made: set[str] = set()
    for space in shipped_spaces():
        loaded = einsyn.load(space, profile="test")
        for architecture in loaded.sample(5, seed=2):
            for name, text in re.findall(r"= (nn\.\w+)(\(.*\))$", architecture.source(), re.MULTILINE):
                if name not in ("nn.Parameter", "nn.Sequential"):
                    made.add(name)
                    assert taken_apart(name + text) is not None, name + text
    assert made <= set(LAYERS)


def levels(module: nn.Module) -> int:
    """How many modules are inside one another, `Net` and layers included."""
    return max(name.count(".") for name, _ in module.named_modules()) + 2


# Every rule is twice in the rule before it, and begins with a layer of its own.
LEVELS = "".join(
    f'{rule}: "{rule}" leaf "(" {after} {after} ")" -> seq\n' for rule, after in zip("abcdefg", "bcdefgh", strict=True)
)


def test_modules_nest_at_most_eight_deep() -> None:
    leaf = "layer_norm(linear(4)(tanh(linear(5)(relu(linear(6)(x))))))"
    space = small_space(
        f'//@ input x f32[B, d:4]\nstart: a -> seq\n{LEVELS}h: leaf\nleaf: "x" -> leaf\n//@ define leaf()(x) = {leaf}\n'
    )
    text = "x"
    for rule in "gfedcba":
        text = f"{rule}x({text}{text})"
    architecture = space.parse(text)
    module = architecture.module()
    assert 3 < levels(module) <= 8
    assert len(classes(architecture.source())) > 2
    check_function(architecture.rewritten.graph, architecture.form().torch)


DEEP = """
//@ input x f32[B, s:4, d:4]
//@ max_ops 40000
start: module
module: "(" leaf ";" module ")" -> seq
      | leaf
leaf: "n" -> layer_norm
    | "b" -> block
    | "r" -> tanh
//@ define block()(x) = tanh(layer_norm(x + linear(4)(tanh(linear(3)(layer_norm(x))))))
"""


def test_nesting_without_end_is_no_nesting_of_modules() -> None:
    """Calls inside one another are written in linear time, and their modules are not inside one another."""
    space = small_space(DEEP)
    seconds: list[float] = []
    for count in (300, 3000):
        text = "".join(f"({'nbr'[i % 3]};" for i in range(count)) + "n" + ")" * count
        architecture = space.parse(text)
        graph = architecture.rewritten.graph
        start = time.process_time()
        source = write_source(graph)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 50 * seconds[0] + 0.1  # a square would be a factor of 100
    assert classes(source.text) == ["Block", "Net"]
    module = build_module(source)
    assert levels(module) <= 8
    copy.deepcopy(module)
    with torch.no_grad():
        assert module(torch.ones(2, 4, 4)).isfinite().all()


def main() -> None:
    """Write the reviewed files anew."""
    for space, name in REVIEWED:
        (GOLDEN / f"{name}.py.txt").write_text(einsyn.load(space).ref(name).source(), "utf-8")


if __name__ == "__main__":
    main()
