"""Is new data like the old: false alarms by simulation, and what is found where there is a difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from command_line import inkling, last_json
from inkling.diagnosis.network_features import network_features, sees_features
from inkling.diagnosis.run_shift import compare_splits
from inkling.diagnosis.shift import learn_familiarity, plain_features, two_sample_test
from inkling.errors import DataError
from inkling.images.sources.digits import load_digits
from inkling.networks.catalogue import build_network
from inkling.networks.ensemble import Ensemble
from inkling.runs.execute import RunPlan, train_run
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe


def test_fields_are_means_by_hand() -> None:
    image = np.zeros((1, 16, 16, 1), np.uint8)
    image[0, :2, :2] = 255
    image[0, 14, 15] = 51
    features = plain_features(image)
    assert features.shape == (1, 64)
    assert features[0, 0] == 1
    assert features[0, 63] == pytest.approx(0.05)
    assert features[0].sum() == pytest.approx(1.05)
    with_answers = plain_features(image[:, :5, :3], np.array([[1.0, 0.0]]))
    assert with_answers.shape == (1, 15 + 2)
    assert with_answers[0, -1] == pytest.approx(np.log(1e-6))


@pytest.mark.parametrize("n", [20, 60])
def test_sets_of_one_source_are_not_told_apart(n: int) -> None:
    rng = np.random.default_rng(n)
    alarms = sum(two_sample_test(rng.normal(size=(n, 10)), rng.normal(size=(2 * n, 10))).shown for _ in range(150))
    assert alarms <= 0.05 * 150 + 2 * (150 * 0.05 * 0.95) ** 0.5


def test_another_source_is_told_apart_and_its_most_unlike_images_named() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(300, 5)), rng.normal(size=(300, 5))
    new[100:, 0] += 2
    new[217, 0] += 20
    found = two_sample_test(old, new)
    assert found.shown
    assert found.unlike[0] == 217
    assert found.verdict().startswith("The new images differ from the old: a classifier tells them apart with accuracy")
    assert found.to_dict()["p_value"] < 0.001
    same = two_sample_test(old, rng.normal(size=(300, 5)))
    assert same.unlike == ()
    assert same.verdict().startswith("No difference between the new images and the old is shown: ")


def test_the_same_images_twice_are_no_difference() -> None:
    features = np.random.default_rng(1).normal(size=(100, 5))
    assert not two_sample_test(features, features).shown


def test_few_images_are_not_tested_and_other_features_refused() -> None:
    assert two_sample_test(np.zeros((500, 3)), np.zeros((19, 3))) is None
    with pytest.raises(DataError, match="shapes"):
        two_sample_test(np.zeros((30, 3)), np.zeros((30, 4)))


def test_single_images_are_unlike_as_seldom_as_said() -> None:
    rng = np.random.default_rng(2)
    low = []
    for _ in range(100):
        familiarity = learn_familiarity(rng.normal(size=(60, 4)), rng.normal(size=(39, 4)))
        low.append(np.mean(familiarity.p_values(rng.normal(size=(50, 4))) <= 0.05))
    assert np.mean(low) == pytest.approx(0.05, abs=0.015)
    assert familiarity.p_values(np.full((1, 4), 9.0))[0] == pytest.approx(1 / 40)


def test_commands_say_what_is_unlike(tmp_path: Path) -> None:
    digits = load_digits()
    plan = RunPlan("digits", "perceptron", recipe("reference", epochs=5), 300)
    for _ in train_run(plan, digits, tmp_path / "run"):
        pass
    own = last_json(inkling("evaluate", tmp_path / "run", "--data", "digits", "--json"))
    assert own["shift"] is None
    assert own["own_test_images"] is True
    # Digits that the run has not been trained on, as they are and inverted.
    others = digits.validation
    np.savez(
        tmp_path / "like.npz",
        **{f"x_{part}": others.images[:, :, :, 0] for part in ("train", "test")},
        **{f"y_{part}": others.labels for part in ("train", "test")},
    )
    like_them = last_json(inkling("evaluate", tmp_path / "run", "--data", tmp_path / "like.npz", "--json"))
    assert like_them["shift"]["shown"] is False
    test = digits.test
    np.savez(
        tmp_path / "new.npz",
        **{f"x_{part}": 255 - test.images[:, :, :, 0] for part in ("train", "test")},
        **{f"y_{part}": test.labels for part in ("train", "test")},
    )
    found = last_json(inkling("evaluate", tmp_path / "run", "--data", tmp_path / "new.npz", "--json"))["shift"]
    assert found["shown"] is True
    assert len(found["unlike"]) == 5
    assert "Most unlike: test image" in inkling("evaluate", tmp_path / "run", "--data", tmp_path / "new.npz").stdout

    Image.fromarray(test.images[0, :, :, 0]).save(tmp_path / "digit.png")
    Image.fromarray(255 - test.images[0, :, :, 0]).save(tmp_path / "other.png")
    words = ("predict", tmp_path / "run", tmp_path / "digit.png", tmp_path / "other.png")
    like, unlike = last_json(inkling(*words, "--unlike", "--json"))
    assert (like["unlike"], unlike["unlike"]) == (False, True)
    assert unlike["familiarity_p_value"] < 0.01
    assert "5% of validation images" in inkling(*words, "--unlike").stdout


def test_a_network_that_sees_more_than_pixels_finds_more() -> None:
    pytest.importorskip("torch")
    splits = load_digits().with_train_size(300, 0)
    network = build_network("small-cnn", splits.train.image_shape, splits.train.n_classes, seed=0)
    for _ in train(network, splits, recipe("reference", "small-cnn", epochs=3)):
        pass
    images = splits.test.images[:200]
    old, new = images[:100], np.rint(images[100:] * 0.9).astype(np.uint8)
    of_old, of_new = (network_features(network, each) for each in (old, new))
    plain = plain_features(old, network.predict_proba(old))
    assert sees_features(network)
    assert np.array_equal(of_old[:, : plain.shape[1]], plain)
    assert of_old.shape[1] > plain.shape[1]
    by_network = two_sample_test(of_old, of_new)
    by_pixels = two_sample_test(plain, plain_features(new, network.predict_proba(new)))
    assert by_network.p_value < by_pixels.p_value
    assert by_network.shown
    said = replace(by_network, by_network=True)
    assert "a classifier of the network's features tells them apart" in said.verdict()
    assert said.to_dict()["by_network"] is True


def test_what_a_network_sees_is_a_part_by_itself() -> None:
    rng = np.random.default_rng(3)
    low = []
    for _ in range(100):
        known, held_out, new = (rng.normal(size=(n, 40)) for n in (60, 39, 50))
        familiarity = learn_familiarity(known, held_out, (4, 36))
        low.append(np.mean(familiarity.p_values(new) <= 0.05))
    assert np.mean(low) == pytest.approx(0.05, abs=0.015)
    other = rng.normal(size=(200, 40))
    other[:, :4] += 1.5
    assert np.mean(familiarity.p_values(other) <= 0.05) > 1.2 * np.mean(
        learn_familiarity(known, held_out).p_values(other) <= 0.05
    )
    with pytest.raises(DataError, match="parts of 40 features together, found 39"):
        learn_familiarity(known, held_out, (3, 36))


def test_predict_asks_what_a_convolutional_network_sees(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    digits = load_digits()
    plan = RunPlan("digits", "small-cnn", recipe("reference", "small-cnn", epochs=1), 200)
    for _ in train_run(plan, digits, tmp_path / "run"):
        pass
    Image.fromarray(255 - digits.test.images[0, :, :, 0]).save(tmp_path / "other.png")
    words = ("predict", tmp_path / "run", tmp_path / "other.png", "--unlike")
    (unlike,) = last_json(inkling(*words, "--json"))
    assert unlike["unlike"] is True
    assert "or by the network's features, whichever is farther" in " ".join(inkling(*words).stdout.split())


def test_splits_are_compared_by_a_backbone_only_where_training_left_it_as_it_was(tmp_path: Path) -> None:
    class Backbone:
        image_shape, n_classes = (8, 8, 1), 10

        def predict_proba(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 10), 0.1, np.float32)

        def features(self, images: np.ndarray, progress: object = None) -> np.ndarray:
            return images.reshape(len(images), -1)[:, :3].astype(np.float32)

    digits = load_digits()
    for rate, by_network in ((0.0, True), (1.0, False)):
        settings = recipe("reference", epochs=1)
        settings = replace(settings, optimizer=replace(settings.optimizer, backbone_rate=rate))
        run = Mock(settings=settings)
        found = compare_splits(run, Backbone(), digits.train.images, digits.test.images)
        assert found.by_network is by_network
        assert not found.shown
        inverted = compare_splits(run, Backbone(), digits.train.images, 255 - digits.test.images)
        assert inverted.shown
        assert len(inverted.unlike) == 5


def test_of_a_perceptron_and_an_ensemble_only_the_answers_are_used() -> None:
    images = load_digits().test.images[:30]
    perceptron = build_network("perceptron", images.shape[1:], 10)
    for network in (perceptron, Ensemble([perceptron, perceptron])):
        assert not sees_features(network)
        assert network_features(network, images).shape == (30, 64 + 10)


def test_the_features_of_a_backbone_are_used() -> None:
    class Backbone:
        image_shape, n_classes = (4, 4, 1), 2

        def predict_proba(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 2), 0.5, np.float32)

        def features(self, images: np.ndarray, progress: object = None) -> np.ndarray:
            return images.reshape(len(images), -1)[:, :3].astype(np.float32)

    images = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert sees_features(Backbone())
    assert network_features(Backbone(), images)[:, -3:].tolist() == [[0, 1, 2], [16, 17, 18]]
