"""What is no probability never becomes a diagnosis: each function that takes probabilities says what is wrong."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import inkling.diagnosis
from inkling.diagnosis.accuracy import evaluate, evaluate_predictions
from inkling.diagnosis.calibration import diagnose_calibration, measure_calibration
from inkling.diagnosis.comparison import compare_over_seeds, compare_predictions
from inkling.diagnosis.data_size_effect import compare_sizes
from inkling.diagnosis.deletion import deletion_test
from inkling.diagnosis.label_errors import diagnose_labels, find_label_errors
from inkling.diagnosis.label_noise import without_noise
from inkling.diagnosis.labelling_order import decision_margins, labelling_order
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.diagnosis.prediction_sets import calibrate_sets, measure_sets
from inkling.diagnosis.risk_coverage import risk_coverage
from inkling.diagnosis.shift import plain_features
from inkling.errors import DataError
from inkling.images.dataset import ImageDataset
from inkling.metrics.temperature import at_temperature, fit_temperature

N, NAMES = 40, ("cat", "dog", "owl")
LABELS = np.arange(N) % 3
FINE = np.full((N, 3), 0.1, np.float32) + 0.7 * np.eye(3, dtype=np.float32)[LABELS]
IMAGES = np.full((N, 2, 2, 1), 9, np.uint8)
MAPS = np.ones((N, 2, 2))


class Fixed:
    """A classifier that gives the same answer always."""

    image_shape, n_classes = (2, 2, 1), 3

    def __init__(self, probabilities: NDArray[Any]) -> None:
        self.probabilities = probabilities

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        return self.probabilities[: len(images)]


Diagnose = Callable[[NDArray[np.int64], NDArray[Any]], object]
DIAGNOSES: dict[str, Diagnose] = {
    "evaluate": lambda y, p: evaluate(Fixed(p), ImageDataset(IMAGES, y, NAMES)),
    "evaluate_predictions": lambda y, p: evaluate_predictions(y, p, NAMES),
    "measure_calibration": measure_calibration,
    "diagnose_calibration": lambda y, p: diagnose_calibration(y, p, 2.0),
    "risk_coverage": risk_coverage,
    "compare_predictions": lambda y, p: compare_predictions(y, FINE, p),
    "compare_over_seeds": lambda y, p: compare_over_seeds(y, [FINE, FINE], [FINE, p]),
    "compare_sizes": lambda y, p: compare_sizes(10, [p], 20, [FINE], y),
    "worst_mistakes": worst_mistakes,
    "diagnose_labels": diagnose_labels,
    "find_label_errors": find_label_errors,
    "without_noise": without_noise,
    "deletion_test": lambda y, p: deletion_test(lambda images: p[: len(images)], IMAGES, MAPS, labels=y),
    "calibrate_sets": lambda y, p: calibrate_sets(y, p, 0.9),
    "measure_sets": lambda y, p: measure_sets(y, p, calibrate_sets(LABELS, FINE, 0.9)),
    "decision_margins": lambda y, p: decision_margins(p),
    "labelling_order": lambda y, p: labelling_order(p, IMAGES, 5),
    "plain_features": lambda y, p: plain_features(IMAGES, p),
    "fit_temperature": fit_temperature,
    "at_temperature": lambda y, p: at_temperature(p, 2.0),
}


def changed(value: float) -> NDArray[np.float32]:
    """Probabilities of which one number of one image is another."""
    other = FINE.copy()
    other[7, 1] = value
    return other


LOGITS = np.log(FINE) * 3 + 5
BAD: dict[str, tuple[NDArray[Any], str]] = {
    "logits": (LOGITS, "from 0 to 1, found values from .* apply softmax to logits"),
    "small logits": (np.full((N, 3), 0.9, np.float32), r"sum to 1, found 2\.7 for image 0: apply softmax to logits"),
    "NaN": (changed(np.nan), r"finite probabilities.* 1 of 40 images, first for image 7: check the network's weights"),
    "infinity": (changed(np.inf), "finite probabilities, found NaN or infinity"),
    "negative": (changed(-0.2), r"from 0 to 1, found values from -0\.2"),
    "a sum of 1.01": (changed(0.81), r"sum to 1, found 1\.01 for image 7"),
    "text": (FINE.astype(str), "a NumPy array of numbers"),
}


@pytest.mark.parametrize("diagnose", DIAGNOSES.values(), ids=DIAGNOSES)
@pytest.mark.parametrize(("probabilities", "message"), BAD.values(), ids=BAD)
def test_what_is_no_probability_is_refused_by_each(
    diagnose: Diagnose, probabilities: NDArray[Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        diagnose(LABELS, probabilities)


@pytest.mark.parametrize("diagnose", DIAGNOSES.values(), ids=DIAGNOSES)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rounded_probabilities_are_taken_by_each(diagnose: Diagnose, kind: type) -> None:
    diagnose(LABELS, FINE.astype(kind))


WITHOUT_LABELS = {"at_temperature", "decision_margins", "deletion_test", "labelling_order", "plain_features"}


@pytest.mark.parametrize("name", sorted(DIAGNOSES.keys() - WITHOUT_LABELS))
def test_what_does_not_belong_to_the_labels_is_refused_by_each(name: str) -> None:
    diagnose = DIAGNOSES[name]
    with pytest.raises(DataError, match="of the same images, N at least 1" if name != "evaluate" else "labels"):
        diagnose(LABELS, FINE[:-1])
    if name != "evaluate":  # a data set checks its own labels
        with pytest.raises(DataError, match=r"expected labels in 0\.\.2"):
            diagnose(LABELS + 1, FINE)
        with pytest.raises(DataError, match="labels as whole numbers, found float64"):
            diagnose(LABELS.astype(np.float64), FINE)


@pytest.mark.parametrize("name", ["evaluate", "evaluate_predictions"])
def test_more_columns_than_class_names_are_refused(name: str) -> None:
    wider = np.concatenate([FINE, np.zeros((N, 1), np.float32)], axis=1)
    with pytest.raises(DataError, match="3 classes, one column for each class name, found 4 columns"):
        DIAGNOSES[name](LABELS, wider)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_is_above_zero(temperature: float) -> None:
    with pytest.raises(DataError, match="a temperature above 0"):
        diagnose_calibration(LABELS, FINE, temperature)


def test_no_diagnosis_is_forgotten() -> None:
    """Every public function of the package with a parameter of probabilities is in the table above."""
    taking = set()
    for module in pkgutil.iter_modules(inkling.diagnosis.__path__, "inkling.diagnosis."):
        members = vars(importlib.import_module(module.name)).values()
        for member in members:
            if inspect.isfunction(member) and member.__module__ == module.name and not member.__name__.startswith("_"):
                parameters = inspect.signature(member).parameters
                if any("proba" in parameter or parameter == "classifier" for parameter in parameters):
                    taking.add(member.__name__)
    assert taking == DIAGNOSES.keys() - {"fit_temperature", "at_temperature"}


def test_a_network_that_is_wrong_on_most_images_says_nothing_of_labels() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(360) % 10
    # One that has hardly learnt: all classes about as probable, two of them favoured whatever the image.
    probabilities = rng.dirichlet(np.full(10, 400.0), 360)
    probabilities[:, [2, 9]] += 0.02
    found = diagnose_labels(labels, probabilities / probabilities.sum(axis=1, keepdims=True))
    assert found.weak
    assert found.flagged == 0
    assert not any(error.flagged for error in found.errors)
    assert found.verdict.startswith("No wrong labels are shown: the network predicts ")
    assert found.verdict.endswith(" of 360 labels, and one that is wrong on most images is no evidence against them.")
