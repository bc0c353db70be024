"""How weights start, as torch source."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from einsyn.ops.op import Param

DTYPES: Final = {"f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16", "i64": "int64"}


def initialised(param: Param, dtype: str = "f32") -> str:
    """A fresh tensor as source text.

    Args:
        param: its shape and how it starts (see `Param.init`).
        dtype: what real numbers are stored as.
    """
    word, _, number = param.init.partition(" ")
    shape = f"{', '.join(map(str, param.shape))}" if param.shape else "()"
    kind = dtype if param.dtype == "f32" else param.dtype
    cast = "" if kind == "f32" else f", dtype=torch.{DTYPES[kind]}"
    if word == "constant":
        sizes = f"({shape},)" if len(param.shape) == 1 else f"({shape})" if param.shape else shape
        return f"torch.full({sizes}, {number}{cast})"
    if word == "values":
        return _listed(number.split(" "), cast)
    if word == "normal":
        return f"torch.randn({shape}{cast})" if float(number) == 1 else f"torch.randn({shape}{cast}) * {number}"
    if word == "binomial":
        # Pascal's row over each spatial axis, summing to 1; the first two dimensions are channels.
        size = param.shape[-1]
        row = [comb(size - 1, i) / 2 ** (size - 1) for i in range(size)]
        line = f"torch.tensor({row}{cast})"
        table = f"{line}.outer({line})" if len(param.shape) == 4 else line
        return f"{table}.repeat({param.shape[0]}, {param.shape[1]}{', 1' * (len(param.shape) - 2)})"
    if word == "kaiming_uniform":
        return f"nn.init.kaiming_uniform_(torch.empty({shape}{cast}), a=5**0.5)"
    if word == "fan_in_uniform":
        # Without the fan-in of the tensor that it accompanies, its own size stands for it.
        return f"nn.init.uniform_(torch.empty({shape}{cast}), -({param.shape[0]}**-0.5), {param.shape[0]}**-0.5)"
    return f"torch.{word}({shape}{cast})"


def _listed(numbers: list[str], cast: str) -> str:
    """A vector of these numbers; one that is repeated is written once, for a formatted list has a line for each."""
    count, first = len(numbers), numbers[0]
    if count == 1 or any(number != first for number in numbers):
        return f"torch.tensor([{', '.join(numbers)}]{cast})"
    made = {"0.0": "zeros", "1.0": "ones"}.get(first)
    return f"torch.full(({count},), {first}{cast})" if made is None else f"torch.{made}({count}{cast})"
