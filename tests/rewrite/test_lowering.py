"""What networks of fundamental operations become."""

from __future__ import annotations

from collections import Counter

import pytest

import einsyn
from einsyn.architecture import Architecture
from einsyn.forms import Rewriting


def layers(architecture: Architecture) -> Counter[str]:
    """The operations of the rewritten graph by name."""
    return Counter(o.op.name for o in architecture.rewritten.graph.operations)


@pytest.mark.parametrize(("name", "convolutions"), [("resnet18_no_maxpool", 21), ("wideresnet16_4", 16)])
def test_convolutional_references_become_convolutions(name: str, convolutions: int) -> None:
    found = layers(einsyn.load("einspace").ref(name))
    assert found["conv"] == convolutions
    assert found["linear"] == 1
    assert not found.keys() & {"im2col", "col2im", "clone", "identity", "permute"}


def test_the_transformer_has_one_attention_a_layer_and_one_projection_before_it() -> None:
    architecture = einsyn.load("einspace").ref("transformer_d4")
    found = layers(architecture)
    assert found["attention"] == 4
    # Before attention, after it, and two of the MLP in each of four layers; the classifier.
    assert found["linear"] == 4 * 4 + 1
    assert not found.keys() & {"softmax", "dot_product", "scaled_dot_product", "permute", "clone", "identity"}
    assert "scaled_dot_product_attention" in architecture.source()


@pytest.mark.parametrize("rewrite", ["none", "exact", "deploy"])
def test_where_weights_are(rewrite: Rewriting) -> None:
    """Each weight of the elaborated graph has a key of the module's state; one that was merged shares it."""
    for space, name, folded in (("einspace", "transformer_d4", False), ("nasbench201", "best_cifar10", True)):
        architecture = einsyn.load(space).ref(name)
        keys, owners = architecture.form(rewrite).keys(), list(architecture.graph.owners())
        declared = {(o.owner, key) for o in owners for key in (*o.signature.params, *o.signature.buffers)}
        # Folded normalisations do not count batches.
        assert set(keys) <= declared
        assert (set(keys) < declared) == (folded and rewrite == "deploy")
        assert set(keys.values()) == set(architecture.module(rewrite=rewrite).state_dict())
