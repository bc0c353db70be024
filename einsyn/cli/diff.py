"""`einsyn diff`: two spaces beside each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.analysis.difference import Side

_EXAMPLES: Final = 3


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A shipped space or a .lark file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many draws of each to look at.")] = 200,
    seed: opt.SeedOption = 0,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile: opt.ProfileOption = None,
) -> None:
    """Compare two spaces: sizes, costs, and the architectures of one that the other does not contain."""
    from einsyn.analysis.difference import compare

    sides = compare(opt.space_of(a, input_, set_, profile, {}), opt.space_of(b, input_, set_, profile, {}), n, seed)
    records = {key: _record(side) for key, side in zip(("a", "b"), sides, strict=True)}
    OUTPUT.result(records, "\n".join(_for_people(records["a"], records["b"])))


def _record(side: Side) -> dict[str, Any]:
    space, draws = side.space, side.draws
    count = space.count()
    return {
        "space": space.argument,
        "productions": len(space.grammar.productions),
        "expected_size": side.expected_size,
        "count": "infinite" if count == math.inf else count,
        "exact": draws.exact,
        "draws": draws.draws,
        "well_typed": draws.well_typed,
        "params": draws.distribution([x.params for x in draws.architectures]),
        "macs": draws.distribution([x.macs for x in draws.architectures]),
        "contained": side.contained,
        "same_network": side.same,
        "network_known": side.known,
        "alone": [x.text for x in side.alone[:_EXAMPLES]],
    }


def _for_people(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    def line(name: str, first: str, second: str) -> str:
        return f"{name:26}{first:>24}{second:>25}"

    def number(count: Any) -> str:
        """A count in full, or where it has more digits than a column, its first ones."""
        digits = str(count)
        return digits if len(digits) < 24 or not digits.isdigit() else f"{digits[0]}.{digits[1:4]}e{len(digits) - 1}"

    def cost(record: dict[str, Any], key: str, part: str) -> str:
        return f"{record[key][part]:,.0f}" if record[key] else "-"

    yield line("", a["space"], b["space"])
    yield line("productions", str(a["productions"]), str(b["productions"]))
    yield line("expected size", f"{a['expected_size']:.6g}", f"{b['expected_size']:.6g}")
    yield line("derivations", number(a["count"]), number(b["count"]))
    yield line("looked at", *[("all of them" if r["exact"] else counted(r["draws"], "draw")) for r in (a, b)])
    yield line("well typed", f"{a['well_typed']:.1%}", f"{b['well_typed']:.1%}")
    for key, name in (("params", "parameters"), ("macs", "MACs")):
        for part in ("q05", "median", "q95"):
            yield line(f"{name}, {part}", cost(a, key, part), cost(b, key, part))
    yield line("in the other", f"{a['contained']:.1%}", f"{b['contained']:.1%}")
    yield line("  as the same network", f"{a['same_network']:.1%}", f"{b['same_network']:.1%}")
    yield line("network seen in the other", f"{a['network_known']:.1%}", f"{b['network_known']:.1%}")
    for record in (a, b):
        for text in record["alone"]:
            yield f"only in {record['space']}: {text}"
