"""Searches that train: einspace on small data, against random search, logistic regression and a network by hand.

    python -m benchmarks.training [digits] [mnist] [series] [--seeds 5] [--budget 100]

`digits` are scikit-learn's. The other two read `../shared/reference` (5,000 images of MNIST; ItalyPowerDemand, which is
a series) and are the same command with another `--data`. Writes `results/training.json` after each search; those that
are there stay, so an interrupted run goes on. Not part of `make bench`: it takes an hour and more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

import einsyn
from benchmarks.measure import machine, say
from einsyn.evaluate.data import read_data
from einsyn.evaluate.fit import fit
from einsyn.evaluate.training import Training

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "data"
RESULTS = Path(__file__).parent / "results" / "training.json"
CNN = Path(__file__).parent / "small_cnn.lark"
SERIES = "ItalyPowerDemand"
MNIST_TRAINING = 5_000


def data_set(name: str, folder: Path) -> str:
    """What `--data` is given."""
    if name == "digits":
        return name
    file = folder / f"{name}.npz"
    if name == "mnist":
        every = np.load(REFERENCE / "mnist.npz", allow_pickle=False)
        chosen = np.random.default_rng(0).permutation(len(every["x_train"]))[:MNIST_TRAINING]
        np.savez(
            file, x_train=every["x_train"][chosen], y_train=every["y_train"][chosen], x_test=every["x_test"],
            y_test=every["y_test"],
        )  # fmt: skip
    else:
        every = np.load(REFERENCE / "timeseries_ucr_small.npz", allow_pickle=False)
        parts = {f"{array}_{part}": every[f"{SERIES}_{array}_{part}"] for array in "xy" for part in ("train", "test")}
        np.savez(file, **parts)
    return str(file)


def searched(data: str, seed: int, budget: int, folder: Path) -> dict[str, Any]:
    """One search as a user types it: scores on the validation part, the winner's on the test part, wall-clock time.

    The winner is the one with the best mean of further trainings, and need not have the best score.
    """
    command = [sys.executable, "-m", "einsyn", "--json", "search", "einspace", "--data", data]
    command += ["--budget", str(budget), "--seed", str(seed), "-o", str(folder / f"run-{seed}")]
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - begun
    found = json.loads(done.stdout.splitlines()[-1])
    own, random = found["arms"]["search"], found["arms"]["random"]
    confirmed = [None if arm["confirmed"] is None else arm["confirmed"]["mean"] for arm in (own, random)]
    return {
        "best": own["best"],
        "random's best": random["best"],
        "winner's score": found["best"]["values"]["train"],
        "confirmed": confirmed[0],
        "random's confirmed": confirmed[1],
        "test": found["test"],
        "winner": found["best"]["arch"],
        "winner's parameters": found["best"]["params"],
        "failed": own["failed"],
        "evaluations": own["evaluations"] + random["evaluations"],
        "seconds": round(seconds, 1),
    }


def baselines(data: str, seeds: int) -> dict[str, Any]:
    """Logistic regression, and for digits the network by hand with the default recipe: validation and test scores."""
    read = read_data(data)
    parts = (read.train, read.valid, read.test or read.valid)
    x = [part.x.reshape(len(part.x), -1).astype("float64") for part in parts]
    mean, deviation = x[0].mean(0), x[0].std(0)
    x = [(each - mean) / np.where(deviation > 1e-6, deviation, 1.0) for each in x]
    linear = LogisticRegression(max_iter=2000).fit(x[0], parts[0].y)
    valid, test = (float(linear.score(each, part.y)) for each, part in zip(x[1:], parts[1:], strict=True))
    found: dict[str, Any] = {"logistic regression": {"valid": valid, "test": test}}
    if data == "digits":
        cnn = einsyn.load(CNN).parse("cnn")
        trained = [Training(data).train(cnn, seed) for seed in range(seeds)]
        assert fit(read, cnn.space).test is not None
        found["small network by hand"] = {
            "valid": [each.valid for each in trained],
            "test": [each.test for each in trained],
            "parameters": cnn.params,
        }
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=["digits"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as place:
        for name in options.names:
            data = data_set(name, Path(place))
            entry = known.setdefault(name, {"budget": options.budget, "searches": {}})
            entry["baselines"] = baselines(data, options.seeds)
            for seed in range(options.seeds):
                if str(seed) not in entry["searches"]:
                    folder = Path(place) / name
                    entry["searches"][str(seed)] = searched(data, seed, options.budget, folder)
                    say(f"{name}, seed {seed}: {entry['searches'][str(seed)]}")
                entry["machine"] = machine()
                RESULTS.write_text(json.dumps(known, indent=2) + "\n")
            found = list(entry["searches"].values())
            at_least = sum(1 for each in found if each["best"] >= each["random's best"])
            print(f"{name}: at least random's best in {at_least} of {len(found)} searches")
            for each in found:
                print(f"  {each}")
            print(f"  {entry['baselines']}")


main()
