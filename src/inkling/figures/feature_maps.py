"""What a convolutional network makes of one image on the way: a row of small pictures for each picture size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkling.figures.display import Display
from inkling.figures.pictures import mosaic, pixel_axes, png_uri, show_canvas
from inkling.figures.style import INK, TEXT
from inkling.networks.protocols import Layer

STAGES = 3
"""Picture sizes shown, at most."""

MAPS = 32
"""Maps shown of a stage, at most."""

_COLUMNS = 16
_SIDE = 56
"""Pixels that a map or the image is high in the figure."""

_ACTIVE = {"relu": "ReLU", "max-pool": "max-pooling"}
"""Kinds of layer after which maps are shown: what a convolution itself gives is not yet what the next one sees."""


@dataclass(frozen=True, eq=False)
class StageMaps:
    """The maps of one stage: its channels with the largest activations, in their order."""

    after: str  # the layer whose output they are, in words
    maps: NDArray[np.floating[Any]]  # (h, w, shown)
    channels: int  # shown or not

    @property
    def shades(self) -> NDArray[np.uint8]:
        """The maps in grey, (shown, h, w, 1): black is 0 and less, white the largest activation of the stage."""
        grey = np.clip(self.maps / (self.strongest or 1.0), 0, 1)
        shades: NDArray[np.uint8] = np.round(255 * grey).astype(np.uint8)
        return np.moveaxis(shades, -1, 0)[..., np.newaxis]

    @property
    def strongest(self) -> float:
        """The largest number among the maps, and at least 0."""
        return max(0.0, float(self.maps.max()))

    @property
    def title(self) -> str:
        """Size, channels, and which of them are shown."""
        h, w, shown = self.maps.shape
        some = f", the {shown} with the largest activations" if shown < self.channels else ""
        return f"After {self.after}: {h}×{w}, {self.channels} channels{some}"

    @property
    def uris(self) -> list[str]:
        """Each map as a data URI."""
        return [png_uri(shade) for shade in self.shades]


@dataclass(frozen=True, eq=False)
class FeatureMapsDisplay(Display):
    """An image, and the feature maps that a network makes of it, stage by stage.

    Attributes
    ----------
    picture : ndarray of uint8, shape (H, W, C)
    stages : tuple of StageMaps
    """

    picture: NDArray[np.uint8]
    stages: tuple[StageMaps, ...]

    @classmethod
    def from_maps(
        cls, picture: NDArray[np.uint8], maps: Sequence[tuple[Layer, NDArray[np.floating[Any]]]]
    ) -> FeatureMapsDisplay:
        """Make the display from an image and `TorchNetwork.feature_maps` of it.

        Of each picture size the last activation or pooling is taken, and of the sizes the last three.
        """
        by_size = {layer.output_shape[:2]: (layer, values) for layer, values in maps if layer.kind in _ACTIVE}
        return cls(picture, tuple(_stage(*found) for found in list(by_size.values())[-STAGES:]))

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        gap, label = 4, 26
        rows = [[_enlarged(self.picture)], *([_enlarged(shade) for shade in s.shades] for s in self.stages)]
        names = ["The image", *(stage.title for stage in self.stages)]
        strips = [mosaic(np.stack(row), min(_COLUMNS, len(row)), (gap, gap)) for row in rows]
        height = sum(label + len(strip) + gap for strip in strips)
        canvas = np.zeros((height, max(strip.shape[1] for strip in strips), 4), np.uint8)
        if ax is None:
            ax = pixel_axes(canvas, 1, top=34 if title else 8)
        y = 0
        for name, strip in zip(names, strips, strict=True):
            ax.text(0, y + label - 6, name, color=INK, fontsize=TEXT - 1, va="bottom", parse_math=False)
            y += label
            canvas[y : y + len(strip), : strip.shape[1]] = strip
            y += len(strip) + gap
        return show_canvas(ax, canvas, title)


def _stage(layer: Layer, values: NDArray[np.floating[Any]]) -> StageMaps:
    strength = values.mean(axis=(0, 1))  # (channels,)
    shown = np.sort(np.argsort(-strength, kind="stable")[:MAPS])
    return StageMaps(_ACTIVE[layer.kind], values[..., shown], values.shape[-1])


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, (h, w, C), in whole multiples of its pixels, as near to the figure's size as they come."""
    times = max(1, _SIDE // picture.shape[0])
    return picture.repeat(times, axis=0).repeat(times, axis=1)
