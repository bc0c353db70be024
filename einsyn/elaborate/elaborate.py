"""Elaboration: from choices to a typed graph, or to the cause why there is none."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from einsyn.derivation.choice import Choice
from einsyn.derivation.choosers import tree_of
from einsyn.derivation.text import join, read
from einsyn.elaborate.bind import lacking_in_main
from einsyn.elaborate.build import build_graph
from einsyn.elaborate.code import Code, Opcode
from einsyn.elaborate.frames import Frame
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.machine import Machine
from einsyn.elaborate.trace import Trace
from einsyn.elaborate.values import Bound, Macro, Tensor, Value, kind_name
from einsyn.ir.graph import peak_activation_bytes

if TYPE_CHECKING:
    from einsyn.derivation.choosers import Chooser
    from einsyn.derivation.tree import Derivation
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.program import Program
    from einsyn.grammar.canonical import Spacing
    from einsyn.ir.graph import Graph
    from einsyn.ir.types import TensorType


class Elaboration:
    """The outcome of one elaboration.

    Args:
        root: the derivation as it was chosen; complete unless a cause ended it early.
        trace: what was emitted.
        cause: why the derivation is not an architecture, or None if it is one.
        outputs: the network's outputs.
        size: productions in the derivation.
        depth: productions on its longest path.
    """

    __slots__ = (
        "_read",
        "cause",
        "depth",
        "input_names",
        "inputs",
        "memory",
        "name",
        "outputs",
        "root",
        "size",
        "trace",
    )

    def __init__(self, name: str, input_names: tuple[str, ...], root: Choice, trace: Trace) -> None:
        self.name = name
        self.input_names = input_names
        self.root = root
        self.trace = trace
        self.cause: Infeasible | None = None
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: tuple[Tensor, ...] = ()
        self.size = 0
        self.depth = 0
        self.memory: int | None = None
        self._read: tuple[str, float] | None = None

    @property
    def params(self) -> int:
        """Learned scalars."""
        return self.trace.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates at batch 1."""
        return self.trace.macs

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        """The types of the network's outputs."""
        return tuple([t.type for t in self.outputs])

    def read(self, spacing: Spacing) -> tuple[str, float]:
        """The canonical text, and the log-probability of the derivation."""
        if self._read is None:
            tokens, logs = read(self.root)
            self._read = join(tokens, spacing), fsum(logs)
        return self._read

    def derivation(self) -> Derivation:
        """The derivation tree."""
        return tree_of(self.root)

    def graph(self) -> Graph:
        """The IR graph; for every operation the derivation node and the place that it came from."""
        return build_graph(self.name, self.input_names, self.inputs, self.trace.events(), self.outputs)


def elaborate(
    program: Program,
    name: str,
    inputs: tuple[tuple[str, TensorType], ...],
    output: TensorType | None,
    chooser: Chooser,
    limits: Limits,
) -> Elaboration:
    """Run a chooser through a program.

    Args:
        program: the compiled space.
        name: what the graph is called.
        inputs: names and types of the network's inputs.
        output: the declared type of its output, if any.
        chooser: decides at every choice.
        limits: what the architecture may cost.
    """
    root = Choice(program.grammar.start, None, 0, 1)
    trace = Trace(limits)
    result = Elaboration(name, tuple(n for n, _ in inputs), root, trace)
    result.inputs = tuple([trace.input(t) for _, t in inputs])
    machine = Machine(program.plans, chooser, limits, trace)
    try:
        result.outputs = network(program, machine, root, result.inputs)
        complete(machine, root)
        check_output(result.outputs, output, root)
        result.size = machine.size
        result.depth = machine.depth
        _check_memory(result, limits)
        if program.requires:
            _check_requirements(program, machine, result)
    except Infeasible as cause:
        # The traceback would keep the whole machine alive.
        cause.__traceback__ = cause.__context__ = None
        result.cause = cause
        result.size = machine.size
        result.depth = machine.depth
    return result


def network(program: Program, machine: Machine, root: Choice, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Apply the arrow of the start symbol, wrapped by `main`, to the network's inputs. Raises Infeasible."""
    arrow: Value = root
    if program.wrapper is not None:
        arrow = Bound(program.wrapper, (root,))
    elif program.main is not None:
        arrow = _main(machine, program.main, root)
    return _tensors(machine.run_arrow(arrow, inputs))


def _main(machine: Machine, main: Code, root: Choice) -> Value:
    """What `main` makes of the start symbol's arrow."""
    wrapper = machine.run(Frame(main.instructions, main.template.copy(), root))
    instructions = ((int(Opcode.CALL), 2, 0, (1,), None, None, main.span), (int(Opcode.RETURN), 2))
    arrow = machine.run(Frame(instructions, [wrapper, root, None], root))
    if isinstance(arrow, Macro) and isinstance(wrapper, Macro) and arrow.code is wrapper.code and main.span:
        raise lacking_in_main(arrow, main.span)  # the definition that `main` names, with one value more
    return arrow


def _tensors(outcome: Value) -> tuple[Tensor, ...]:
    outputs: tuple[Value, ...] = outcome if outcome.__class__ is tuple else (outcome,)
    for output in outputs:
        if not isinstance(output, Tensor):
            raise Infeasible("V006", f"the network gives {kind_name(output)} instead of tensors")
    if not outputs:
        raise Infeasible("V006", "the network gives an empty list instead of tensors")
    return outputs


def complete(machine: Machine, root: Choice) -> None:
    """Choose what was never applied, in text order, so that every derivation is whole."""
    pending = [root]
    while pending:
        choice = pending.pop()
        if choice.production is None:
            if choice.index >= 0:
                continue
            machine.choose(choice)
            if choice.production is None:
                continue
        pending.extend(reversed(choice.children))


def check_output(outputs: tuple[Tensor, ...], declared: TensorType | None, root: Choice) -> None:
    """Compare what comes out with `//@ output`. Raises Infeasible."""
    if declared is None:
        return
    for tensor in outputs:
        t = tensor.type
        if t.dtype != declared.dtype or t.axes != declared.axes or t.sizes != declared.sizes:
            raise Infeasible("T060", f"the output is {t}, the space declares {declared}", None, root, None, (tensor,))


def _check_memory(result: Elaboration, limits: Limits) -> None:
    """The exact peak is worked out only where the sum of everything does not settle it."""
    trace = result.trace
    if limits.max_memory is None or trace.activations + trace.state <= limits.max_memory:
        return
    result.memory = memory = trace.state + peak_activation_bytes(result.graph())
    if memory > limits.max_memory:
        raise Infeasible(
            "L004",
            f"{memory} bytes of memory, more than max_memory={limits.max_memory}",
            None,
            result.root,
        )


def _check_requirements(program: Program, machine: Machine, result: Elaboration) -> None:
    trace = result.trace
    if result.memory is None:
        result.memory = trace.state + peak_activation_bytes(result.graph())
    costs: dict[str, object] = {
        "params": trace.params,
        "macs": trace.macs,
        "memory": result.memory,
        "ops": trace.ops,
        "depth": result.depth,
        "size": result.size,
    }
    for code, require in program.requires:
        regs = code.template.copy()
        regs[: len(code.values)] = [costs[name] for name in code.values]
        holds = machine.run(Frame(code.instructions, regs, result.root))
        if holds is not True and holds is not False:
            found = kind_name(holds)
            hint = "compare it with what it must be, as in `params < 100`"
            raise Infeasible("V002", f"`require` needs a boolean, not {found}", hint, None, require.span)
        if not holds:
            shown = f": {require.message}" if require.message else ""
            raise Infeasible("V005", f"a requirement of the space does not hold{shown}", None, None, require.span)
