"""Codes of what can be wrong with weights that are given."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "W001": "a file of weights is no safetensors file, or is damaged",
    "W002": "weights lack a tensor",
    "W003": "a tensor of weights has another shape",
    "W004": "a tensor of weights holds another kind of numbers",
    "W005": "weights hold a tensor that the network does not have",
    "W006": "weights were folded for deployment and cannot be taken apart",
    "W007": "weights are those of another architecture",
    "W008": "two architectures are not of the same grammar",
    "W009": "both weights and a module are given",
}
