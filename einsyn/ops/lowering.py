"""What the backends offer to an operation while it is lowered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from einsyn.ir.graph import Graph
    from einsyn.ir.types import TensorType


class Context(Protocol):
    """Common to both backends: the operands and their types."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input tensors."""
        ...

    @property
    def types(self) -> tuple[TensorType, ...]:
        """Types of the inputs."""
        ...

    @property
    def outputs(self) -> tuple[TensorType, ...]:
        """Types of the outputs."""
        ...


class TorchContext(Context, Protocol):
    """Writes a torch module."""

    def layer(self, constructor: str) -> str:
        """Own a layer, `nn.Linear(3, 8)`; returns the expression that names it, `self.linear1`.

        The keys of its `state_dict` must be the names that `params` and `buffers` declare.
        """
        ...

    def parameter(self, name: str) -> str:
        """Own a bare parameter or buffer that the operation declares; returns the expression that names it."""
        ...

    def assign(self, expression: str) -> str:
        """Write a statement of its own and return the name that holds the result until the operation ends."""
        ...

    def fresh(self) -> str:
        """A name that nothing else has until the operation ends, for the variable of a loop; it is not deleted."""
        ...

    def statement(self, text: str) -> None:
        """Write a line as it is."""
        ...

    def block(self, header: str) -> AbstractContextManager[None]:
        """Write `header`, which ends with a colon, and what is written inside indented below it.

        What is assigned inside is deleted there, but for a `with`: after a loop without a turn it would not exist.
        """
        ...

    def may_overwrite(self, number: int) -> bool:
        """Whether an input may be overwritten: nobody else uses it, and backward does not need it."""
        ...

    def region(self, graph: Graph, inputs: Sequence[str]) -> tuple[str, ...]:
        """Write the operations of a graph that this operation owns, inside a block; returns the names of its outputs.

        They hold until the block is left.
        """
        ...


class OnnxContext(Context, Protocol):
    """Writes an ONNX graph."""

    @property
    def opset(self) -> int:
        """The opset being written."""
        ...

    def node(self, op_type: str, inputs: Sequence[str], **attributes: object) -> str:
        """Emit a node with one output and return the output's name."""
        ...

    def nodes(self, op_type: str, inputs: Sequence[str], outputs: int, **attributes: object) -> tuple[str, ...]:
        """Emit a node with several outputs and return their names."""
        ...

    def weight(self, name: str, transpose: bool = False) -> str:
        """The initializer that holds a parameter or buffer of this operation, stored transposed if asked."""
        ...

    def array(self, values: object) -> str:
        """A constant tensor from a numpy array."""
        ...

    def filled(self, value: float, size: int, like: TensorType | None = None) -> str:
        """A constant vector of equal elements of the dtype of `like`, or of the first output."""
        ...

    def region(self, graph: Graph) -> object:
        """A graph that this operation owns, as the value of a node's attribute."""
        ...

    def integers(self, values: Sequence[int]) -> str:
        """An int64 constant vector."""
        ...

    def scalar(self, value: float, like: TensorType | None = None) -> str:
        """A constant scalar of the dtype of `like` (f32 without one)."""
        ...
