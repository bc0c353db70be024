"""`einsyn search`: look for the best architectures of a space."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsyn.cli import options as opt
from einsyn.cli.evaluators import Evaluators, ExecutorName
from einsyn.cli.outcome import summarise
from einsyn.cli.output import OUTPUT
from einsyn.cli.progress import StatusLine, clock
from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.evaluate.objective import Objective
    from einsyn.search.driver import Driver
    from einsyn.search.run import Run
    from einsyn.space import Space

_DEFAULT_BUDGET = 100
# Where an evaluation is dear it pays to think about which one is next.
_STRATEGY = "evolution"
_STRATEGY_THAT_TRAINS = "bayesian"
_OBJECTIVE = "train"
# Options that go with --resume: they change who evaluates and how long, not what comes out.
_WITH_RESUME = frozenset({"resume", "extend", "time_", "executor", "address", "workers"})


def search(
    context: typer.Context,
    space: Annotated[str | None, typer.Argument(metavar="[SPACE]", help="A shipped space or a .lark file.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="random, bayesian, evolution, mu+lambda, local, mcmc, nsga2. By default bayesian where one objective "
            "trains and nothing is inherited, else evolution.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Set an option of the strategy.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="O",
            help="train; params, macs, memory; table:FILE; python:module:function; measured latency[:onnxruntime], "
            "memory:inference, memory:training; or a proxy: grad_norm, snip, grasp, fisher, synflow, jacov, naswot, "
            "zen, l2, plain. Repeat for several; max: or min: before it turns it round. By default train.",
        ),
    ] = None,
    data: Annotated[
        str, typer.Option(metavar="DATA", help="digits, an .npz file, or a folder of .npy files.")
    ] = "digits",
    recipe: Annotated[Path | None, typer.Option(metavar="FILE", help="How to train: a TOML file.")] = None,
    require: Annotated[
        list[str] | None, typer.Option(metavar="EXPR", help="What has to hold, such as 'params<2e6'.")
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option(metavar="ARCH", help="Begin with this architecture; repeat for several.")
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, metavar="N", help="Evaluations. By default 100.")] = None,
    time_: Annotated[
        str | None, typer.Option("--time", metavar="T", help="Stop after 90s, 10m or 2h; not reproducible.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="RUN", help="The folder of the run. By default SPACE-STRATEGY-SEED."),
    ] = None,
    seed: opt.SeedOption = 0,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Search at random beside it, with the same budget.")
    ] = True,
    batch: Annotated[
        int, typer.Option(min=1, help="Proposals asked for at a time, however many workers there are.")
    ] = 8,
    again: Annotated[bool, typer.Option("--again", help="Evaluate what was evaluated already.")] = False,
    inherit: Annotated[
        bool, typer.Option("--inherit", help="Children begin with their parent's weights, where nothing was changed.")
    ] = False,
    preserve: Annotated[
        bool,
        typer.Option(
            "--preserve",
            help="With --inherit: children begin with what their parent computes, where weights for that are found; "
            "half of them have to be such.",
        ),
    ] = False,
    confirm: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Train so many of the best again in the end; who wins has the best mean. By default 8 where one "
            "objective trains and nothing is inherited; 0 for none.",
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="How often each of these is trained again.")] = 4,
    executor: Annotated[
        ExecutorName, typer.Option(help="Who evaluates; auto takes workers where an evaluation costs time.")
    ] = ExecutorName.AUTO,
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="Of a cluster, for --executor ray: HOST:PORT or auto; else Ray starts here."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="By default one for each core.")] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For one evaluation in a worker.")] = 120.0,
    worker_memory: Annotated[
        str, typer.Option("--worker-memory", metavar="N", help="Bytes that one evaluation in a worker may take.")
    ] = "8GiB",
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with this run, as it was begun.")
    ] = None,
    extend: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="With --resume: so many evaluations more.")
    ] = None,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile: opt.ProfileOption = None,
    max_params: opt.MaxParams = None,
    max_macs: opt.MaxMacs = None,
    max_memory: opt.MaxMemory = None,
    max_ops: opt.MaxOps = None,
    max_depth: opt.MaxDepth = None,
    max_size: opt.MaxSize = None,
) -> None:
    """Search a space, keep every evaluation in a run, and compile the winner to torch and ONNX."""
    seconds = None if time_ is None else opt.duration(time_)
    evaluators = Evaluators.of(executor, address, workers)
    if resume is not None:
        _refuse_with_resume(context)
        _resume(resume, extend, seconds, evaluators)
        return
    if space is None:
        raise UsageError(Diagnostic("U000", "missing argument `SPACE`", hint="einsyn search --help"))
    if extend is not None:
        raise UsageError(Diagnostic("U000", "--extend needs --resume RUN", hint="--budget N begins with N evaluations"))
    if not 0 < timeout < float("inf"):
        raise UsageError(Diagnostic("U023", f"--timeout must be above 0, not {timeout}", hint="--timeout 120"))
    from einsyn.evaluate.named import objective_of, requirement_of
    from einsyn.evaluate.recipe import read_recipe
    from einsyn.search.confirming import refusal
    from einsyn.search.plan import CONFIRMED, RANDOM, Plan, bounded, fitting_options, strategy_class, strategy_options
    from einsyn.search.run import Run

    how = None if recipe is None else read_recipe(recipe)
    objectives = [objective_of(text, data=data, recipe=how) for text in objective or [_OBJECTIVE]]
    names = [each.name for each in objectives]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(Diagnostic("E001", f"the objective `{name}` is given twice", hint="give it once"))
    if inherit and not any(each.inherits for each in objectives):
        said = f"--inherit needs an objective that trains, and there is {', '.join(names)}"
        raise UsageError(Diagnostic("Q011", said, hint="--objective train"))
    if preserve and not inherit:
        said = "--preserve is about weights that are inherited"
        raise UsageError(Diagnostic("Q011", said, hint="--inherit --preserve"))
    if budget is None and seconds is None:
        budget = _DEFAULT_BUDGET
    # Each training stands for itself: a model can learn from it, and it can be confirmed.
    alone = refusal(Plan(inherit=inherit), objectives) is None
    strategy = strategy or (_STRATEGY_THAT_TRAINS if alone else _STRATEGY)
    options = strategy_options(strategy, opt.pairs("--option", option))
    if budget is not None:
        options = fitting_options(strategy, budget) | options
    requirements = [requirement_of(text, names) for text in require or []]
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    loaded = _space(space, input_, set_, profile, bounds, objectives)
    left = bounded(loaded, requirements)
    begun_with = [_start(loaded, text) for text in start or []]
    if any(each.inherits for each in objectives):
        _bound_training(loaded, {*bounds, *(f"max_{each.name}" for each in requirements)}, begun_with)
    plan = Plan(
        strategy=strategy,
        options=options,
        requirements=[(each.name, each.comparison, each.bound) for each in left],
        start=begun_with,
        seed=seed,
        batch=batch,
        baseline=baseline and strategy != RANDOM,
        budget=budget,
        seconds=seconds,
        again=again,
        inherit=inherit,
        preserve=preserve,
        confirm=confirm or 0,
        repeats=repeats,
        timeout=timeout,
        memory=opt.whole_number("--worker-memory", worker_memory),
    )
    if confirm is None and alone:
        plan = plan.with_(confirm=CONFIRMED)
    folder = output or Path(f"{loaded.name}-{strategy}-{seed}")
    if len(objectives) > 1 and strategy != RANDOM and not strategy_class(strategy).several:
        OUTPUT.message(f"{strategy} is led by {names[0]} alone; nsga2 by all objectives")
    with Run.create(folder, loaded, plan, objectives) as run:
        _carry_out(run, plan.budget, seconds, evaluators)


def _bound_training(space: Space, given: set[str], start: list[str]) -> None:
    """Leave out what would take far longer to train than the usual, and say so."""
    from einsyn.search.usual import bound_by_the_usual

    new = bound_by_the_usual(space, given, [space.parse(text) for text in start])
    if new:
        options = " ".join([f"--{name.replace('_', '-')} {most}" for name, most in new.items()])
        OUTPUT.message(f"networks that cost far more than the usual are left out, as by {options}")


def _refuse_with_resume(context: typer.Context) -> None:
    """What a run is was said when it was begun."""
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in _WITH_RESUME and source is not None and source.name == "COMMANDLINE":
            shown = parameter.opts[0] if parameter.opts and parameter.opts[0].startswith("-") else "SPACE"
            hint = "einsyn search --resume RUN goes on as it was begun; --extend N adds evaluations"
            raise UsageError(Diagnostic("U000", f"`{shown}` cannot go with --resume", hint=hint))


def _resume(folder: Path, extend: int | None, seconds: float | None, evaluators: Evaluators) -> None:
    from einsyn.search.run import Run

    with Run.open_(folder, write=True) as run:
        budget = run.budget
        if extend is not None:
            budget = run.extend(extend)
        if budget is None and seconds is None:
            seconds = run.plan.seconds  # nothing else would end it
        _carry_out(run, budget, seconds, evaluators)


def _space(
    space: str, input_: list[str] | None, set_: list[str] | None, profile: str | None, bounds: dict[str, int | None],
    objectives: Sequence[Objective],
) -> Space:  # fmt: skip
    """The space; what nothing says of its input and its number of classes is as the data set has it."""
    loaded = opt.space_of(space, input_, set_, profile, bounds)
    name = next((each.looks_at for each in objectives if each.looks_at is not None), None)
    if name is None or len(loaded.inputs) != 1:
        return loaded
    from einsyn.evaluate.data import read_data
    from einsyn.evaluate.fit import class_parameter, natural_input

    data = read_data(name)
    natural = None if input_ or profile is not None else natural_input(data, loaded.inputs[0][1])
    taken = input_ if natural is None else [natural]

    def with_classes(parameter: str) -> Space:
        # What is given of it makes way: this is asked of parameters that are given too.
        others = [text for text in set_ or () if text.partition("=")[0].strip() != parameter]
        return opt.space_of(space, taken, [*others, f"{parameter}={data.classes}"], profile, bounds)

    parameter = class_parameter(loaded, data.classes, with_classes) if data.classes else None
    if parameter is not None and parameter not in opt.pairs("--set", set_):
        return with_classes(parameter)
    return loaded if natural is None else opt.space_of(space, taken, set_, profile, bounds)


def _start(space: Space, arch: str) -> str:
    """The text of an architecture to begin with, in the space as it is searched."""
    if arch.startswith("ref:"):
        return space.parse(space.references.text(space, arch[4:])[1]).text
    if arch.startswith("@"):
        from einsyn.files import read_text

        lines = read_text(arch[1:], "an architecture").splitlines()
        return space.parse("\n".join(line for line in lines if not line.startswith("//")).strip()).text
    return space.parse(opt.architecture_text(arch)).text


def _carry_out(run: Run, budget: int | None, seconds: float | None, evaluators: Evaluators) -> None:
    from einsyn.search.driver import Driver

    progress = Progress(budget, seconds)
    with evaluators.make(run) as evaluating:
        driver = Driver(run, evaluating, progress.show)
        if seconds is not None:
            run.not_reproducible()
        try:
            driver.go(budget, seconds)
        finally:
            progress.end()
    summarise(run, driver)


class Progress:
    """Says how far a search is."""

    def __init__(self, budget: int | None, seconds: float | None) -> None:
        self._line = StatusLine()
        self._budget = budget
        self._seconds = seconds
        self._begun = time.monotonic()

    def show(self, driver: Driver) -> None:
        """Say it."""
        self._line.show(lambda: self._said(driver))

    def end(self) -> None:
        """Leave the line."""
        self._line.end()

    def _said(self, driver: Driver) -> tuple[str, dict[str, Any]]:
        confirmed, of = driver.confirmations
        if of:
            return f"{confirmed:,}/{of:,} further trainings of the best", {"confirmations": confirmed, "of": of}
        elapsed = max(1e-9, time.monotonic() - self._begun)
        rate = driver.evaluated / elapsed
        done = sum(arm.done for arm in driver.arms)
        total = None if self._budget is None else self._budget * len(driver.arms)
        left = None if self._seconds is None else max(0.0, self._seconds - elapsed)
        if total is not None and rate > 0:
            left = min(left, (total - done) / rate) if left is not None else (total - done) / rate
        record: dict[str, Any] = {"evaluations": done, "of": total, "rate": rate, "seconds_left": left}
        parts = [f"{done:,}{f'/{total:,}' if total else ''} evaluations, {rate:.1f}/s"]
        for arm in driver.arms:
            best = arm.best(driver.run.objectives)
            record[arm.name] = best
            shown = "none yet" if best is None else f"{best:.6g}"
            parts.append(f"{'best' if arm is driver.arms[0] else arm.name} {shown}")
        failed = sum(sum(arm.failures.values()) for arm in driver.arms)
        record["failed"] = failed
        parts.append(f"{failed:,} failed")
        if left is not None:
            parts.append(f"{clock(left)} left")
        return ", ".join(parts), record
