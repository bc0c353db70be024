"""The LALR(1) parser of a grammar. The only file that knows the insides of Lark.

Lark computes the item sets and lexes; the loop that shifts and reduces is here, so that a derivation node
is built at every reduction and nothing recurses with the depth of a sentence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lark.common import LexerConf
from lark.exceptions import UnexpectedInput
from lark.grammar import NonTerminal
from lark.grammar import Rule as LarkRule
from lark.grammar import Terminal as LarkTerminal
from lark.lexer import ContextualLexer, LexerState, Pattern, PatternRE, PatternStr, TerminalDef
from lark.parsers.grammar_analysis import LR0ItemSet, RulePtr
from lark.parsers.lalr_analysis import IntParseTable, LALR_Analyzer, ParseTable, Reduce, Shift
from lark.utils import TextSlice

from einsyn.grammar.graph import components, nullable
from einsyn.grammar.model import Production, Rule, Terminal
from einsyn.grammar.sentence_errors import NotInDomain, SentenceErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Node = TypeVar("Node")
# What a terminal with several texts contributes: the terminal, the number of the text, the text.
Choice = tuple[Terminal, int, str]


class Conflict:
    """A parser state in which one token allows two actions.

    Args:
        token: the symbol of that token, or `$END`.
        reduces: productions that could end before the token.
        shifts: productions that could go on with it, and at which symbol.
    """

    def __init__(self, token: str, reduces: list[Production], shifts: list[tuple[Production, int]]) -> None:
        self.token, self.reduces, self.shifts = token, reduces, shifts


class _Analyzer(LALR_Analyzer):
    """Lark's analyzer, where conflicts are collected instead of resolved, and nothing recurses.

    Lark's constructor also computes FOLLOW sets, which LALR does not need and which take minutes for
    productions of some hundred symbols; so this one does the rest of its work.
    """

    conflicts: list[tuple[str, list[LarkRule], list[RulePtr]]]

    def __init__(self, rules: list[LarkRule], start: str, empty: set[str]) -> None:
        self.debug, self.strict = False, True
        root = LarkRule(NonTerminal(f"$root_{start}"), [NonTerminal(start)])
        by_origin: dict[NonTerminal, list[LarkRule]] = {}
        for rule in (*rules, root):
            by_origin.setdefault(rule.origin, []).append(rule)
        self.lr0_rules_by_origin = by_origin
        closure: Any = cast("Any", self).expand_rule(root.origin, by_origin)
        self.lr0_start_states = {start: LR0ItemSet([RulePtr(root, 0)], closure)}
        self.NULLABLE = {NonTerminal(name) for name in empty}
        self.nonterminal_transitions = []
        self.directly_reads: dict[Any, set[Any]] = defaultdict(set)
        self.reads: dict[Any, set[Any]] = defaultdict(set)
        self.includes: dict[Any, set[Any]] = defaultdict(set)
        self.lookback: dict[Any, set[Any]] = defaultdict(set)

    def compute_lookaheads(self) -> None:
        reads = _propagate(self.nonterminal_transitions, self.reads, self.directly_reads)
        follow = _propagate(self.nonterminal_transitions, self.includes, reads)
        for transition, lookbacks in self.lookback.items():
            for state, rule in lookbacks:
                for symbol in follow[transition]:
                    state.lookaheads[symbol].add(rule)

    def compute_lalr1_states(self) -> None:
        self.conflicts = []
        states: dict[Any, dict[str, tuple[Any, Any]]] = {}
        ends: dict[str, Any] = {}
        for itemset in self.lr0_itemsets:
            actions: dict[str, tuple[Any, Any]] = {s.name: (Shift, t.closure) for s, t in itemset.transitions.items()}
            for symbol, rules in itemset.lookaheads.items():
                if len(rules) > 1 or symbol.name in actions:
                    self._conflict(itemset, symbol.name, rules)
                actions[symbol.name] = (Reduce, next(iter(rules)))
            states[itemset.closure] = actions
            for item in itemset.closure:
                if item.is_satisfied and item.rule.origin.name.startswith("$root_"):
                    ends[item.rule.origin.name.removeprefix("$root_")] = itemset.closure
        starts = {name: itemset.closure for name, itemset in self.lr0_start_states.items()}
        self.parse_table = IntParseTable.from_ParseTable(ParseTable(states, starts, ends))

    def _conflict(self, itemset: LR0ItemSet, token: str, rules: set[LarkRule]) -> None:
        going_on = [i for i in itemset.closure if not i.is_satisfied and i.next.name == token]
        self.conflicts.append((token, sorted(rules, key=lambda r: r.order), going_on))


def _propagate(
    nodes: Sequence[Any], edges: Mapping[Any, Iterable[Any]], own: Mapping[Any, set[Any]]
) -> dict[Any, set[Any]]:
    """For each node, the union of the sets of all nodes that it leads to."""
    found: dict[Any, set[Any]] = {}
    graph = {node: [t for t in edges[node]] for node in nodes}
    for component in components(graph):
        union: set[Any] = set()
        for node in component:
            union |= own[node]
            for target in graph[node]:
                union |= found.get(target, union)
        for node in component:
            found[node] = union
    return found


class Tables:
    """Parses the sentences of a grammar.

    Args:
        start: the start rule.
        productions: all productions, by index.
        terminals: every terminal that they or `%ignore` use.
        ignored: those of `%ignore`.
    """

    def __init__(
        self,
        start: Rule,
        productions: Sequence[Production],
        terminals: Sequence[Terminal],
        ignored: Sequence[Terminal],
    ) -> None:
        self._productions: Sequence[Production] = productions
        self._start = start
        self.ignored = frozenset(t.symbol for t in ignored)
        self.by_symbol: dict[str, list[Terminal]] = defaultdict(list)
        for terminal in terminals:
            self.by_symbol[terminal.symbol].append(terminal)
        rules: list[LarkRule] = []
        for production in productions:
            symbols = [
                NonTerminal(s.symbol) if isinstance(s, Rule) else LarkTerminal(s.symbol) for s in production.symbols
            ]
            rules.append(LarkRule(NonTerminal(production.rule.symbol), symbols, production.index))
        rows: dict[Rule, list[tuple[Rule | Terminal, ...]]] = defaultdict(list)
        for production in productions:
            rows[production.rule].append(production.symbols)
        analyzer = _Analyzer(rules, start.symbol, {r.symbol for r in nullable(rows)})
        analyzer.compute_lalr()
        self.conflicts = [
            Conflict(
                token, [productions[r.order] for r in ended], [(productions[i.rule.order], i.index) for i in going_on]
            )
            for token, ended, going_on in analyzer.conflicts
        ]
        table: Any = analyzer.parse_table
        # By state: the next state for a terminal or rule, and the production that ends before a terminal.
        self._shifts: dict[int, dict[str, int]] = {}
        self._reduces: dict[int, dict[str, Production]] = {}
        for state, actions in table.states.items():
            self._shifts[state] = {s: target for s, (action, target) in actions.items() if action is Shift}
            self._reduces[state] = {s: productions[r.order] for s, (action, r) in actions.items() if action is Reduce}
        self.start_state: int = table.start_states[start.symbol]
        self._end_state: int = table.end_states[start.symbol]

    # What canonical text needs to know.

    def accepted(self) -> dict[int, frozenset[str]]:
        """For each state, the symbols of the terminals that may come next (`$END` left out)."""
        return {
            state: frozenset(s for s in (*shifts, *self._reduces[state]) if s in self.by_symbol)
            for state, shifts in self._shifts.items()
        }

    def following(self, state: int, symbol: str) -> set[int]:
        """States that the parser can be in after the terminal `symbol` is read in `state`.

        A reduction goes back to a state from which the symbols of its production lead here.
        """
        found: set[int] = set()
        seen = {state}
        waiting = [state]
        while waiting:
            at = waiting.pop()
            if symbol in self._shifts[at]:
                found.add(self._shifts[at][symbol])
                continue
            production = self._reduces[at].get(symbol)
            if production is None:
                continue
            for origin in self._back(at, len(production.symbols)):
                goto = self._shifts[origin].get(production.rule.symbol)
                if goto is not None and goto not in seen:
                    seen.add(goto)
                    waiting.append(goto)
        return found

    def _back(self, state: int, steps: int) -> set[int]:
        """States from which some `steps` symbols lead to `state`."""
        states = {state}
        for _ in range(steps):
            states = {p for s in states for p in self._before[s]}
        return states

    @cached_property
    def _before(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = defaultdict(set)
        for state, shifts in self._shifts.items():
            for target in shifts.values():
                found[target].add(state)
        return found

    # Sentences.

    @cached_property
    def _lexer(self) -> ContextualLexer:
        accepted = self.accepted()
        used = set[str]().union(self.ignored, *accepted.values())
        definitions = [TerminalDef(s, _pattern(ts)) for s, ts in self.by_symbol.items() if s in used]
        conf = LexerConf(definitions, re, ignore=sorted(self.ignored), skip_validation=True)
        return ContextualLexer(conf, {state: list(symbols) for state, symbols in accepted.items()})

    def parse(self, text: str, builder: Callable[[Production, tuple[Node | Choice, ...]], Node]) -> Node:
        """The derivation of a sentence, built from below.

        Args:
            text: the sentence.
            builder: called once for each reduction with the production and its children in order of slots:
                nodes for rules, `(terminal, index, text)` for terminals with several texts.

        Raises:
            ArchitectureError: the text is not a sentence.
        """
        states = [self.start_state]
        values: list[Any] = []
        shifts, reduces, end = self._shifts, self._reduces, self._end_state
        lexers = self._lexer.lexers
        lexer_state = LexerState(cast("Any", TextSlice).cast_from(text))
        by_symbol, slots_of = self.by_symbol, self._slots_of
        errors = SentenceErrors(self, text)
        while True:
            state = states[-1]
            try:
                token = lexers[state].next_token(lexer_state)
                kind = token.type
            except EOFError:
                token, kind = None, "$END"
            except UnexpectedInput as error:
                raise errors.unexpected(error.pos_in_stream or 0, states, None) from None
            replaced: list[list[int]] = []
            while kind not in shifts[state]:
                production = reduces[state].get(kind)
                if production is None:
                    position = len(text) if token is None else token.start_pos or 0
                    for before in reversed(replaced):  # reductions that a wrong token led to
                        states[-1:] = before
                    raise errors.unexpected(position, states, None if token is None else str(token))
                size = len(production.symbols)
                children: list[Any] = []
                if size:
                    children = values[-size:]
                    del values[-size:]
                replaced.append(states[len(states) - size :])
                del states[len(states) - size :]
                value = builder(production, slots_of[production.index](children))
                state = shifts[states[-1]][production.rule.symbol]
                states.append(state)
                values.append(value)
                if kind == "$END" and state == end:
                    return value
            assert token is not None
            terminal = by_symbol[kind][0]
            index = terminal.domain.index_of(str(token))
            if index is None:
                raise errors.not_in_domain(NotInDomain(terminal, token.start_pos or 0, str(token)))
            states.append(shifts[state][kind])
            values.append((terminal, index, str(token)))

    @cached_property
    def _slots_of(self) -> list[Callable[[list[Any]], tuple[Any, ...]]]:
        return [_picker(p) for p in self._productions]

    def expected(self, states: Sequence[int]) -> set[str]:
        """Symbols that the parser really accepts next, found by simulating the reductions."""
        candidates = (*self._shifts[states[-1]], *self._reduces[states[-1]])
        return {s for s in candidates if (s in self.by_symbol or s == "$END") and self._accepts(states, s)}

    def _accepts(self, states: Sequence[int], symbol: str) -> bool:
        stack = [states[-1]]
        below = len(states) - 1  # states under `stack` are taken from `states` as they are needed
        while symbol not in self._shifts[stack[-1]]:
            production = self._reduces[stack[-1]].get(symbol)
            if production is None:
                return False
            size = len(production.symbols)
            while len(stack) <= size:
                stack.insert(0, states[below - 1])
                below -= 1
            del stack[len(stack) - size :]
            goto = self._shifts[stack[-1]][production.rule.symbol]
            stack.append(goto)
            if symbol == "$END" and goto == self._end_state and below + len(stack) == 2:
                return True
        return True


def _picker(production: Production) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Picks the children in slots out of all children."""
    kept = [i for i, s in enumerate(production.symbols) if isinstance(s, Rule) or len(s.domain) > 1]
    if len(kept) == len(production.symbols):
        return tuple
    if not kept:
        return lambda _: ()
    if len(kept) == 1:
        at = kept[0]
        return lambda values: (values[at],)
    from operator import itemgetter

    return itemgetter(*kept)


def _pattern(terminals: Sequence[Terminal]) -> Pattern:
    terminal = terminals[0]
    literal = terminal.literal
    if literal is not None and re.escape(literal) == terminal.pattern:
        return PatternStr(literal)
    return PatternRE(terminal.pattern)
