"""Mistakes within convolutions and pooling: each is named, and right gradients of such networks are never accused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkling.networks.numpy.class_check import check_class
from inkling.networks.numpy.class_check_result import ClassCheck
from inkling.networks.numpy.subject import UncheckedNetwork

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from evidence.convolutional_network import ACTIVATIONS, Convolutional

CLASSES = 3


def checked(side: int = 9, levels: int = 256, **kind: Any) -> ClassCheck:
    """Two convolutions of 3x3 and a dense layer, checked at a batch of 5."""
    shape, rng = (side, side, 1), np.random.default_rng(0)
    network = Convolutional(rng, shape, CLASSES, **kind)
    images = rng.integers(0, levels, (5, *shape), dtype=np.uint8) * (256 // levels)
    return check_class(UncheckedNetwork(network, shape, CLASSES), images, np.array([0, 2, 1, 0, 2]))


@pytest.mark.parametrize(
    ("mistake", "kind", "words"),
    [
        ("kernel-not-flipped", {}, "not flipped"),
        ("kernel-not-flipped", {"pool": "", "pad": 0, "stride": 2}, "not flipped"),
        (
            "stride-forgotten",
            {"pool": "", "stride": 2},
            "the stride is forgotten in the gradients for kernels and inputs",
        ),
        ("padding-forgotten", {"pool": "average"}, "are to be cut off"),
        ("positions-not-summed", {}, "that of the last position"),
        ("mean-over-positions", {"pool": "", "side": 5}, "a mean over the positions"),
        ("bias-one-number", {}, "over the channels too"),
        ("max-pooling", {"activation": "tanh"}, "back to every place"),
        ("max-pooling-ties", {"kernels": ((2, 1),), "pad": 0, "levels": 4}, "to every place that has the maximum"),
        ("average-pooling", {"pool": "average"}, "without the divisor"),
        ("kernel-gradient-flipped", {}, "turned by 180"),
        ("flatten-order", {"pool": "average"}, "in the order HWC"),
        ("derivative-wrong", {"activation": "tanh"}, "written wrong: 1 - f"),
        ("derivative-wrong", {"activation": "ReLU", "pool": "average"}, "1 where a < 0"),
        ("derivative-wrong", {"activation": "leaky"}, "0.1 where a > 0, else 1"),
        ("derivative-forgotten", {"activation": "ReLU", "pool": "average"}, "is forgotten"),
    ],
)
def test_each_mistake_is_named(mistake: str, kind: Any, words: str) -> None:
    check = checked(mistake=mistake, **kind)
    assert not check.passed
    assert mistake.removesuffix("-ties") in {found.mistake for found in check.likely}, check.likely_sentences
    assert words in " ".join(check.likely_sentences)


@pytest.mark.parametrize("pool", ["", "max", "average"])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_right_gradients_are_never_accused(pool: str, activation: str) -> None:
    for stride, pad in ((1, 1),) if pool else ((2, 1), (1, 0)):
        check = checked(9 if pool else 6, pool=pool, activation=activation, stride=stride, pad=pad)
        assert check.passed, check.verdict
        assert not check.likely


def test_a_network_of_dead_units_is_not_accused() -> None:
    rng, shape = np.random.default_rng(0), (4, 4, 1)
    network = Convolutional(rng, shape, CLASSES, ((2, 3),), activation="ReLU")
    network.parameters["b1"][:] = -100
    images, labels = rng.integers(0, 256, (5, *shape), dtype=np.uint8), np.array([0, 2, 1, 0, 2])
    assert check_class(UncheckedNetwork(network, shape, CLASSES), images, labels).passed
    np.testing.assert_array_equal(network.parameters["b1"], -100)
    network.mistake = "bias-one-number"
    check = check_class(UncheckedNetwork(network, shape, CLASSES), images, labels)
    assert [found.mistake for found in check.likely] == ["bias-one-number"], "where no gradient is zero"
