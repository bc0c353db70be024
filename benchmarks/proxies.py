"""Do zero-cost proxies rank cells of NAS-Bench-201 as published? Kendall's tau on the same cells.

    python -m benchmarks.proxies [CELLS]

Reads `../shared/reference`: scores that NASLib published, and CIFAR-10. Writes `results/proxies.json` after each cell;
those that are there stay, so an interrupted run goes on. Not part of `make bench`: the data is not shipped, and 100
cells take most of an hour. It also needs Pillow.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from scipy.stats import kendalltau

import einsyn
from benchmarks.measure import machine, say
from einsyn.evaluate.cost import COSTS
from einsyn.evaluate.fit import Examples
from einsyn.evaluate.objective import EvaluationError
from einsyn.evaluate.proxies import BATCH, PROXIES, Subject
from einsyn.evaluate.randomness import contained

if TYPE_CHECKING:
    from einsyn.architecture import Architecture

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
RESULTS = Path(__file__).parent / "results" / "proxies.json"
# Codes of the published encoding, and its edges in the order of the codes.
OPS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
EDGES = ("01", "02", "03", "12", "13", "23")
PUBLISHED = {"params": "params", "macs": "flops", "l2": "l2_norm", "naswot": "nwot"}
NAMES = ("params", "macs", "synflow", "naswot", "grad_norm", "snip", "l2", "jacov", "fisher", "grasp", "plain")
STEP = "training step"


def cell(codes: str) -> str:
    """The text of a cell in the published encoding."""
    op = dict(zip(EDGES, [OPS[int(c)] for c in codes.strip("()").split(",")], strict=True))
    return f"|{op['01']}~0|+|{op['02']}~0|{op['12']}~1|+|{op['03']}~0|{op['13']}~1|{op['23']}~2|"


def batch() -> Examples:
    """Random training images of CIFAR-10, standardised by channel as everybody does."""
    data = np.load(REFERENCE / "data" / "cifar10_jpeg.npz", allow_pickle=False)
    ends = np.cumsum(data["len_train"].astype(np.int64))
    chosen = np.random.default_rng(0).permutation(len(ends))[:BATCH]
    images = []
    for i in chosen:
        body = data["jpeg_train"][ends[i] - data["len_train"][i] : ends[i]]
        images.append(np.asarray(Image.open(io.BytesIO(data["header"].tobytes() + body.tobytes())).convert("RGB")))
    x = torch.tensor(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    mean, deviation = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2470, 0.2435, 0.2616])
    x = (x - mean[:, None, None]) / deviation[:, None, None]
    return Examples(x, torch.tensor(data["y_train"][chosen].astype(np.int64)))


def training_step(subject: Subject) -> None:
    """What the costs of proxies are measured against: one step of stochastic gradient descent on the same examples."""
    optimiser = torch.optim.SGD(subject.module.parameters(), lr=0.1, momentum=0.9)
    subject.loss().backward()
    optimiser.step()


def scored(arch: Architecture, examples: Examples) -> dict[str, dict[str, float | None]]:
    """Scores of a cell, None where there is none, and seconds of processor time, also of a training step."""
    values: dict[str, float | None] = {}
    seconds: dict[str, float] = {}
    for name in (*NAMES, STEP):
        begun = time.process_time()
        with contained(0):
            if name == STEP:
                training_step(Subject(arch, 0, examples))
            else:
                try:
                    values[name] = COSTS[name](arch) if name in COSTS else PROXIES[name][0](Subject(arch, 0, examples))
                except EvaluationError:
                    values[name] = None
        seconds[name] = round(time.process_time() - begun, 4)
    return {"values": values, "seconds": seconds}


def figures_of(cells: dict[str, Any], published: dict[str, dict[str, float]]) -> dict[str, Any]:
    """For each proxy Kendall's tau, over how many cells, and the median of its cost in training steps."""
    found: dict[str, Any] = {}
    for name in NAMES:
        known = [codes for codes, of in cells.items() if of["values"][name] is not None]
        ours = [cells[codes]["values"][name] for codes in known]
        theirs = [published[codes][PUBLISHED.get(name, name)] for codes in known]
        steps = [of["seconds"][name] / of["seconds"][STEP] for of in cells.values()]
        found[name] = {
            "tau": round(float(kendalltau(ours, theirs).statistic), 3),
            "cells": len(known),
            "training steps": round(median(steps), 2),
        }
    return found


def main(count: int) -> None:
    """Score the first cells that were published, and compare the rankings."""
    with gzip.open(REFERENCE / "zero_cost_reference.json.gz") as file:
        published: dict[str, dict[str, float]] = json.load(file)["nasbench201/cifar10"]
    space = einsyn.load("nasbench201")
    examples = batch()
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"cells": {}}
    for number, codes in enumerate(list(published)[:count]):
        if codes not in known["cells"]:
            known["cells"][codes] = scored(space.parse(cell(codes)), examples)
            known["machine"] = machine()
            RESULTS.write_text(json.dumps(known, indent=1) + "\n")
        say(f"{number + 1}/{count}")
    known["figures"] = figures_of(known["cells"], published)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    for name, figures in known["figures"].items():
        print(f"{name:10} {figures}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
