"""The live module works under everything that torch does with modules."""

from __future__ import annotations

import copy
import gc
import io
import linecache
import pickle
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from small_graphs import single
from small_nets import classifier, deep, language_model

import einsyn
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS


def image_net() -> torch.nn.Module:
    return build_module(write_source(classifier()), seed=1).eval()


def test_initialisation_depends_on_the_seed_alone() -> None:
    source = write_source(classifier())
    states = [build_module(source, seed).state_dict() for seed in (1, 1, 2)]
    torch.manual_seed(99)
    states.append(build_module(source, 1).state_dict())
    assert all(torch.equal(states[0][k], states[1][k]) and torch.equal(states[0][k], states[3][k]) for k in states[0])
    assert any(not torch.equal(states[0][k], states[2][k]) for k in states[0])


def test_global_random_states_are_untouched() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002 - the global state is the point
    image_net()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002 - as above


def test_state_dict_deepcopy_and_file() -> None:
    module, x = image_net(), torch.randn(2, 3, 16, 16)
    twin = copy.deepcopy(module)
    assert twin.linear1.weight is not module.linear1.weight
    torch.testing.assert_close(twin(x), module(x))
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = build_module(write_source(classifier()), seed=2).eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(other(x), module(x))


READ = """
import sys, torch
from torch.testing import assert_close
module, x, y = torch.load(sys.argv[1], weights_only=False)
assert_close(module(x), y, rtol=0, atol=0)
torch.save((module, x, y), sys.argv[1])
print(type(module).__name__, module.training)
"""


@pytest.mark.parametrize("name", ["classes", "one class"])
def test_whole_modules_are_read_by_other_processes(name: str, tmp_path: Path) -> None:
    """What `torch.save` writes of a module is enough, in a process that has never seen its class, and once more."""
    module = einsyn.load("resnet").ref("resnet20_cifar10").module(seed=3) if name == "classes" else image_net()
    x = torch.randn(2, 3, 32, 32) if name == "classes" else torch.randn(2, 3, 16, 16)
    module(x)  # moves the running statistics
    module.eval()
    file = tmp_path / "module.pt"
    torch.save((module, x, module(x)), file)
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", READ, str(file)], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("Net False\n", "")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol: int) -> None:
    module, x = einsyn.load("resnet").ref("resnet20_cifar10").module().eval(), torch.randn(2, 3, 32, 32)
    data = pickle.dumps([module, module], protocol)
    first, second = pickle.loads(data)
    assert first is second
    torch.testing.assert_close(first(x), module(x), rtol=0, atol=0)
    if protocol == pickle.HIGHEST_PROTOCOL:
        assert data.count(b"class Net(nn.Module)") == 1
    for twin in (copy.copy(module), copy.deepcopy(module)):
        assert [type(m) for m in twin.modules()] == [type(m) for m in module.modules()]


def test_trains() -> None:
    module = image_net().train()
    optimiser = torch.optim.Adam(module.parameters(), 1e-2)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(16, 3, 16, 16, generator=generator), torch.arange(16) % 10
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_fx() -> None:
    module, x = image_net(), torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(torch.fx.symbolic_trace(module)(x), module(x))


def test_export_with_any_batch() -> None:
    module = image_net()
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(module, (torch.randn(3, 3, 16, 16),), dynamic_shapes=({0: batch},))
    x = torch.randn(5, 3, 16, 16)
    torch.testing.assert_close(exported.module()(x), module(x))


def test_compile() -> None:
    module, x = image_net(), torch.randn(2, 3, 16, 16)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), module(x))


def test_automatic_mixed_precision() -> None:
    module, x = image_net(), torch.randn(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        low = module(x)
    torch.testing.assert_close(low.float(), module(x), rtol=0.1, atol=0.1)


def test_channels_last() -> None:
    module, x = image_net(), torch.randn(2, 3, 16, 16)
    expected = module(x)
    module.to(memory_format=torch.channels_last)
    torch.testing.assert_close(module(x.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)


def test_tokens_of_any_number() -> None:
    module = build_module(write_source(language_model()))
    for batch, length in ((1, 1), (2, 5), (4, 9)):
        logits, pooled = module(torch.randint(0, 20, (batch, length)))
        assert logits.shape == (batch, length, 20)
        assert pooled.shape == (batch, 8)


def test_tracebacks_show_the_source() -> None:
    with pytest.raises(RuntimeError) as caught:
        image_net()(torch.randn(2, 4, 16, 16))
    shown = "".join(traceback.format_exception(caught.value))
    assert "x = self.conv1(image)" in shown


def test_sources_of_dead_modules_are_forgotten() -> None:
    gc.collect()
    before = sum(name.startswith("<einsyn net") for name in linecache.cache)
    modules = [build_module(write_source(single(OPS["relu"].configure(), (parse_type("d:3"),)))) for _ in range(5)]
    assert sum(name.startswith("<einsyn net") for name in linecache.cache) == before + 5
    modules.clear()
    gc.collect()
    assert sum(name.startswith("<einsyn net") for name in linecache.cache) <= before


def test_ten_thousand_operations_take_linear_time() -> None:
    seconds = {}
    for count in (1_000, 10_000):
        graph = deep(count)
        start = time.process_time()
        source = write_source(graph)
        seconds[count] = time.process_time() - start
    assert seconds[10_000] < 50 * seconds[1_000] + 0.1  # a square would be a factor of 100
    module = build_module(source)
    copy.deepcopy(module)
    with torch.no_grad():
        assert module(torch.ones(2, 4, 4)).isfinite().all()
