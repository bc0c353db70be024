"""Which operation of the user's is wrong, where the source of a whole network is or does something wrong."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any, Final

from einsyn.backends.torch_members import Member
from einsyn.backends.torch_names import CLASS_NAME, TAKEN
from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import EinsynError, OpError
from einsyn.ir.graph import single
from einsyn.ir.own_op import is_own, text_of
from einsyn.ir.sizes import Affine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from torch import Tensor, nn

    from einsyn.backends.torch_members import Nested, Statement
    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.types import TensorType

# What open sizes and ids are, and the batch size, where an operation is run alone.
_OPEN: Final = 7
_IDS: Final = 10
_BATCH: Final = 2
_KNOWN: Final = (TAKEN - {CLASS_NAME}) | set(dir(builtins))


def check_written(
    operation: Operation,
    inputs: Collection[str],
    members: Sequence[Member | Nested],
    statements: Sequence[Statement],
    result: str | tuple[str, ...],
) -> None:
    """Look at what the torch form of a user's operation wrote, before anybody runs it.

    Args:
        operation: the operation.
        inputs: the names of its inputs.
        members: what it made the module own.
        statements: what it wrote before its result.
        result: the expression of its result, or names.

    Raises:
        OpError: O003 it is no Python, or uses a name that is not defined.
    """
    made = [member.value for member in members if isinstance(member, Member)]
    lines = ["    " * s.indent + s.code for s in statements if not s.deleted]
    lines += [result] if isinstance(result, str) else []
    known = _KNOWN.union(inputs, operation.op.functions)
    for source in ("\n".join(made), "\n".join(lines)):
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            text = (error.text or source).strip()
            raise _wrong_source(operation, f"is no Python, {error.msg}", (text,)) from None
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        bound = {n.id for n in names if not isinstance(n.ctx, ast.Load)}
        bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        for name in names:
            if name.id not in bound and name.id not in known:
                line = source.splitlines()[name.lineno - 1].strip()
                near = closest(name.id, known)
                raise _wrong_source(operation, f"uses `{name.id}`, which is not defined", (line,), near)


def check_alone(graph: Graph) -> None:
    """Run the torch form of every operation of the user's by itself, on inputs of the types that it has.

    Raises:
        OpError: O004 one cannot be made or run, has other parameters than it declares, or gives another shape than its
            type rule says.
    """
    for operation, types in own_operations(graph):
        outputs = _run_alone(operation, types)
        found = [list(output.shape) for output in outputs]
        declared = [list(shape_of(t, _BATCH)) for t in operation.signature.outputs]
        if found != declared:
            raise _wrong_module(operation, types, f"gives {_shapes(found)}, and `infer` says {_shapes(declared)}")


def check_agreement(graph: Graph) -> None:
    """Compare the torch form of every operation of the user's with its ONNX form.

    Raises:
        OpError: O005 they compute different things; O004 as `check_alone`.
    """
    from einsyn.backends.onnx_model import build_onnx
    from einsyn.backends.torch_source import write_source
    from einsyn.backends.verify import verify

    check_alone(graph)
    for operation, types in own_operations(graph):
        alone = single(operation.op, types)
        source = write_source(alone)
        module = _build(operation, types, source)
        found = verify(module, build_onnx(alone, module.state_dict(), source.keys))
        if not found.verified and not found.unstable:
            said = f"the torch form and the ONNX form of the operation `{operation.op.name}` differ"
            by = f": {found.explanation}"
            raise _told(operation, "O005", said + by, types, "einsyn.testing.check_op tests the operation alone")


def own_operations(graph: Graph) -> Iterator[tuple[Operation, tuple[TensorType, ...]]]:
    """Users' operations with the types of their inputs, each once, those in regions too."""
    seen: set[object] = set()
    pending = [graph]
    while pending:
        inside = pending.pop(0)
        for operation in inside.operations:
            pending += operation.regions
            types = tuple([inside.types[value] for value in operation.inputs])
            if is_own(type(operation.op)) and (operation.op, types) not in seen:
                seen.add((operation.op, types))
                yield operation, types


def shape_of(t: TensorType, batch: int) -> tuple[int, ...]:
    """The shape of a tensor of a type at some batch size, every symbol being 7."""
    sizes = tuple(Affine.of(size).at(_OPEN) if isinstance(size, str) else size for size in t.sizes)
    return (batch, *sizes) if t.batched else sizes


def _run_alone(operation: Operation, types: tuple[TensorType, ...]) -> list[Tensor]:
    import torch

    from einsyn.backends.torch_source import write_source

    source = write_source(single(operation.op, types))
    module = _build(operation, types, source)
    signature = operation.signature
    names = {**signature.params, **signature.buffers}
    declared = {source.keys[0, name]: list(p.shape) for name, p in names.items()}
    owned = {key: list(tensor.shape) for key, tensor in module.state_dict().items()}
    if owned != declared:
        raise _wrong_module(
            operation, types, f"owns {_listed(owned)}, and `params` and `buffers` say {_listed(declared)}"
        )
    limits = operation.op.id_limits(*types)
    inputs = [_input(t, limit) for t, limit in zip(types, limits, strict=True)]
    try:
        with torch.no_grad():
            computed: Any = module.eval()(*inputs)
    except Exception as error:  # whatever the source of users raises
        raise _wrong_module(operation, types, f"fails, {text_of(error)}") from error
    return list(computed) if isinstance(computed, tuple) else [computed]  # pyright: ignore[reportUnknownArgumentType]


def _build(operation: Operation, types: tuple[TensorType, ...], source: Any) -> nn.Module:
    from einsyn.backends.torch_module import build_module

    try:
        return build_module(source)
    except EinsynError:
        raise
    except Exception as error:  # whatever the constructors that users write raise
        raise _wrong_module(operation, types, f"cannot be made, {text_of(error)}") from error


def _input(t: TensorType, limit: int | None) -> Tensor:
    import torch

    from einsyn.backends.torch_initial import DTYPES

    shape = shape_of(t, _BATCH)
    generator = torch.Generator().manual_seed(5)
    if t.dtype in ("i64", "bool"):
        found = torch.randint(0, 2 if t.dtype == "bool" else limit or _IDS, shape, generator=generator)
        return found.bool() if t.dtype == "bool" else found
    return torch.randn(shape, generator=generator).to(getattr(torch, DTYPES[t.dtype]))


def _listed(tensors: dict[str, list[int]]) -> str:
    return ", ".join(f"{key} {shape}" for key, shape in tensors.items()) or "no tensors"


def _shapes(shapes: list[list[int]]) -> str:
    return f"{'the shape' if len(shapes) == 1 else 'the shapes'} {', '.join(map(str, shapes))}"


def _wrong_source(operation: Operation, what: str, lines: tuple[str, ...], near: str | None = None) -> OpError:
    said = f"the torch form of the operation `{operation.op.name}` {what}"
    has = "torch, nn, self, its inputs, what it assigns, and the functions that `functions` holds"
    hint = f"did you mean `{near}`?" if near else f"it has {has}"
    return _told(operation, "O003", said, (), hint, lines)


def _wrong_module(operation: Operation, types: tuple[TensorType, ...], what: str) -> OpError:
    said = f"the torch module of the operation `{operation.op.name}` {what}"
    return _told(operation, "O004", said, types, "einsyn.testing.check_op tests the operation alone")


def _told(
    operation: Operation,
    code: str,
    said: str,
    types: tuple[TensorType, ...],
    hint: str,
    evidence: tuple[str, ...] = (),
) -> OpError:
    declared = type(operation.op).torch.__code__
    shown = [*evidence, f"written by {declared.co_filename}:{declared.co_firstlineno}, method `{declared.co_name}`"]
    shown += [f"on {', '.join(map(str, types))}"] if types else []
    return OpError(Diagnostic(code, said, operation.span, str(operation.path), tuple(shown), hint))
