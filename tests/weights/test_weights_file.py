"""Files of weights: what is written is read again, and what is wrong is said."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from small_spaces import IMAGE, net

import einsyn
from einsyn import Architecture, BackendError, FileError, WeightsError
from einsyn.forms import Rewriting
from einsyn.weights.file import read_facts, read_weights

FORMS: tuple[Rewriting, ...] = ("none", "exact", "deploy")


@pytest.fixture(scope="module")
def cell() -> Architecture:
    return einsyn.load("nasbench201", profile="test").ref("best_cifar10")


@pytest.fixture(scope="module")
def branches() -> Architecture:
    """Layers that are merged when it is written."""
    return net('define net()(x) = concat("c")(conv(4, 1)(x), batch_norm(conv(6, 1)(x)))', IMAGE)


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    theirs = b.state_dict()
    return all(torch.equal(tensor, theirs[key]) for key, tensor in a.state_dict().items())


@pytest.mark.parametrize("rewrite", FORMS)
def test_what_is_written_is_read_again(branches: Architecture, rewrite: Rewriting, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    module = branches.module(5, rewrite)
    branches.save_weights(file, module, rewrite=rewrite)
    assert same(branches.module(0, rewrite, weights=file), module)
    assert not same(branches.module(0, rewrite), module)
    # The class of the written source takes the tensors as they are.
    assert set(safetensors.torch.load_file(file)) == set(module.state_dict())


@pytest.mark.parametrize("written", ["none", "exact"])
@pytest.mark.parametrize("wanted", FORMS)
def test_one_form_is_read_as_another(
    branches: Architecture, written: Rewriting, wanted: Rewriting, tmp_path: Path
) -> None:
    file = tmp_path / "net.safetensors"
    module = branches.module(5, written).eval()
    branches.save_weights(file, module, rewrite=written)
    image = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    read = branches.module(0, wanted, weights=file)
    assert read.training == (wanted != "deploy")
    with torch.no_grad():
        assert torch.allclose(read.eval()(image), module(image), atol=1e-6)


def test_the_same_weights_give_the_same_bytes(cell: Architecture, tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.safetensors" for i in range(6)]
    for file in files:
        cell.save_weights(file, seed=3)
    assert len({file.read_bytes() for file in files}) == 1
    cell.save_weights(files[0], seed=4)
    assert files[0].read_bytes() != files[1].read_bytes()


def test_the_file_says_what_it_is_of(cell: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    cell.save_weights(file, rewrite="none")
    facts = read_facts(file)
    assert facts["architecture"] == cell.text
    assert facts["space"] == "nasbench201"
    assert facts["space_hash"] == cell.space.grammar.digest
    assert facts["parameters"] == dict(cell.space.params)
    assert facts["form"] == "none"
    assert facts["versions"]["einsyn"]


def test_a_state_dict_that_somebody_else_saved(cell: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    module = cell.module(7)
    safetensors.torch.save_file(module.state_dict(), file)
    assert same(cell.module(0, weights=file), module)
    assert same(cell.module(0, weights=module.state_dict()), module)
    # Of the form that networks are trained in, where it is not of the one asked for.
    assert same(cell.module(0, "deploy", weights=file), cell.deploy(module))
    safetensors.torch.save_file(cell.deploy(module).state_dict(), file)
    assert same(cell.module(0, "deploy", weights=file), cell.deploy(module))


def test_given_weights_are_in_the_model(cell: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    module = cell.module(7)
    cell.save_weights(file, module)
    assert cell.onnx(weights=file) == cell.onnx(module=module)
    assert cell.onnx(weights=file) != cell.onnx()
    assert cell.verify(weights=file).verified
    with pytest.raises(WeightsError, match="W009"):
        cell.onnx(weights=file, module=module)


def test_tensors_that_share_memory_and_networks_without_weights(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    pair = net("define net()(x) = conv(4, 1, bias=false)(relu(conv(4, 1, bias=false)(x)))", IMAGE)
    module = pair.module(1)
    first, second = module.state_dict()
    tied = dict.fromkeys((first, second), module.state_dict()[first])
    module.load_state_dict(tied, assign=True)
    pair.save_weights(file, module)
    assert same(pair.module(0, weights=file), module)
    nothing = net("define net()(x) = relu(x)", IMAGE)
    nothing.save_weights(file)
    assert read_weights(file).tensors == {}
    assert nothing.module(weights=file).state_dict() == {}


def wrong(architecture: Architecture, file: Path, rewrite: Rewriting = "exact") -> einsyn.EinsynError:
    with pytest.raises(einsyn.EinsynError) as caught:
        architecture.module(0, rewrite, weights=file)
    return caught.value


def codes(error: einsyn.EinsynError) -> list[str]:
    return [diagnostic.code for diagnostic in error.diagnostics]


def test_tensors_that_do_not_fit(cell: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    state = dict(cell.module().state_dict())
    missing, other, half = list(state)[:3]
    del state[missing]
    state[other] = torch.zeros(3, 1)
    state[half] = state[half].half()
    state["more"] = torch.zeros(2)
    safetensors.torch.save_file(state, file)
    error = wrong(cell, file)
    assert codes(error) == ["W002", "W003", "W004", "W005"]
    evidence = [diagnostic.evidence[0] for diagnostic in error.diagnostics]
    assert evidence[0].startswith(missing)
    assert evidence[1].startswith(f"{other}: [3, 1], not [")
    assert evidence[2] == f"{half}: float16, not float32"
    assert evidence[3] == "more [2]"
    assert all(str(file) in diagnostic.message for diagnostic in error.diagnostics)


def test_many_tensors_that_do_not_fit_are_counted(cell: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    safetensors.torch.save_file({}, file)
    (diagnostic,) = wrong(cell, file).diagnostics
    assert diagnostic.evidence[-1] == f"... and {len(cell.form().shapes) - 8} more"


def test_weights_of_another_architecture_or_form(cell: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    other = cell.space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    other.save_weights(file)
    assert codes(wrong(cell, file)) == ["W007"]
    cell.save_weights(file, rewrite="deploy")
    assert codes(wrong(cell, file)) == ["W006"]
    with pytest.raises(WeightsError, match="W005"):
        cell.save_weights(file, cell.module(rewrite="none"), rewrite="deploy")


def test_files_that_are_no_safetensors(cell: Architecture, tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    cell.save_weights(good)
    data = good.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])

    def with_metadata(metadata: object) -> bytes:
        text = json.dumps({**header, "__metadata__": metadata}).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + length :]

    damaged = {
        "empty": b"",
        "short": data[:50],
        "cut": data[:-10],
        "longer": data + b"more",
        "pickle": b"\x80\x04\x95",
        "text": b"weights",
        "huge header": struct.pack("<Q", 2**62) + data[8:],
        "no JSON": data[:8] + b"?" + data[9:],
        "metadata": with_metadata({"einsyn": "["}),
        "deep metadata": with_metadata({"einsyn": "[" * 100_000}),
        "list": with_metadata({"einsyn": "[1]"}),
        "form": with_metadata({"einsyn": json.dumps({"architecture": cell.text, "form": "fast"})}),
    }
    file = tmp_path / "bad.safetensors"
    for name, content in damaged.items():
        file.write_bytes(content)
        assert codes(wrong(cell, file)) == ["W001"], name
    assert codes(wrong(cell, tmp_path / "missing.safetensors")) == ["F001"]
    assert codes(wrong(cell, tmp_path)) == ["F002"]
    file.write_bytes(with_metadata({"format": "pt"}))
    assert same(cell.module(weights=file), cell.module())
    with pytest.raises(WeightsError, match="W001"):
        read_facts(file)


def test_a_file_that_cannot_be_written_leaves_what_was_there(cell: Architecture, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="F002"):
        cell.save_weights(tmp_path)
    with pytest.raises(FileError, match="F009"):
        cell.save_weights(tmp_path / "missing" / "net.safetensors")
    file = tmp_path / "net.safetensors"
    cell.save_weights(file)
    before = file.read_bytes()
    with pytest.raises(WeightsError, match="W002"):
        cell.save_weights(file, torch.nn.Linear(2, 2))
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_without_the_package_it_is_said(cell: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "net.safetensors"
    cell.save_weights(file)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(BackendError, match="B001"):
        cell.module(weights=file)
    with pytest.raises(BackendError, match="B001"):
        cell.save_weights(file)
