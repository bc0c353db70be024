"""Advice for choosers: which alternatives can still be completed, and which of them is the smallest.

Choosers that have to end with an architecture ask here; what draws from the grammar's distribution must not.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate import plan as plans
from einsyn.grammar.analysis import min_depths, min_sizes
from einsyn.grammar.model import ConstArg, ListArg, Rule, SlotArg, SpliceArg, Terminal
from einsyn.ir.mismatch import Mismatch
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from einsyn.elaborate.program import Program
    from einsyn.grammar.model import Production
    from einsyn.ir.types import TensorType

    Types = tuple[TensorType, ...]

# How many rules typing looks through, how many settings of a primitive it tries, how many answers it keeps.
_LEVELS: Final = 8
_SETTINGS: Final = 64
_KEPT: Final = 65_536


class Viability:
    """What is needed to finish a derivation, and what types rule out.

    `sizes` holds the productions of the smallest derivation of a rule, or of the smallest that begins with a
    production; `depths` those on the longest path of the flattest; `simplest_first` a rule's drawable alternatives
    by size, then as written. They are exact. Typing looks at primitives alone, as the grammar configures them: what it
    refuses fails where it is applied as it stands, what it admits may still fail.

    Args:
        program: the compiled space.
    """

    def __init__(self, program: Program) -> None:
        grammar = program.grammar
        self._plans = program.plans
        self.sizes: dict[Rule | Production, int] = {**min_sizes(grammar)}
        self.depths: dict[Rule | Production, int] = {**min_depths(grammar)}
        self.simplest_first: dict[Rule, tuple[Production, ...]] = {}
        for rule in grammar.rules.values():
            ended: list[Production] = []
            for production in rule.drawable:
                below = [s for s in production.slots if isinstance(s, Rule)]
                if all(s in self.sizes for s in below):
                    self.sizes[production] = 1 + sum(self.sizes[s] for s in below)
                    self.depths[production] = 1 + max((self.depths[s] for s in below), default=0)
                    ended.append(production)
            self.simplest_first[rule] = tuple(sorted(ended, key=lambda p: (self.sizes[p], p.position)))
        # No alternative of a rule needs more productions and levels than this to be completed.
        self.bounds: dict[Rule, tuple[int, int]] = {
            rule: (max([self.sizes[p] for p in ended], default=0), max([self.depths[p] for p in ended], default=0))
            for rule, ended in self.simplest_first.items()
        }
        self._fitting: dict[tuple[Production, Types], bool] = {}
        self._fitting_of: dict[tuple[Rule, Types], tuple[Production, ...]] = {}
        self._settings: dict[tuple[Production, Types, tuple[int, ...]], list[int] | None] = {}

    def fitting(self, rule: Rule, types: Types) -> tuple[Production, ...]:
        """The alternatives of a rule that may be applied to tensors of these types, the simplest first."""
        known = self._fitting_of.get((rule, types))
        if known is None:
            if len(self._fitting_of) >= _KEPT:
                self._fitting_of.clear()
            known = tuple([p for p in self.simplest_first[rule] if self.fits(p, types)])
            self._fitting_of[rule, types] = known
        return known

    def fits(self, production: Production, types: Types, levels: int = _LEVELS) -> bool:
        """Whether an alternative may be applied to tensors of these types; False is certain."""
        known = self._fitting.get((production, types))
        if known is None:
            known = self._works(production, types, levels)
            if len(self._fitting) >= _KEPT:
                self._fitting.clear()
            if levels == _LEVELS:
                self._fitting[production, types] = known
        return known

    def _works(self, production: Production, types: Types, levels: int) -> bool:
        plan = self._plans[production.index]
        if plan.kind == plans.VALUE:
            return not isinstance(plan.target, Op) or not isinstance(plan.target.known(types), Mismatch)
        if plan.kind == plans.PRIMITIVE:
            return self.settings(production, types, ()) != []
        if plan.kind in (plans.CHILD, plans.SEQUENCE) and levels:
            first = production.slots[plan.child if plan.kind == plans.CHILD else 0]
            return not isinstance(first, Rule) or any(self.fits(p, types, levels - 1) for p in first.drawable)
        return True

    def settings(self, production: Production, types: Types, chosen: tuple[int, ...]) -> list[int] | None:
        """Which values of a primitive's next terminal leave it applicable to tensors of these types.

        Args:
            production: an alternative that denotes a primitive, all its slots terminals.
            types: what it is applied to.
            chosen: the numbers of the values that its first slots have.

        Returns:
            Numbers of values in order, or None where there are too many settings to try.
        """
        key = (production, types, chosen)
        if key not in self._settings:
            if len(self._settings) >= _KEPT:
                self._settings.clear()
            self._settings[key] = self._fitting_settings(*key)
        return self._settings[key]

    def _fitting_settings(self, production: Production, types: Types, chosen: tuple[int, ...]) -> list[int] | None:
        plan = self._plans[production.index]
        slots = [s for s in production.slots if isinstance(s, Terminal)]
        domains = [[chosen[i]] if i < len(chosen) else slot.domain.drawn for i, slot in enumerate(slots)]
        if prod(len(d) for d in domains) > _SETTINGS or any(
            isinstance(a, ListArg | SpliceArg) for a in production.args
        ):
            return None
        target: Any = plan.target
        found: dict[int, None] = {}
        for numbers in product(*domains):
            values = [
                slots[a.index].domain.value(numbers[a.index]) if isinstance(a, SlotArg) else a.value
                for a in production.args
                if isinstance(a, SlotArg | ConstArg)
            ]
            try:
                if not isinstance(target.configure(*values).known(types), Mismatch):
                    found[numbers[len(chosen)]] = None
            except Mismatch:
                continue
        return list(found)
