"""What stands for the training set after an epoch: all of it, or a sample that is the same for every epoch and seed."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.images.dataset import ImageDataset
from inkling.training import measuring
from inkling.training.examples import FeatureDataset


def images_of(n: int) -> ImageDataset:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    return ImageDataset(rng.integers(0, 256, (n, 2, 2, 1), dtype=np.uint8), labels, ("a", "b", "c"))


def test_a_small_set_is_measured_whole() -> None:
    dataset = images_of(30)
    assert measuring.sample_to_measure(dataset) is dataset


def test_of_a_large_set_a_stratified_sample_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SAMPLE", 9)
    monkeypatch.setattr(measuring, "LARGE", 18)
    dataset = images_of(30)
    sample = measuring.sample_to_measure(dataset)
    assert np.bincount(sample.labels).tolist() == [3, 3, 3]
    again = measuring.sample_to_measure(dataset)
    np.testing.assert_array_equal(sample.images, again.images)
    features = dataset.images.reshape(30, 4).astype(np.float32)
    of_features = measuring.sample_to_measure(FeatureDataset(features, dataset.labels, 3))
    np.testing.assert_array_equal(of_features.images, sample.images.reshape(9, 4))


def test_the_sample_holds_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SAMPLE", 2)
    monkeypatch.setattr(measuring, "LARGE", 4)
    assert set(measuring.sample_to_measure(images_of(30)).labels) == {0, 1, 2}
