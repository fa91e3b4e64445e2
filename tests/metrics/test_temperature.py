"""Temperature scaling: a known temperature is found again, and the order of the classes stays."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import calibrated
from inkling.metrics.scores import mean_cross_entropy
from inkling.metrics.temperature import SIGNIFICANT, at_temperature, entropy_p_value, fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8, 4.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    labels, probabilities = calibrated(np.random.default_rng(3), 5000)
    sharpened = at_temperature(probabilities, 1 / temperature)
    found = fit_temperature(labels, sharpened)
    assert found == pytest.approx(temperature, rel=0.05)
    np.testing.assert_allclose(at_temperature(sharpened, temperature), probabilities, atol=1e-3)
    np.testing.assert_array_equal(sharpened.argmax(axis=1), probabilities.argmax(axis=1))


def test_temperature_of_logits() -> None:
    logits = np.array([[2.0, 1.0, -1.0], [300.0, 0.0, -300.0]])
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    expected = np.exp(logits[0] / 3) / np.exp(logits[0] / 3).sum()
    found = at_temperature(softmax.astype(np.float32), 3.0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    assert np.isfinite(found).all()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_the_temperature_of_a_calibrated_network_stays_at_one() -> None:
    rng = np.random.default_rng(3)
    kept = [fit_temperature(*calibrated(rng, 100, 10, 100.0)) == 1 for _ in range(100)]
    assert sum(kept) >= 97


def test_p_values_of_calibrated_networks_are_uniform_or_larger() -> None:
    rng = np.random.default_rng(4)
    p = np.array([entropy_p_value(*calibrated(rng, 100, 5, 3.0)) for _ in range(200)])
    assert 0.4 < p.mean() < 0.6
    assert np.mean(p < 0.1) < 0.1 + 2 * (0.1 * 0.9 / 200) ** 0.5


def test_the_temperature_of_a_perfect_network_is_finite() -> None:
    labels = np.arange(30) % 3
    probabilities = np.full((30, 3), 0.1, np.float32)
    probabilities[np.arange(30), labels] = 0.8
    assert 0.2 < fit_temperature(labels, probabilities) < 1
    assert fit_temperature(labels, np.full((30, 3), 1 / 3, np.float32)) == pytest.approx(1, abs=1e-3)


def test_chance_on_few_images_leads_to_no_extreme_temperature() -> None:
    """A calibrated network of accuracy 0.9 that happens to classify 30 images correctly, as one in 24 does."""
    confidence = np.linspace(0.75, 0.99, 30)
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    labels = np.zeros(30, np.int64)
    assert entropy_p_value(labels, probabilities) > SIGNIFICANT
    lucky = np.full((30, 2), [0.8, 0.2], np.float32)  # one in 800 is
    assert entropy_p_value(labels, lucky) < SIGNIFICANT
    assert 0.4 < fit_temperature(labels, lucky) < 1


@pytest.mark.parametrize(("n", "kept"), [(100, 0.85), (1000, 0.95)])
def test_a_miscalibrated_network_keeps_nearly_all_of_its_gain(n: int, kept: float) -> None:
    """Of the fall of the cross-entropy that the true temperature would bring on other images."""
    rng = np.random.default_rng(6)
    others, probabilities = calibrated(rng, 20_000)
    sharp = at_temperature(probabilities, 1 / 3)
    before, best = mean_cross_entropy(others, sharp), mean_cross_entropy(others, probabilities)
    gains = []
    for _ in range(10):
        labels, right = calibrated(rng, n)
        fitted = fit_temperature(labels, at_temperature(right, 1 / 3))
        gains.append((before - mean_cross_entropy(others, at_temperature(sharp, fitted))) / (before - best))
    assert np.mean(gains) > kept
