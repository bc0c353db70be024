"""The codes of what makes a derivation no architecture, beside those of types."""

from __future__ import annotations

from typing import Final

VALUE_CODES: Final[dict[str, str]] = {
    "V001": "a division of integers leaves a remainder",
    "V002": "a value has the wrong kind for what is done with it",
    "V003": "an index is out of range, or a list is empty",
    "V004": "a list has another length than is needed",
    "V005": "a `require` does not hold",
    "V006": "something is applied to what it cannot take, or gives what is not expected",
    "V007": "the result of a calculation is no finite number, or too long",
}

LIMIT_CODES: Final[dict[str, str]] = {
    "L001": "more operations than `max_ops`",
    "L002": "more parameters than `max_params`",
    "L003": "more multiply-accumulates than `max_macs`",
    "L004": "more memory than `max_memory`",
    "L005": "a derivation deeper than `max_depth`",
    "L006": "more productions than `max_size`",
    "L007": "definitions run for more steps than any network of the permitted size needs",
    "L008": "a list is too long or nests too deeply",
    "L009": "loops are nested too deeply",
}
