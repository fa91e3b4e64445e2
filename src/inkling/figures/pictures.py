"""Pictures made of pixels: images, weights and galleries, never blurred by upscaling."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from numpy.typing import NDArray
from PIL import Image

from inkling.diagnosis.mistakes import Mistake
from inkling.figures.display import Display, figure_bytes
from inkling.figures.style import INK, MUTED, WEIGHT_MAP, figure_of, shorten
from inkling.images.dataset import ImageDataset
from inkling.storage.atomic import write_atomically

_DPI = 100
_LEAST_WIDTH = 360
"""Pixels of a contact sheet, for its title to be read."""
_PHOTO_SIDE, _PHOTO_QUALITY = 64, 90
_SHADES = 63  # odd, so that one shade is the white of zero; few, so that the files are small


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image, uint8 (H, W, C) with C 1 or 3, as a data URI of its exact pixels."""
    return _uri(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def photo_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image, uint8 (H, W, C) with C 1 or 3, as a data URI: its exact pixels, or of a photo a JPEG.

    A colour image of 64x64 pixels or more is a fifth as large so, and looks the same: a page of hundreds
    stays one that can be sent.
    """
    height, width, channels = pixels.shape
    if channels == 1 or min(height, width) < _PHOTO_SIDE:
        return png_uri(pixels)
    return _uri(Image.fromarray(pixels), "jpeg", quality=_PHOTO_QUALITY, subsampling=0)


def weight_png_uri(weights: NDArray[np.floating[Any]], limit: float) -> str:
    """Return one unit or filter, (h, w, C), as a data URI; `limit` is the weight of the strongest colour."""
    if weights.shape[-1] == 3:
        return png_uri(weight_pixels(weights, limit))
    shades = np.round((np.clip(weights[..., 0] / limit, -1, 1) + 1) / 2 * (_SHADES - 1)).astype(np.uint8)
    image = Image.fromarray(shades)
    image.putpalette((WEIGHT_MAP(np.linspace(0, 1, _SHADES))[:, :3] * 255).round().astype(np.uint8).tobytes())
    return _uri(image)


def weight_limit(weights: Sequence[NDArray[np.floating[Any]]]) -> float:
    """Return the weight that gets the strongest colour: one in a thousand lies beyond it."""
    return float(np.quantile(np.abs(np.concatenate([w.ravel() for w in weights])), 0.999)) or 1.0


def weight_pixels(weights: NDArray[np.floating[Any]], limit: float) -> NDArray[np.uint8]:
    """Return the colours, uint8 (..., 3), of (..., C) weights; of three channels each has its own, zero mid-grey."""
    scaled = (np.clip(weights / limit, -1, 1) + 1) / 2
    colours = scaled if weights.shape[-1] == 3 else WEIGHT_MAP(scaled[..., 0])[..., :3]
    pixels: NDArray[np.uint8] = np.round(255 * colours).astype(np.uint8)
    return pixels


def _uri(image: Image.Image, kind: str = "png", **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def mosaic(pictures: NDArray[np.uint8], columns: int, gap: tuple[int, int]) -> NDArray[np.uint8]:
    """Return (N, H, W, C) pictures laid out in rows, with transparent gaps (below, right) in pixels: (H', W', 4)."""
    n, h, w, c = pictures.shape
    rows = -(-n // columns)
    down, across = h + gap[0], w + gap[1]
    canvas = np.zeros((rows * down - gap[0], columns * across - gap[1], 4), np.uint8)
    for place, picture in enumerate(pictures):
        y, x = place // columns * down, place % columns * across
        canvas[y : y + h, x : x + w, :3] = np.broadcast_to(picture, (h, w, 3)) if c == 1 else picture
        canvas[y : y + h, x : x + w, 3] = 255
    return canvas


def pixel_axes(
    canvas: NDArray[np.uint8], scale: int, left: int = 8, top: int = 8, bottom: int = 8, least_width: int = 0
) -> Axes:
    """Return axes in a new figure on which each pixel of the canvas covers exactly `scale` x `scale` pixels."""
    height, width = scale * canvas.shape[0], scale * canvas.shape[1]
    whole_width, whole_height = max(least_width, width + left + 8), height + top + bottom
    figure = Figure(figsize=(whole_width / _DPI, whole_height / _DPI), dpi=_DPI)
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def show_canvas(ax: Axes, canvas: NDArray[np.uint8], title: str) -> Figure:
    """Draw a canvas, uint8 (H, W, 4), with crisp pixels and nothing around it."""
    ax.imshow(canvas, interpolation="nearest", extent=(0, canvas.shape[1], canvas.shape[0], 0))
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, loc="left", fontsize=11, color=INK, parse_math=False)
    return figure_of(ax)


@dataclass(frozen=True, eq=False)
class WeightsDisplay(Display):
    """First-layer weights as pictures: one a hidden unit or filter, one colour scale centred on zero for all.

    Attributes
    ----------
    weights : ndarray of float, shape (units, h, w, C)
    limit : float
        The weight of the strongest colour.
    """

    weights: NDArray[np.floating[Any]]
    limit: float

    @classmethod
    def from_first_layer(cls, weights: NDArray[np.floating[Any]], limit: float | None = None) -> WeightsDisplay:
        """Make the display from `Network.first_layer()`; `limit` can be shared among panels."""
        return cls(weights, weight_limit([weights]) if limit is None else limit)

    def plot(self, ax: Axes | None = None, title: str = "", columns: int = 16) -> Figure:
        """Draw, into `ax` or a new figure."""
        canvas = mosaic(weight_pixels(self.weights, self.limit), min(columns, len(self.weights)), (1, 1))
        if ax is None:
            ax = pixel_axes(canvas, max(2, 900 // canvas.shape[1]), left=24, top=30 if title else 8, bottom=40)
        figure = show_canvas(ax, canvas, title)
        if self.weights.shape[-1] == 1:
            colour_bar(ax, self.limit, (0, -0.06, 0.3, 0.02))
        return figure


def colour_bar(ax: Axes, limit: float, place: tuple[float, float, float, float]) -> None:
    """Draw the scale of `WEIGHT_MAP`, from -limit to limit; `place` is (x, y, width, height) in parts of the axes."""
    scale = ScalarMappable(Normalize(-limit, limit), WEIGHT_MAP)
    bar = figure_of(ax).colorbar(
        scale, ax=ax, orientation="horizontal", cax=ax.inset_axes(place), ticks=[-limit, 0, limit], format="%.2g"
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=9, colors=MUTED)


@dataclass(frozen=True, eq=False)
class ContactSheetDisplay(Display):
    """The first images of each class: one row per class.

    Attributes
    ----------
    rows : tuple of ndarray of uint8, shape (n, H, W, C)
    labels : tuple of str
    """

    rows: tuple[NDArray[np.uint8], ...]
    labels: tuple[str, ...]

    @classmethod
    def from_dataset(cls, dataset: ImageDataset, columns: int = 16) -> ContactSheetDisplay:
        """Take up to `columns` images of each class."""
        firsts = [np.flatnonzero(dataset.labels == k)[:columns] for k in range(dataset.n_classes)]
        labels = tuple(f"{shorten(name)}  {count:,}" for name, count in dataset.class_counts.items())
        return cls(tuple(np.asarray(dataset.images[indices]) for indices in firsts), labels)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        columns = max(1, *(len(row) for row in self.rows))
        h, w = self.rows[0].shape[1:3]
        gap = max(1, h // 14)
        canvas = np.zeros((len(self.rows) * (h + gap) - gap, columns * (w + gap) - gap, 4), np.uint8)
        for place, row in enumerate(self.rows):
            if len(row):
                strip = mosaic(row, len(row), (gap, gap))
                canvas[place * (h + gap) : place * (h + gap) + h, : strip.shape[1]] = strip
        if ax is None:
            scale, left = max(1, round(44 / h)), 24 + max(_text_width(label, 10) for label in self.labels)
            width = max(_LEAST_WIDTH, left + scale * canvas.shape[1] + 8)
            lines = _wrap(title, width - 16, 11)
            ax = pixel_axes(canvas, scale, left, top=8 + 22 * len(lines), least_width=width)
            figure = show_canvas(ax, canvas, "")
            # From the figure's edge, not from the pictures': the title may be longer than a row of them.
            figure.text(
                8 / width, 1 - 6 / (_DPI * figure.get_figheight()), "\n".join(lines), fontsize=11, color=INK, va="top",
                parse_math=False,
            )  # fmt: skip
        else:
            figure = show_canvas(ax, canvas, title)
        ax.set_yticks(
            [place * (h + gap) + h / 2 for place in range(len(self.labels))], self.labels, fontsize=10, color=INK,
            parse_math=False,
        )  # fmt: skip
        return figure


def _wrap(text: str, width: int, points: float) -> list[str]:
    """Cut a text into lines that are no wider than so many pixels; a longer word is cut too."""
    lines: list[str] = []
    for word in text.split():
        if lines and _text_width(f"{lines[-1]} {word}", points) <= width:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for letter in word:
            if _text_width(lines[-1] + letter, points) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _text_width(text: str, points: float) -> int:
    """Pixels that a line of text takes, at most."""
    font = get_font(findfont(FontProperties()))
    font.set_size(points, _DPI)
    glyphs = [font.load_glyph(font.get_char_index(ord(letter))) for letter in text]
    return math.ceil(sum(glyph.linearHoriAdvance for glyph in glyphs) / 65536)


def save_contact_sheet(dataset: ImageDataset, path: Path, title: str = "") -> None:
    """Write a contact sheet of a data set as PNG: up to 16 images of each class, and how many there are.

    Raises
    ------
    RunError
        If the file cannot be written; nothing is then left of it.
    """
    sheet = ContactSheetDisplay.from_dataset(dataset)
    h, w, _ = dataset.image_shape
    heading = f"{shorten(title, 80)}: {len(dataset):,} training images of {h}×{w} pixels; class and count at the left"
    write_atomically(path, figure_bytes(sheet.plot(title=heading if title else ""), "png"))


@dataclass(frozen=True, eq=False)
class MistakesDisplay(Display):
    """Misclassified images, with the true label, the predicted label and its probability under each.

    Attributes
    ----------
    pictures : ndarray of uint8, shape (N, H, W, C)
    captions : tuple of tuple of str
        For each picture its lines of text.
    """

    pictures: NDArray[np.uint8]
    captions: tuple[tuple[str, str], ...]

    @classmethod
    def from_mistakes(cls, mistakes: Sequence[Mistake], dataset: ImageDataset) -> MistakesDisplay:
        """Make the display from `diagnosis.mistakes.worst_mistakes` and the split that was evaluated."""
        return cls.from_pictures(
            [(mistake, dataset.images[mistake.index]) for mistake in mistakes], dataset.class_names
        )

    @classmethod
    def from_pictures(
        cls, pictured: Sequence[tuple[Mistake, NDArray[np.uint8]]], class_names: Sequence[str]
    ) -> MistakesDisplay:
        """Make the display from mistakes, one or more, each with its image, uint8 (H, W, C)."""
        captions = (
            (
                f"true {shorten(class_names[mistake.label], 14)}",
                f"{shorten(class_names[mistake.predicted], 14)} {mistake.probability:.1%}",
            )
            for mistake, _ in pictured
        )
        return cls(np.stack([picture for _, picture in pictured]), tuple(captions))

    def plot(self, ax: Axes | None = None, title: str = "", columns: int = 8) -> Figure:
        """Draw, into `ax` or a new figure."""
        _, h, w, _ = self.pictures.shape
        scale = max(1, round(84 / w))
        below, right = -(-40 // scale), max(1, 24 // scale)
        columns = min(columns, len(self.captions))
        canvas = mosaic(self.pictures, columns, (below, right))
        if ax is None:
            ax = pixel_axes(canvas, scale, top=34 if title else 8, bottom=44)
        figure = show_canvas(ax, canvas, title)
        caption_pictures(ax, self.captions, columns, (w + right, h + below), h)
        return figure


def caption_pictures(
    ax: Axes, captions: Sequence[Sequence[str]], columns: int, step: tuple[int, int], height: int
) -> None:
    """Write lines of text under each picture of a mosaic; `step` is the way to the next (across, down), in pixels."""
    for place, lines in enumerate(captions):
        ax.annotate(
            "\n".join(lines), (place % columns * step[0], place // columns * step[1] + height), (0, -3),
            textcoords="offset points", fontsize=8.5, color=INK, va="top", annotation_clip=False, parse_math=False,
        )  # fmt: skip
