"""`check_op`: everything that einsyn relies on of an operation, in one call.

PYTEST_DONT_REWRITE: what a check says is its message, under pytest as elsewhere.
"""

from __future__ import annotations

import random
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.backends.own_ops import shape_of
from einsyn.ir.graph import Graph, single
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.types import KINDS, TensorType
from einsyn.ir.verify import verify_graph
from einsyn.ops import OPS
from einsyn.ops.op import Op
from einsyn.testing.contract import ContractError, Finding, run_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from einsyn.backends.torch_source import TorchSource

# Types that are tried beside the examples, and how many of those that the type rule admits are run in torch.
_TRIED: Final = 60
_RUN: Final = 5
_LARGEST: Final = 4_000
# How many ids there are in tests.
_IDS: Final = 10
# Refusals of the type rule that are shown.
_REFUSALS: Final = 5


def check_op(op: type[Op]) -> None:
    """Test everything that einsyn relies on of an operation, on its `examples()` and on types around them.

    Where it shows no examples, that is a finding, and it is tested on usual types and small values that its type rule
    admits.

    Documentation and attributes; a type rule that answers any types; shapes, dtypes, parameters, buffers, MACs and
    gradients against torch; torch against onnxruntime at the oldest, default and newest opset with an open batch; the
    text of the graph and of the source; what it says of its function (`einsyn.ops.laws`).

    Args:
        op: a registered subclass of `einsyn.Op`.

    Raises:
        ContractError: with all that was found.
    """
    from einsyn.testing.law_contract import LAW_CHECKS

    found, _ = run_checks(_OF_CLASS, op, op.name)
    for example in _examples(op, found):
        # The same at other types is no news.
        known = {(one.check, one.message) for one in found}
        found += [one for one in _wrong_of(example, LAW_CHECKS) if (one.check, one.message) not in known]
    if found:
        raise ContractError(f"operation `{op.name}`", found)


def _wrong_of(example: Example, laws: tuple[Callable[[Example], None], ...]) -> list[Finding]:
    """What is wrong of an example, without what is so for the same reason."""

    def wrong(checks: tuple[Callable[[Example], None], ...]) -> list[Finding]:
        return run_checks(checks, example, str(example))[0]

    found = wrong(_WRITTEN)
    if found:
        return [*found, *wrong((check_state,))]  # what cannot be written cannot be run; it may lack weights
    found = wrong(_DECLARED)
    # What has other shapes or weights than it says keeps no law.
    return [*found, *wrong(_NUMBERS), *([] if found else wrong((*_LAST, *laws)))]


def _examples(op: type[Op], found: list[Finding]) -> list[Example]:
    """What an operation is tested on: its own examples, or where it has none those that its type rule admits."""
    from einsyn.testing.derived import derived_examples

    with suppress(Exception):  # `check_examples` has told what they raise
        shown = [Example(one, types) for one, types in op.examples()]
        if shown:
            return shown
    examples, refusals = derived_examples(op)
    if not examples:
        said = "\n    ".join(refusals[:_REFUSALS]) or "no values of its attributes are admitted"
        found.append(Finding("It can be tried on usual types", op.name, f"there is no type to try it on:\n    {said}"))
    return [Example(one, types) for one, types in examples]


@dataclass(frozen=True)
class Example:
    """An operation with input types, as a graph and a module; the numbers are the same in every run.

    Args:
        op: the operation.
        types: what it is applied to.
    """

    op: Op
    types: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"{self.op} on {', '.join(map(str, self.types)) or 'nothing'}"

    @cached_property
    def graph(self) -> Graph:
        """The operation alone, all of its results being outputs."""
        return single(self.op, self.types)

    @cached_property
    def source(self) -> TorchSource:
        """Its torch source."""
        from einsyn.backends.torch_source import write_source

        return write_source(self.graph, title=str(self.op))

    def module(self) -> nn.Module:
        """A fresh module in training mode."""
        from einsyn.backends.torch_module import build_module

        return build_module(self.source, seed=3)

    def inputs(self, batch: int) -> list[Tensor]:
        """Random tensors for the module."""
        import torch

        generator = torch.Generator().manual_seed(5)
        return [
            torch.randint(0, limit or _IDS, shape(t, batch), generator=generator)
            if t.dtype == "i64"
            else torch.randn(shape(t, batch), generator=generator)
            for t, limit in zip(self.types, self.op.id_limits(*self.types), strict=True)
        ]


def shape(t: TensorType, batch: int = 2) -> tuple[int, ...]:
    """The shape of a tensor of a type at some batch size, every symbol being 7."""
    return shape_of(t, batch)


def run(module: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """The outputs of a module, one or several."""
    computed: Any = module(*inputs)
    return cast("tuple[Tensor, ...]", computed) if isinstance(computed, tuple) else (computed,)


def closed(t: TensorType) -> TensorType:
    """The type with every open size closed to 1."""
    sizes = tuple(1 if isinstance(size, str) else size for size in t.sizes)
    return TensorType(t.dtype, t.axes, sizes, t.factors, t.batched)


# Of the class.


def check_documentation(op: type[Op]) -> None:
    """It is documented."""
    lacks = [part for part in ("Shapes:", "MACs:", "Errors:", "Source:") if part not in (op.__doc__ or "")]
    assert not lacks, f"the docstring lacks {', '.join(lacks)}"


def check_methods(op: type[Op]) -> None:
    """It defines every method, and its attributes are described."""
    own = {op.infer: Op.infer, op.torch: Op.torch, op.onnx: Op.onnx}
    for method, inherited in own.items():
        assert method is not inherited, f"it does not define {inherited.__name__}"
    for key, attribute in op.attributes.items():
        assert attribute.doc, f"attribute {key} has no doc"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", op.name), "the name is not in snake case"


def check_registration(op: type[Op]) -> None:
    """It is registered under its name."""
    assert OPS.get(op.name) is op, "another class has the name"


def check_examples(op: type[Op]) -> None:
    """The examples show every attribute at more than its default."""
    settings = [one.key for one, _ in op.examples()]
    assert settings, "there are none: define `examples()`; usual types are tried in their place"
    for i, (key, attribute) in enumerate(op.attributes.items()):
        assert attribute.required or attribute.variadic or len({k[i] for k in settings}) > 1, (
            f"{key} is always the same"
        )


# Of an example.


def check_shapes(example: Example) -> None:
    """Torch has the inferred shapes and types at any batch size."""
    import torch

    for batch in (2, 3):
        outputs = run(example.module(), example.inputs(batch))
        predicted = [example.graph.types[v] for v in example.graph.outputs]
        found, declared = [tuple(o.shape) for o in outputs], [shape(t, batch) for t in predicted]
        assert found == declared, f"at batch {batch} torch gives {_listed(found)}, `infer` says {_listed(declared)}"
        for output, t in zip(outputs, predicted, strict=True):
            assert (output.dtype == torch.float32) == (t.dtype == "f32"), f"{output.dtype} for {t}"


def check_state(example: Example) -> None:
    """Parameters and buffers are those of torch."""
    module, signature = example.module(), example.graph.operations[0].signature
    state = module.state_dict()
    keys = example.source.keys
    declared = {keys[0, name]: p.shape for name, p in {**signature.params, **signature.buffers}.items()}
    owned = {key: tuple(t.shape) for key, t in state.items()}
    assert declared == owned, f"torch owns {owned or 'no tensors'}, `params` and `buffers` say {declared or 'none'}"
    counted = sum(p.numel() for p in module.parameters())
    assert counted == signature.param_count, f"{signature.param_count} parameters predicted, {counted} in torch"
    kept = sum(t.numel() * t.element_size() for t in state.values())
    assert kept == signature.state_bytes, f"{signature.state_bytes} bytes of state predicted, {kept} in torch"
    learned = set(dict(module.named_parameters()))
    said = {keys[0, name] for name in signature.params}
    assert learned == said, f"torch learns {sorted(learned)}, `params` says {sorted(said)}"


def check_macs(example: Example) -> None:
    """MACs are half of the FLOPs that torch counts."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # A symbol counts as 1: compare at that length, if there is such a tensor.
    types = tuple([closed(t) for t in example.types])
    if types != example.types and isinstance(example.op.known(types), Mismatch):
        return
    at_one = Example(example.op, types)
    assert at_one.graph.macs == example.graph.macs, "a symbol does not count as 1"
    batch = 3 if any(t.batched for t in at_one.graph.types[len(example.types) :]) else 1
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        run(at_one.module().eval(), at_one.inputs(batch))
    macs = counter.get_total_flops() / 2 / batch
    assert macs == example.graph.macs, f"{example.graph.macs} MACs predicted, {macs:g} in torch"


def check_gradients(example: Example) -> None:
    """Gradients reach every parameter."""
    import torch

    module = example.module()
    outputs = run(module, [x.requires_grad_() if x.is_floating_point() else x for x in example.inputs(2)])
    if not any(o.requires_grad for o in outputs):
        assert not example.graph.params, "the outputs do not depend on the parameters"
        return
    # Weights that differ: a plain sum is constant after a softmax or a normalisation.
    weighted = [(o * torch.linspace(1, 2, o.numel()).view(o.shape)).sum() for o in outputs if o.requires_grad]
    torch.stack(weighted).sum().backward()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, f"none reaches {name}"


def check_training(example: Example) -> None:
    """Training leaves the keys of the state as they are."""
    module = example.module().train()
    run(module, example.inputs(2))
    before, after = sorted(example.source.keys.values()), sorted(module.state_dict())
    assert before == after, f"the keys are {after} after a step and were {before}"


def check_onnx_agrees(example: Example) -> None:
    """ONNX computes the same at the oldest, default and newest opset, at any batch size."""
    import torch

    from einsyn.backends.onnx_model import DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET, build_onnx
    from einsyn.backends.verify import check_onnx, open_session, random_inputs

    module = example.module().eval()
    for opset in (OLDEST_OPSET, DEFAULT_OPSET, NEWEST_OPSET):
        model = build_onnx(example.graph, module.state_dict(), example.source.keys, opset=opset)
        check_onnx(model)
        session = open_session(model)
        for batch in (2, 5):
            inputs = random_inputs(model, batch, seed=1)
            with torch.no_grad():
                references = run(module, [torch.tensor(x) for x in inputs.values()])
            for reference, result in zip(references, session.run(None, inputs), strict=True):
                _check_equal(reference.detach().numpy(), result, f"opset {opset}, batch {batch}")


def _check_equal(torch: Any, onnx: Any, where: str) -> None:
    """Where torch gives no number, below the domain of a root, ONNX must not give one either."""
    import numpy as np

    shapes = f"torch gives the shape {list(torch.shape)}, onnxruntime {list(onnx.shape)}"
    assert torch.shape == onnx.shape, f"{where}: {shapes}"
    close = np.isclose(onnx, torch, rtol=1e-5, atol=1e-5, equal_nan=True)
    if not close.all():
        at = tuple(map(int, np.argwhere(~close)[0]))
        said = f"{(~close).sum()} of {close.size} elements differ; at {list(at)} torch gives {torch[at]:.6g}"
        raise AssertionError(f"{where}: {said}, onnxruntime {onnx[at]:.6g}")


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes) or "nothing"


def check_text(example: Example) -> None:
    """The text of the graph reads back equal."""
    verify_graph(example.graph)
    text = print_graph(example.graph)
    assert parse_graph(text) == example.graph, f"another graph is read from\n{text}"


def check_source(example: Example) -> None:
    """The source is the same every time, and without einsyn."""
    from einsyn.backends.torch_source import write_source

    text = example.source.text
    again = write_source(example.graph, title=str(example.op)).text
    assert again == text, f"first\n{text}\nthen\n{again}"
    assert "import einsyn" not in text, "it imports einsyn"
    assert "from einsyn" not in text, "it imports einsyn"


def check_types(example: Example) -> None:
    """The type rule answers any types, always alike, and torch agrees where it admits them."""
    rng = random.Random(7)
    op, ran = example.op, 0
    for _ in range(_TRIED):
        types = tuple(_near(rng, t) for t in example.types)
        if rng.random() < 0.1:
            types = types[:-1] if rng.random() < 0.5 else (*types, _near(rng, TensorType("f32", ("d",), (4,))))
        shown = ", ".join(map(str, types))
        known: list[Any] = [op.known(types), op.work_out(types)]
        if any(isinstance(k, Mismatch) for k in known):
            assert all(isinstance(k, Mismatch) for k in known), f"{shown} is admitted once and refused once"
            assert known[0].message, f"{shown} is refused without a reason"
            continue
        assert known[0].outputs == known[1].outputs, f"{shown} gives two answers"
        assert known[0].macs >= 0, f"{shown} takes {known[0].macs} MACs"
        sizes = [size for t in known[0].outputs for size in t.sizes]
        assert all(isinstance(size, str) or size > 0 for size in sizes), f"{shown} gives {known[0].outputs}"
        if ran < _RUN and sum(t.elements for t in (*types, *known[0].outputs)) <= _LARGEST:
            ran += 1
            other = Example(op, types)
            try:
                check_shapes(other)
                check_state(other)
            except Exception as error:  # whatever it is, it is told for which types, and goes on
                error.add_note(f"the types are {shown}")
                raise


def _near(rng: random.Random, t: TensorType) -> TensorType:
    """A type like another one: most often of its axes with other sizes, sometimes of any kind."""
    axes = t.axes if rng.random() < 0.8 else rng.choice(list(KINDS))
    kept = dict(zip(t.axes, t.sizes, strict=True))
    sizes = tuple(kept[a] if a in kept and rng.random() < 0.6 else rng.randint(1, 9) for a in axes)
    dtype = t.dtype if rng.random() < 0.95 else rng.choice(["f32", "i64"])
    return TensorType(dtype, axes, sizes, None, t.batched if rng.random() < 0.95 else not t.batched)


_OF_CLASS: Final = (check_documentation, check_methods, check_registration, check_examples)
_WRITTEN: Final = (check_text, check_source)
_DECLARED: Final = (check_shapes, check_state)
_NUMBERS: Final = (check_macs, check_gradients, check_onnx_agrees)
_LAST: Final = (check_training, check_types)
