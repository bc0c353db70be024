"""Models have at most as many nodes as torch's exporters make of the same networks written by hand."""

from __future__ import annotations

import json

import pytest

from benchmarks.comparators import NETS, example
from benchmarks.structure import RESULTS, export, nodes, operations

COUNTED = json.loads(RESULTS.read_text())["nets"]
SMALL = ("einspace-resnet18", "einspace-wrn16-4", "einspace-transformer", "einspace-mixer")


@pytest.mark.parametrize("name", COUNTED)
def test_no_more_nodes_than_the_better_exporter_writes(name: str) -> None:
    ours = nodes(NETS[name].architecture().onnx()).total()
    assert ours <= min(COUNTED[name]["exporters"].values())


@pytest.mark.parametrize("name", SMALL)
def test_what_is_kept_of_an_exporter_is_what_it_writes(name: str) -> None:
    net = NETS[name]
    model = export(net.build().eval(), example(net, 2), dynamo=False)
    assert nodes(model).total() == COUNTED[name]["exporters"]["torchscript"]


@pytest.mark.parametrize("name", ["einspace-resnet18", "einspace-mixer", "nasbench201-best", "mobilenetv2"])
@pytest.mark.parametrize("training", [False, True])
def test_no_more_operations_than_by_hand(name: str, training: bool) -> None:
    ours, by_hand = (operations(NETS[name], each, training=training).total() for each in (True, False))
    assert ours <= by_hand
