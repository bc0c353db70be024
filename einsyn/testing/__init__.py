"""Generated networks as tests: strategies for hypothesis, a pytest plugin, contract suites.

    from hypothesis import given
    from einsyn.testing import architectures

    @given(architectures("einspace", profile="test"))
    def test_my_exporter(net):
        net.compare(my_runtime(net.onnx).run(net.inputs))

Names are imported when they are first used. The strategies need hypothesis, the extra `testing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einsyn.testing.contract import ContractError, Finding
    from einsyn.testing.every_op import every_op_space
    from einsyn.testing.grammars import grammar_texts, grammars
    from einsyn.testing.move_contract import check_move
    from einsyn.testing.near_misses import NearMiss, near_misses
    from einsyn.testing.net import Net
    from einsyn.testing.op_contract import check_op
    from einsyn.testing.rewrite_contract import check_rewrite
    from einsyn.testing.space_contract import check_space
    from einsyn.testing.strategies import architectures, derivations, mutations, small_architectures
    from einsyn.testing.strategy_contract import check_strategy

__all__ = [
    "ContractError",
    "Finding",
    "NearMiss",
    "Net",
    "architectures",
    "check_move",
    "check_op",
    "check_rewrite",
    "check_space",
    "check_strategy",
    "derivations",
    "every_op_space",
    "grammar_texts",
    "grammars",
    "mutations",
    "near_misses",
    "small_architectures",
]

_HOME = {
    "contract": ("ContractError", "Finding"),
    "every_op": ("every_op_space",),
    "grammars": ("grammar_texts", "grammars"),
    "move_contract": ("check_move",),
    "near_misses": ("NearMiss", "near_misses"),
    "net": ("Net",),
    "op_contract": ("check_op",),
    "rewrite_contract": ("check_rewrite",),
    "space_contract": ("check_space",),
    "strategies": ("architectures", "derivations", "mutations", "small_architectures"),
    "strategy_contract": ("check_strategy",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'einsyn.testing' has no attribute {name!r}")
    try:
        loaded = import_module(f"einsyn.testing.{module}")
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        message = f"einsyn.testing.{name} needs hypothesis: pip install 'einsyn[testing]'"
        raise ModuleNotFoundError(message, name="hypothesis") from None
    for each in _HOME[module]:
        globals()[each] = getattr(loaded, each)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
