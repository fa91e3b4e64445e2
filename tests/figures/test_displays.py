"""Displays by themselves: what a notebook shows of them, and the files they become."""

from __future__ import annotations

import base64
import io
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.errors import RunError, SettingsError
from inkling.figures import displays
from inkling.figures.display import Display, figure_bytes
from inkling.figures.displays import ConfusionMatrixDisplay, ContactSheetDisplay, MistakesDisplay, WeightsDisplay
from inkling.figures.svg import to_svg
from inkling.images.dataset import ImageDataset


def confusion(names: tuple[str, ...] = ("a", "b", "<b>c</b>")) -> ConfusionMatrixDisplay:
    labels = np.arange(30) % 3
    return ConfusionMatrixDisplay.from_evaluation(evaluate_predictions(labels, np.eye(3)[labels[::-1]], names))


def test_every_display_is_one() -> None:
    named = [getattr(displays, name) for name in displays.__all__ if name.endswith("Display")]
    assert len(named) > 10
    assert all(issubclass(display, Display) for display in named)


def test_a_notebook_shows_the_figure() -> None:
    shown = confusion()._repr_html_()
    found = re.fullmatch(r'<img src="data:image/png;base64,([^"]+)" width="(\d+)" alt="ConfusionMatrixDisplay">', shown)
    assert found
    picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
    assert picture.width == pytest.approx(2 * int(found[2]), abs=2)


def test_files_are_drawn_on_white_and_pages_on_nothing() -> None:
    """So that dark letters can be read on whatever shows the file, and a dark page shows through."""
    figure = confusion().plot()
    page, picture = to_svg(figure, "key", "label"), Image.open(io.BytesIO(figure_bytes(figure, "png"))).convert("RGBA")
    assert picture.getchannel("A").getextrema() == (255, 255)
    assert picture.getpixel((0, 0)) == (255, 255, 255, 255)
    assert "#ffffff" not in page


@pytest.mark.parametrize("title", ["short", "W" * 80, "A folder of photographs with a rather LONG NAME @64 " * 2])
@pytest.mark.parametrize("size", [8, 60])
def test_title_and_labels_of_a_contact_sheet_are_within_it(title: str, size: int) -> None:
    names = ("cat", "Golden retriever of WIDE letters", "WWWWWWWWWWWWWWWWWWWW", "数字")
    images = np.zeros((7, size, size // 2), np.uint8)
    sheet = ContactSheetDisplay.from_dataset(ImageDataset(images, np.arange(7) % 4, names))
    figure = sheet.plot(title=title)
    assert "".join(figure.texts[0].get_text().split()) == "".join(title.split())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        (heading,) = figure.texts
        texts = [heading, *figure.axes[0].get_yticklabels()]
        boxes = [text.get_window_extent(renderer) for text in texts]
        pictures = figure.axes[0].bbox
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert 0 <= box.y0 <= box.y1 <= figure.bbox.y1, text
    assert boxes[0].y0 >= pictures.y1
    assert [text.get_text().split()[-1] for text in texts[1:]] == ["2", "2", "2", "1"]


def test_figures_become_files(tmp_path: Path) -> None:
    weights = WeightsDisplay.from_first_layer(np.random.default_rng(0).normal(size=(4, 5, 5, 1)))
    weights.save(tmp_path / "weights.png")
    with Image.open(tmp_path / "weights.png") as picture:
        assert picture.format == "PNG"
    confusion().save(tmp_path / "confusion.svg", title="Confusions")
    text = (tmp_path / "confusion.svg").read_text(encoding="utf-8")
    assert "Confusions" in text
    assert "&lt;b&gt;c&lt;/b&gt;" in text
    with pytest.raises(SettingsError, match=r"\.png or \.svg"):
        confusion().save(tmp_path / "confusion.gif")
    with pytest.raises(RunError):
        confusion().save(tmp_path / "none" / "confusion.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["confusion.svg", "weights.png"]


def test_mistakes_are_shown_worst_first_with_their_images() -> None:
    images, labels = np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1), np.array([0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.75, 0.25]])
    display = MistakesDisplay.from_mistakes(
        worst_mistakes(labels, probabilities), ImageDataset(images, labels, ("a", "b"))
    )
    np.testing.assert_array_equal(display.pictures, images[[2, 1]])
    assert display.captions == (("true b", "a 75.0%"), ("true b", "a 60.0%"))
