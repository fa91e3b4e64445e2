"""The estimators of scikit-learn: its own checks, forms of input, and what its tools do with them."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from command_line import inkling as command
from inkling import Perceptron, Run, TrainingSettings, load_images, train
from inkling.errors import InklingError, NetworkError, RunError, SettingsError
from inkling.sklearn import ConvNetClassifier, InputError, NetworkClassifier, PerceptronClassifier


@parametrize_with_checks([PerceptronClassifier(), NetworkClassifier()])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def digits() -> tuple[NDArray[np.uint8], NDArray[Any]]:
    splits = load_images("digits")
    return splits.train.images[..., 0], np.array(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )[splits.train.labels]


@pytest.fixture(scope="module")
def iris() -> tuple[NDArray[np.float64], NDArray[Any]]:
    x, y = load_iris(return_X_y=True)
    return x, y


# --- the same as the loop ----------------------------------------------------------------------------------------


def test_a_fit_on_images_is_the_training_of_the_command_line() -> None:
    splits = load_images("digits")
    network = Perceptron(splits.train.image_shape, 10, seed=3)
    settings = TrainingSettings(epochs=4, seed=3)
    records = list(train(network, splits, settings))
    fitted = PerceptronClassifier(epochs=4, learning_rate=0.5, random_state=3).fit(
        splits.train.images, splits.train.labels, X_val=splits.validation.images, y_val=splits.validation.labels
    )
    assert fitted.loss_curve_ == [record.train_loss for record in records]
    assert fitted.validation_curve_ == [record.validation_accuracy for record in records]
    for name, array in network.state().items():
        np.testing.assert_array_equal(array, fitted.network_.state()[name])
    np.testing.assert_array_equal(fitted.predict_proba(splits.test.images), network.predict_proba(splits.test.images))


# --- forms of input ----------------------------------------------------------------------------------------------


def test_all_forms_of_the_same_images_give_the_same_predictions(digits: Any) -> None:
    images, words = digits
    plain = PerceptronClassifier(epochs=3, random_state=0).fit(images, words)
    expected = plain.predict_proba(images)
    assert plain.image_shape_ == (8, 8, 1)
    assert plain.n_features_in_ == 64
    rows = images.reshape(len(images), -1)
    for form in (images[..., np.newaxis], images.astype(np.int64), list(images)):
        made = clone(plain).fit(form, words)
        np.testing.assert_array_equal(made.predict_proba(form), expected)
    first = clone(plain).set_params(channels_first=True).fit(images[:, np.newaxis], words)
    np.testing.assert_array_equal(first.predict_proba(images[:, np.newaxis]), expected)
    given = clone(plain).set_params(image_shape=(8, 8)).fit(rows, words)
    np.testing.assert_array_equal(given.predict_proba(images), expected)
    with pytest.warns(
        UserWarning, match=r"rows of 64 pixels are read as grey images of 8x8: give image_shape=\(8, 8\)"
    ):
        guessed = clone(plain).fit(rows, words)
    np.testing.assert_array_equal(guessed.predict_proba(rows), expected)
    floats = clone(plain).fit(images / 255, words)
    np.testing.assert_allclose(floats.predict_proba(images / 255), expected, atol=1e-5)
    np.testing.assert_allclose(floats.predict_proba(images), floats.predict_proba(images / 255), atol=1e-6)


def test_colours_with_channels_first_in_rows_are_put_in_order() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 4, 5, 3), np.uint8), np.arange(40) % 2
    last = PerceptronClassifier(epochs=2, random_state=0).fit(images, labels)
    first = np.moveaxis(images, -1, 1)
    rows = PerceptronClassifier(epochs=2, random_state=0, image_shape=(4, 5, 3), channels_first=True)
    rows.fit(first.reshape(40, -1), labels)
    np.testing.assert_array_equal(rows.predict_proba(first), last.predict_proba(images))
    with pytest.raises(InputError, match=r"channels stand first.*or channels_first=True"):
        PerceptronClassifier().fit(first, labels)


def test_floats_are_not_rounded_to_bytes() -> None:
    x = np.linspace(0.5, 0.5 + 1 / 512, 40).reshape(40, 1, 1)  # all the same byte
    labels = (np.arange(40) >= 20).astype(int)
    images = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    fitted = PerceptronClassifier(epochs=2, random_state=0).fit(images, labels)
    assert len(np.unique(fitted.predict_proba(images)[:, 0])) > 1
    rows = PerceptronClassifier(random_state=0).fit(images.reshape(40, -1), labels)
    assert rows.score(images.reshape(40, -1), labels) > 0.9


def test_features_of_any_range_are_standardised(iris: Any) -> None:
    x, y = iris
    plain = PerceptronClassifier(random_state=0).fit(x, y)
    moved = PerceptronClassifier(random_state=0).fit(1e4 + 1e-3 * x, y)
    assert plain.image_shape_ is None
    assert plain.score(x, y) > 0.9
    np.testing.assert_allclose(moved.predict_proba(1e4 + 1e-3 * x), plain.predict_proba(x), atol=1e-4)


def test_tables_have_their_names(iris: Any) -> None:
    x, y = iris
    table = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    fitted = PerceptronClassifier(epochs=2, random_state=0).fit(table, y)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(table[["b", "a", "c", "d"]])


@pytest.mark.parametrize(
    ("estimator", "x", "message"),
    [
        (PerceptronClassifier(), np.full((10, 3, 3), 2.0), r"expected pixels as floats in 0..1 .* found 0..2"),
        (PerceptronClassifier(), np.full((10, 3, 3), 300), r"integers must lie in 0..255, found 300..300"),
        (PerceptronClassifier(), np.zeros((10, 3, 3, 7)), r"expected shape \(N, H, W\) or \(N, H, W, C\)"),
        (PerceptronClassifier(image_shape=(2, 4)), np.zeros((10, 9)), r"is \(2, 4, 1\), 8 numbers an image, found"),
        (PerceptronClassifier(image_shape=3), np.zeros((10, 9)), r"image_shape is \(height, width\) or"),
        (PerceptronClassifier(recipe="strong"), np.zeros((10, 9)), r"'strong' alters pictures, and rows of 9"),
    ],
)  # fmt: skip
def test_what_is_no_input_is_said_in_a_line(estimator: Any, x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        estimator.fit(x, np.arange(10) % 2)
    assert isinstance(raised.value, InklingError)
    assert isinstance(raised.value, ValueError)
    assert "\n" not in str(raised.value)


def test_images_of_another_shape_are_refused(digits: Any) -> None:
    images, words = digits
    fitted = PerceptronClassifier(epochs=1).fit(images, words)
    with pytest.raises(InputError, match=r"expected images of shape \(8, 8, 1\), found \(4, 16, 1\)"):
        fitted.predict(images.reshape(-1, 4, 16))


def test_settings_and_names_are_checked(iris: Any) -> None:
    x, y = iris
    with pytest.raises(SettingsError, match="epochs must be 1 or more"):
        PerceptronClassifier(epochs=0).fit(x, y)
    with pytest.raises(SettingsError, match="no recipe of the perceptron is called"):
        PerceptronClassifier(recipe="nothing").fit(x, y)
    with pytest.raises(NetworkError, match=r"called 'cnnn' \(did you mean 'cnn'\?\): choose from .* NetworkClassifier"):
        ConvNetClassifier("cnnn").fit(x, y)
    with pytest.raises(InputError, match="give both or neither"):
        PerceptronClassifier().fit(x, y, X_val=x)


OWN = """
import numpy as np

class Softmax:
    def __init__(self, image_shape, n_classes):
        self.parameters = {"W": np.zeros((int(np.prod(image_shape)), n_classes)), "b": np.zeros(n_classes)}

    def forward(self, x):
        return x @ self.parameters["W"] + self.parameters["b"]

    def gradients(self, x, targets):
        a = self.forward(x)
        p = np.exp(a - a.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        chosen = np.arange(len(x)), targets
        loss = -np.log(p[chosen]).mean()
        p[chosen] -= 1
        return loss, {"W": x.T @ p / len(x), "b": p.mean(axis=0)}
"""


def test_a_numpy_class_of_ones_own_takes_images_floats_and_features(digits: Any, iris: Any, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    images, words = digits
    estimator = NetworkClassifier(f"{tmp_path / 'own.py'}:Softmax", epochs=5, random_state=0)
    of_bytes = clone(estimator).fit(images, words)
    of_floats = clone(estimator).fit(images / 255, words)
    np.testing.assert_allclose(of_floats.predict_proba(images / 255), of_bytes.predict_proba(images), atol=1e-6)
    features, labels = iris
    assert clone(estimator).fit(features, labels, sample_weight=1 + labels).score(features, labels) > 0.8
    stopped = clone(estimator).set_params(early_stopping=True).fit(images[:700], words[:700])
    stopped.save(tmp_path / "run", images[:700], words[:700], images[700:], words[700:])
    back = NetworkClassifier.from_run(tmp_path / "run")
    np.testing.assert_array_equal(back.predict_proba(images), stopped.predict_proba(images))


# --- learning ----------------------------------------------------------------------------------------------------


def test_early_stopping_holds_rows_out_and_keeps_the_best_epoch(digits: Any) -> None:
    images, words = digits
    fitted = PerceptronClassifier(early_stopping=True, patience=2, epochs=50, random_state=0).fit(images, words)
    curve = fitted.validation_curve_
    assert curve is not None
    assert len(curve) == fitted.n_iter_ == len(fitted.loss_curve_) < 50
    assert curve[fitted.best_epoch_ - 1] == max(curve)
    held_out = fitted.validation_indices_
    assert len(held_out) == round(0.1 * len(images) + 0.5)
    assert fitted.score(images[held_out], words[held_out]) == max(curve)


def test_without_validation_there_is_no_curve_and_the_last_epoch_is_kept(iris: Any) -> None:
    x, y = iris
    fitted = PerceptronClassifier(epochs=5, random_state=0).fit(x, y)
    assert fitted.validation_curve_ is None
    assert fitted.validation_indices_ is None
    assert fitted.best_epoch_ == fitted.n_iter_ == 5


def test_partial_fit_goes_on_epoch_by_epoch(iris: Any) -> None:
    x, y = iris
    whole = PerceptronClassifier(epochs=5, momentum=0.9, learning_rate=0.5, random_state=0).fit(x, y)
    parts = clone(whole)
    for _ in range(5):
        parts.partial_fit(x, y, classes=[0, 1, 2])
    assert parts.n_iter_ == 5
    assert parts.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(parts.predict_proba(x), whole.predict_proba(x))
    with pytest.raises(InputError, match="classes are not those of the first call"):
        parts.partial_fit(x, y, classes=[0, 1])
    with pytest.raises(InputError, match=r"expected labels among the classes \[0 1 2\], found .*3"):
        parts.partial_fit(x, y + 1)


def test_warm_start_goes_on_from_the_weights(iris: Any) -> None:
    x, y = iris
    cold = PerceptronClassifier(epochs=10, random_state=0).fit(x, y)
    loss = cold.loss_curve_[-1]
    warm = clone(cold).set_params(warm_start=True).fit(x, y).fit(x, y)
    assert warm.loss_curve_[-1] < loss
    assert cold.fit(x, y).loss_curve_[-1] == loss


def test_weights_of_classes_and_rows_count(iris: Any) -> None:
    x, y = iris
    keep = (y != 2) | (np.arange(len(y)) % 5 == 0)
    x, y = x[keep], y[keep]
    plain = PerceptronClassifier(random_state=0, epochs=15).fit(x, y)
    balanced = clone(plain).set_params(class_weight="balanced").fit(x, y)
    assert (balanced.predict(x) == 2).sum() > (plain.predict(x) == 2).sum()
    without = clone(plain).fit(x[y != 2], y[y != 2])
    weights = (y != 2).astype(float)
    zero = clone(plain).fit(x, y, sample_weight=weights)
    assert set(zero.predict(x[y != 2])) <= {0, 1}
    assert without.score(x[y != 2], y[y != 2]) == zero.score(x[y != 2], y[y != 2])
    for wrong in ([1.0], np.full(len(y), -1.0), np.zeros(len(y))):
        with pytest.raises(InputError, match="sample weight"):
            clone(plain).fit(x, y, sample_weight=wrong)


# --- scikit-learn's tools ----------------------------------------------------------------------------------------


def test_search_validation_calibration_and_pipelines_work(iris: Any) -> None:
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    estimator = PerceptronClassifier(random_state=0)
    search = GridSearchCV(estimator, {"hidden": [4, 16], "learning_rate": [0.5, 2.0]}, cv=3).fit(x, names)
    assert search.best_score_ > 0.9
    assert cross_val_score(estimator, x, names, cv=3).mean() > 0.9
    calibrated = CalibratedClassifierCV(estimator, cv=3).fit(x, names)
    assert calibrated.score(x, names) > 0.8
    pipeline = make_pipeline(MinMaxScaler(), estimator).fit(x, names)
    assert pipeline.score(x, names) > 0.9


def test_images_can_be_searched_and_calibrated(digits: Any) -> None:
    images, words = digits
    estimator = PerceptronClassifier(epochs=5, random_state=0)
    assert GridSearchCV(estimator, {"hidden": [8, 64]}, cv=3).fit(images, words).best_params_ == {"hidden": 64}
    assert CalibratedClassifierCV(estimator, cv=3).fit(images, words).predict_proba(images).shape == (len(images), 10)


@pytest.mark.parametrize("store", ["pickle", "joblib"])
def test_an_estimator_is_stored_and_goes_on(iris: Any, store: str) -> None:
    x, y = iris
    fitted = PerceptronClassifier(epochs=3, momentum=0.9, learning_rate=0.5, random_state=0).fit(x, y)
    if store == "pickle":
        copy = pickle.loads(pickle.dumps(fitted))
    else:
        file = io.BytesIO()
        joblib.dump(fitted, file)
        copy = joblib.load(file)
    np.testing.assert_array_equal(copy.predict_proba(x), fitted.predict_proba(x))
    assert copy.partial_fit(x, y).loss_curve_ == fitted.partial_fit(x, y).loss_curve_


def test_a_notebook_shows_the_layers(iris: Any) -> None:
    x, y = iris
    estimator = PerceptronClassifier(hidden=5, epochs=1)
    assert "parameters in" not in estimator._repr_html_()
    bundle = estimator.fit(x, y)._repr_mimebundle_()
    for html in (bundle["text/html"], estimator._repr_html_()):
        assert "43 parameters in 6 layers" in html  # 4 * 5 + 5 + 5 * 3 + 3
        assert "standardised features" in html
        assert "https://scikit-learn.org" not in html


def test_verbose_prints_epochs_and_the_time_left(iris: Any, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = iris
    PerceptronClassifier(epochs=2, verbose=1, early_stopping=True, random_state=0).fit(x, y)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("PerceptronClassifier: epoch 1/2, loss ")
    assert "validation accuracy" in first
    assert first.endswith("s left")
    assert second.endswith("s in all")


def test_verbose_2_tells_how_far_an_epoch_is(
    digits: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inkling.training.progress.SECONDS", 0.0)
    images, words = digits
    PerceptronClassifier(epochs=1, verbose=2, random_state=0).fit(images, words)
    out = capsys.readouterr().out
    assert "\rPerceptronClassifier: epoch 1/1, training 256 of 1,077" in out
    assert out.endswith("s in all\n")


# --- runs --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(digits: Any) -> tuple[Any, ...]:
    images, words = digits
    return images[:700], words[:700], images[700:], words[700:]


def test_a_fitted_estimator_becomes_a_run_and_a_run_an_estimator(parts: Any, tmp_path: Path) -> None:
    x, y, x_test, y_test = parts
    fitted = PerceptronClassifier(hidden=20, epochs=5, early_stopping=True, random_state=1).fit(x, y)
    run = fitted.save(tmp_path / "run", x, y, x_test, y_test)
    assert run.finished
    splits = run.subset(run.load_images())  # the images in the folder are those of the fingerprint
    assert len(splits.validation) == len(fitted.validation_indices_)
    np.testing.assert_array_equal(run.predictions("test").probabilities, fitted.predict_proba(x_test))
    assert run.history()[fitted.best_epoch_ - 1]["validation_accuracy"] == max(fitted.validation_curve_)
    back = PerceptronClassifier.from_run(tmp_path / "run")
    np.testing.assert_array_equal(back.classes_, fitted.classes_)
    np.testing.assert_array_equal(back.predict(x_test), fitted.predict(x_test))
    assert back.validation_curve_ == fitted.validation_curve_
    assert back.get_params()["hidden"] == 20
    again = clone(back).fit(x, y)
    np.testing.assert_array_equal(again.predict_proba(x_test), fitted.predict_proba(x_test))
    assert back.partial_fit(x, y).n_iter_ == fitted.n_iter_ + 1
    assert NetworkClassifier.from_run(run).get_params()["options"] == {"hidden": 20}
    with pytest.raises(NetworkError, match=r"the network of the run is perceptron: use NetworkClassifier.from_run"):
        ConvNetClassifier.from_run(run)


def test_commands_work_on_a_saved_estimator(parts: Any, tmp_path: Path) -> None:
    x, y, x_test, y_test = parts
    for hidden in (8, 32):
        estimator = PerceptronClassifier(hidden, epochs=3, early_stopping=True, random_state=1).fit(x / 255, y)
        estimator.save(tmp_path / f"run{hidden}", x / 255, y, x_test / 255, y_test)
    runs = [str(tmp_path / "run8"), str(tmp_path / "run32")]
    for words in (
        ["evaluate", runs[0]],
        ["compare", *runs],
        ["report", runs[0], "--out", str(tmp_path / "report.html")],
    ):
        done = command(*words)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_run_of_a_command_becomes_an_estimator_with_numbers_as_classes(tmp_path: Path) -> None:
    done = command("train", "digits", "--network", "perceptron", "--epochs", 2, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    estimator = PerceptronClassifier.from_run(tmp_path / "run")
    splits = load_images("digits")
    assert estimator.classes_.tolist() == list(range(10))
    assert estimator.n_iter_ == 2
    np.testing.assert_array_equal(
        estimator.predict_proba(splits.test.images), Run(tmp_path / "run").predict(splits.test.images)
    )


def test_what_cannot_become_a_run_is_said(parts: Any, iris: Any, tmp_path: Path) -> None:
    x, y, x_test, y_test = parts
    features, labels = iris
    with pytest.raises(InputError, match="was fitted on plain features, and a run holds images"):
        PerceptronClassifier(epochs=1).fit(features, labels).save(tmp_path / "a", features, labels, features, labels)
    plain = PerceptronClassifier(epochs=1).fit(x, y)
    with pytest.raises(InputError, match="fit with early_stopping=True, or give X_val and y_val"):
        plain.save(tmp_path / "a", x, y, x_test, y_test)
    stopped = PerceptronClassifier(epochs=1, early_stopping=True).fit(x, y)
    with pytest.raises(InputError, match="expected the rows that fit was given"):
        stopped.save(tmp_path / "a", x[:9], y[:9], x_test, y_test)
    assert list(tmp_path.iterdir()) == []
    stopped.save(tmp_path / "a", x, y, x_test, y_test)
    with pytest.raises(RunError, match="holds a run already"):
        stopped.save(tmp_path / "a", x, y, x_test, y_test)
