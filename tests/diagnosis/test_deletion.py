"""The deletion test: a right map wins, a wrong one loses, and a random one does neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from conftest import Simulated
from inkling.diagnosis.attribution.baselines import baseline_images, baseline_of
from inkling.diagnosis.deletion import FRACTIONS, STATED, _ranks, deletion_test
from inkling.errors import DataError
from inkling.networks.numpy.equations import softmax

WEIGHTS = np.random.default_rng(7).standard_normal((36, 3))


def linear(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    """A classifier whose right map is known: pixel times weight."""
    return softmax(images.reshape(len(images), -1) / 255 @ WEIGHTS)


def pictures(n: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return (rng.integers(1, 256, (n, 6, 6, 1)) * (rng.random((n, 6, 6, 1)) < 0.6)).astype(np.uint8)


def right_maps(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    weights = WEIGHTS[:, linear(images).argmax(axis=1)].T  # (N, 36)
    rest = (WEIGHTS.sum(axis=1)[np.newaxis] - weights) / 2
    return images[..., 0] / 255 * (weights - rest).reshape(-1, 6, 6)


def test_the_right_map_of_a_linear_classifier_beats_random_and_its_negative_loses() -> None:
    images = pictures(100)
    found = deletion_test(linear, images, right_maps(images))
    assert found.shown
    assert found.gain > 0.1
    assert found.by_map.probability[STATED] < found.at_random.probability[STATED] - 0.1
    assert found.verdict.startswith(
        "The attribution maps find the pixels that decide: removing the 10% of the non-black pixels"
    )
    before, after = found.by_map.probability[0], found.by_map.probability[STATED]
    assert f"from {before:.2f} to {after:.2f}" in found.verdict
    assert "(100 images)" in found.verdict
    opposite = deletion_test(linear, images, -right_maps(images))
    assert opposite.gain_interval is not None
    assert opposite.gain_interval.high < 0
    assert "The attribution maps are worse than random: " in opposite.verdict


def test_curves_begin_with_the_image_and_end_in_black() -> None:
    images, labels = pictures(50), np.arange(50) % 3
    found = deletion_test(linear, images, right_maps(images), labels=labels)
    intact = linear(images)
    for curve in (found.by_map, found.at_random):
        assert curve.probability[0] == pytest.approx(intact.max(axis=1).mean())
        assert curve.probability[-1] == pytest.approx(1 / 3)  # the classifier has no bias
        assert curve.accuracy is not None
        assert curve.accuracy[0] == pytest.approx(np.mean(intact.argmax(axis=1) == labels))
        assert curve.area == pytest.approx(np.trapezoid(curve.probability, FRACTIONS))
        assert curve.area_interval is not None
        assert curve.area_interval.low < curve.area < curve.area_interval.high
    assert found.gain == pytest.approx(found.at_random.area - found.by_map.area)


def test_a_map_that_only_finds_the_ink_gains_nothing() -> None:
    images = pictures(300)
    found = deletion_test(linear, images, (images[..., 0] > 0).astype(float))
    assert found.gain_interval is not None
    assert found.gain_interval.low < 0 < found.gain_interval.high
    assert not found.shown
    assert "No significant difference between the attribution maps and random orders: " in found.verdict


def test_random_maps_are_called_better_no_more_often_than_chance_allows(simulated: Simulated) -> None:
    images, rng = pictures(60), np.random.default_rng(3)
    outside = shown = 0
    for seed in range(200):
        found = deletion_test(linear, images, rng.random((60, 6, 6)), seed=seed)
        assert found.gain_interval is not None
        outside += not found.gain_interval.low <= 0 <= found.gain_interval.high
        shown += found.shown
    simulated("Random attribution maps are not called better than random", 1 - shown / 200, 200)
    assert outside / 200 <= 0.09  # 0.05 expected
    assert shown / 200 <= 0.06  # one side of it


def test_the_class_asked_about_is_followed_and_one_image_has_no_interval() -> None:
    images = pictures(1)
    found = deletion_test(linear, images, right_maps(images), targets=np.array([2]))
    assert found.by_map.probability[0] == pytest.approx(float(linear(images)[0, 2]))
    assert found.gain_interval is found.by_map.intervals is found.by_map.area_interval is None
    assert "the class asked about" in found.verdict
    assert "(1 image)" in found.verdict
    values = found.to_dict()
    assert values["fractions"] == list(FRACTIONS)
    assert values["by_map"]["accuracy"] is None


def test_a_black_image_has_nothing_to_remove() -> None:
    images = np.zeros((2, 6, 6, 1), np.uint8)
    found = deletion_test(linear, images, np.zeros((2, 6, 6)))
    assert found.gain == 0
    assert not found.shown
    assert found.by_map.probability == pytest.approx([1 / 3] * len(FRACTIONS))


def test_intervals_as_pairs_in_json() -> None:
    images = pictures(5)
    values = deletion_test(linear, images, right_maps(images)).to_dict()
    assert len(values["gain_interval"]) == len(values["by_map"]["area_interval"]) == 2
    assert np.array(values["by_map"]["intervals"]).shape == (len(FRACTIONS), 2)


def test_maps_that_do_not_fit_are_refused() -> None:
    images = pictures(2)
    with pytest.raises(DataError, match=r"found \(2, 6, 6, 1\) and \(2, 6, 5\)"):
        deletion_test(linear, images, np.zeros((2, 6, 5)))
    with pytest.raises(DataError, match="N at least 1"):
        deletion_test(linear, images[:0], np.zeros((0, 6, 6)))
    with pytest.raises(DataError, match="finite"):
        deletion_test(linear, images, np.full((2, 6, 6), np.nan))


def never_saw(kind: str, images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.floating[Any]]:
    if kind == "brightest":
        return images[..., 0].astype(float)
    if kind == "another":
        return np.roll(right_maps(images), 1, axis=0)
    return gaussian_filter(rng.standard_normal(images.shape[:3]), (0, 0.7, 0.7))


@pytest.mark.parametrize("kind", ["brightest", "another", "smooth"])
def test_maps_that_never_saw_the_network_do_not_pass(kind: str, simulated: Simulated) -> None:
    rng, shown = np.random.default_rng(5), 0
    for seed in range(100):
        images = pictures(60, seed)
        shown += deletion_test(linear, images, never_saw(kind, images, rng), seed=seed).shown
    simulated(f"An attribution map that never saw the network does not pass ({kind})", 1 - shown / 100, 100)
    assert shown / 100 <= 0.05


def test_a_map_that_beats_random_orders_only_is_not_said_to_find_what_decides() -> None:
    images = pictures(200)
    positive = np.abs(WEIGHTS).sum(axis=1)  # a classifier whose confidence is nothing but brightness

    def bright(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        scores = images.reshape(len(images), -1) / 255 @ positive / 30
        return softmax(np.stack([scores, -scores], axis=1))

    found = deletion_test(bright, images, images[..., 0].astype(float))
    assert found.gain_interval is not None
    assert found.gain_interval.low > 0
    assert "the brightest pixels first" in found.unbeaten
    assert not found.shown
    assert "not shown to be better than maps that never saw the network (the brightest pixels first" in found.verdict


def test_one_image_whose_map_loses_says_so() -> None:
    image = pictures(1)
    found = deletion_test(linear, image, -right_maps(image))
    assert found.gain < 0
    assert "Do not rely on it: over all fractions it does worse than random orders" in found.verdict


def test_photos_are_blurred_and_drawings_on_black_blackened() -> None:
    photos = np.random.default_rng(0).integers(30, 226, (20, 6, 6, 1)).astype(np.uint8)
    assert (baseline_of(photos), baseline_of(pictures(20))) == ("blurred", "black")
    emptied = baseline_images(photos, "blurred")
    assert emptied.std() < photos.std() / 2
    found = deletion_test(linear, photos, right_maps(photos))
    assert found.baseline == "blurred"
    assert "blurring the 10% of the pixels ranked highest" in found.verdict
    assert found.by_map.probability[-1] == pytest.approx(
        linear(emptied)[np.arange(20), linear(photos).argmax(axis=1)].mean()
    )
    assert "the pixels that change most first" in [control.name for control in found.controls]


def test_pixels_are_ranked_as_by_one_sort_of_all_with_ties_drawn() -> None:
    rng = np.random.default_rng(0)
    changes = rng.random((30, 6, 5)) < rng.random((30, 1, 1))
    changes[3] = False
    for scores in (rng.random(changes.shape), rng.integers(0, 3, changes.shape).astype(float), np.zeros(changes.shape)):
        ranks, counts = _ranks(changes, scores, np.random.default_rng(1))
        keys = np.where(changes, -scores, np.inf).reshape(30, -1)
        order = np.lexsort((np.random.default_rng(1).random(keys.shape), keys), axis=1)
        expected = order.argsort(axis=1).reshape(changes.shape)
        assert counts.tolist() == changes.sum(axis=(1, 2)).tolist()
        assert (ranks[changes] == expected[changes]).all()
        assert (ranks[~changes] >= 30).all()
    assert _ranks(np.zeros((2, 6, 5), bool), np.zeros((2, 6, 5)), rng)[1].tolist() == [0, 0]
