"""Rejecting the least confident images: errors by hand, and what the verdict claims of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conftest import calibrated
from inkling.diagnosis.risk_coverage import REJECTED, risk_coverage


def test_rejecting_the_least_confident() -> None:
    confidence = np.linspace(0.99, 0.5, 200)
    labels = np.zeros(200, np.int64)
    labels[190:] = 1  # the least confident tenth is half wrong
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    found = risk_coverage(labels, probabilities)
    assert found.at(0).error == pytest.approx(10 / 200)
    assert (found.at(0.1).error, found.at(0.1).kept) == (0, 180)
    assert found.at(0.025).error == pytest.approx(5 / 195)
    assert found.area == pytest.approx(sum(k / (190 + k) for k in range(1, 11)) / 200)
    assert "lowers the error rate: 0.0% [0.0, 2.1] instead of 5.0% (n = 180 of 200)" in found.verdict


def test_rejecting_at_random_changes_nothing() -> None:
    labels = np.arange(1000) % 4 // 3  # a quarter wrong, all of the same confidence
    found = risk_coverage(labels, np.tile([[0.6, 0.4]], (1000, 1)))
    assert {round(one.error, 9) for one in found.points} == {0.25}
    assert found.area == pytest.approx(0.25)
    assert "does not lower the error rate: 25.0% [" in found.verdict


def test_where_nothing_is_wrong_rejecting_changes_nothing() -> None:
    found = risk_coverage(np.zeros(40, np.int64), np.tile([[0.9, 0.1]], (40, 1)))
    assert found.verdict == "None of the 40 test images is misclassified: rejecting some changes nothing."


def test_json_values_of_the_curve() -> None:
    found = risk_coverage(*calibrated(np.random.default_rng(6), 300))
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["verdict"] == found.verdict
    assert len(values["rejected"]) == len(values["error"]) == len(REJECTED)
    assert values["error"][0] == pytest.approx(found.at(0).error)
