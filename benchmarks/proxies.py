"""Do zero-cost proxies rank cells of NAS-Bench-201 as published? Kendall's tau on the same cells.

    python -m benchmarks.proxies [CELLS]

Reads `../shared/reference`: scores that NASLib published, and CIFAR-10. Writes `results/proxies.json`. Not part of
`make bench`: the data is not shipped, and 100 cells take long. It also needs Pillow.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

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

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
RESULTS = Path(__file__).parent / "results" / "proxies.json"
# Codes of the published encoding, and its edges in the order of the codes.
OPS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
EDGES = ("01", "02", "03", "12", "13", "23")
PUBLISHED = {"params": "params", "macs": "flops", "l2": "l2_norm", "naswot": "nwot"}
NAMES = ("params", "macs", "synflow", "naswot", "grad_norm", "snip", "l2", "jacov", "fisher", "grasp", "plain")


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


def main(count: int) -> None:
    """Score the first cells that were published, and compare the rankings."""
    with gzip.open(REFERENCE / "zero_cost_reference.json.gz") as file:
        published: dict[str, dict[str, float]] = json.load(file)["nasbench201/cifar10"]
    space = einsyn.load("nasbench201")
    examples = batch()
    ours: dict[str, list[float]] = {name: [] for name in NAMES}
    seconds = dict.fromkeys(NAMES, 0.0)
    cells = list(published)[:count]
    for number, codes in enumerate(cells):
        arch = space.parse(cell(codes))
        for name in NAMES:
            begun = time.process_time()
            try:
                with contained(0):
                    value = COSTS[name](arch) if name in COSTS else PROXIES[name][0](Subject(arch, 0, examples))
            except EvaluationError:
                value = math.nan
            seconds[name] += time.process_time() - begun
            ours[name].append(value)
        say(f"{number + 1}/{count}")
    figures: dict[str, Any] = {}
    for name in NAMES:
        theirs = [published[c][PUBLISHED.get(name, name)] for c in cells]
        known = [i for i, v in enumerate(ours[name]) if math.isfinite(v)]
        tau = kendalltau([ours[name][i] for i in known], [theirs[i] for i in known]).statistic
        figures[name] = {"tau": round(float(tau), 3), "cells": len(known), "seconds": round(seconds[name] / count, 2)}
        print(f"{name:10} {figures[name]}")
    RESULTS.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=2) + "\n")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
