"""What `make demo` runs: from a search space to a torch file and an ONNX file that agree.

    python examples/demo.py

It uses the Python API only and writes into `demo-out/`. All seeds are fixed; nothing is downloaded or opened.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import einsyn
from einsyn.evaluate.data import DIGITS
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training
from einsyn.search.driver import Driver
from einsyn.search.executors import InProcess
from einsyn.search.plan import Plan
from einsyn.search.run import Run
from einsyn.search.winner import do_again

OUT = Path("demo-out")
REFERENCE = "resnet18_no_maxpool"


def headline(text: str) -> None:
    """A heading between the parts."""
    print(f"\n== {text}")


def short(text: str, width: int = 84) -> str:
    """A text that fits on a line."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def digest(space: einsyn.Space, n: int, seed: int) -> str:
    """The SHA-256 of what `einsyn sample --json` would print, without its last message."""
    lines = (json.dumps(arch.record(), ensure_ascii=False) + "\n" for arch in space.sample(n, seed=seed))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def sample(space: einsyn.Space) -> list[einsyn.Architecture]:
    """Draw architectures. Parameters and MACs follow from types: no tensor is built."""
    sampler = space.sampler(seed=0)
    started = perf_counter()
    drawn = [next(sampler) for _ in range(200)]
    seconds = perf_counter() - started
    print(f"{'params':>12} {'MACs':>14}  architecture")
    for arch in drawn[:10]:
        print(f"{arch.params:>12,} {arch.macs:>14,}  {short(arch.text)}")
    print(f"... {len(drawn)} architectures in {seconds:.2f} s, {sampler.acceptance:.0%} of the draws were well typed")
    return drawn


def check(space: einsyn.Space) -> None:
    """Read two texts: one is an architecture, the other is a sentence of the grammar that does not type-check."""
    good = "branch(clone2,route(im2col(4,4,0),linear64,identity),route(im2col(4,4,0),linear64,identity),add)"
    arch = space.parse(good)
    print(f"{arch.text}\n   {arch.params:,} parameters, {arch.macs:,} MACs, output {arch.output[0]}")
    bad = good.replace("im2col(4,4,0)", "im2col(8,8,0)", 1)
    try:
        space.parse(bad)
    except einsyn.InfeasibleError as error:
        print(f"{bad}\n{error}")
    else:
        raise AssertionError("64 tokens and 16 tokens cannot be added")


def reproduce(space: einsyn.Space) -> None:
    """The same seed gives the same bytes."""
    first, again, other = digest(space, 200, seed=1), digest(space, 200, seed=1), digest(space, 200, seed=2)
    print(f"seed 1: {first}\nseed 1: {again}\nseed 2: {other}")
    assert first == again != other


def compile_reference(space: einsyn.Space) -> None:
    """Write one network as torch source and as ONNX, and run both."""
    arch = space.ref(REFERENCE)
    OUT.mkdir(exist_ok=True)
    source, model = OUT / f"{REFERENCE}.py", OUT / f"{REFERENCE}.onnx"
    source.write_text(arch.source(), encoding="utf-8")
    module = arch.module(seed=0)  # the module that the source defines, initialised from the seed
    arch.onnx(model, module=module)
    for file in (source, model):
        print(f"{file}  {file.stat().st_size:,} bytes")
    lines = arch.source().splitlines()
    forward = next(i for i, line in enumerate(lines) if "def forward" in line)
    print("\n".join(["   ...", *(f"   {line.strip()}" for line in lines[forward : forward + 7]), "   ..."]))
    found = arch.verify(module=module)
    print(f"{REFERENCE}: {arch.params:,} parameters; torch and onnxruntime agree: {found.verified}")
    print(f"largest difference {found.difference:.2g} where the largest output is {found.magnitude:.2g}")
    assert found.verified


def verify_samples(drawn: list[einsyn.Architecture]) -> None:
    """The same for sampled networks."""
    small = [arch for arch in drawn if arch.params < 2_000_000 and arch.macs < 50_000_000][:20]
    found = [arch.verify(seed=0) for arch in small]
    unstable = sum(v.unstable for v in found)
    worst = max(v.difference / max(1.0, v.magnitude) for v in found)
    print(f"{sum(v.verified for v in found)} of {len(found)} agree, {unstable} unstable (not finite in torch itself)")
    print(f"largest relative difference {worst:.2g}; 1e-4 is the bound")
    assert all(v.verified or v.unstable for v in found)


def search() -> None:
    """Train networks of a space on scikit-learn's digits, and the same number of random ones beside it."""
    space = einsyn.load("einspace", input="1x8x8", max_macs=50_000)
    objective = Training(DIGITS, Recipe(epochs=3, learning_rate=1e-2))
    plan = Plan(strategy="evolution", options={"population": 4, "tournament": 2}, budget=12)
    with TemporaryDirectory() as folder, Run.create(Path(folder), space, plan, [objective]) as run:
        driver = Driver(run, InProcess(run.objectives, plan.seed))
        driver.go(plan.budget)
        for arm in driver.arms:
            print(f"{arm.name:>7}: {arm.done} networks, best validation accuracy {arm.best(run.objectives):.3f}")
        (best,) = run.front()
        model = OUT / "digits.onnx"
        again = do_again(run, best, [model])
        print(f"{short(best.arch)}\n   {best.params:,} parameters, test accuracy {again.test:.3f}, trained: {model}")
        assert again.same


def main() -> None:
    """The whole way."""
    started = perf_counter()
    print(f"einsyn {einsyn.__version__}")

    headline("1. A search space is a grammar")
    space = einsyn.load("einspace")
    print(f"{space.title}: {', '.join(f'{name} {t}' for name, t in space.inputs)}, parameters {dict(space.params)}")
    print(f"{space.count_by_size(12)[12]:,} derivations of exactly 12 productions; references: {', '.join(space.refs)}")

    headline("2. Architectures are sentences, drawn by their probability")
    drawn = sample(space)

    headline("3. Shapes are checked before any tensor exists")
    check(space)

    headline("4. The same seed gives the same bytes")
    reproduce(space)

    headline("5. One network as a torch file and as ONNX")
    compile_reference(space)

    headline("6. Twenty of the samples, torch against onnxruntime")
    verify_samples(drawn)

    headline("7. A search that trains, on digits")
    search()

    headline(f"Done in {perf_counter() - started:.0f} s. Try next")
    print("einsyn sample einspace -n 5 --max-params 1e6 --json")
    print("einsyn show einspace 'route(im2col(4,4,0),linear64,identity)' --as ir")
    print("einsyn compile nasbench201 ref:best_cifar10 -o net.py -o net.onnx --verify")
    print("einsyn search einspace --max-macs 1e6 --budget 100 -o run")
    print("python examples/own_space.py        and docs/tutorial/first-space.md")


if __name__ == "__main__":
    main()
