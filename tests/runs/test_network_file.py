"""A network in one file of its own: it predicts the same, and whatever is no such file is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inkling.errors import NetworkError, RunError
from inkling.images.dataset import Splits
from inkling.networks.catalogue import build_network
from inkling.runs.arrays import load_arrays, save_arrays
from inkling.runs.network_file import load_network, save_network
from inkling.training.loop import train
from inkling.training.settings import TrainingSettings

NAMES = ("top", "upper", "lower")


@pytest.mark.parametrize("name", ["perceptron", "reference-cnn"])
def test_a_network_comes_back_in_another_process(name: str, tiny_splits: Splits, tmp_path: Path) -> None:
    if name != "perceptron":
        pytest.importorskip("torch")
    network = build_network(name, (4, 4, 1), 3, seed=1, device="cpu")
    for _ in train(network, tiny_splits, TrainingSettings(epochs=2, batch_size=20)):
        pass
    path = tmp_path / "network.safetensors"
    save_network(network, path, NAMES)
    images = tiny_splits.test.images
    again = load_network(path, "cpu")
    assert again.class_names == NAMES
    np.testing.assert_array_equal(again.network.predict_proba(images), network.predict_proba(images))
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys, numpy as np; from inkling import load_network\n"
        "network, names = load_network(sys.argv[1], 'cpu')\n"
        "np.save(sys.argv[3], network.predict_proba(np.load(sys.argv[2]))); print(*names)"
    )
    words = [str(path), str(tmp_path / "images.npy"), str(tmp_path / "out.npy")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == list(NAMES), done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), network.predict_proba(images), atol=1e-6)


def test_the_weights_of_a_run_are_such_a_file() -> None:
    path = Path(__file__).parents[1] / "data/run-of-commit-5418b5d/weights.safetensors"
    network, names = load_network(path)
    assert names == tuple("0123456789")
    assert network.image_shape == (8, 8, 1)


def test_names_must_be_one_for_each_class(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="3 classes needs as many class names, found 2"):
        save_network(build_network("perceptron", (4, 4, 1), 3), tmp_path / "file", ["a", "b"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"network": "[]"},
        {"network": "[" * 100_000},
        {"network": '{"network": "perceptron", "image_shape": [4, 4, 1], "n_classes": 4}'},
        {"network": '{"network": "perceptron", "image_shape": [1000000000, 4, 1], "n_classes": 3}'},
        {"class_names": "[1, 2, 3]"},
        {"class_names": "[" * 100_000},
        {"class_names": '"abc"'},
    ],
)
def test_what_is_no_network_file_is_refused(metadata: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    save_network(build_network("perceptron", (4, 4, 1), 3), path, NAMES)
    arrays, known = load_arrays(path)
    save_arrays(path, arrays, {**known, **metadata} if metadata else {})
    with pytest.raises(RunError, match="holds no network"):
        load_network(path)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    save_network(build_network("perceptron", (4, 4, 1), 3), path, NAMES)
    arrays, known = load_arrays(path)
    other = json.loads(known["network"]) | {"hidden": 7}
    save_arrays(path, arrays, {**known, "network": json.dumps(other)})
    with pytest.raises(RunError, match="W1"):
        load_network(path)
