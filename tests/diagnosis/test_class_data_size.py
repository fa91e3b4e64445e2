"""How many more images of which class: laws that are known, what is said where nothing is shown, and the section."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Simulated
from inkling.diagnosis.class_data_size import ClassDataSize, fit_class_curves
from inkling.errors import DataError
from inkling.report.gather import gather
from inkling.report.page import build_report
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study

SIZES = np.array([25, 50, 100, 200, 400, 800])


def study(
    errors: dict[str, tuple[float, float]], n_test: int = 100_000, sizes: NDArray[np.int64] = SIZES
) -> ClassDataSize:
    """Classes of exact laws, each given by its error at the largest size and its exponent, in three seeds."""
    last, b = (np.array(part) for part in zip(*errors.values(), strict=True))
    misses = [np.repeat(np.round(n_test * last * (size / sizes[-1]) ** -b).astype(int)[None], 3, axis=0)
              for size in sizes]  # fmt: skip
    counts = np.repeat(sizes[:, np.newaxis], len(errors), axis=1)
    found = fit_class_curves(counts, misses, np.full(len(errors), n_test), list(errors))
    assert found is not None
    return found


def test_known_laws_are_found_and_the_class_that_gains_most_is_named() -> None:
    found = study({"steep": (0.03, 1.0), "low": (0.01, 0.3), "flat": (0.03, 0.02)})
    steep, _, flat = found.classes
    assert found.more == 100
    assert steep.at_twice == pytest.approx(0.015, rel=0.01)
    assert steep.to_halve == pytest.approx(800, rel=0.02)
    assert steep.gain == pytest.approx(0.03 - 0.03 * 800 / 900, rel=0.02)
    assert steep.to_halve_interval.low < 800 < steep.to_halve_interval.high
    assert found.gains_most is steep
    assert found.halved is steep
    assert not flat.halving_shown
    assert "Class steep would gain most from its next 100 images: its error would fall by 0.3" in found.verdict
    assert "To halve the error of class steep (3.00% of 100,000 test images), it takes about 80" in found.verdict
    assert found.verdict.count("if the power law goes on") == 2
    assert "images of one class alone may do less" in found.verdict
    json.dumps(found.to_dict(), allow_nan=False)


def test_equal_classes_are_not_told_apart(simulated: Simulated) -> None:
    rng, times, named = np.random.default_rng(0), 30, 0
    sizes = np.array([50, 200, 1000])
    for _ in range(times):
        misses = [rng.binomial(100, 0.1 * (size / 1000) ** -0.4, (2, 4)) for size in sizes]
        found = fit_class_curves(np.repeat(sizes[:, None], 4, axis=1), misses, np.full(4, 100), list("abcd"))
        assert found is not None
        named += found.gains_most is not None
    simulated("One of 4 equal classes is said to gain most from more images", named / times, times)
    assert named <= 0.05 * times + 2 * (0.05 * 0.95 * times) ** 0.5
    assert "Which class would gain most from its next 100 images is not shown" in found.verdict


def test_classes_without_mistakes_or_images_are_no_obstacle() -> None:
    counts = np.array([[10, 10, 5], [20, 20, 5], [40, 40, 5]])
    misses = [np.array([[0, 3, 1]]), np.array([[0, 2, 1]]), np.array([[0, 1, 1]])]
    found = fit_class_curves(counts, misses, np.array([20, 20, 5]), ["never", "some", "stays"])
    assert found is not None
    assert [each.name for each in found.classes] == ["never", "some"]
    assert found.more == 40
    assert found.gains_most is None
    assert found.halved is None
    assert "is shown for none of them" in found.verdict
    json.dumps(found.to_dict(), allow_nan=False)
    assert fit_class_curves(counts[:, 2:], [of[:, 2:] for of in misses], np.array([5]), ["stays"]) is None


def test_a_class_whose_law_misses_its_last_point_is_not_compared() -> None:
    found = study({"steep": (0.03, 1.0), "low": (0.01, 0.3)})
    counts = np.repeat(SIZES[:, None], 2, axis=1)
    errors = [0.4, 0.2, 0.1, 0.05, 0.025, 0.3]
    misses = [np.array([[round(100_000 * error), 1000]] * 3) for error in errors]
    missed = fit_class_curves(counts, misses, np.full(2, 100_000), ["jumps", "same"])
    assert missed is not None
    assert not missed.classes[0].forecasts
    assert "the power law holds for fewer than two classes" in missed.verdict
    assert missed.to_dict()["classes"][0]["gain"] is None
    assert found.to_dict()["gains_most"] == "steep"


@pytest.mark.parametrize(
    ("counts", "misses", "tested"),
    [
        (np.ones((2, 3), int), [np.zeros((1, 3), int)] * 2, np.ones(3, int)),
        (np.ones((3, 3), int), [np.zeros((1, 3), int)] * 2, np.ones(3, int)),
        (np.ones((3, 3), int), [np.zeros((1, 2), int)] * 3, np.ones(3, int)),
        (np.ones((3, 3), int), [np.full((1, 3), 2)] * 3, np.ones(3, int)),
        (np.ones(3, int), [np.zeros((1, 3), int)] * 3, np.ones(3, int)),
    ],
)
def test_counts_that_do_not_fit_are_refused(
    counts: NDArray[np.int64], misses: list[NDArray[np.int64]], tested: NDArray[np.int64]
) -> None:
    with pytest.raises(DataError, match="learning curves of classes"):
        fit_class_curves(counts, misses, tested, list("abc"))


def test_the_report_has_a_line_for_each_class(tmp_path: Path) -> None:
    run_study(StudyPlan.from_recipe("digits", ["perceptron"], (60, 200, 600), (0, 1), epochs=20), tmp_path / "study")
    content = gather(tmp_path / "study")["data-size"]
    assert len(content.classes.classes) == 10
    assert sum(each.images for each in content.classes.classes) == 600
    page = build_report(tmp_path / "study")
    words = " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())
    assert "Which class, and how many more images: the perceptron" in words
    assert "images of one class alone may do less, or harm another" in words
