"""An architecture: a derivation that type-checks, with its costs, its graph and what is generated from it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from einsyn.derivation.choosers import TreeChooser
from einsyn.derivation.tree import digest
from einsyn.elaborate.elaborate import Elaboration
from einsyn.elaborate.limits import NO_LIMITS
from einsyn.errors import EinsynError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from onnx import ModelProto
    from torch import Tensor, nn

    from einsyn.backends.verify import Verification
    from einsyn.derivation.tree import Derivation
    from einsyn.elaborate.summaries import Walk
    from einsyn.forms import Form, Rewriting
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
        self._forms: dict[str, Form] = {}
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
        from einsyn.canonical import canonical_form

        return canonical_form(self._whole).hash

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

    @property
    def rewritten(self) -> Rewritten:
        """The graph as it is written by default, and where its weights come from."""
        return self.form("exact").rewritten

    def form(self, rewrite: Rewriting = "exact") -> Form:
        """The architecture as it is written; kept once it is made.

        Args:
            rewrite: `none`: every operation as it was elaborated; `exact`: the same function of the same parameters, as
                a person would write it; `deploy`: the same function in eval mode, with batch normalisations and
                parallel convolutions folded and what training alone needs left out.

        Raises:
            UsageError: U024 none of these.
        """
        known = self._forms.get(rewrite)
        if known is None:
            from einsyn.forms import write

            title = self.space.title or self.space.name
            known = write(self.graph, rewrite, title=title, architecture=self.text, space=self.space.name)
            self._forms[rewrite] = known
        return known

    def source(self, rewrite: Rewriting = "exact") -> str:
        """A standalone Python file with one `nn.Module`, `Net`; it imports only torch.

        Args:
            rewrite: see `form`.
        """
        return self.form(rewrite).torch.text

    def module(
        self,
        seed: int = 0,
        rewrite: Rewriting = "exact",
        weights: str | FilePath | Mapping[str, Tensor] | None = None,
    ) -> nn.Module:
        """The module that `source` defines, executed; initialised from `seed` alone.

        The global random state of torch is left as it was.

        Args:
            seed: of the initialisation.
            rewrite: see `form`. For `deploy` the weights are folded from those that `exact` has for the seed.
            weights: a safetensors file that `save_weights` wrote, of this form or of one that is rewritten into it, or
                that holds the `state_dict` of a module of this form; or such a `state_dict`.

        Raises:
            WeightsError: W001 to W007 the weights are not those of this architecture.
            FileError: the file of weights cannot be read.
            OpError: O001 to O004 an operation of the user's is wrong.
        """
        from einsyn.backends.own_ops import check_alone
        from einsyn.backends.torch_module import build_module

        if rewrite == "deploy" and weights is None:
            return self.deploy(self.module(seed))
        source = self.form(rewrite).torch
        try:
            made = build_module(source, seed)
        except EinsynError:
            raise
        except Exception:  # a constructor that an operation of the user's wrote
            check_alone(self.graph)
            raise
        if weights is not None:
            from einsyn.weights.file import load_weights

            load_weights(self, made, weights, rewrite)
        return made.eval() if rewrite == "deploy" else made

    def save_weights(
        self,
        path: str | FilePath,
        module: nn.Module | None = None,
        seed: int = 0,
        rewrite: Rewriting = "exact",
    ) -> None:
        """Write weights as a safetensors file: tensors under the keys of the module's `state_dict`.

        The file says which architecture it is of; `module(weights=...)`, `onnx(weights=...)` and `einsyn compile
        --weights` read it, and so does `load_state_dict` of the class in the written source. It is written beside and
        renamed, so never half there, and depends on the weights, the architecture and versions alone.

        Args:
            path: the file.
            module: a module of this architecture and form, for example a trained one.
            seed: of the initialisation where no module is given.
            rewrite: see `form`.

        Raises:
            WeightsError: W002, W003, W005 the module is not of this architecture and form.
            FileError: F009 the file cannot be written, F002 it is a directory.
        """
        from einsyn.weights.file import save_weights

        save_weights(self, self.module(seed, rewrite) if module is None else module, path, rewrite)

    def deploy(self, module: nn.Module) -> nn.Module:
        """A module of the form `deploy`, in eval mode, with the weights of one of the form `exact`.

        Args:
            module: for example a trained one; it stays as it is.
        """
        from einsyn.backends.torch_module import build_module
        from einsyn.weights.state import detached, fill

        to = self.form("deploy")
        made = build_module(to.torch).eval()
        state = detached(module.state_dict())
        fill(made, to.state(self.form("exact").elaborated_weights(state)))
        return made

    def onnx(
        self,
        path: str | FilePath | None = None,
        seed: int = 0,
        opset: int | None = None,
        module: nn.Module | None = None,
        external: bool | None = None,
        rewrite: Rewriting = "exact",
        fold: bool = True,
        weights: str | FilePath | Mapping[str, Tensor] | None = None,
    ) -> ModelProto:
        """The ONNX model with the weights of `module`, or of a module initialised from `seed`.

        Args:
            path: where to write it; written beside and renamed, so never half there.
            seed: of the initialisation where no module is given.
            opset: the opset to write.
            module: a module of this architecture and form, for example a trained one.
            external: weights in a file of their own; by default only where they exceed 2 GB.
            rewrite: see `form`.
            fold: whether batch normalisations become part of the convolutions before them, as a model is evaluated, and
                what depends on no input is worked out. If not, every weight is in the file under its key in the
                module's state; so it is in the form `none`.
            weights: in place of a module: what `module` takes.

        Raises:
            WeightsError: W001 to W007 the weights are not those of this architecture; W009 a module is given as well.
        """
        from einsyn.backends.onnx_model import DEFAULT_OPSET, build_onnx, save_onnx

        module = self._module_of(module, seed, rewrite, weights)
        form, state = self.form(rewrite), module.state_dict()
        if fold and rewrite == "exact":
            form, state = self._evaluated(form, state)
        model = build_onnx(
            form.rewritten.graph,
            state,
            form.torch.keys,
            opset=DEFAULT_OPSET if opset is None else opset,
            metadata=self.metadata(rewrite),
            name=self.space.name,
            fold=fold and rewrite != "none",
        )
        if path is not None:
            save_onnx(model, path, external)
        return model

    def _evaluated(self, form: Form, state: Mapping[str, Tensor]) -> tuple[Form, Mapping[str, Tensor]]:
        from einsyn.forms import evaluated, evaluated_state

        known = self._forms.get("evaluated")
        if known is None:
            known = self._forms["evaluated"] = evaluated(form)
        return (form, state) if known is form else evaluated_state(form, known, state)

    def facts(self) -> dict[str, Any]:
        """Where it came from, fit for JSON; enough to recover the architecture."""
        return {
            "space": self.space.name,
            "space_hash": self.space.grammar.digest,
            "architecture": self.text,
            "parameters": dict(self.space.params),
            "inputs": [[name, str(t)] for name, t in self.space.inputs],
        }

    def metadata(self, rewrite: Rewriting = "exact") -> dict[str, str]:
        """What an ONNX file says of where it came from: the same as texts, and the form.

        Args:
            rewrite: see `form`.
        """
        import json

        found = {f"einsyn.{name}": fact for name, fact in {**self.facts(), "form": rewrite}.items()}
        return {name: f if isinstance(f, str) else json.dumps(f, sort_keys=True) for name, f in found.items()}

    def _module_of(
        self,
        module: nn.Module | None,
        seed: int,
        rewrite: Rewriting,
        weights: str | FilePath | Mapping[str, Tensor] | None,
    ) -> nn.Module:
        """The module that is given, or one with the weights that are given, or one with fresh ones."""
        from einsyn.weights.file import one_of

        one_of(weights, module)
        return self.module(seed, rewrite, weights) if module is None else module

    def verify(
        self,
        seed: int = 0,
        opset: int | None = None,
        module: nn.Module | None = None,
        rewrite: Rewriting = "exact",
        fold: bool = True,
        weights: str | FilePath | Mapping[str, Tensor] | None = None,
    ) -> Verification:
        """Compare torch in eval mode with onnxruntime on random inputs.

        They agree where every output has `max|a - b| <= 1e-4 * max(1, max|b|)`, b being torch's.

        Args:
            seed: of the inputs, and of the initialisation where no module is given.
            opset: the opset to write.
            module: a module of this architecture and form, for example a trained one.
            rewrite: see `form`.
            fold: see `onnx`.
            weights: in place of a module: what `module` takes.

        Raises:
            OpError: O001 to O004 an operation of the user's is wrong: its torch form has another shape than its type.
        """
        from einsyn.backends.own_ops import check_alone
        from einsyn.backends.verify import verify

        module = self._module_of(module, seed, rewrite, weights)
        check_alone(self.graph)
        return verify(module, self.onnx(module=module, opset=opset, rewrite=rewrite, fold=fold), seed=seed)

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
