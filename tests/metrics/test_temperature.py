"""Temperature scaling: a known temperature is found again, and the order of the classes stays."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import calibrated
from inkling.metrics.temperature import at_temperature, entropy_p_value, fit_temperature


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
