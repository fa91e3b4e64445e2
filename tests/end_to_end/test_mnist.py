"""The study on the real MNIST, where it is there: downloaded from a server of ours, split, trained, evaluated."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from command_line import inkling, last_json
from inkling import Perceptron, Splits, evaluate, load_images, recipe, train
from inkling.images.sources.downloads import data_folder


@pytest.fixture
def mirror(mnist: Splits) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(data_folder() / "mnist"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_the_split_is_the_usual_one(mnist: Splits) -> None:
    assert [len(dataset) for _, dataset in mnist.items()] == [50_000, 10_000, 10_000]
    assert mnist.train.image_shape == (28, 28, 1)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]  # the first five labels of the original file
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_2000_images_are_among_the_50000(mnist: Splits) -> None:
    small = mnist.with_train_size(2000, seed=0).train
    large = mnist.with_train_size(50_000, seed=0).train
    assert np.array_equal(large.images, mnist.train.images)
    in_large = {image.tobytes() for image in large.images}
    assert all(image.tobytes() in in_large for image in small.images)
    shares = np.bincount(small.labels) / 2000 - np.bincount(large.labels) / 50_000
    assert np.abs(shares).max() < 0.001


def test_download_from_a_mirror_and_look(mirror: str, tmp_path: Path) -> None:
    env = {"INKLING_DATA": str(tmp_path), "INKLING_MIRROR": mirror}
    fetched = last_json(inkling("data", "fetch", "mnist", "--json", env=env))
    assert len(fetched["files"]) == 4
    assert all(Path(path).is_file() for path in fetched["files"])
    shown = last_json(inkling("data", "show", "mnist", "--out", tmp_path / "sheet.png", "--json", env=env))
    assert shown["train"]["class_counts"]["1"] == 5678
    # Known for the 60,000 training images: mean 33.318 and sd 78.567 of 255 (0.1307 and 0.3081).
    mean = (5 * shown["train"]["pixel_mean"] + shown["validation"]["pixel_mean"]) / 6
    assert mean == pytest.approx(33.318, abs=0.001)
    assert shown["train"]["pixel_sd"] == pytest.approx(78.567, abs=0.1)


def test_only_the_verified_files_are_read(mnist: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for path in (data_folder() / "mnist").glob("*.gz"):
        (folder / path.name).symlink_to(path.resolve())
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"\x00\x00\x08\x01\x00\x00\x27\x10" + bytes(10_000))
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    assert load_images("mnist").fingerprint == mnist.fingerprint


def test_the_reference_recipe_learns_the_digits(mnist: Splits) -> None:
    network = Perceptron(seed=0)
    records = list(train(network, mnist, recipe("reference", epochs=5)))
    found = evaluate(network, mnist.test)
    assert found.accuracy > 0.95
    assert records[-1].validation_accuracy > 0.95


def test_the_strong_recipe_learns_from_few(mnist: Splits) -> None:
    network = Perceptron(seed=0)
    for _ in train(network, mnist.with_train_size(2000, 0), recipe("strong", epochs=60)):
        pass
    assert evaluate(network, mnist.test).accuracy > 0.93
