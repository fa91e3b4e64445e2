"""Several runs that answer as one, and what runs make of picture files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import TRAIN_DIGITS, assert_refused, inkling
from inkling.errors import DataError, NetworkError, RunError
from inkling.images.augment import variants
from inkling.images.pictures import read_picture
from inkling.images.sources.digits import load_digits
from inkling.networks.ensemble import Ensemble
from inkling.networks.numpy.perceptron import Perceptron
from inkling.runs.ensemble import classifier_of
from inkling.runs.run import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("ensemble")
    folders = [folder / f"seed{seed}" for seed in (0, 1, 2)]
    for seed, out in enumerate(folders):
        words = (*TRAIN_DIGITS, "--train-size", 300, "--epochs", 40, "--seed", seed, "--out", out)
        assert inkling(*words).returncode == 0
    return folders


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    members = [Perceptron((4, 4, 1), 3, seed=seed) for seed in range(3)]
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 1), np.uint8)
    together = Ensemble(members).predict_proba(images)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, np.mean([m.predict_proba(images) for m in members], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(Ensemble(members[:1]).predict_proba(images), members[0].predict_proba(images))
    with pytest.raises(NetworkError, match=r"3 classes of images \(4, 4, 1\) and 2 classes of images \(5, 4, 1\)"):
        Ensemble([members[0], Perceptron((5, 4, 1), 2)])
    with pytest.raises(NetworkError, match="found none"):
        Ensemble([])


def test_evaluate_averages_several_runs(runs: list[Path]) -> None:
    done = inkling("evaluate", *runs, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    digits = load_digits()
    probabilities = np.mean([Run(folder).predictions("test").probabilities for folder in runs], axis=0)
    correct = int((probabilities.argmax(axis=1) == digits.test.labels).sum())
    assert (values["correct"], values["n"]) == (correct, 360)
    assert values["runs"] == [str(folder) for folder in runs]
    assert "overfitting" not in values
    said = inkling("evaluate", *runs)
    assert said.stdout.startswith("ensemble of 3: test accuracy")
    # Each seed drew training images of its own: there is no common training split to judge by.
    refused = inkling("evaluate", *runs, "--split", "train")
    assert refused.returncode == 2
    assert "has other training images than" in refused.stderr


def test_test_time_augmentation_averages_changed_copies(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "strong"
    words = (*TRAIN_DIGITS, "--recipe", "strong", "--train-size", 300, "--epochs", 8, "--out", out)
    assert inkling(*words).returncode == 0
    run, digits = Run(out), load_digits().test
    network, copies = run.network(), variants(digits.images, run.settings.augmentation)
    expected = np.mean([network.predict_proba(copy) for copy in copies], axis=0)
    np.testing.assert_allclose(classifier_of([run], tta=True).predict_proba(digits.images), expected, rtol=1e-5)
    done = inkling("evaluate", out, "--tta", "--json")
    values = json.loads(done.stdout)
    assert values["correct"] == int((expected.argmax(axis=1) == digits.labels).sum())
    assert values["tta"] is True
    assert "with test-time augmentation" in inkling("evaluate", out, "--tta").stdout
    refused = inkling("evaluate", runs[0], "--tta")
    assert refused.returncode == 2
    assert "was trained without shifts" in refused.stderr


def test_runs_of_other_classes_do_not_fit(runs: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("run.json", "weights.safetensors"):
        (other / name).write_bytes((runs[0] / name).read_bytes())
    info = json.loads((other / "run.json").read_text())
    info["data"]["class_names"][0] = "nought"
    (other / "run.json").write_text(json.dumps(info))
    with pytest.raises(RunError, match="an ensemble needs runs with the same classes and image size"):
        classifier_of([Run(runs[0]), Run(other)])


def test_a_run_is_a_member_once(runs: list[Path]) -> None:
    same = runs[0].parent / "." / ".." / runs[0].parent.name / runs[0].name
    for command in ("evaluate", "predict"):
        refused = inkling(command, runs[0], same, *(["picture.png"] if command == "predict" else []))
        assert_refused(refused, "is given twice: an ensemble needs different runs")


def test_predict_names_picture_files(runs: list[Path], tmp_path: Path) -> None:
    digits = load_digits().test
    files = []
    for index in range(12):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(digits.images[index, :, :, 0]).save(files[-1])
    done = inkling("predict", *runs, *files, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    expected = classifier_of([Run(folder) for folder in runs]).predict_proba(digits.images[:12])
    assert [entry["file"] for entry in values] == [str(path) for path in files]
    assert [entry["label"] for entry in values] == [str(label) for label in expected.argmax(axis=1)]
    for entry, row in zip(values, expected, strict=True):
        assert list(entry["probabilities"].values()) == pytest.approx(row.tolist())
        assert entry["probability"] == pytest.approx(row.max())
    odd = tmp_path / "[red]d[bold]x[].png"
    odd.write_bytes(files[0].read_bytes())
    assert str(odd) in inkling("predict", runs[0], odd).stdout  # brackets are no markup
    alone = json.loads(inkling("predict", runs[0], files[0], "--json").stdout)
    assert list(alone[0]["probabilities"]) == [str(k) for k in range(10)]


@pytest.mark.parametrize("what", ["nothing", "missing", "text", "cut"])
def test_predict_refuses_what_is_no_picture(what: str, runs: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    if what == "text":
        path.write_text("not a picture")
    elif what == "cut":
        Image.new("L", (200, 200), 7).save(path)
        path.write_bytes(path.read_bytes()[:60])
    done = inkling("predict", runs[0], *([] if what == "nothing" else [path]))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "expected" in done.stderr


def test_pictures_are_fitted_to_the_network(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    picture = np.full((10, 20, 3), 200, np.uint8)
    picture[:, 8:12] = 0
    Image.fromarray(picture).save(path)
    grey = read_picture(path, (8, 8, 1))
    assert (grey.shape, grey.dtype) == ((8, 8, 1), np.uint8)
    assert (grey[0] == 200).all()  # the room above a wide picture has the colour of its corner
    assert grey[4, 4] < 60
    np.testing.assert_array_equal(read_picture(path, (8, 8, 1), invert=True), 255 - grey)
    assert read_picture(path, (10, 20, 3)).tobytes() == picture.tobytes()
    digit = load_digits().test.images[0]
    deep = tmp_path / "deep.png"
    Image.fromarray(digit[:, :, 0].astype(np.uint16) * 257).save(deep)  # 16 bits a pixel
    np.testing.assert_array_equal(read_picture(deep, (8, 8, 1)), digit)
    flat = tmp_path / "float.tiff"
    Image.fromarray(digit[:, :, 0] / np.float32(255)).save(flat)
    with pytest.raises(DataError, match="expected 8 or 16 bits per pixel, found 32"):
        read_picture(flat, (8, 8, 1))
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(clear)
    assert (read_picture(clear, (4, 4, 1)) == 255).all()  # paper shows through
    with pytest.raises(DataError, match="expected a picture"):
        read_picture(tmp_path, (4, 4, 1))
