"""From expanded rules to the productions of the model: checks, weights, slots and arguments."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

from einsyn.grammar.analysis import count_rule
from einsyn.grammar.domains import log_fraction
from einsyn.grammar.expansion import Absent, Listed
from einsyn.grammar.graph import components, productive, reachable, unit_cycle
from einsyn.grammar.model import ConstArg, ListArg, Production, Rule, SlotArg, SpliceArg, Terminal
from einsyn.grammar.weights import check_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.grammar.arithmetic import Arithmetic
    from einsyn.grammar.expansion import Expansion, Pending, RuleBody
    from einsyn.grammar.model import Arg
    from einsyn.grammar.report import Report
    from einsyn.grammar.terminals import Terminals


class Builder:
    """Builds the productions of all rules that `start` reaches.

    Args:
        bodies: expanded rules by name.
        terminals: works out domains.
        arithmetic: evaluates `p` and `w`.
    """

    def __init__(
        self, bodies: Mapping[str, RuleBody], terminals: Terminals, arithmetic: Arithmetic, report: Report
    ) -> None:
        self._bodies = {body.rule: body for body in bodies.values()}
        self._rows = {
            body.rule: [e.symbols for expansions in body.expansions for e in expansions] for body in bodies.values()
        }
        self._terminals = terminals
        self._arithmetic = arithmetic
        self._report = report
        self._arity: dict[Rule, int] = {}

    def build(self, start: Rule) -> tuple[list[Rule], list[Production]]:
        """Reachable rules and all their productions."""
        self._check_productive()
        inside = reachable(self._rows, start)
        rules = [r for r in self._bodies if r in inside]
        for rule in rules:
            for row in self._rows[rule]:
                for symbol in row:
                    if isinstance(symbol, Terminal):
                        self._terminals.finish(symbol, rule.span)
        self._report.check()
        self._check_duplicates()
        self._check_cycles(rules)
        self._report.check()
        self._work_out_arity(rules)
        productions: list[Production] = []
        for rule, body in self._bodies.items():
            shares = self._shares(body)
            if shares is not None and rule in inside:
                self._productions(body, shares, productions)
        self._report.check()
        self._weigh_uniform(rules)
        for rule in rules:
            _finish_rule(rule)
        self._check_drawable(rules, start)
        self._report.check()
        return rules, productions

    # Checks.

    def _check_productive(self) -> None:
        fine = productive(self._rows)
        edges = {
            rule: [s for row in rows for s in row if isinstance(s, Rule) and s not in fine]
            for rule, rows in self._rows.items()
            if rule not in fine
        }
        for component in components(edges):
            if len(component) > 1 or component[0] in edges[component[0]]:  # others only lead to such a circle
                rule, *others = sorted(component, key=lambda r: (r.span.line, r.span.column))
                needs = "it" if not others else f"it or {' or '.join(f'`{r.name}`' for r in others[:4])}"
                self._report.error(
                    "G027",
                    f"the rule `{rule.name}` can never end: every alternative needs {needs} again",
                    rule.span,
                    "add an alternative that does not lead back to it",
                )
        self._report.check()

    def _check_duplicates(self) -> None:
        for body in self._bodies.values():
            seen: dict[tuple[str, ...], tuple[int, Expansion]] = {}
            for number, expansions in enumerate(body.expansions):
                for expansion in expansions:
                    key = tuple(s.symbol for s in expansion.symbols)
                    if key in seen:
                        self._duplicate(body, number, seen[key][0], expansion)
                        break
                    seen[key] = number, expansion
                else:
                    continue
                break

    def _duplicate(self, body: RuleBody, number: int, earlier: int, expansion: Expansion) -> None:
        text = " ".join(s.name for s in expansion.symbols) or "nothing"
        span = body.definition.alternatives[number].span
        if number == earlier:
            self._report.error(
                "G038",
                f"an alternative of `{body.rule.name}` expands to `{text}` in two ways",
                span,
                "the options or repetitions in it overlap; write the cases out",
            )
        else:
            where = body.definition.alternatives[earlier].span
            self._report.error(
                "G038",
                f"two alternatives of `{body.rule.name}` are `{text}`",
                span,
                "leave one of them out",
                evidence=(f"the other one is at {where}",),
            )

    def _check_cycles(self, rules: Sequence[Rule]) -> None:
        cycle = unit_cycle({r: self._rows[r] for r in rules})
        if cycle is not None:
            path = " -> ".join(r.name for r in (*cycle, cycle[0]))
            self._report.error(
                "G039",
                f"the rule `{cycle[0].name}` derives itself and nothing more",
                cycle[0].span,
                "the same text would have infinitely many derivations; break the circle",
                evidence=(path,),
            )

    def _check_drawable(self, rules: Sequence[Rule], start: Rule) -> None:
        rows = {r: [p.symbols for p in r.drawable] for r in rules}
        ends, drawn = productive(rows), reachable(rows, start)
        for rule in rules:
            if rule in drawn and rule not in ends:
                self._report.error(
                    "G095",
                    f"draws from `{rule.name}` never end: what would end them has probability zero",
                    rule.span,
                    "give an alternative that ends a probability above zero",
                )
                return

    # Arguments.

    def _work_out_arity(self, rules: Sequence[Rule]) -> None:
        """How many arguments each `_rule` passes on: the same in all its alternatives."""
        splicing = [r for r in rules if r.splices]
        changed = True
        while changed:
            changed = False
            for rule in splicing:
                for expansion in (e for es in self._bodies[rule].expansions for e in es):
                    arity = self._arity_of(expansion)
                    if arity is not None and rule not in self._arity:
                        self._arity[rule] = arity
                        changed = True
        for rule in splicing:
            body = self._bodies[rule]
            for number, expansions in enumerate(body.expansions):
                alternative = body.definition.alternatives[number]
                if alternative.alias is not None:
                    self._report.error(
                        "G029",
                        f"`{rule.name}` passes its children on and cannot have the alias `{alternative.alias}`",
                        alternative.span,
                        "drop the underscore or the alias",
                    )
                for expansion in expansions:
                    arity = self._arity_of(expansion)
                    if arity != self._arity[rule]:
                        self._report.error(
                            "G028",
                            f"the alternatives of `{rule.name}` bind {self._arity[rule]} and {arity} arguments",
                            alternative.span,
                            "a rule whose name starts with `_` passes its arguments on, always as many; "
                            "call it without the underscore to make it one argument",
                        )
                        break
        self._report.check()

    def _arity_of(self, expansion: Expansion) -> int | None:
        return self._sum_arity(expansion.args, expansion)

    def _sum_arity(self, args: Sequence[Pending], expansion: Expansion) -> int | None:
        total = 0
        for arg in args:
            if isinstance(arg, int):
                symbol = expansion.symbols[arg]
                arity = self._arity.get(symbol) if isinstance(symbol, Rule) and symbol.splices else 1
            elif isinstance(arg, Absent):
                arity = self._arity_of(arg.would_be[0])
            else:
                arity = self._arity_of(arg.sample)
                arity = min(arity, 1) if arity is not None else None
            if arity is None:
                return None
            total += arity
        return total

    def _arguments(self, args: Sequence[Pending], expansion: Expansion, slots: Mapping[int, int]) -> tuple[Arg, ...]:
        found: list[Arg] = []
        for arg in args:
            if isinstance(arg, int):
                symbol = expansion.symbols[arg]
                if arg not in slots:
                    assert isinstance(symbol, Terminal)
                    found.append(ConstArg(symbol.domain.value(0)))
                elif isinstance(symbol, Rule) and symbol.splices:
                    found.append(SpliceArg(slots[arg]))
                else:
                    found.append(SlotArg(slots[arg]))
            elif isinstance(arg, Absent):
                arity = self._arity_of(arg.would_be[0])
                found.extend([ConstArg(None)] * (arity or 0))
            else:
                found.extend(self._list(arg, expansion, slots))
        return tuple(found)

    def _list(self, arg: Listed, expansion: Expansion, slots: Mapping[int, int]) -> tuple[ListArg, ...]:
        arity = self._arity_of(arg.sample)
        if not arity:
            return ()
        items: list[Arg] = []
        for repetition in arg.repetitions:
            inner = self._arguments(repetition, expansion, slots)
            if self._sum_arity(repetition, expansion) == 1:
                items.extend(inner)
            else:
                items.append(ListArg(inner))
        return (ListArg(tuple(items)),)

    def _check_options(self, body: RuleBody, number: int, expansion: Expansion) -> None:
        for arg in expansion.args:
            if isinstance(arg, Absent) and len({self._arity_of(e) for e in arg.would_be}) > 1:
                self._report.error(
                    "G028",
                    f"the choices in an option of `{body.rule.name}` bind different numbers of arguments",
                    body.definition.alternatives[number].span,
                    "without them the option must bind as many `none`; make the option a rule of its own",
                )

    # Productions.

    def _shares(self, body: RuleBody) -> list[Fraction] | None:
        """The probabilities of the written alternatives; None after an error."""
        pragmas, name = body.entry.pragmas, body.rule.name
        if pragmas.uniform is not None and pragmas.shares:
            self._report.error(
                "G090",
                f"the rule `{name}` has `uniform` and other weights",
                pragmas.uniform,
                "`uniform` weighs all alternatives; leave the others out",
            )
            return None
        number = len(body.definition.alternatives)
        return check_shares(pragmas.shares, number, self._arithmetic, self._report, f"rule `{name}`", body.rule.span)

    def _productions(self, body: RuleBody, shares: Sequence[Fraction], productions: list[Production]) -> None:
        rule, definition = body.rule, body.definition
        own: list[Production] = []
        for number, (alternative, expansions) in enumerate(zip(definition.alternatives, body.expansions, strict=True)):
            probability = shares[number] / len(expansions)
            log_prob = log_fraction(probability)
            name = alternative.alias or f"{body.base}_{number}"
            for expansion in expansions:
                self._check_options(body, number, expansion)
                production = self._production(rule, expansion, len(productions) + len(own), len(own))
                production.name, production.alias, production.span = name, alternative.alias, alternative.span
                production.probability, production.log_prob = probability, log_prob
                own.append(production)
        productions.extend(own)
        rule.productions = tuple(own)

    def _production(self, rule: Rule, expansion: Expansion, index: int, position: int) -> Production:
        slots: dict[int, int] = {}
        tokens: list[tuple[Terminal, str] | int] = []
        for at, symbol in enumerate(expansion.symbols):
            if isinstance(symbol, Terminal) and len(symbol.domain) == 1:
                tokens.append((symbol, symbol.domain.text(0)))
            else:
                tokens.append(len(slots))
                slots[at] = len(slots)
        return Production(
            index=index,
            rule=rule,
            position=position,
            name="",
            alias=None,
            symbols=expansion.symbols,
            slots=tuple(expansion.symbols[at] for at in slots),
            tokens=tuple(tokens),
            args=self._arguments(expansion.args, expansion, slots),
            probability=Fraction(0),
            log_prob=0.0,
            span=rule.span,
        )

    def _weigh_uniform(self, rules: Sequence[Rule]) -> None:
        """Weigh alternatives by the number of choices below them, for `//@ uniform`."""
        for rule in rules:
            span = self._bodies[rule].entry.pragmas.uniform
            if span is None:
                continue
            choices = {r: [p for p in r.productions if p.probability] for r in rules}
            if count_rule(rule, choices) is None:
                self._report.fail(
                    "G096",
                    f"`uniform` needs a finite number of choices below `{rule.name}`",
                    span,
                    "the rule is recursive; write `p` or `w`",
                )
            counts = [count_rule(rule, {**choices, rule: [p]}) or 0 for p in rule.productions]
            for production, number in zip(rule.productions, counts, strict=True):
                production.probability = Fraction(number, sum(counts))
                production.log_prob = log_fraction(production.probability)


def _finish_rule(rule: Rule) -> None:
    rule.drawable = tuple(p for p in rule.productions if p.probability)
    sums = list(accumulate(p.probability for p in rule.drawable))
    rule.cumulative = tuple(float(s) for s in sums)
