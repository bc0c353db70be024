"""`check_space`: everything that einsyn relies on of a search space, in one call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from einsyn.backends.torch_source import write_source
from einsyn.derivation.text import read
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph
from einsyn.loading import load
from einsyn.ops.structure import Zero
from einsyn.space import Space
from einsyn.testing.contract import ContractError, run_checks
from einsyn.testing.op_contract import run, shape

if TYPE_CHECKING:
    from pathlib import Path

    from einsyn.architecture import Architecture
    from einsyn.ir.graph import Graph

_BATCH: Final = 2
_PROFILE: Final = "test"


def check_space(space: Space | str | Path, samples: int = 10, seed: int = 0) -> int:
    """Test everything that einsyn relies on of a search space, on samples at its test profile and on its references.

    Text, derivation and probability are one to one; the same seed gives the same bytes; networks build, run and learn;
    shapes, parameters and MACs are those of torch; ONNX is valid and computes the same; references load.

    Args:
        space: a space, or the name or path of one; its profile `test` is used where it has one.
        samples: how many networks are drawn.
        seed: of the draws.

    Returns:
        How many of the samples are unstable: torch's own outputs are not finite, so there is nothing to compare.

    Raises:
        ContractError: with all that was found.
        EinsynError: the space cannot be loaded or drawn from.
    """
    as_written = space if isinstance(space, Space) else load(space)
    small = as_written
    if not isinstance(space, Space) and _PROFILE in as_written.grammar.directives.profiles:
        small = load(space, profile=_PROFILE)
    found, _ = run_checks((check_seed,), (small, samples, seed), small.name)
    unstable = 0
    for architecture in small.sample(samples, seed=seed):
        more, _ = run_checks((check_text, check_graph, check_module, check_rewritten), architecture, architecture.text)
        found += more
        more, stable = run_checks((check_model,), architecture, architecture.text)
        found += more
        unstable += stable == [False]
    for name in as_written.refs:
        found += run_checks((check_reference,), (as_written, name), f"ref:{name}")[0]
    if found:
        raise ContractError(f"space `{small.name}`", found)
    return unstable


def check_seed(asked: tuple[Space, int, int]) -> None:
    """The same seed gives the same bytes."""
    space, samples, seed = asked
    first, second = ([a.record() for a in space.sample(samples, seed=seed)] for _ in range(2))
    assert first == second


def check_text(architecture: Architecture) -> None:
    """Text, derivation and probability are one to one."""
    space = architecture.space
    again = space.derivation(architecture.text)
    assert again == architecture.derivation, "the text parses to another derivation"
    assert again.text == architecture.text, "the derivation prints another text"
    assert again.hash == architecture.hash
    assert again.log_prob == architecture.log_prob, "the derivation has another probability"
    tokens, _ = read(again)
    longest = "".join(f" {text}" for _, text in tokens)
    if any(t.domain.index_of(" ") is not None for t in space.grammar.ignored):
        assert space.derivation(longest) == again, "with spaces between its tokens it is another derivation"


def check_graph(architecture: Architecture) -> None:
    """Elaborating the text gives the same graph and costs, and the graph is sound."""
    again = architecture.space.check(architecture.derivation, **limits_of(architecture.space))
    assert again.record() == architecture.record()
    assert again.graph == architecture.graph
    verify_graph(architecture.graph)
    assert parse_graph(print_graph(architecture.graph)) == architecture.graph
    costs = (architecture.graph.params, architecture.graph.macs, architecture.graph.memory)
    assert costs == (architecture.params, architecture.macs, architecture.memory)


def limits_of(space: Space) -> dict[str, int | None]:
    """The limits in force, by name."""
    from dataclasses import asdict

    return asdict(space.limits)


def check_module(architecture: Architecture) -> None:
    """The module builds, runs forward and backward, and is as predicted."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from einsyn.backends.verify import random_inputs

    module = architecture.module(seed=0, rewrite="none")
    counted = sum(p.numel() for p in module.parameters())
    assert counted == architecture.params, f"{architecture.params} parameters predicted, {counted} in torch"
    types = [t for _, t in architecture.space.inputs]
    if all(t.dtype == "f32" and all(isinstance(n, int) for n in t.sizes) for t in types):
        generator = torch.Generator().manual_seed(0)
        inputs = [torch.randn(shape(t, _BATCH), generator=generator) for t in types]
    else:  # the model says how many ids there are, and how large open sizes have to be
        model = architecture.onnx(module=module, rewrite="none")
        inputs = [torch.tensor(array) for array in random_inputs(model, _BATCH).values()]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        outputs = run(module, inputs)
    for y, predicted in zip(outputs, architecture.output, strict=True):
        same = len(predicted) == y.dim() and all(
            isinstance(n, str) or n == m for n, m in zip(predicted, y.shape, strict=True)
        )
        assert same, f"output {predicted} predicted, {list(y.shape)} in torch"
    macs = counter.get_total_flops() / 2
    expected = _macs(architecture.graph)
    assert macs == expected, f"{expected:,} MACs predicted at batch {_BATCH}, {macs:,.0f} in torch"
    reached = [y.sum() for y in outputs if y.requires_grad]
    if reached:
        torch.stack(reached).sum().backward()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
    missing = {name for name, p in module.named_parameters() if p.grad is None}
    wrong = missing - _cut_off(architecture) if missing else missing
    assert not wrong, f"no gradient reaches {', '.join(sorted(wrong))}"


def _macs(graph: Graph) -> int:
    """MACs of a batch: what works on weights alone is done once."""
    types = graph.types
    batches = [_BATCH if any(types[v].batched for v in o.outputs) else 1 for o in graph.operations]
    return sum(o.signature.macs * batch for o, batch in zip(graph.operations, batches, strict=True))


def _cut_off(architecture: Architecture) -> set[str]:
    """Parameters from which no path leads to an output but through `zero`, which lets no gradient through."""
    graph = architecture.graph
    reaching = set(graph.outputs)
    owners: set[int | None] = set()
    for operation in reversed(graph.operations):
        if reaching.intersection(operation.outputs) and not isinstance(operation.op, Zero):
            reaching.update(operation.inputs)
            owners.add(operation.owner)
    return {key for (owner, _), key in write_source(graph).keys.items() if owner not in owners}


def check_rewritten(architecture: Architecture) -> None:
    """The rewritten graph is sound, has the same parameters and computes the same, gradients included."""
    from einsyn.testing.rewrite_contract import Pair, check_function, check_parameters, check_sound

    pair = Pair(architecture.graph, architecture.rewritten)
    if not pair.after.fired:
        assert pair.after.graph == pair.before, "no rule fired, and the graph is another one"
        return
    check_sound(pair)
    check_parameters(pair)
    check_function(pair)


def check_model(architecture: Architecture) -> bool:
    """The ONNX model is valid and computes the same.

    Returns:
        False where torch's own outputs are not finite, or rounding to 32 bits moves them as far as they differ.
    """
    from einsyn.backends.onnx_file import model_bytes
    from einsyn.backends.verify import check_onnx, random_inputs, verify
    from einsyn.testing.case import Case, output_shapes
    from einsyn.testing.judge import InProcess, examine

    module = architecture.module(seed=0)
    model = architecture.onnx(module=module)
    check_onnx(model)
    outcome = verify(module, model)
    if outcome.verified or outcome.unstable:
        return not outcome.unstable
    for batch in outcome.batches:
        inputs = random_inputs(model, batch)
        case = Case(architecture.source(), model_bytes(model), inputs, output_shapes(architecture.graph, inputs))
        found = examine(InProcess(), case, ("torch", "onnxruntime")).disagreements
        assert not found, f"torch and onnxruntime differ: {found[0].detail}"
    return False


def check_reference(asked: tuple[Space, str]) -> None:
    """References load, with the parameters and the input that they state."""
    space, name = asked
    architecture = space.ref(name)
    assert architecture.space.parse(architecture.text).record() == architecture.record()
    assert not math.isnan(architecture.log_prob)
