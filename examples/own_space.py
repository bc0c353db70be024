"""A search space of your own: load it, count it, read and check its sentences, see what a mistake looks like.

    python examples/own_space.py

Needs neither torch nor ONNX. `own_space.lark` beside this file is the space.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import einsyn

FILE = Path(__file__).with_name("own_space.lark")


def main() -> None:
    """Use the space; every printed claim is asserted."""
    space = einsyn.load(FILE)
    print(f"{space.title}: {space.count():,} derivations")
    # Three blocks, four widths, three depths: 36 stages; one to four of them.
    assert space.count() == 36 + 36**2 + 36**3 + 36**4

    net = space.parse("/conv16x2/res64x1")
    print(f"{net.text}: {net.params:,} parameters, {net.macs:,} MACs, output {net.output}")
    assert net.output == [["B", 10]]

    # Parameters, inputs and profiles are set from outside; the file stays as it is.
    wide = einsyn.load(FILE, params={"classes": 100}).parse(net.text)
    assert wide.params - net.params == 90 * (64 + 1)
    small = einsyn.load(FILE, profile="test")
    assert small.parse(net.text).output == [["B", 4]]

    # The space's own `require` line rejects what costs too much.
    big = "/conv128x3/conv128x3/conv128x3/conv128x3"
    code = ""
    try:
        space.parse(big)
    except einsyn.InfeasibleError as error:
        code = error.code
        print(f"\n{error}")
    assert code == "V005"

    # A mistake in a space is told with its place.
    with TemporaryDirectory() as folder:
        wrong = Path(folder) / "wrong.lark"
        wrong.write_text(FILE.read_text(encoding="utf-8").replace("-> separable", "-> seperable"), encoding="utf-8")
        try:
            einsyn.load(wrong)
        except einsyn.GrammarError as error:
            code = error.code
            found = error.diagnostics[0]
            place = f"{found.span.line}:{found.span.column}" if found.span else ""
            print(f"\n{found.code} at {place}: {found.message} ({found.hint})")
    assert code == "D031"


if __name__ == "__main__":
    main()
