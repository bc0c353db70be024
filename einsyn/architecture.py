"""An architecture: a derivation that type-checks, with its costs, its graph and what is generated from it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from einsyn.derivation.choosers import TreeChooser
from einsyn.derivation.tree import digest
from einsyn.elaborate.elaborate import Elaboration
from einsyn.elaborate.limits import NO_LIMITS

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from onnx import ModelProto
    from torch import nn

    from einsyn.backends.torch_source import TorchSource
    from einsyn.backends.verify import Verification
    from einsyn.derivation.tree import Derivation
    from einsyn.elaborate.summaries import Walk
    from einsyn.ir.graph import Graph
    from einsyn.ir.types import Size
    from einsyn.rewrite import Rewritten
    from einsyn.space import Space


class Architecture:
    """A well-typed sentence of a space.

    Made by `Space.sample`, `parse`, `enumerate`, `ref` and `generate`. Costs are known without building a
    tensor; torch and onnx are imported when a module or a model is asked for.
    """

    def __init__(self, space: Space, found: Elaboration | Walk, derivation: Derivation | None = None) -> None:
        self.space = space
        self._found = found
        if derivation is not None:
            self.derivation = derivation

    def __repr__(self) -> str:
        return f"<Architecture {self.hash} of {self.space.name}: {self.params} params>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self.space is other.space and self.derivation == other.derivation

    def __hash__(self) -> int:
        return hash(self.derivation)

    @cached_property
    def _whole(self) -> Elaboration:
        """The elaboration, made up for where the architecture was drawn without one."""
        if isinstance(self._found, Elaboration):
            return self._found
        # It was within the limits that it was drawn with.
        return self.space.elaborate(TreeChooser(self.derivation), NO_LIMITS)

    @property
    def text(self) -> str:
        """The canonical text."""
        return self._found.read(self.space.grammar.spacing)[0]

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the derivation's probability under the grammar, unconditioned."""
        return self._found.read(self.space.grammar.spacing)[1]

    @property
    def size(self) -> int:
        """Number of productions."""
        return self._found.size

    @property
    def depth(self) -> int:
        """Productions on the longest path."""
        return self._found.depth

    @cached_property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical text."""
        return digest(self.text)

    @property
    def params(self) -> int:
        """Number of learned scalars of the unrewritten graph; buffers are not counted."""
        return self._found.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and matrix products at batch 1, biases excluded."""
        return self._found.macs

    @cached_property
    def memory(self) -> int:
        """Predicted peak of live activations at batch 1 plus weights and buffers, in bytes."""
        known = self._whole.memory
        return self.graph.memory if known is None else known

    @property
    def output(self) -> list[list[Size]]:
        """The shape of every output, the batch as the symbol `B`."""
        return [t.shape for t in self._found.output_types]

    @cached_property
    def derivation(self) -> Derivation:
        """The derivation tree."""
        return self._found.derivation()

    @cached_property
    def graph(self) -> Graph:
        """The typed graph as elaborated, before any rewriting."""
        return self._whole.graph()

    @cached_property
    def canonical(self) -> str:
        """16 hex digits, equal for architectures that compute the same up to the laws of `canonical_hash`."""
        from einsyn.canonical import canonical_hash

        return canonical_hash(self)

    @property
    def ops(self) -> dict[str, int]:
        """How often each operation occurs, by name; the step of a loop counts once."""
        from collections import Counter

        found: Counter[str] = Counter()
        pending = [record[0] for record in self._whole.trace.written_out()]
        while pending:
            op = pending.pop()
            found[op.name] += 1
            pending += [o.op for region in op.regions for o in region.operations]
        return dict(sorted(found.items()))

    # What is generated from it.

    @cached_property
    def rewritten(self) -> Rewritten:
        """The graph as it is written, and where its weights come from: the same function of the same parameters."""
        from einsyn.rewrite import rewrite
        from einsyn.rewrite.rules import DEFAULT

        return rewrite(self.graph, DEFAULT)

    @cached_property
    def _torch(self) -> TorchSource:
        return self._written(self.rewritten.graph)

    @cached_property
    def _torch_as_elaborated(self) -> TorchSource:
        return self._written(self.graph)

    def _written(self, graph: Graph) -> TorchSource:
        from einsyn.backends.torch_source import write_source

        return write_source(
            graph, title=self.space.title or self.space.name, architecture=self.text, space=self.space.name
        )

    def source(self, rewrite: bool = True) -> str:
        """A standalone Python file with one `nn.Module`, `Net`; it imports only torch.

        Args:
            rewrite: whether the graph is rewritten first; otherwise each operation is written as it was elaborated.
        """
        return (self._torch if rewrite else self._torch_as_elaborated).text

    def module(self, seed: int = 0, rewrite: bool = True) -> nn.Module:
        """The module that `source` defines, executed; initialised from `seed` alone.

        The global random state of torch is left as it was.

        Args:
            seed: of the initialisation.
            rewrite: as for `source`; the two forms name their parameters in their own ways.
        """
        from einsyn.backends.torch_module import build_module

        return build_module(self._torch if rewrite else self._torch_as_elaborated, seed)

    def onnx(
        self,
        path: str | FilePath | None = None,
        seed: int = 0,
        opset: int | None = None,
        module: nn.Module | None = None,
        external: bool | None = None,
        rewrite: bool = True,
    ) -> ModelProto:
        """The ONNX model with the weights of `module`, or of a module initialised from `seed`.

        Args:
            path: where to write it; written beside and renamed, so never half there.
            seed: of the initialisation where no module is given.
            opset: the opset to write.
            module: a module of this architecture, for example a trained one, made with the same `rewrite`.
            external: weights in a file of their own; by default only where they exceed 2 GB.
            rewrite: as for `source`.
        """
        from einsyn.backends.onnx_model import DEFAULT_OPSET, build_onnx, save_onnx

        if module is None:
            module = self.module(seed, rewrite)
        model = build_onnx(
            self.rewritten.graph if rewrite else self.graph,
            module.state_dict(),
            (self._torch if rewrite else self._torch_as_elaborated).keys,
            opset=DEFAULT_OPSET if opset is None else opset,
            metadata=self.metadata(),
            name=self.space.name,
        )
        if path is not None:
            save_onnx(model, path, external)
        return model

    def metadata(self) -> dict[str, str]:
        """What an ONNX file says of where it came from; enough to recover the architecture."""
        import json

        return {
            "einsyn.space": self.space.name,
            "einsyn.space_hash": self.space.grammar.digest,
            "einsyn.architecture": self.text,
            "einsyn.parameters": json.dumps(dict(self.space.params), sort_keys=True),
            "einsyn.inputs": json.dumps([[name, str(t)] for name, t in self.space.inputs]),
        }

    def verify(self, seed: int = 0, opset: int | None = None, module: nn.Module | None = None) -> Verification:
        """Compare torch in eval mode with onnxruntime on random inputs.

        They agree where every output has `max|a - b| <= 1e-4 * max(1, max|b|)`, b being torch's.

        Args:
            seed: of the inputs, and of the initialisation where no module is given.
            opset: the opset to write.
            module: a module of this architecture, for example a trained one.
        """
        from einsyn.backends.verify import verify

        if module is None:
            module = self.module(seed)
        return verify(module, self.onnx(module=module, opset=opset), seed=seed)

    def record(self) -> dict[str, Any]:
        """The stable JSON fields of `sample` and `enumerate`."""
        return {
            "arch": self.text,
            "log_prob": self.log_prob,
            "params": self.params,
            "macs": self.macs,
            "output": self.output,
            "depth": self.depth,
            "size": self.size,
            "hash": self.hash,
        }
