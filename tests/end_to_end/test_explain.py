"""`inkling explain`, and the figures of why: what is drawn is what was computed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.diagnosis.attribution.maps import attribute
from inkling.diagnosis.deletion import deletion_test
from inkling.diagnosis.hidden_units import contributions_of_units
from inkling.figures.attribution import AttributionDisplay, DeletionDisplay, HiddenUnitsDisplay
from inkling.images.sources.digits import load_digits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.runs.run import Run

ODD = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = {"perceptron": folder / "perceptron"}
    if pytest.importorskip("torch"):
        made["small-cnn"] = folder / "small-cnn"
    for name, out in made.items():
        epochs = 60 if name == "perceptron" else 3
        done = inkling("train", "digits", "--network", name, "--epochs", epochs, "--out", out, "--quiet")
        assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "seven [b].png"
    Image.fromarray(load_digits().test.images[3, :, :, 0]).save(path)
    return path


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in (*ax.texts, ax.title)]


def test_explaining_a_perceptron(runs: dict[str, Path], picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "why.png"
    values = last_json(inkling("explain", runs["perceptron"], picture, "--out", out, "--json"))
    predicted = last_json(inkling("predict", runs["perceptron"], picture, "--json"))[0]
    assert predicted.pop("temperature") == 1.0
    assert {name: values[name] for name in predicted} == predicted
    assert values["class"] == values["label"]
    assert values["figure"] == str(out)
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(values["hidden_units"]) == 64
    total = sum(unit["contribution"] for unit in values["hidden_units"])
    assert total + values["bias"] == pytest.approx(values["lead"])
    first, second = sorted(values["probabilities"].values(), reverse=True)[:2]
    assert values["lead"] == pytest.approx(np.log(first / second), abs=1e-3)
    sizes = [abs(unit["contribution"]) for unit in values["hidden_units"]]
    assert sizes == sorted(sizes, reverse=True)
    network, image = Run(runs["perceptron"]).network(), load_digits().test.images[3:4]
    expected = deletion_test(network.predict_proba, image, attribute(network, image))
    assert values["deletion"] == json.loads(json.dumps(expected.to_dict()))
    said = inkling("explain", runs["perceptron"], picture, "--out", out)
    assert f"{values['label']}, probability {values['probability']:.4f}" in said.stdout
    assert "evidence for" in said.stdout
    assert expected.verdict in said.stdout
    assert inkling("explain", runs["perceptron"], picture, "--out", out, "--quiet").stdout.count("\n") == 1


def test_explaining_a_convolutional_network_by_each_method(
    runs: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    found = {}
    for method in ("integrated-gradients", "saliency"):
        words = ("explain", runs["small-cnn"], picture, "--method", method, "--out", tmp_path / f"{method}.png")
        found[method] = last_json(inkling(*words, "--json"))
        assert found[method]["method"] == method
        assert "hidden_units" not in found[method]
        assert (tmp_path / f"{method}.png").stat().st_size > 5000
    assert found["saliency"]["deletion"] != found["integrated-gradients"]["deletion"]


def test_the_figure_lies_here_by_default_and_another_class_can_be_asked_about(
    runs: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    done = inkling("explain", runs["perceptron"], picture, "--class", "9", "--json", cwd=tmp_path)
    values = last_json(done)
    assert values["class"] == "9"
    assert values["class_probability"] == values["probabilities"]["9"] == values["deletion"]["by_map"]["probability"][0]
    assert (tmp_path / f"{picture.stem}-explained.png").exists()


def test_class_names_from_users_are_only_words(runs: dict[str, Path], picture: Path, tmp_path: Path) -> None:
    run = shutil.copytree(runs["perceptron"], tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    info["data"]["class_names"][:4] = [ODD, "[bold]x", "$\\frac", "a" * 300]
    (run / "run.json").write_text(json.dumps(info))
    for name in (ODD, "[bold]x", "$\\frac", "a" * 300):
        done = inkling("explain", run, picture, "--class", name, "--out", tmp_path / "why.png")
        assert done.returncode == 0, done.stderr
    assert "[bold]x" in inkling("explain", run, picture, "--class", "[bold]x", "--out", tmp_path / "why.png").stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--class", "seven"), "no class is called 'seven'"),
        (("--method", "gradcam"), "no attribution method is called 'gradcam'"),
        (("--out", "figure.pdf"), "must be a .png file"),
        (("--out", "nowhere/figure.png"), "in a folder that exists"),
    ],
)
def test_bad_options(words: tuple[str, str], expected: str, runs: dict[str, Path], picture: Path) -> None:
    assert_refused(inkling("explain", runs["perceptron"], picture, *words, cwd=picture.parent), expected)
    assert [path.name for path in picture.parent.iterdir()] == [picture.name]


def test_a_picture_is_not_replaced_by_its_figure(runs: dict[str, Path], picture: Path, tmp_path: Path) -> None:
    before = picture.read_bytes()
    assert_refused(inkling("explain", runs["perceptron"], picture, "--out", picture), "replace the picture")
    assert picture.read_bytes() == before
    assert_refused(inkling("explain", runs["perceptron"], tmp_path / "none.png"), "expected a picture")
    assert_refused(inkling("explain", tmp_path, picture), "not a run folder")


def test_a_convolutional_network_is_explained_without_captum(
    runs: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    out = tmp_path / "why.png"
    code = (
        "import sys; sys.modules['captum'] = None\n"
        f"sys.argv = ['inkling', 'explain', {str(runs['small-cnn'])!r}, {str(picture)!r}, '--out', {str(out)!r}]\n"
        "from inkling.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 5000


# --- displays ----------------------------------------------------------------------------------------------------


def test_maps_are_drawn_red_for_and_blue_against_on_one_scale() -> None:
    maps = np.zeros((2, 3, 3))
    maps[0, 0, 0], maps[1, 2, 2] = 4.0, -4.0
    pixels = AttributionDisplay.from_maps(np.zeros((2, 3, 3, 1), np.uint8), maps).map_pixels.astype(int)
    assert pixels[0, 0, 0, 0] > pixels[0, 0, 0, 2] + 50
    assert pixels[1, 2, 2, 2] > pixels[1, 2, 2, 0] + 50
    assert (pixels[0, 1:, 1:] > 240).all()  # nothing is white
    ink = AttributionDisplay.from_maps(np.full((2, 3, 3, 1), 255, np.uint8), maps).map_pixels
    assert (ink[0, 1, 1] < 200).all()  # the image lies under its map
    shared = AttributionDisplay.from_maps(np.zeros((2, 3, 3, 1), np.uint8), maps / 100, limit=4.0)
    assert (shared.map_pixels > 230).all()


@pytest.mark.parametrize(("shape", "n"), [((8, 8, 1), 3), ((28, 28, 1), 11), ((5, 9, 3), 1)])
def test_maps_of_any_size_are_drawn(shape: tuple[int, int, int], n: int) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    captions = [(f"{ODD}{k}", "7 99.1%") for k in range(n)]
    display = AttributionDisplay.from_maps(pictures, rng.standard_normal((n, *shape[:2])), captions)
    figure = display.plot(title=ODD)
    figure.canvas.draw()
    assert sum("99.1%" in text for text in texts(figure)) == n


def test_units_are_captioned_with_their_contributions_largest_first() -> None:
    network, images = Perceptron((8, 8, 1), 10, hidden=20), load_digits().test.images[:2]
    hidden, _ = network.forward(network.inputs(images))
    units = contributions_of_units(hidden, network.parameters["W2"], network.parameters["b2"])
    display = HiddenUnitsDisplay.from_units(units, network.first_layer(), "abcdefghij", image=1, count=5)
    top = units.top(1, 5)
    assert [lines[0] for lines in display.captions] == [f"unit {u}: {units.contributions[1, u]:+.2f}" for u in top]
    np.testing.assert_array_equal(display.weights, network.first_layer()[top])
    display.plot(title=ODD).canvas.draw()


def test_deletion_curves_are_drawn_as_measured() -> None:
    network, images = Perceptron((8, 8, 1), 10, hidden=8), load_digits().test.images[:10]
    found = deletion_test(network.predict_proba, images, attribute(network, images))
    figure = DeletionDisplay.from_test(found).plot(title="title")
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), found.by_map.probability)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), found.at_random.probability)
    assert ax.get_ylim() == (0, 1)
    assert {"by the map", "at random"} <= set(texts(figure))
    alone = deletion_test(network.predict_proba, images[:1], attribute(network, images[:1]))
    DeletionDisplay.from_test(alone).plot().canvas.draw()
