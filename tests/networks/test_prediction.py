"""Prediction part by part gives what prediction at once gives, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.images import progress
from inkling.networks.catalogue import build_network
from inkling.networks.ensemble import Ensemble
from inkling.networks.prediction import predict_in_parts


@pytest.mark.parametrize("name", ["perceptron", "small-cnn"])
@pytest.mark.parametrize("n", [1, 256, 1000])
def test_parts_change_no_bit(name: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if name != "perceptron":
        pytest.importorskip("torch")
    network = build_network(name, (8, 8, 1), 10)
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), np.uint8)
    monkeypatch.setattr(progress, "SECONDS", 0)
    told: list[tuple[int, int]] = []
    probabilities = predict_in_parts(network, images, lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(probabilities, network.predict_proba(images))
    assert told == [(min(done, n), n) for done in range(256, n + 256, 256)]
    np.testing.assert_array_equal(
        predict_in_parts(Ensemble([network, network]), images), Ensemble([network, network]).predict_proba(images)
    )


def test_no_images_have_no_probabilities() -> None:
    network = build_network("perceptron", (8, 8, 1), 10)
    assert predict_in_parts(network, np.empty((0, 8, 8, 1), np.uint8)).shape == (0, 10)
