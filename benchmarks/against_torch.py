"""`python -m benchmarks.against_torch`: written networks against the same networks by hand, as ratios.

In turn ours, by hand, and by hand once more as a control; processor time of one thread, so that other work on the
machine costs little. What was measured is kept in results/against_torch.json, with a digest of what einsyn had written:
a second call measures what is missing and what einsyn writes otherwise by now.

The C library keeps freed memory, as it does in the workers of a search: else large tensors cost page faults, half of
the time of EfficientNet in batches, and how many there are depends on where the heap happens to end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from benchmarks.comparators import NETS, example
from benchmarks.measure import machine, say
from benchmarks.structure import export
from einsyn.backends.verify import open_session, run_session
from einsyn.isolation.child import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from benchmarks.comparators import Net

RESULTS: Final = Path(__file__).parent / "results" / "against_torch.json"
# Calls are repeated until a sample takes so long.
_SAMPLE_SECONDS: Final = 0.05
_OPSET: Final = 20


def training(net: Net) -> list[Callable[[], object]]:
    """A step of stochastic gradient descent."""

    def step(module: nn.Module) -> Callable[[], object]:
        module.train()
        x = example(net, net.training_batch)
        optimiser = torch.optim.SGD(module.parameters(), lr=1e-3)

        def run() -> None:
            optimiser.zero_grad()
            y: Tensor = module(x)
            y.square().mean().backward()
            optimiser.step()

        return run

    return [step(module) for module in modules(net)]


def inference(net: Net, batch: int) -> list[Callable[[], object]]:
    """A forward pass in eval mode."""
    x = example(net, batch)
    return [_without_gradients(module.eval(), x) for module in modules(net)]


def compiled(net: Net) -> list[Callable[[], object]]:
    """The same at batch 1 after `torch.compile`."""
    x = example(net, 1)
    return [_without_gradients(torch.compile(module.eval()), x) for module in modules(net)]


def onnxruntime(net: Net) -> list[Callable[[], object]]:
    """Our model, and what torch's newer exporter makes of the network by hand, at batch 1."""
    x = example(net, 1)
    models = [net.architecture().onnx(opset=_OPSET)]
    models += [export(net.build().eval(), x.expand(2, *x.shape[1:]), opset=_OPSET, dynamo=True)] * 2

    def run(model: Any) -> Callable[[], object]:
        session = open_session(model)
        feed = {session.get_inputs()[0].name: x.numpy()}
        return lambda: run_session(session, feed)

    return [run(model) for model in models]


def modules(net: Net) -> list[nn.Module]:
    """Ours, by hand, and by hand once more."""
    return [net.architecture().module(), net.build(), net.build()]


def _without_gradients(module: Callable[[Tensor], object], x: Tensor) -> Callable[[], object]:
    def run() -> object:
        with torch.no_grad():
            return module(x)

    return run


def memory(net: Net) -> list[float]:
    """The most bytes that tensors take in a training step, by torch's own count: weights, gradients, activations."""
    return [_most_bytes(module, run) for module, run in zip(modules(net), training(net), strict=True)]


def _most_bytes(module: nn.Module, run: Callable[[], object]) -> float:
    run()  # gradients are there from now on
    held = 2 * sum(p.nbytes for p in module.parameters()) + sum(b.nbytes for b in module.buffers())
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True) as profile:
        run()
    assert profile.profiler is not None
    results: Any = profile.profiler.kineto_results
    now = most = 0
    for event in sorted(
        (event for event in results.events() if event.name() == "[memory]"), key=lambda event: event.start_ns()
    ):
        now += event.nbytes()
        most = max(most, now)
    return float(held + most)


MEASURES: Final[dict[str, Callable[[Net], list[Callable[[], object]]]]] = {
    "training": training,
    "inference, batch 1": lambda net: inference(net, 1),
    "inference, batch": lambda net: inference(net, net.batch),
    "onnxruntime": onnxruntime,
    "torch.compile": compiled,
}
MEMORY: Final = "memory"


def written(net: Net, measure: str) -> str:
    """A digest of what einsyn writes for a measure: the same digest, the same network to the letter."""
    architecture = net.architecture()
    if measure == "onnxruntime":
        text = architecture.onnx(opset=_OPSET).SerializeToString(deterministic=True)
    else:
        text = architecture.source().encode()
    return hashlib.sha256(text).hexdigest()[:16]


def asked(net: Net, measure: str) -> bool:
    """Whether a measure is meant for a network."""
    if measure == "torch.compile":
        return net.compiled
    return measure != "inference, batch" or net.batch > 1


def compare(net: Net, measure: str, pairs: int) -> dict[str, Any]:
    """One measure of one network: milliseconds and the medians of ratios, ours to by hand and by hand to itself."""
    if measure == MEMORY:
        ours, hand, again = memory(net)
        return {"ours_mb": round(ours / 1e6, 1), "ratio": round(ours / hand, 4), "control": round(again / hand, 4)}
    runs = MEASURES[measure](net)
    repeats = [_repeats(run) for run in runs]
    times: tuple[list[float], ...] = ([], [], [])
    for i in range(pairs):
        for which in (i % 3, (i + 1) % 3, (i + 2) % 3) if i % 2 else (2 - i % 3, (1 - i) % 3, (3 - i) % 3):
            times[which].append(_seconds(runs[which], repeats[which]))
    ours, hand, again = times
    return {
        "ours_ms": round(1e3 * statistics.median(ours), 3),
        "by_hand_ms": round(1e3 * statistics.median(hand), 3),
        "ratio": round(_ratio(ours, hand), 4),
        "control": round(_ratio(again, hand), 4),
        "pairs": pairs,
    }


def _ratio(a: list[float], b: list[float]) -> float:
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def _repeats(run: Callable[[], object]) -> int:
    """How many calls take long enough to be timed; also warms up."""
    for _ in range(3):
        run()
    return max(1, math.ceil(_SAMPLE_SECONDS / _seconds(run, 1)))


def _seconds(run: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def table(known: dict[str, Any]) -> str:
    """What was measured, with the geometric mean and the worst of each measure."""
    lines: list[str] = []
    for measure in (*MEASURES, MEMORY):
        found = {net: of[measure] for net, of in known.items() if measure in of}
        if not found:
            continue
        lines += ["", f"{measure:24}{'ours':>12}{'by hand':>12}{'ratio':>9}{'control':>9}"]
        for net, row in found.items():
            ours, hand = row.get("ours_ms", row.get("ours_mb")), row.get("by_hand_ms", "")
            lines.append(f"{net:24}{ours:>12}{hand:>12}{row['ratio']:>9.3f}{row['control']:>9.3f}")
        ratios = [row["ratio"] for row in found.values()]
        mean, worst = math.exp(statistics.mean(map(math.log, ratios))), max(ratios)
        lines.append(f"{'geometric mean, worst':24}{mean:>33.3f}{worst:>9.3f}")
    return "\n".join(lines)


def main() -> None:
    """Measure what has not been measured as it is written now, and print all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against_torch", description=__doc__)
    parser.add_argument("--net", action="append", choices=list(NETS), help="only this one; repeat for several")
    parser.add_argument("--measure", action="append", choices=[*MEASURES, MEMORY], help="only this; repeat for several")
    parser.add_argument("--pairs", type=int, default=30, help="of ours and by hand")
    parser.add_argument("--again", action="store_true", help="measure what is known already as well")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that keeps what was measured")
    options = parser.parse_args()
    if not ENVIRONMENT.items() <= os.environ.items():  # the C library looks at it when a process starts
        command = [sys.executable, "-m", "benchmarks.against_torch", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **ENVIRONMENT})
    torch.set_num_threads(1)
    kept = json.loads(options.results.read_text()) if options.results.exists() else {"nets": {}}
    for name in options.net or NETS:
        for measure in options.measure or (*MEASURES, MEMORY):
            known = kept["nets"].setdefault(name, {})
            if not asked(NETS[name], measure):
                continue
            digest = written(NETS[name], measure)
            if known.get(measure, {}).get("written") == digest and not options.again:
                continue
            say(f"{name}: {measure} ...")
            torch.manual_seed(0)
            known[measure] = {
                **compare(NETS[name], measure, options.pairs),
                "written": digest,
                "freed memory": "kept",
                "machine": machine(),
            }
            options.results.parent.mkdir(exist_ok=True)
            options.results.write_text(json.dumps(kept, indent=1) + "\n")
    print(table(kept["nets"]))


if __name__ == "__main__":
    main()
