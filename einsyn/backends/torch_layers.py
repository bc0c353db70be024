"""What the constructors of torch's layers call their arguments, and what those are where they are not given.

Source is written without torch at hand, so this is a table; a test compares it with torch's own signatures.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Final, NamedTuple

_CONV: Final = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True"}
_TRANSPOSED: Final = {**_CONV, "output_padding": "0"}
_NORM: Final = {"eps": "1e-05", "affine": "True"}
_CONV_SIZES: Final = ("in_channels", "out_channels", "kernel_size")

# For each constructor its leading arguments, and the others with their defaults.
LAYERS: Final[dict[str, tuple[tuple[str, ...], dict[str, str]]]] = {
    "nn.Conv1d": (_CONV_SIZES, _CONV),
    "nn.Conv2d": (_CONV_SIZES, _CONV),
    "nn.ConvTranspose1d": (_CONV_SIZES, _TRANSPOSED),
    "nn.ConvTranspose2d": (_CONV_SIZES, _TRANSPOSED),
    "nn.Linear": (("in_features", "out_features"), {"bias": "True"}),
    "nn.BatchNorm1d": (("num_features",), _NORM),
    "nn.BatchNorm2d": (("num_features",), _NORM),
    "nn.GroupNorm": (("num_groups", "num_channels"), {"eps": "1e-05"}),
    "nn.LayerNorm": (("normalized_shape",), {"eps": "1e-05", "elementwise_affine": "True"}),
    "nn.RMSNorm": (("normalized_shape",), {}),
    "nn.PReLU": (("num_parameters",), {}),
}

# Arguments that count channels or features, which are one size where they are equal everywhere.
SIZES: Final = {
    "in_channels": "channels",
    "out_channels": "channels",
    "groups": "groups",
    "num_channels": "channels",
    "num_features": "channels",
    "num_parameters": "channels",
    "in_features": "features",
    "out_features": "features",
    "normalized_shape": "features",
}


class Constructor(NamedTuple):
    """A constructor taken apart.

    Args:
        function: `nn.Conv2d`.
        positional: (name, text) of the leading arguments.
        named: text by name, in the order of the table, defaults filled in.
        rest: what follows the call.
    """

    function: str
    positional: tuple[tuple[str, str], ...]
    named: tuple[tuple[str, str], ...]
    rest: str


@lru_cache(maxsize=4096)
def taken_apart(text: str) -> Constructor | None:
    """A constructor in its parts, None for one that the table does not know."""
    function, bracket, _ = text.partition("(")
    if not bracket or function not in LAYERS:
        return None
    call = ast.parse(text, mode="eval").body
    end = None
    # What follows, `.to(torch.float64)`, is an outer call.
    while isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        call = call.func.value
        end = call.end_col_offset
    if not isinstance(call, ast.Call):
        return None
    names, defaults = LAYERS[function]
    if len(call.args) > len(names):
        return None

    def source(node: ast.expr) -> str:
        return text[node.col_offset : node.end_col_offset]

    given = {keyword.arg or "": source(keyword.value) for keyword in call.keywords}
    named = {**defaults, **given}
    positional = tuple([(name, source(node)) for name, node in zip(names, call.args, strict=False)])
    return Constructor(function, positional, tuple(named.items()), "" if end is None else text[end:])
