"""A generated network with everything that a test of other software needs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from onnx import ModelProto
    from torch import nn

    from einsyn.architecture import Architecture
    from einsyn.derivation.tree import Derivation

    Array = np.ndarray[Any, Any]


class Net:
    """An architecture, its module, its ONNX model and example inputs; each is made when it is asked for.

    Args:
        architecture: what was drawn.
        seed: of the weights and of the inputs.
        batch: the batch size of the inputs.
    """

    def __init__(self, architecture: Architecture, seed: int = 0, batch: int = 2) -> None:
        self.architecture = architecture
        self.seed = seed
        self.batch = batch

    def __repr__(self) -> str:
        return f"<Net: {self.architecture.space.command('check', self.text)}>"

    @property
    def text(self) -> str:
        """The canonical text."""
        return self.architecture.text

    @property
    def derivation(self) -> Derivation:
        """The derivation tree."""
        return self.architecture.derivation

    @cached_property
    def module(self) -> nn.Module:
        """The torch module, in eval mode."""
        return self.architecture.module(self.seed).eval()

    @cached_property
    def model(self) -> ModelProto:
        """The ONNX model with the weights that `module` had when this was first asked for.

        Batch normalisations stay operations of their own, so that compilers meet them.
        """
        return self.architecture.onnx(module=self.module, fold=False)

    @cached_property
    def onnx(self) -> bytes:
        """The same, as the bytes of a file."""
        return self.model.SerializeToString()

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """Random arrays by the names of the model's inputs; the module takes them in this order."""
        from einsyn.backends.verify import random_inputs

        return random_inputs(self.model, self.batch, self.seed)

    @cached_property
    def outputs(self) -> list[Array]:
        """What `module` computes of `inputs`."""
        from einsyn.backends.verify import torch_outputs

        return torch_outputs(self.module, self.inputs)

    @property
    def stable(self) -> bool:
        """Whether all outputs are finite, so that there is something to agree with."""
        import numpy as np

        return all(bool(np.isfinite(output).all()) for output in self.outputs)

    def compare(self, outputs: Iterable[Any]) -> None:
        """Assert that other software computes the same of `inputs`.

        They agree where every output has `max|a - b| <= 1e-4 * max(1, max|b|)`, b being torch's. A network whose own
        outputs are not finite agrees with anything of the same shape.

        Args:
            outputs: arrays in the order of the model's outputs.

        Raises:
            AssertionError: the number of outputs, a shape or values differ.
        """
        import numpy as np

        from einsyn.backends.agreement import agreement

        given = [np.asarray(output) for output in outputs]
        assert len(given) == len(self.outputs), f"{len(given)} outputs, torch has {len(self.outputs)}"
        for i, (theirs, ours) in enumerate(zip(given, self.outputs, strict=True)):
            found = agreement(ours, theirs)
            assert found.differs != "shape", f"output {i} has the shape {theirs.shape}, torch's has {ours.shape}"
            if not found.finite:
                continue
            assert found.differs != "pattern", f"output {i} is not finite, torch's is"
            assert not found.differs, f"output {i} differs by {found.gap:.3g}, the largest is {found.magnitude:.3g}"
