"""Ways to run a network: einsyn's own forms, installed runtimes, and any function of the user.

An oracle takes a case and returns its outputs; two oracles that disagree are what a fuzzing run looks for. Oracles
raise whatever the software that they run raises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, cast

from einsyn.backends.verify import LEVELS, inference_session, run_session, torch_outputs
from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch
    from torch import nn

    from einsyn.testing.case import Case

    Array = np.ndarray[Any, Any]


class Results(NamedTuple):
    """What an oracle computed.

    Args:
        outputs: in the order of the network's outputs.
        gradients: by the key of a parameter or the name of an input, where they were asked for.
    """

    outputs: list[Array]
    gradients: dict[str, Array]


class Oracle(ABC):
    """One way to run a network."""

    # Whether it can give gradients.
    differentiates: ClassVar[bool] = False
    # Seconds that it may need beyond those that every oracle gets, for compilers.
    patience: ClassVar[float] = 0.0
    # Whether a process that has loaded it can be forked: its packages start no threads when they are imported.
    forks: ClassVar[bool] = False

    @abstractmethod
    def run(self, case: Case, gradients: bool = False) -> Results:
        """The outputs for the inputs of a case, and gradients of a fixed sum of them if asked for."""

    @abstractmethod
    def in_script(self) -> tuple[str, str]:
        """How a script without einsyn runs it: the part of `reproduction.PARTS` that it needs, and the call."""

    def load(self) -> None:  # noqa: B027  # there is something to load for some only
        """Import what it needs, so that the first run is not charged for it."""


class Torch(Oracle):
    """The torch source that einsyn writes, run eagerly."""

    differentiates = True
    forks = True

    def run(self, case: Case, gradients: bool = False) -> Results:
        module = case.module()
        return self.outputs(self.prepared(module), module, list(case.inputs.items()), gradients)

    def prepared(self, module: nn.Module) -> Callable[..., Any]:
        """What is called in place of the module."""
        return module

    def outputs(
        self, call: Callable[..., Any], module: nn.Module, inputs: Sequence[tuple[str, Array]], gradients: bool
    ) -> Results:
        """Run a module or what was made of it on arrays."""
        import torch

        if not gradients:
            return Results(torch_outputs(call, dict(inputs)), {})
        tensors = {name: torch.tensor(array) for name, array in inputs}
        leaves = {name: p for name, p in module.named_parameters() if p.requires_grad}
        leaves |= {name: t.requires_grad_() for name, t in tensors.items() if t.is_floating_point()}
        found = _tensors(call(*tensors.values()))
        # A fixed sum with unequal weights: an equal one hides elements that change places.
        total = sum((y * torch.linspace(1, 2, y.numel(), dtype=y.dtype).view(y.shape)).sum() for y in found)
        known: dict[str, Array] = {}
        if isinstance(total, torch.Tensor) and total.requires_grad:
            slopes: Any = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
            known = {name: s.numpy() for name, s in zip(leaves, slopes, strict=True) if s is not None}
        return Results([y.detach().numpy() for y in found], known)

    def in_script(self) -> tuple[str, str]:
        return "torch", "run_torch(lambda net: net)"

    def load(self) -> None:
        import_module("torch")


class Compiled(Torch):
    """The torch module through `torch.compile`."""

    patience = 300.0

    def prepared(self, module: nn.Module) -> Callable[..., Any]:
        import torch

        torch.compiler.reset()
        compiled: Any = cast("Any", torch).compile(module)
        return compiled

    def in_script(self) -> tuple[str, str]:
        return "torch", 'run_torch(lambda net: importlib.import_module("torch").compile(net))'


class Float64(Torch):
    """The torch module in 64 bits: the same function with rounding that does not matter."""

    def run(self, case: Case, gradients: bool = False) -> Results:
        module = case.module().double()
        wide = [(n, a.astype("float64") if a.dtype.kind == "f" else a) for n, a in case.inputs.items()]
        return self.outputs(self.prepared(module), module, wide, gradients)

    def in_script(self) -> tuple[str, str]:
        return "torch", "run_torch(lambda net: net, wide=True)"


class Rounding(Float64):
    """The module in 64 bits, with noise of the size of 32-bit rounding on every operand of every operation.

    Monte Carlo arithmetic (Parker, "Monte Carlo Arithmetic", UCLA CSD-970002, 1997): how far results of a few such
    runs lie apart says how many of their digits mean something in 32 bits, whoever computes them.

    Args:
        seed: of the noise.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def prepared(self, module: nn.Module) -> Callable[..., Any]:
        from einsyn.testing.rounding import RoundingNoise

        def call(*inputs: torch.Tensor) -> Any:
            with RoundingNoise(self._seed):
                return module(*inputs)

        return call


class OnnxRuntime(Oracle):
    """The ONNX model in onnxruntime on the CPU.

    Args:
        level: of graph optimisation: `off`, `basic`, `extended`, `all`.
    """

    def __init__(self, level: str = "all") -> None:
        self._level = level

    def run(self, case: Case, gradients: bool = False) -> Results:
        return Results(run_session(inference_session(case.model, self._level), case.inputs), {})

    def in_script(self) -> tuple[str, str]:
        return "onnxruntime", f"run_onnxruntime({LEVELS[self._level]!r})"

    def load(self) -> None:
        import_module("onnxruntime")


class OnnxReference(Oracle):
    """The ONNX model in the reference evaluator of the package onnx."""

    forks = True

    def run(self, case: Case, gradients: bool = False) -> Results:
        import onnx
        from onnx.reference import ReferenceEvaluator

        evaluator: Any = ReferenceEvaluator(onnx.load_from_string(case.model))
        return Results(list(evaluator.run(None, dict(case.inputs))), {})

    def in_script(self) -> tuple[str, str]:
        return "reference", "run_reference()"

    def load(self) -> None:
        import_module("onnx.reference")


class Function(Oracle):
    """A function of the user: bytes of an ONNX model and arrays by input name in, arrays in order of the outputs out.

    Args:
        name: `module:function`; the module is imported where the command runs.
    """

    def __init__(self, name: str) -> None:
        self._module, _, self._function = name.partition(":")
        self._call: Callable[[bytes, dict[str, Array]], Any] | None = None

    def run(self, case: Case, gradients: bool = False) -> Results:
        import numpy as np

        self.load()
        assert self._call is not None
        given: Any = self._call(case.model, {name: array.copy() for name, array in case.inputs.items()})
        listed = cast("Mapping[str, object]", given).values() if isinstance(given, Mapping) else given
        return Results([np.asarray(array) for array in listed], {})

    def in_script(self) -> tuple[str, str]:
        return "function", f"run_function({self._module!r}, {self._function!r})"

    def load(self) -> None:
        if self._call is None:
            self._call = getattr(import_module(self._module), self._function)


ORACLES: Final[dict[str, Callable[[], Oracle]]] = {
    "torch": Torch,
    "compile": Compiled,
    "float64": Float64,
    "onnxruntime": OnnxRuntime,
    **{f"onnxruntime-{level}": (lambda level=level: OnnxRuntime(level)) for level in LEVELS},
    "reference": OnnxReference,
}
# Runs that tell rounding from a wrong result; nobody names them on a command line.
NOISE: Final = ("noise-1", "noise-2", "noise-3")


def oracle(name: str) -> Oracle:
    """The oracle of a name; a function is not imported before it is run or loaded.

    Raises:
        UsageError: U020 there is none of that name.
    """
    if name in NOISE:
        return Rounding(NOISE.index(name) + 1)
    if name in ORACLES:
        return ORACLES[name]()
    module, _, function = name.partition(":")
    if function.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return Function(name)
    near = closest(name, ORACLES)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(ORACLES)}; or write module:function"
    raise UsageError(Diagnostic("U020", f"there is nothing called `{name}` to run networks with", hint=hint))


def _tensors(computed: Any) -> list[torch.Tensor]:
    return list(cast("Sequence[torch.Tensor]", computed)) if isinstance(computed, tuple | list) else [computed]
