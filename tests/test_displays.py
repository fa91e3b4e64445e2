"""Displays: built from plain results, drawn without any global state, true to their numbers."""

from __future__ import annotations

import base64
import io
import threading
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon
from PIL import Image

from inkling.diagnosis.accuracy import Evaluation, evaluate_predictions
from inkling.diagnosis.class_misses import misses_per_class
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.images.dataset import ImageDataset
from inkling.networks.base import Layer
from inkling.training.learning_rate_range import LearningRateRange
from inkling.views.architecture import stages_of
from inkling.views.displays import (
    ArchitectureDisplay,
    ConfusionMatrixDisplay,
    ContactSheetDisplay,
    FeatureMapsDisplay,
    LearningCurvesDisplay,
    LearningRateDisplay,
    MissesDisplay,
    MistakesDisplay,
    WeightsDisplay,
    shared_limits,
)
from inkling.views.learning_rates import save_learning_rates
from inkling.views.pictures import png_uri, save_contact_sheet, weight_png_uri
from inkling.views.svg import to_svg


def history(start: float, epochs: int = 4) -> list[dict[str, float]]:
    return [
        {
            "train_accuracy": 1 - start / 2**epoch,
            "validation_accuracy": 1 - start / 1.5**epoch,
            "train_loss": start / 2**epoch,
            "validation_loss": start / 1.5**epoch,
        }
        for epoch in range(epochs)
    ]


def evaluation(k: int = 3, seed: int = 0, names: tuple[str, ...] = ()) -> Evaluation:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(k), 60).astype(np.float32)
    return evaluate_predictions(rng.integers(0, k, 60), probabilities, names or tuple(f"class {i}" for i in range(k)))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_learning_curves_show_error_on_a_log_axis_solid_and_dashed() -> None:
    display = LearningCurvesDisplay.from_histories([history(0.4), history(0.6)], marked_epoch=4)
    assert display.training[0] == pytest.approx((0.4, 0.2, 0.1, 0.05))
    ax = display.plot(title="2,000 training images").axes[0]
    assert ax.get_yscale() == "log"
    curves = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert [line.get_linestyle() for line in curves] == ["-", "-", "--", "--"]
    assert curves[0].get_linewidth() > curves[1].get_linewidth()
    np.testing.assert_allclose(curves[3].get_ydata(), display.validation[1])
    labels = texts(ax.figure)
    assert {"training", "validation"} <= set(labels)
    assert any(label.startswith("best: epoch 4") for label in labels)


def test_learning_curves_share_a_scale_and_survive_an_error_of_zero() -> None:
    perfect = [{**epoch, "train_accuracy": 1.0} for epoch in history(0.4)]
    displays = [LearningCurvesDisplay.from_histories([h]) for h in (history(0.8), perfect)]
    limits = shared_limits(displays)
    axes = [display.plot(limits=limits, epochs=9).axes[0] for display in displays]
    assert axes[0].get_ylim() == axes[1].get_ylim() == pytest.approx(limits)
    assert axes[0].get_xlim() == (1, 9)
    assert limits[0] > 0
    assert min(axes[1].lines[0].get_ydata()) == pytest.approx(limits[0])


def test_loss_curves() -> None:
    display = LearningCurvesDisplay.from_histories([history(2.0)], "loss")
    assert display.validation[0][0] == 2.0
    assert any("nats" in text for text in texts(display.plot()))


def test_a_mark_is_named_where_no_curve_passes() -> None:
    def place(marked: int, validation: tuple[float, ...]) -> str:
        display = LearningCurvesDisplay(((0.9,) * 10,), (validation,), "error", marked)
        ax = display.plot(limits=(0.001, 1.0)).axes[0]
        label = next(text for text in ax.texts if text.get_text().startswith("best"))
        return str(label.get_va())

    assert place(10, (0.03,) * 10) == "bottom"
    assert place(10, (0.06,) * 9 + (0.03,)) == "top"  # the curve comes down to the mark
    assert place(3, (0.7,) * 10) == "top"  # the axis is named above
    assert place(3, (0.0011,) * 10) == "bottom"


def test_one_epoch_is_enough() -> None:
    LearningCurvesDisplay.from_histories([history(0.5, epochs=1)], marked_epoch=1).plot().canvas.draw()


@pytest.mark.parametrize("k", [2, 10, 47])
def test_confusion_matrix_writes_every_count_and_colours_only_mistakes(k: int) -> None:
    found = evaluation(k)
    ax = ConfusionMatrixDisplay.from_evaluation(found).plot().axes[0]
    matrix = np.array(found.confusion)
    assert sorted(int(text.get_text()) for text in ax.texts) == sorted(matrix[matrix > 0])
    assert len(ax.patches) == np.count_nonzero(matrix - np.diag(np.diag(matrix)))


def test_misses_are_means_with_their_range() -> None:
    found = misses_per_class([evaluation(seed=0), evaluation(seed=0), evaluation(seed=0)])
    display = MissesDisplay.from_misses(found)
    ax = display.plot(limit=100).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [of_class.mean for of_class in found]
    assert ax.get_xlim() == (0, 100)
    assert texts(ax.figure)[0] == f"{found[0].mean:.0f} ({found[0].low}–{found[0].high})"
    assert sum(of_class.counts[0] for of_class in found) == 60 - evaluation(seed=0).correct


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(4, 5), (3, 3)])
def test_weights_are_drawn_in_their_own_size_with_zero_in_the_middle(size: tuple[int, int], channels: int) -> None:
    weights = np.zeros((6, *size, channels), np.float32)
    weights[3, 1, 2, 0] = 1
    display = WeightsDisplay.from_first_layer(weights, limit=1.0)
    display.plot(title="weights").canvas.draw()
    pixels = decoded(weight_png_uri(display.weights[3], 1.0)).astype(int)
    assert pixels.shape == (*size, 3)
    assert pixels[1, 2, 0] > pixels[1, 2, 1]
    zero = pixels[0, 0]
    assert np.ptp(zero) <= 2
    np.testing.assert_array_equal(pixels[2, 0], zero)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_the_exact_pixels(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 9, channels)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(png_uri(image)), np.broadcast_to(image, (7, 9, 3)))


@pytest.fixture
def dataset() -> ImageDataset:
    rng = np.random.default_rng(1)
    return ImageDataset(rng.integers(0, 256, (30, 8, 8, 1)).astype(np.uint8), np.arange(30) % 3, ("a", "b$x$", "空"))


def test_a_contact_sheet_has_a_row_a_class_and_crisp_pixels(dataset: ImageDataset, tmp_path: Path) -> None:
    display = ContactSheetDisplay.from_dataset(dataset, columns=4)
    assert [len(row) for row in display.rows] == [4, 4, 4]
    np.testing.assert_array_equal(display.rows[1][0], dataset.images[1])
    labels = [label.get_text() for label in display.plot().axes[0].get_yticklabels()]
    assert labels == ["a  10", "b$x$  10", "空  10"]
    save_contact_sheet(dataset, tmp_path / "sheet.png", title="noise $")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))
    scale = round(44 / 8)
    first = np.kron(dataset.images[0, :, :, 0], np.ones((scale, scale), np.uint8))
    windows = np.lib.stride_tricks.sliding_window_view(sheet, first.shape)
    assert (windows == first).all(axis=(2, 3)).any()


def test_a_class_without_images_leaves_its_row_empty(tmp_path: Path) -> None:
    lonely = ImageDataset(np.zeros((2, 8, 8, 1), np.uint8), np.array([0, 2]), ("a", "b", "c"))
    save_contact_sheet(lonely, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_mistakes_carry_true_label_predicted_label_and_probability(dataset: ImageDataset) -> None:
    probabilities = np.random.default_rng(2).dirichlet(np.ones(3), 30).astype(np.float32)
    found = worst_mistakes(dataset.labels, probabilities, 5)
    display = MistakesDisplay.from_mistakes(found, dataset)
    assert len(display.captions) == len(found)
    names = dataset.class_names
    assert display.captions[0] == (
        f"true {names[found[0].label]}",
        f"{names[found[0].predicted]} {found[0].probability:.1%}",
    )
    assert texts(display.plot())[0] == "\n".join(display.captions[0])


def test_displays_draw_into_axes_of_the_caller() -> None:
    figure = Figure()
    first, second = figure.subplots(1, 2)
    assert LearningCurvesDisplay.from_histories([history(0.4)]).plot(first) is figure
    assert ConfusionMatrixDisplay.from_evaluation(evaluation()).plot(second) is figure


def test_svg_escapes_names_keeps_text_and_makes_ids_its_own() -> None:
    hostile = "<script>1</script>"
    figure = ConfusionMatrixDisplay.from_evaluation(evaluation(2, names=(hostile, 'a$\\frac"#0072b2'))).plot()
    svg = to_svg(figure, "k7", f'"{hostile}')
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert 'a$\\frac"#0072b2' in svg
    assert "currentColor" not in svg or "<text" in svg
    ids = [part.partition('"')[0] for part in svg.split(' id="')[1:]]
    assert ids == [name for name in ids if name.startswith("k7-")]
    assert len(set(ids)) == len(ids)
    assert "<metadata" not in svg
    assert "<style" not in svg


def test_figures_can_be_made_in_threads() -> None:
    made: list[str] = []

    def draw() -> None:
        made.append(to_svg(LearningCurvesDisplay.from_histories([history(0.4)]).plot(), "f1", "curves"))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(set(made)) == 1


# --- architecture and learning rates ---------------------------------------------------------------------------------


def conv(side: int, filters: int) -> Layer:
    return Layer("convolution", f"convolution 3x3, {filters} filters", (side, side, filters), 10, 10)


LAYERS = (
    Layer("scale", "pixels / 255", (8, 8, 3), 0, 0),
    conv(8, 4),
    Layer("max-pool", "max-pool 2x2", (4, 4, 4), 0, 0),
    Layer("relu", "relu", (4, 4, 4), 0, 0),
    conv(4, 4),
    Layer("relu", "relu", (4, 4, 4), 0, 0),
    conv(4, 4),
    Layer("residual sum", "residual sum", (4, 4, 4), 0, 0, around=3),
    Layer("flatten", "flatten", (64,), 0, 0),
    Layer("dropout", "dropout 0.5", (64,), 0, 0),
    Layer("dense", "dense", (5,), 10, 10),
    Layer("softmax", "softmax", (5,), 0, 0),
)


def test_layers_are_gathered_into_stages() -> None:
    stages = stages_of(LAYERS)
    assert [stage.output_shape for stage in stages] == [(8, 8, 3), (4, 4, 4), (4, 4, 4), (4, 4, 4), (5,)]
    assert [stage.operations for stage in stages] == [
        (),
        ("conv 3×3", "max-pool 2×2", "ReLU"),
        ("conv 3×3", "ReLU"),
        ("conv 3×3", "add"),
        ("flatten", "dropout 0.5", "dense 5", "softmax"),
    ]
    assert [stage.joined_by for stage in stages] == [None, None, None, 1, None]


def test_an_architecture_is_drawn_with_every_shape_and_operation() -> None:
    display = ArchitectureDisplay.from_layers(LAYERS)
    figure = display.plot(title="a network")
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said.count("4×4×4") == 3
    for word in ("8×8×3", "5", "image", "dropout 0.5", "softmax", "add"):
        assert word in said
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == len(display.stages)  # one between each pair, and the one that is carried past
    assert display.label.startswith("image 8 by 8, 3 channels; conv 3×3, max-pool 2×2, ReLU: 4 by 4, 4 channels")
    assert display.label.endswith("softmax: 5 numbers, 10 parameters")
    for row in ("output", "made by", "parameters"):
        assert row in said
    assert [said.count(count) for count in ("10", "0")] == [4, 0]  # parameters of every stage but the image
    assert "+" in said


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (64, 48, 3), (20, 90, 3)])
def test_boxes_are_to_scale_and_never_touch(shape: tuple[int, int, int]) -> None:
    h, w, _ = shape
    layers = (
        Layer("scale", "pixels / 255", shape, 0, 0),
        Layer("convolution", "convolution 3x3, 512 filters, stride 2", (h // 2, w // 2, 512), 10, 10),
        Layer("flatten", "flatten", (h * w * 128,), 0, 0),
        Layer("dense", "dense", (100_000,), 10, 10),
    )
    display = ArchitectureDisplay.from_layers(layers)
    ax = display.plot().axes[0]
    corners = [patch.get_xy() for patch in ax.patches if isinstance(patch, Polygon)]
    image, picture = corners[:9], corners[9:18]  # front, top and side, each a face, a shade and an outline
    assert np.ptp(image[0][:, 1]) == pytest.approx(2 * np.ptp(picture[0][:, 1]))
    edges = [np.concatenate(box)[:, 0] for box in (image, picture, corners[18:])]
    ends = [end for x in edges for end in (x.min(), x.max())]
    assert sorted({0.0, *ends, display.width}) == [0.0, *ends, display.width]
    assert min(xy[:, 1].min() for xy in corners) > max(text.get_position()[1] for text in ax.texts)


def test_a_stride_is_said() -> None:
    layers = (LAYERS[0], Layer("convolution", "convolution 5x5, 16 filters, stride 2", (4, 4, 16), 1, 1))
    assert stages_of(layers)[1].operations == ("conv 5×5, stride 2",)


def test_a_range_test_is_drawn_with_its_suggestion(tmp_path: Path) -> None:
    rates = tuple(10.0 ** (k / 5 - 4) for k in range(25))
    smoothed = tuple(2.3 - 2 * np.exp(-((k - 18) ** 2) / 20) for k in range(25))
    found = LearningRateRange(rates, smoothed, smoothed, rates[15], rates[18], None)
    figure = LearningRateDisplay.from_range(found).plot(title="cnn")
    said = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert f"falls fastest at {rates[15]:.2g}" in said
    assert f"lowest at {rates[18]:.2g}" in said
    save_learning_rates(found, tmp_path / "rates.png", "cnn")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


# --- feature maps ----------------------------------------------------------------------------------------------------


def test_feature_maps_are_those_after_the_last_activation_of_each_size() -> None:
    picture = np.zeros((8, 8, 1), np.uint8)
    sizes = [(8, "convolution"), (8, "relu"), (8, "dropout"), (4, "max-pool"), (4, "convolution"), (2, "max-pool"),
             (2, "batch normalisation"), (2, "relu"), (1, "max-pool"), (1, "convolution")]  # fmt: skip
    maps = [
        (Layer(k, k, (side, side, 2), 0, 0), np.full((side, side, 2), float(i))) for i, (side, k) in enumerate(sizes)
    ]
    stages = FeatureMapsDisplay.from_maps(picture, maps).stages
    assert [(stage.maps[0, 0, 0], stage.title) for stage in stages] == [
        (3.0, "After max-pooling: 4×4, 2 channels"),
        (7.0, "After ReLU: 2×2, 2 channels"),
        (8.0, "After max-pooling: 1×1, 2 channels"),
    ]


def test_feature_maps_show_the_strongest_channels_in_order_on_one_scale() -> None:
    values = np.zeros((2, 3, 40))
    values[0, 1, 39], values[1, 2, 5], values[0, 0, 7] = 4.0, 2.0, -9.0
    stage = FeatureMapsDisplay.from_maps(
        np.zeros((4, 6, 3), np.uint8), [(Layer("relu", "relu", (2, 3, 40), 0, 0), values)]
    ).stages[0]
    assert stage.title == "After ReLU: 2×3, 40 channels, the 32 that answer most"
    assert stage.strongest == 4.0
    assert stage.shades.shape == (32, 2, 3, 1)
    assert stage.shades[-1, 0, 1, 0] == 255
    assert sorted(stage.shades[stage.shades > 0].tolist()) == [128, 255]
    np.testing.assert_array_equal(decoded(stage.uris[-1])[..., 0], stage.shades[-1, ..., 0])


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 80, 3)])
def test_feature_maps_are_drawn(shape: tuple[int, int, int]) -> None:
    maps = [(Layer("relu", "relu", (*shape[:2], 20), 0, 0), np.zeros((*shape[:2], 20)))]
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    figure = FeatureMapsDisplay.from_maps(picture, maps).plot(title="maps")
    figure.canvas.draw()
    assert texts(figure) == ["The image", f"After ReLU: {shape[0]}×{shape[1]}, 20 channels"]
