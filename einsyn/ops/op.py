"""The one place where an operation is declared: attributes, type rule, parameters, MACs, torch, ONNX.

Declaring a subclass registers it under its name; the language, the backends, the reference page, the
command line and the tests iterate the registry, so everything an operation needs stands in its class.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from einsyn.diagnostics import Diagnostic, counted
from einsyn.errors import BackendError
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.own_op import check_answer, is_own, told
from einsyn.ir.types import BYTES, TensorType
from einsyn.ops.attributes import MISSING, Attribute
from einsyn.ops.laws import Lawful

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ir.graph import Graph
    from einsyn.ops.lowering import OnnxContext, TorchContext

OPS: dict[str, type[Op]] = {}

_CACHED_SIGNATURES = 4096


class Param(NamedTuple):
    """A learned tensor or a buffer of an operation.

    Args:
        shape: sizes, all concrete.
        init: how it starts: `kaiming_uniform`, `fan_in_uniform`, `zeros`, `ones`, `normal STD`, `constant V`,
            `values A B ...`, `binomial` (a kernel that smooths).
        dtype: what it is stored as, where its values are learned or counted in 32 bits.
    """

    shape: tuple[int, ...]
    init: str
    dtype: str = "f32"

    @property
    def elements(self) -> int:
        """Number of scalars."""
        return prod(self.shape)


class Signature(NamedTuple):
    """What an operation does to given input types.

    MACs and bytes are at batch 1; `state_bytes` includes buffers, `output_bytes` is 0 for views.
    """

    outputs: tuple[TensorType, ...]
    params: Mapping[str, Param]
    buffers: Mapping[str, Param]
    param_count: int
    macs: int
    state_bytes: int
    output_bytes: int


class Op(Lawful):
    """A primitive operation.

    Subclass it to add one:

        class Double(einsyn.Op, name="double"):
            '''Twice the input. Shapes: `... -> ...`.'''

            def infer(self, x): return x
            def torch(self, ctx): return f"2 * {ctx.inputs[0]}"
            def onnx(self, ctx): return ctx.node("Mul", [ctx.inputs[0], ctx.scalar(2.0)])

    Class attributes:
        arity: number of input tensors; None for one or more.
        aliases: the outputs are the inputs or views of them, so they take no memory of their own.
        open_names: `configure` takes named values beside the attributes.
        functions: Python functions that the torch form calls, by name; a torch file defines those that it uses.
        joins: the associative and commutative operation that it is (`sum`, `product`, `maximum`,
            `minimum`), if it is one.
        overwritable: backward does not need what it computes, so that whoever alone uses that may overwrite it.
        repeatable: without weights, the same inputs give the same outputs however often; not so what draws at random.
        laws: what holds of its function, as `einsyn.ops.laws` names it.
        scaled_by: names of the parameters that, multiplied together by a number, multiply the result by it.
        region_count: how many graphs an instance owns (the step of a loop); see `with_regions`.
    """

    name: ClassVar[str] = ""
    attributes: ClassVar[dict[str, Attribute]] = {}
    arity: ClassVar[int | None] = 1
    aliases: ClassVar[bool] = False
    open_names: ClassVar[bool] = False
    functions: ClassVar[Mapping[str, str]] = {}
    joins: ClassVar[str | None] = None
    overwritable: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    region_count: ClassVar[int] = 0

    # The graphs that the operation owns.
    regions: tuple[Graph, ...] = ()
    key: tuple[object, ...]
    _hash: int
    _signatures: dict[tuple[TensorType, ...], Signature | Mismatch]
    _instances: ClassVar[dict[tuple[object, ...], Op]]
    _requests: ClassVar[dict[tuple[object, ...], Op]]
    # Neither parameters nor MACs are declared, so there is no need to ask.
    _costs_nothing: ClassVar[bool]
    # A user declares it, so what its methods answer is looked at.
    _own: ClassVar[bool]

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is None:
            return  # an abstract family of operations
        if name in OPS:
            raise ValueError(f"operation {name!r} is already registered, by {OPS[name].__qualname__}")
        if cls.infer is Op.infer:
            raise ValueError(f"operation {name!r} declares no type rule, the method `infer(self, *types)`")
        if cls.region_count and cls.with_regions is Op.with_regions:
            raise ValueError(f"operation {name!r} owns graphs and has no method `with_regions(self, *regions)`")
        found: dict[str, Attribute] = {}
        for base in reversed(cls.__mro__):
            for key, value in vars(base).items():
                if isinstance(value, Attribute):
                    found[key] = value
        cls.name = name
        cls.attributes = found
        cls._instances = {}
        cls._requests = {}
        cls._costs_nothing = cls.params is Op.params and cls.buffers is Op.buffers and cls.macs is Op.macs
        cls._own = is_own(cls)
        OPS[name] = cls

    def __init__(self, **values: object) -> None:
        """An instance from values that are already checked; use `configure` otherwise."""
        put = object.__setattr__
        for key, value in values.items():
            put(self, key, value)
        put(self, "key", tuple(values.values()))
        put(self, "_hash", hash((self.name, self.key)))
        put(self, "_signatures", {})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"operations are immutable; cannot set {name}")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        # 1, 1.0 and True are equal as numbers: compare the kinds as well.
        return (
            type(self) is type(other)
            and isinstance(other, Op)
            and self.key == other.key
            and [type(v) for v in self.key] == [type(v) for v in other.key]
            and self.regions == other.regions
        )

    @classmethod
    def configure(cls, *args: object, **named: object) -> Op:
        """The operation with these attributes, positional ones in declared order.

        Raises:
            Mismatch: D041 for an attribute too many or unknown, D042 for one that lacks,
                T004 for a value of the wrong kind or range.
        """
        request = _request(args, named)
        known = cls._requests.get(request) if request is not None else None
        if known is not None:
            return known
        made = cls._configure(args, named)
        if request is not None and len(cls._requests) < _CACHED_SIGNATURES:
            cls._requests[request] = made
        return made

    @classmethod
    def _configure(cls, args: tuple[object, ...], named: dict[str, object]) -> Op:
        declared = list(cls.attributes.items())
        values: dict[str, object] = {}
        rest = list(args)
        for key, attribute in declared:
            if attribute.variadic:
                values[key] = attribute.check(cls.name, key, tuple(rest) if key not in named else named[key])
                rest = []
            elif rest:
                values[key] = attribute.check(cls.name, key, rest.pop(0))
        if rest:
            raise Mismatch(
                "D041",
                f"`{cls.name}` takes at most {counted(len(declared), 'attribute')}, {len(args)} were given",
                hint=f"its signature is {cls.usage()}",
            )
        for key, value in named.items():
            attribute = cls.attributes.get(key)
            if attribute is None:
                raise Mismatch("D041", f"`{cls.name}` has no attribute {key}", hint=f"its signature is {cls.usage()}")
            if key in values and not attribute.variadic:
                raise Mismatch("D041", f"attribute {key} of `{cls.name}` is given twice")
            values[key] = attribute.check(cls.name, key, value)
        for key, attribute in declared:
            if key in values:
                continue
            if attribute.same_as is not None:
                values[key] = values[attribute.same_as]
            elif attribute.default is MISSING:
                raise Mismatch("D042", f"`{cls.name}` needs {key}", hint=f"its signature is {cls.usage()}")
            else:
                values[key] = attribute.default
        ordered = {key: values[key] for key, _ in declared}
        cached = cls._instances.get(tuple(ordered.values()))
        # 1, 1.0 and True are equal as keys: compare the kinds as well.
        if cached is not None and [type(v) for v in cached.key] == [type(v) for v in ordered.values()]:
            return cached
        made = cls(**ordered)
        if len(cls._instances) < _CACHED_SIGNATURES:
            cls._instances[made.key] = made
        return made

    @classmethod
    def required(cls) -> int:
        """How many leading attributes have no default."""
        return sum(1 for a in cls.attributes.values() if a.required)

    @classmethod
    def usage(cls) -> str:
        """The signature as the language writes it: `linear(width, bias=true, axis=-1)`."""
        parts = [attribute.usage(key) for key, attribute in cls.attributes.items()]
        return f"{cls.name}({', '.join(parts)})" if parts else cls.name

    def __str__(self) -> str:
        shown: list[str] = []
        for (key, attribute), value in zip(self.attributes.items(), self.key, strict=True):
            if attribute.variadic:
                shown.append(attribute.show(value))
            elif attribute.required:
                shown.append(f"{key}={attribute.show(value)}")
            elif value != (getattr(self, attribute.same_as) if attribute.same_as else attribute.default):
                shown.append(f"{key}={attribute.show(value)}")
        return f"{self.name}({', '.join(shown)})" if shown else self.name

    def __repr__(self) -> str:
        return f"<{self}>"

    def signature(self, types: tuple[TensorType, ...]) -> Signature:
        """Outputs, parameters and costs for inputs of these types.

        Raises:
            Mismatch: the type rule does not hold.
        """
        found = self.known(types)
        if isinstance(found, Mismatch):
            raise found.kept()
        return found

    def known(self, types: tuple[TensorType, ...]) -> Any:
        """The Signature for these types, or the Mismatch that says why there is none; kept once worked out."""
        found = self._signatures.get(types)
        if found is None:
            found = self.work_out(types)
            if len(self._signatures) >= _CACHED_SIGNATURES:
                self._signatures.clear()
            self._signatures[types] = found
        return found

    def work_out(self, types: tuple[TensorType, ...]) -> Signature | Mismatch:
        """The same for somebody who keeps it. Raises OpError where a user's operation is wrong."""
        asked = "infer"
        try:
            if len(types) != self.arity:
                self.check_arity(len(types))
            outputs = self.infer(*types)
            if self._own:
                check_answer(self, asked, outputs)
            results = (outputs,) if isinstance(outputs, TensorType) else tuple(outputs)
            output_bytes = 0 if self.aliases else sum([t.bytes for t in results])
            if self._costs_nothing:
                return Signature(results, {}, {}, 0, 0, 0, output_bytes)
            asked = "params"
            params = self.params(*types)
            asked = "buffers"
            buffers = self.buffers(*types)
            asked = "macs"
            macs = self.macs(*types)
            if self._own:
                for method, answer in (("params", params), ("buffers", buffers), ("macs", macs)):
                    check_answer(self, method, answer)
        except Mismatch as mismatch:
            mismatch.__traceback__ = None  # it would keep the frames alive
            return mismatch
        except Exception as error:  # whatever the code of users raises is theirs
            found = told(self, asked, error, types)
            if found is error:
                raise
            raise found from error
        count = state = 0
        for param in params.values():
            elements = param.elements
            count += elements
            state += elements * BYTES[param.dtype]
        for buffer in buffers.values():
            state += buffer.elements * BYTES[buffer.dtype]
        return Signature(results, params, buffers, count, macs, state, output_bytes)

    def with_regions(self, *regions: Graph) -> Op:
        """This operation with the graphs that it owns, as many as `region_count`."""
        assert not regions, "only what has a `region_count` is given any"
        return self

    def check_arity(self, count: int) -> None:
        """Raise T001 unless the operation takes `count` tensors."""
        if self.arity is None:
            if count == 0:
                raise Mismatch("T001", f"`{self.name}` needs at least one tensor")
        elif count != self.arity:
            plural = "" if self.arity == 1 else "s"
            raise Mismatch("T001", f"`{self.name}` takes {self.arity} tensor{plural}, {count} were given")

    # What a subclass declares.

    def infer(self, *types: TensorType) -> TensorType | tuple[TensorType, ...]:
        """Output types for these input types; raise Mismatch where the operation does not apply."""
        raise NotImplementedError(f"{type(self).__name__} declares no type rule")  # registration demands one

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """Learned tensors by name; the names are the keys of the torch layer's `state_dict`."""
        return {}

    def buffers(self, *types: TensorType) -> Mapping[str, Param]:
        """Tensors that are kept but not learned (running statistics): in `memory`, not in `params`."""
        return {}

    def id_limits(self, *types: TensorType) -> tuple[int | None, ...]:
        """For every input that holds ids how many there are (ids count from 0), else None."""
        return (None,) * len(types)

    def macs(self, *types: TensorType) -> int:
        """Multiply-accumulates of convolutions and matrix products at batch 1, biases excluded."""
        return 0

    # What the canonical form of a network may use. Saying nothing is always right.

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        """For each output the number of the input that it is, where the operation only hands inputs on."""
        return None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        """Whether all outputs are zero, whatever the weights, where those inputs are that `zeros` marks."""
        return False

    def remains(self, zeros: tuple[bool, ...]) -> int | None:
        """The input that the only output is where those inputs are zero that `zeros` marks and nothing broadcasts."""
        return None

    def torch(self, ctx: TorchContext) -> str | tuple[str, ...]:
        """A Python expression for the outputs, or a tuple of names for outputs that are inputs."""
        raise self._without("torch")

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """Emit nodes through `ctx` and return the names of the outputs."""
        raise self._without("onnx")

    def _without(self, backend: str) -> BackendError:
        """That there is no lowering for a backend."""
        hint = f"{type(self).__qualname__} needs a method `{backend}(self, ctx)`"
        return BackendError(Diagnostic("B003", f"`{self.name}` has no lowering to {backend}", hint=hint))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Instances with input types that between them show every attribute; the tests run each.

        Built-in operations must have some; one of your own that has none is left out of what is generated from the
        registry, such as the space of every operation.
        """
        return ()


def _request(args: tuple[object, ...], named: dict[str, object]) -> tuple[object, ...] | None:
    """A key for attributes as given, None if one is no plain value. 1, 1.0 and true are equal: classes count too."""
    key: list[object] = []
    for value in (*args, *named, *named.values()):
        if value.__class__ is tuple:
            key.append(tuple([item.__class__ for item in cast("tuple[object, ...]", value)]))
        elif not isinstance(value, int | float | str):
            return None
        key.append(value.__class__)
        key.append(value)
    key.append(len(args))
    try:
        hash(tuple(key))
    except TypeError:
        return None
    return tuple(key)
