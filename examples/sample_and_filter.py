"""Draw architectures, keep those within a budget, and write down the smallest of them.

    python examples/sample_and_filter.py

Costs are known from types alone, so this needs neither torch nor ONNX.
"""

from __future__ import annotations

from itertools import islice

import einsyn


def main() -> None:
    """Sample einspace under limits; every printed claim is asserted."""
    # Limits condition the distribution: draws beyond them are rejected while they are made.
    space = einsyn.load("einspace", input="3x32x32", params={"classes": 10})
    sampler = space.sampler(seed=0, max_params=200_000, max_macs=20_000_000)
    drawn = list(islice(sampler, 200))
    print(f"{len(drawn)} draws, acceptance {sampler.acceptance:.2f}; commonest causes of rejection:")
    for code, message, count in sampler.causes()[:3]:
        print(f"  {count:4}  {code}  {message}")
    assert all(arch.params <= 200_000 and arch.macs <= 20_000_000 for arch in drawn)

    # Anything else is a filter on what an architecture says of itself.
    kept = {arch.hash: arch for arch in drawn if arch.ops.get("linear", 0) >= 3 and arch.depth <= 12}
    ranked = sorted(kept.values(), key=lambda arch: (arch.params, arch.macs))
    print(f"\n{len(ranked)} different ones have three linear layers or more and are at most 12 deep; the smallest:")
    for arch in ranked[:5]:
        print(f"  {arch.params:>7,} params {arch.macs:>11,} MACs  {arch.text}")
    assert ranked

    # The text is the architecture: it parses back to an equal derivation with the same probability.
    best = ranked[0]
    again = space.parse(best.text)
    assert again == best
    assert (again.hash, again.log_prob, again.params) == (best.hash, best.log_prob, best.params)

    # The same seed gives the same architectures, the next seed gives others.
    assert [a.text for a in space.sample(50, seed=7)] == [a.text for a in space.sample(50, seed=7)]
    assert [a.text for a in space.sample(50, seed=7)] != [a.text for a in space.sample(50, seed=8)]


if __name__ == "__main__":
    main()
