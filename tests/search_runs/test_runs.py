"""Runs: what is kept, what is continued, what is refused; the same results whoever evaluates."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from small_runs import Backwards, Fallen, Falls, begin, carry_out, in_process, pool, results, write_space

import einsyn
from einsyn.errors import EinsynError, RunError
from einsyn.evaluate.named import requirement_of
from einsyn.evaluate.objective import Result
from einsyn.search.executors import Executor, Finished, Task
from einsyn.search.plan import Plan, bounded, fitting_options, strategy_class, strategy_options
from einsyn.search.run import STORE, Run
from einsyn.search.store import Evaluation
from einsyn.search.strategies import STRATEGIES


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    return einsyn.load(write_space(tmp_path))


def test_what_is_kept(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(
        tmp_path / "run", space, ["python:failing:plain", "params"], budget=20, seed=3, strategy="random"
    ) as run:
        driver = carry_out(run, in_process(run))
        kept = results(run)
        assert [(e.arm, e.number) for e in kept] == [(a, n) for a in ("search", "random") for n in range(20)]
        for e in kept:
            arch = space.parse(e.arch)
            assert (e.params, e.macs, e.status) == (arch.params, arch.macs, "done")
            assert e.values == (arch.params + 3 / 8, arch.params)
        evaluated = [e.arch for e in kept if e.seconds is not None]
        assert sorted(evaluated) == sorted({e.arch for e in kept})
        facts = run.store.facts()
        assert facts["plan"]["seed"] == 3
        assert facts["versions"]["einsyn"] == einsyn.__version__
        assert run.store.files() == {
            "small.lark": space.grammar.source,
            "layers.ein": (tmp_path / "layers.ein").read_text(),
        }
        best = max((e for e in kept if e.arm == "search"), key=lambda e: (e.values or (0,))[0])
        assert best.values in [e.values for e in run.front()]
        assert driver.arms[0].best(run.objectives) == best.values[0]
    with Run.open_(tmp_path / "run") as run:
        assert results(run) == kept
        assert run.find("3") == next(e for e in run.store.evaluations() if e.id == "3")
        assert run.find("random:3").arm == "random"


def test_whoever_evaluates_the_results_are_the_same(space: einsyn.Space, tmp_path: Path) -> None:
    found = []
    for name, executor in (
        ("one", in_process),
        ("back", lambda run: Backwards(in_process(run))),
        ("pool", lambda r: pool(r, 2)),
    ):
        with begin(
            tmp_path / name,
            space,
            ["python:failing:plain"],
            budget=13,
            seed=1,
            strategy="evolution",
            options=SMALL["evolution"],
        ) as run:
            carry_out(run, executor(run))
            found.append(results(run))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 26


SMALL = {"evolution": {"population": 4, "tournament": 2}, "mu+lambda": {"population": 4}, "nsga2": {"population": 4}}


@pytest.mark.parametrize(
    ("strategy", "after"),
    [*[("random", n) for n in (0, 1, 7, 8, 9, 20)], *[(name, 11) for name in sorted({*STRATEGIES} - {"random"})]],
)
def test_a_run_that_fell_goes_on_as_if_it_had_not(
    space: einsyn.Space, tmp_path: Path, strategy: str, after: int
) -> None:
    options = {"strategy": strategy, "options": SMALL.get(strategy, {}), "budget": 24 if strategy != "random" else 20}
    with begin(tmp_path / "whole", space, ["python:failing:plain"], **options) as run:
        carry_out(run, in_process(run))
        whole = results(run)
    with begin(tmp_path / "run", space, ["python:failing:plain"], **options) as run:
        with pytest.raises(Fallen):
            carry_out(run, Falls(in_process(run), after))
        before = results(run)
        evaluated = sum(e.seconds is not None for e in before)
        assert evaluated == after
    with Run.open_(tmp_path / "run", write=True) as run:
        driver = carry_out(run, in_process(run))
        assert results(run) == whole
        assert set(before) <= set(whole)
        assert driver.evaluated == len(whole) - len(before)


def test_a_run_is_extended(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "whole", space, ["python:failing:plain"], budget=30) as run:
        carry_out(run, in_process(run))
        whole = results(run)
    with begin(tmp_path / "run", space, ["python:failing:plain"], budget=5) as run:
        carry_out(run, in_process(run))
    with Run.open_(tmp_path / "run", write=True) as run:
        assert run.extend(25) == 30
        # Killed in the batches that were added.
        with pytest.raises(Fallen):
            carry_out(run, Falls(in_process(run), 6))
    with Run.open_(tmp_path / "run", write=True) as run:
        assert run.budget == 30
        carry_out(run, in_process(run))
        # Random search does not depend on what it was told, so it is the same here whatever the batches were.
        assert [(e.id, e.arch, e.values) for e in results(run)] == [(e.id, e.arch, e.values) for e in whole]


def test_nothing_is_evaluated_twice_unless_asked(space: einsyn.Space, tmp_path: Path) -> None:
    counts = {}
    for again in (False, True):
        with begin(tmp_path / f"run{again}", space, ["python:failing:plain"], budget=60, again=again) as run:
            carry_out(run, in_process(run))
            counts[again] = Counter(e.arch for e in run.store.evaluations() if e.seconds is not None)
            assert len(list(run.store.evaluations())) == 120
    assert set(counts[False].values()) == {1}
    assert max(counts[True].values()) > 1
    assert set(counts[False]) == set(counts[True])


def test_networks_that_compute_the_same_are_trained_once(tmp_path: Path) -> None:
    space = einsyn.load("nasbench201", profile="test")

    class Counting(Executor):
        seen: ClassVar[list[str]] = []

        def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
            for place, task in enumerate(tasks):
                self.seen.append(task.architecture.canonical)
                yield Finished(place, Result((0.5,)), 0.0)

    from einsyn.evaluate.recipe import Recipe
    from einsyn.evaluate.training import Training

    zeros = "|none~0|+|none~0|none~1|+|none~0|{}~1|none~2|"
    start = [zeros.format(op) for op in ("none", "skip_connect", "avg_pool_3x3")]
    assert len({space.parse(text).canonical for text in start}) == 1
    objective = Training("digits", Recipe())
    with Run.create(
        tmp_path / "run", einsyn.load("nasbench201", input="1x8x8"), Plan(budget=30, start=start), [objective]
    ) as run:
        carry_out(run, Counting())
        assert len(set(Counting.seen)) == len(Counting.seen) < 60
        by_same = {e.same for e in run.store.evaluations()}
        assert by_same == set(Counting.seen)


def test_failures_are_results(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["python:failing:odd"], budget=40, seed=2, timeout=60.0) as run:
        driver = carry_out(run, pool(run, 2))
        kept = results(run)
    kinds = Counter(e.status for e in kept)
    assert set(kinds) == {"done", "nan", "exception", "crash"}
    assert len(kept) == 80
    for e in kept:
        first = e.arch.split(";")[0]
        size = space.parse(e.arch).size
        expected = {"2t": "nan", "4t": "exception"}.get(first, "done")
        if (first == "8t" and size > 8) or (first == "8r" and size > 11):
            expected = "crash"
        assert e.status == expected, e
        assert (e.values is None) == (expected != "done")
        if e.status == "crash" and first == "8t":
            assert "SIGSEGV" in e.message
            assert "about to fall" in e.message
    assert sum(driver.arms[0].failures.values()) == sum(e.status != "done" for e in kept if e.arm == "search")


def test_hanging_leaking_and_greedy_evaluations(space: einsyn.Space, tmp_path: Path) -> None:
    start = ["2r", "4r", "8r", "8t"]
    options = {"start": start, "budget": 4, "baseline": False, "memory": 1_000_000_000}
    with begin(tmp_path / "a", space, ["python:failing:sleepy"], timeout=2.0, **options) as run:
        carry_out(run, pool(run))
        assert [e.status for e in results(run)] == ["timeout", "done", "done", "done"]
        assert "within 2 s" in results(run)[0].message
    with begin(tmp_path / "b", space, ["python:failing:leaky"], **options) as run:
        carry_out(run, pool(run))
        # Each begins in a process of its own: what the one before kept is gone.
        assert [e.values for e in results(run)] == [(1.0,)] * 4
    with begin(tmp_path / "c", space, ["python:failing:hungry"], **options) as run:
        carry_out(run, pool(run))
        assert [e.status for e in results(run)] == ["memory"] * 4


def test_workers_that_are_killed_change_nothing(space: einsyn.Space, tmp_path: Path) -> None:
    options = {"strategy": "evolution", "start": ["2t", "2r"], "budget": 16, "baseline": False}
    found: list[list[Evaluation]] = []
    for name in ("disturbed", "undisturbed"):  # where all that is killed once has been
        with begin(tmp_path / name, space, ["python:failing:killed"], **options) as run:
            carry_out(run, pool(run, 2))
            found.append(results(run))
    killed = {space.parse(e.arch).hash for e in found[0] if e.arch.startswith("2")}
    assert {p.name for p in tmp_path.glob("killed-*")} == {f"killed-{hash_}" for hash_ in killed}
    assert len(killed) > 2
    assert found[0] == found[1]
    assert {e.status for e in found[0]} == {"done"}


def test_a_pool_that_is_closed_leaves_what_is_queued(space: einsyn.Space, tmp_path: Path) -> None:
    (tmp_path / "noting.py").write_text(
        "import time\n\n"
        "def noted(architecture, seed):\n"
        "    open(f'noted-{architecture.hash}', 'w').close()\n"
        "    time.sleep(0.5)\n"
        "    return 1.0\n"
    )
    tasks = [Task(architecture) for architecture in space.sample(12, seed=0, unique=True)]
    with begin(tmp_path / "run", space, ["python:noting:noted"]) as run, pool(run) as executor:
        assert next(executor.run(tasks)).result.values == (1.0,)
    assert len(list(tmp_path.glob("noted-*"))) < len(tasks)


def test_what_is_always_killed_has_failed(space: einsyn.Space, tmp_path: Path) -> None:
    options = {"start": ["2r"], "budget": 1, "baseline": False}
    with begin(tmp_path / "run", space, ["python:failing:always_killed"], **options) as run:
        carry_out(run, pool(run))
        (only,) = results(run)
    assert only.status == "crash"
    assert "SIGKILL" in only.message


def test_a_worker_that_cannot_start_is_said(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["python:failing:plain"], budget=4) as run:
        (tmp_path / "failing.py").unlink()
        with pytest.raises(RunError) as caught:
            carry_out(run, pool(run))
        assert caught.value.code == "Q008"
        assert results(run) == []


def test_requirements_that_are_limits_and_others(space: einsyn.Space, tmp_path: Path) -> None:
    given = [
        requirement_of(text, ["python:failing:plain"])
        for text in ("params<100", "params>=12", "python:failing:plain<60")
    ]
    left = bounded(space, given)
    assert [str(each) for each in left] == ["params>=12", "python:failing:plain<60"]
    assert space.limits.max_params == 99
    plan = {"requirements": [tuple(each) for each in left], "budget": 40}
    with begin(tmp_path / "run", space, ["python:failing:plain"], **plan) as run:
        carry_out(run, in_process(run))
        for e in results(run):
            assert e.params < 100
            assert (e.status == "refused") == (e.params < 12 or e.params >= 60)
        assert {e.status for e in results(run)} == {"done", "refused"}
    for text in ("params<0", "macs<=-1"):
        with pytest.raises(EinsynError) as caught:
            bounded(space, [requirement_of(text, [])])
        assert caught.value.code == "E007"


def test_a_requirement_of_nothing_is_refused(space: einsyn.Space, tmp_path: Path) -> None:
    plan = {"requirements": [("unheard", "<", 1.0)], "budget": 4}
    with begin(tmp_path / "run", space, ["params"], **plan) as run, pytest.raises(RunError) as caught:
        carry_out(run, in_process(run))
    assert caught.value.code == "Q004"


def test_several_objectives_have_a_front(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["max:params", "macs"], budget=60) as run:
        carry_out(run, in_process(run))
        front = run.front()
        done = [run.scores(e) for e in run.store.evaluations("search")]
        scores = [run.scores(e) for e in front]
        for mine in scores:
            assert not any(o != mine and all(a >= b for a, b in zip(o or (), mine or (), strict=True)) for o in done)
        best = {s for s in done if not any(o != s and all(a >= b for a, b in zip(o, s, strict=True)) for o in done)}  # type: ignore[arg-type]
        assert set(scores) == best
        assert len(front) > 3


def test_two_processes_on_one_run_are_refused(space: einsyn.Space, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with begin(folder, space, ["params"], budget=4) as run:
        script = (
            f"from pathlib import Path\nfrom einsyn.search.run import Run\nRun.open_(Path({str(folder)!r}), write=True)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "Q003" in done.stderr
        with pytest.raises(RunError) as caught:
            begin(folder, space, ["params"])
        assert caught.value.code == "Q003"
        with Run.open_(folder) as reader:  # reading is not refused
            assert results(reader) == []
        carry_out(run, in_process(run))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def code_of(error: pytest.ExceptionInfo[EinsynError]) -> str:
    return error.value.code


def test_wrong_folders(space: einsyn.Space, tmp_path: Path) -> None:
    with pytest.raises(EinsynError) as caught:
        Run.open_(tmp_path / "absent")
    assert code_of(caught) == "Q002"
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / STORE).write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(EinsynError) as caught:
        Run.open_(damaged)
    assert code_of(caught) == "Q002"
    (tmp_path / "file").write_text("")
    with pytest.raises(EinsynError) as caught:
        begin(tmp_path / "file", space, ["params"])
    assert code_of(caught) == "F009"
    folder = tmp_path / "run"
    begin(folder, space, ["params"], budget=3).close()
    with pytest.raises(EinsynError) as caught:
        begin(folder, space, ["params"])
    assert code_of(caught) == "Q001"
    with Run.open_(folder) as run:
        for id_ in ("3", "-1", "random:0", "best", "", "9" * 30, "search:x"):
            with pytest.raises(RunError) as caught:
                run.find(id_)
            assert code_of(caught) == "Q006"
    connection = sqlite3.connect(folder / STORE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(EinsynError, match="version 99") as caught:
        Run.open_(folder)
    assert code_of(caught) == "Q002"


def test_a_run_that_was_killed_while_it_began_can_be_begun_again(space: einsyn.Space, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    sqlite3.connect(folder / STORE).close()
    with pytest.raises(RunError, match="never begun"):
        Run.open_(folder)
    with begin(folder, space, ["params"], budget=3, baseline=False) as run:
        carry_out(run, in_process(run))
        assert len(results(run)) == 3


def test_the_run_goes_on_with_its_own_space(space: einsyn.Space, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with begin(folder, space, ["python:failing:plain"], budget=8) as run:
        carry_out(run, in_process(run))
        before = results(run)
    for name in ("small.lark", "layers.ein"):
        (tmp_path / name).unlink()
    (folder / "space" / "layers.ein").unlink()  # the store has it
    with Run.open_(folder, write=True) as run:
        run.extend(8)
        carry_out(run, in_process(run))
        assert set(before) < set(results(run))
    (folder / "space" / "layers.ein").write_text("define layer(width, act)(x) = act(x)\n")
    with pytest.raises(RunError) as caught:
        Run.open_(folder)
    assert code_of(caught) == "Q004"


def test_a_grammar_whose_name_is_no_text(space: einsyn.Space, tmp_path: Path) -> None:
    """A file system takes any bytes as a name; SQLite takes text."""
    file = Path(space.grammar.file).rename(os.fsdecode(os.fsencode(tmp_path) + b"/sp\xff.lark"))
    folder = tmp_path / "run"
    with begin(folder, einsyn.load(file), ["params"], budget=4) as run:
        carry_out(run, pool(run))
        before = results(run)
    with Run.open_(folder, write=True) as run:
        assert run.space.grammar.file == str(folder / "space" / "sp\\udcff.lark")
        run.extend(4)
        carry_out(run, in_process(run))
        assert set(before) < set(results(run))


def test_another_table_is_noticed(space: einsyn.Space, tmp_path: Path) -> None:
    table = tmp_path / "known.csv"
    table.write_text("arch,value\n2r,1\n")
    with begin(tmp_path / "run", space, ["table:known.csv"], budget=9) as run:
        carry_out(run, in_process(run))
        assert {e.status for e in results(run)} == {"missing", "done"}
    os.chdir("/")
    Run.open_(tmp_path / "run", write=True).close()  # the path does not depend on the folder
    table.write_text("arch,value\n2r,2\n")
    with pytest.raises(RunError) as caught:
        Run.open_(tmp_path / "run", write=True)
    assert code_of(caught) == "Q004"


def test_another_search_than_is_stored_is_noticed(space: einsyn.Space, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with begin(folder, space, ["params"], budget=8) as run:
        carry_out(run, in_process(run))
    connection = sqlite3.connect(folder / STORE)
    connection.execute("UPDATE evaluations SET arch = '2r;2r;2r;2r;2r' WHERE number = 5")
    connection.commit()
    connection.close()
    with Run.open_(folder, write=True) as run, pytest.raises(RunError, match="proposal") as caught:
        carry_out(run, in_process(run))
    assert code_of(caught) == "Q004"


def test_a_space_of_few_ends_by_itself(tmp_path: Path) -> None:
    (tmp_path / "none.lark").write_text(
        '//@ einsyn 1\n//@ input x f32[B, d:4]\nstart: "a" -> f\n//@ define f()(x) = conv(3, 3)(x)\n'
    )
    with begin(tmp_path / "run", einsyn.load(tmp_path / "none.lark"), ["params"], budget=4) as run:
        with pytest.raises(EinsynError) as caught:
            carry_out(run, in_process(run))
        assert code_of(caught) == "S001"


def test_names_and_options_of_strategies(space: einsyn.Space) -> None:
    assert strategy_class("random").name == "random"
    assert strategy_options("nsga2", {"population": "6", "crossover": "1"}) == {"population": 6, "crossover": 1.0}
    assert strategy_options("mcmc", {"ladder": "1,2.5"}) == {"ladder": [1.0, 2.5]}
    assert [fitting_options("evolution", n)["population"] for n in (1, 100, 1_000)] == [8, 10, 31]
    assert fitting_options("nsga2", 100) == fitting_options("local", 100) == {}
    wrong = [
        ("random", "seed", "3"),
        ("evolution", "popluation", "3"),
        ("evolution", "population", "2.5"),
        ("mcmc", "moves", "1"),
    ]
    for call in (
        lambda: strategy_class("randon"),
        lambda: Plan(strategy="evolution", options={"population": 0}).make_strategy(space, "search"),
        *[lambda w=w: strategy_options(w[0], {w[1]: w[2]}) for w in wrong],
    ):
        with pytest.raises(EinsynError) as caught:
            call()
        assert code_of(caught) == "Q007"


def test_lineage(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["params"], budget=6, baseline=False) as run:
        carry_out(run, in_process(run))
        connection = sqlite3.connect(run.store.path)
        for number, parents in ((5, [3, 1]), (3, [1, 0]), (1, [0])):
            connection.execute("UPDATE evaluations SET parents = ? WHERE number = ?", (json.dumps(parents), number))
        connection.commit()
        connection.close()
        assert [e.number for e in run.lineage(run.find("5"))] == [5, 3, 1, 0]
        assert [e.number for e in run.lineage(run.find("4"))] == [4]


FULL = """
import resource, signal, sys
from pathlib import Path
from typing import ClassVar
from einsyn.errors import RunError
from einsyn.search.driver import Driver
from einsyn.search.executors import InProcess
from einsyn.search.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Run.open_(Path(sys.argv[1]), write=True) as run:
    size = (Path(sys.argv[1]) / "run.sqlite-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400_000, size + 400_000))
    driver = Driver(run, InProcess(run.objectives, 0))
    try:
        driver.go(run.budget)
    except RunError as error:
        print(error.code, driver.evaluated)
"""


def test_a_full_disk_loses_nothing(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "whole", space, ["python:failing:plain"], budget=400) as run:
        carry_out(run, in_process(run))
        whole = results(run)
    folder = tmp_path / "run"
    begin(folder, space, ["python:failing:plain"], budget=400).close()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    code, evaluated = done.stdout.split()
    assert code == "Q005"
    with Run.open_(folder, write=True) as run:
        before = results(run)
        assert len(before) == int(evaluated) > 20
        assert len(before) < len(whole)
        carry_out(run, in_process(run))
        assert results(run) == whole
