"""Zero-cost proxies: numbers of an untrained network that are meant to rank networks as training would.

Weights are the parameters with at least two axes: kernels and matrices. What a network computes on the way is watched
through torch's functions, not through its modules, so that the proxies work for whatever einsyn writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from einsyn.backends.torch_module import import_torch
from einsyn.evaluate.data import location, read_data
from einsyn.evaluate.fit import fit
from einsyn.evaluate.objective import EvaluationError, Objective
from einsyn.evaluate.training import axis_of_classes, loss_of
from einsyn.evaluate.watch import watched
from einsyn.ir.sizes import least_values, value_of

if TYPE_CHECKING:
    from einsyn.architecture import Architecture
    from einsyn.evaluate.fit import Examples
    from einsyn.ir.types import TensorType
    from einsyn.space import Space

# torch's own annotations do not cover what is done here.
Tensor = Any

# Examples that a proxy looks at, as in Abdelfattah et al. 2021.
BATCH: Final = 64
# Added to eigenvalues (Mellor et al. 2020).
_JACOV_EPSILON: Final = 1e-5
# Size of the disturbance of inputs (Lin et al. 2021).
_ZEN_STEP: Final = 1e-2


class Subject:
    """An untrained network and what it is looked at with.

    The network is as it was elaborated: where rewriting computes equal activations once or makes one layer of several,
    it would change what proxies count, and two of them would say something else of the same architecture.

    Args:
        architecture: the network.
        seed: of its initialisation and of all that is drawn.
        examples: training examples, for proxies that need them.
    """

    def __init__(self, architecture: Architecture, seed: int, examples: Examples | None) -> None:
        torch = import_torch()

        self.module: Any = architecture.module(seed, rewrite="none").train()
        self.random = torch.Generator().manual_seed(seed)
        self.inputs = [t for _, t in architecture.space.inputs]
        self.weights: list[Tensor] = [p for p in self.module.parameters() if p.ndim > 1]
        self.examples = examples
        opened = any(isinstance(size, str) for t in self.inputs for size in t.sizes)
        self._symbols = least_values(architecture.graph.types) if opened else {}
        self._axis = axis_of_classes(architecture) if examples is not None and examples.y.dtype == torch.int64 else 0

    @property
    def x(self) -> Tensor:
        """The examples' inputs, `[N, ...]`."""
        assert self.examples is not None
        return self.examples.x

    def shape(self, t: TensorType, batch: int) -> list[int]:
        """The sizes of an input; open ones are as small as the network takes them."""
        return [batch] * t.batched + [value_of(size, self._symbols) for size in t.sizes]

    def outputs(self, *inputs: Tensor) -> Tensor:
        """The first output."""
        found: Any = self.module(*inputs)
        return found if hasattr(found, "shape") else found[0]

    def loss(self) -> Tensor:
        """The training loss of the examples."""
        assert self.examples is not None
        y = self.examples.y
        return loss_of(self.outputs(self.x), y, self._axis, None if y.is_floating_point() else 0.0)

    def gradients(self, value: Tensor, *, keep: bool = False) -> list[Tensor]:
        """Gradients of a number with respect to the weights; zeros for those that it does not depend on."""
        torch = import_torch()

        found = torch.autograd.grad(value, self.weights, create_graph=keep, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(self.weights, found, strict=True)]


def grad_norm(subject: Subject) -> float:
    """Sum over weights of the Euclidean norm of their gradient (Abdelfattah et al., ICLR 2021)."""
    return sum(float(g.norm()) for g in subject.gradients(subject.loss()))


def snip(subject: Subject) -> float:
    """Sum of `|w * dL/dw|` (Lee, Ajanthan & Torr, ICLR 2019; as a proxy: Abdelfattah et al. 2021)."""
    gradients = subject.gradients(subject.loss())
    return sum(float((w.detach() * g).abs().sum()) for w, g in zip(subject.weights, gradients, strict=True))


def plain(subject: Subject) -> float:
    """Sum of `w * dL/dw` (Mozer & Smolensky, NIPS 1988; as a proxy: Abdelfattah et al. 2021)."""
    gradients = subject.gradients(subject.loss())
    return sum(float((w.detach() * g).sum()) for w, g in zip(subject.weights, gradients, strict=True))


def grasp(subject: Subject) -> float:
    """Sum of `-w * (H g)`, H the Hessian of the loss and g its gradient (Wang, Zhang & Grosse, ICLR 2020)."""
    gradients = subject.gradients(subject.loss(), keep=True)
    curves = [(g * g.detach()).sum() for g in gradients if g.requires_grad]
    if not curves:
        return 0.0
    curved = subject.gradients(sum(curves))
    return -sum(float((w.detach() * h).sum()) for w, h in zip(subject.weights, curved, strict=True))


def fisher(subject: Subject) -> float:
    """Sum over channels of the outputs of convolutions and linear layers of half the mean squared `sum a * dL/da`.

    The inner sum is over places, the mean over examples (Theis et al. 2018; Turner et al., ICLR 2020).
    """
    torch = import_torch()

    with watched() as seen:
        loss = subject.loss()
    products = [(a, axis) for a, axis in seen.products if a.requires_grad]
    gradients = torch.autograd.grad(loss, [a for a, _ in products], allow_unused=True)
    total = 0.0
    for (a, axis), g in zip(products, gradients, strict=True):
        if g is not None:
            by_channel = (a * g).detach().movedim(axis, 1).flatten(2).sum(2) if a.ndim > 2 else (a * g).detach()
            total += float(by_channel.square().mean(0).sum() / 2)
    return total


def synflow(subject: Subject) -> float:
    """Logarithm of the sum of `|w| * dR/d|w|`, R the sum of outputs for inputs of ones (Tanaka et al., NeurIPS 2020).

    All parameters are made positive, normalisations have the statistics that they begin with, numbers are 64-bit. The
    logarithm, because the sum of a deep network has hundreds of digits; it does not change a ranking.
    """
    torch = import_torch()

    module = subject.module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
    total = subject.outputs(*_ones(subject)).sum()
    if not total.requires_grad:
        raise EvaluationError("nan", "the output depends on no weight")
    gradients = subject.gradients(total)
    score = sum(float((w.detach() * g).sum()) for w, g in zip(subject.weights, gradients, strict=True))
    if not 0 < score < math.inf:
        raise EvaluationError("nan", f"the sum is {score}")
    return math.log(score)


def _ones(subject: Subject) -> list[Tensor]:
    torch = import_torch()

    dtypes = [torch.int64 if t.dtype.startswith("i") else torch.float64 for t in subject.inputs]
    return [torch.ones(subject.shape(t, 1), dtype=d) for t, d in zip(subject.inputs, dtypes, strict=True)]


def jacov(subject: Subject) -> float:
    """`-sum log(v + k) + 1 / (v + k)` over the eigenvalues v of the correlations of input gradients of the examples.

    Mellor et al. 2020 (first version of "Neural architecture search without training"), k = 1e-5.
    """
    torch = import_torch()

    x = subject.x.clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(subject.outputs(x).sum(), x)
    rows = jacobian.flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        raise EvaluationError("nan", "a gradient does not vary over the input")
    rows = rows / norms
    v = torch.linalg.eigvalsh(rows @ rows.T) + _JACOV_EPSILON
    return -float((v.log() + 1 / v).sum())


def naswot(subject: Subject) -> float:
    """Log-determinant of how alike the examples' codes are; a code says which activations have a positive input.

    Mellor et al., ICML 2021; there for ReLU, here for whatever `watch` knows as an activation.
    """
    torch = import_torch()

    with torch.no_grad(), watched() as seen:
        subject.outputs(subject.x)
    count = len(subject.x)
    kernel = torch.zeros(count, count, dtype=torch.float64)
    for x in seen.activated:
        if len(x) == count:
            # 1 and -1: the product counts agreements less disagreements; the mean with all counts agreements.
            code = torch.where(x.flatten(1) > 0, 1.0, -1.0)
            kernel += ((code @ code.T).double() + code.shape[1]) / 2
    sign, value = torch.linalg.slogdet(kernel)
    if float(sign) <= 0:
        raise EvaluationError("nan", "no two examples are told apart by activations")
    return float(value)


def zen(subject: Subject) -> float:
    """`log |f(x) - f(x + e z)|`, mean over normal x and z, plus the log-deviations that batch normalisations take away.

    f is the network up to where it loses its places, with normal weights (Lin et al., ICCV 2021).
    """
    torch = import_torch()

    with torch.no_grad():
        for weight in subject.weights:
            weight.copy_(torch.randn(weight.shape, generator=subject.random))
        if any(t.dtype.startswith("i") for t in subject.inputs):
            raise EvaluationError("exception", "the input is tokens, which cannot be disturbed")
        inputs = [torch.randn(subject.shape(t, BATCH), generator=subject.random) for t in subject.inputs]
        moved = [x + _ZEN_STEP * torch.randn(x.shape, generator=subject.random) for x in inputs]
        with watched() as seen:
            output = subject.outputs(*inputs)
        with watched() as again:
            other = subject.outputs(*moved)
    if seen.features is not None and again.features is not None:
        output, other = seen.features, again.features
    difference = float((output - other).abs().mean())
    if not 0 < difference < math.inf:
        raise EvaluationError("nan", f"the mean difference is {difference}")
    return math.log(difference) + sum(0.5 * math.log(v) for v in seen.variances if v > 0)


def l2(subject: Subject) -> float:
    """Sum over weights of their Euclidean norm (Abdelfattah et al. 2021)."""
    return sum(float(w.detach().norm()) for w in subject.weights)


# Each with whether it looks at training examples.
PROXIES: Final[dict[str, tuple[Callable[[Subject], float], bool]]] = {
    "grad_norm": (grad_norm, True),
    "snip": (snip, True),
    "grasp": (grasp, True),
    "fisher": (fisher, True),
    "synflow": (synflow, False),
    "jacov": (jacov, True),
    "naswot": (naswot, True),
    "zen": (zen, False),
    "l2": (l2, False),
    "plain": (plain, True),
}


class Proxy(Objective):
    """A zero-cost proxy; more is taken to be better.

    Args:
        which: a name among `PROXIES`.
        data: what the examples are from; see `read_data`.
        maximise: whether more is better.
    """

    def __init__(self, which: str, data: str, maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.which = which
        self.data = data
        self._examples: Examples | None = None
        self._digest = ""

    def __getstate__(self) -> dict[str, Any]:
        # A worker reads the data itself.
        return {**vars(self), "_examples": None}

    @property
    def name(self) -> str:
        return self.which

    @property
    def looks_at(self) -> str | None:
        return self.data if PROXIES[self.which][1] else None

    def prepare(self, space: Space) -> None:
        if self.looks_at is not None and self._examples is None:
            data = read_data(self.data)
            self._digest = data.digest
            self._examples = fit(data, space).train

    def recipe(self) -> dict[str, Any]:
        if self.looks_at is None:
            return super().recipe()
        return {**super().recipe(), "data": location(self.data), "digest": self._digest, "batch": BATCH}

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        torch = import_torch()

        self.prepare(architecture.space)
        examples = self._examples
        if examples is not None:
            chosen = torch.randperm(len(examples.x), generator=torch.Generator().manual_seed(seed))[:BATCH]
            examples = type(examples)(examples.x[chosen], examples.y[chosen])
        return PROXIES[self.which][0](Subject(architecture, seed, examples))
