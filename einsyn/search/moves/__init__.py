"""The shipped moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.search.moves.duplicate import Duplicate
from einsyn.search.moves.regenerate import Regenerate
from einsyn.search.moves.swap import SwapNested, SwapSiblings
from einsyn.search.moves.switch import Switch
from einsyn.search.moves.value import ChangeValue, StepValue
from einsyn.search.moves.wrap import InsertDelete

if TYPE_CHECKING:
    from einsyn.search.moves.move import Move

MOVES: tuple[type[Move], ...] = (
    Regenerate,
    Switch,
    ChangeValue,
    StepValue,
    InsertDelete,
    Duplicate,
    SwapSiblings,
    SwapNested,
)
# The changes that nothing smaller adds up to.
SMALL_MOVES: tuple[type[Move], ...] = (Switch, ChangeValue, StepValue, InsertDelete)
