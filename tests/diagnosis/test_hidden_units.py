"""Hidden units: contributions that add up to the lead, of networks whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.diagnosis.hidden_units import contributions_of_units
from inkling.errors import DataError
from inkling.images.sources.digits import load_digits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe


@given(st.integers(1, 20), st.integers(1, 9), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_contributions_and_bias_add_up_to_the_lead(n: int, h: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden, weights, bias = rng.random((n, h)), rng.standard_normal((h, k)), rng.standard_normal((1, k))
    found = contributions_of_units(hidden, weights, bias)
    logits = np.sort(hidden @ weights + bias, axis=1)
    np.testing.assert_allclose(found.leads, logits[:, -1] - logits[:, -2], atol=1e-12)
    np.testing.assert_allclose(found.contributions.sum(axis=1) + found.bias, found.leads, atol=1e-12)
    assert (found.classes != found.rivals).all()
    assert 1 <= found.half <= h
    asked = rng.integers(0, k, n)
    other = contributions_of_units(hidden, weights, bias, asked)
    np.testing.assert_allclose(other.contributions.sum(axis=1) + other.bias, other.leads, atol=1e-12)
    assert (other.classes == asked).all()
    assert ((other.leads < 0) == (asked != found.classes)).all()


def test_units_of_a_known_network() -> None:
    weights = np.array([[3.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    found = contributions_of_units(np.array([[1.0, 1.0, 0.0], [0.1, 1.0, 1.0]]), weights, np.zeros(3))
    assert found.classes.tolist() == [0, 1]
    assert found.rivals.tolist() == [1, 2]
    np.testing.assert_allclose(found.contributions, [[3, -1, 0], [0.1, 1, -0.5]])
    assert found.evidence_for.tolist() == [0, 1, 2]
    assert found.evidence_against.tolist() == [2, 0, 0]
    assert found.top(0, 2) == [0, 1]
    np.testing.assert_allclose(found.mean_absolute, [1.55, 1.0, 0.25])
    assert found.half == 1
    assert found.verdict == (
        "1 of 3 hidden units make up half of all contributions to the decisions; unit 0 contributes most, 1.55 logits "
        "on average to a mean lead of 1.30 (2 images)."
    )
    with pytest.raises(DataError, match="found"):
        contributions_of_units(np.ones((1, 4)), weights, np.zeros(3))


def test_units_of_a_trained_perceptron_give_its_own_margin() -> None:
    splits = load_digits()
    network, images = Perceptron(splits.train.image_shape, splits.train.n_classes), splits.test.images
    for _ in train(network, splits, recipe("reference", "perceptron", epochs=20)):
        pass
    hidden, logits = network.forward(network.inputs(images))
    found = contributions_of_units(hidden, network.parameters["W2"], network.parameters["b2"])
    np.testing.assert_array_equal(found.classes, network.predict_proba(images).argmax(axis=1))
    ordered = np.sort(logits, axis=1)
    np.testing.assert_allclose(found.leads, ordered[:, -1] - ordered[:, -2], atol=1e-4)
