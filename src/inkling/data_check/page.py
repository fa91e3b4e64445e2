"""The check of a data set as one HTML page: the verdicts, then each finding with the pictures that it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling.data_check.findings import DataCheck
from inkling.diagnosis import (
    altered_copies,
    class_balance,
    duplicates,
    picture_measures,
    picture_quality,
    picture_sizes,
    shortcuts,
)
from inkling.diagnosis.duplicates import Duplicate
from inkling.diagnosis.picture_quality import KINDS
from inkling.diagnosis.shortcuts import Shortcut
from inkling.figures.style import variables
from inkling.images.dataset import ImageDataset, Splits
from inkling.pages.templating import environment
from inkling.storage.atomic import make_folder, write_atomically

SHOWN = 18
"""Pictures of each kind on the page, at most."""
MOST_NAMED = 100
"""Files without a picture that the page names, at most."""
THUMBNAIL = 112
"""Pixels of the longer side of a picture on the page, at most."""

_ALWAYS = ("balance", "shortcuts")
"""Findings with a table that is worth a look where there is nothing to mend; of others the verdict is enough."""

_UNITS: dict[str, tuple[Callable[[float], str], tuple[str, ...]]] = {
    "file size": (lambda value: f"{value / 1000:,.1f}", ("median kB",)),
    "aspect ratio": (lambda value: f"{value:.2f}", ("median width / height",)),
    "brightness": (lambda value: f"{value:.0f}", ("median of the mean grey level",)),
    "border": (lambda value: f"{value:.0f}", ("median red", "green", "blue", "spread of grey")),
}
"""Quantity -> how its value is written, and the headings of its parts."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture on the page."""

    pixels: NDArray[np.uint8]  # (H, W, C)
    name: str
    split: str
    label: str
    measured: str = ""  # what was measured of it


@dataclass(frozen=True, eq=False)
class Copy:
    """Two pictures that are copies of each other."""

    later: Picture
    earlier: Picture
    alike: str  # how much


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures of one kind."""

    finding: str  # the id of the finding they belong to
    title: str  # empty where the finding says it all
    how: str  # how to read it
    pictures: tuple[Picture, ...] | tuple[Copy, ...]
    more: int  # that are not shown


def write_data_page(check: DataCheck, splits: Splits, out: Path, command: str = "") -> None:
    """Write a check as a self-contained HTML page: no request leaves it, and it runs no script.

    Parameters
    ----------
    check : DataCheck
    splits : Splits
        That were checked.
    out : Path
        Replaced where it is there; folders above it are made.
    command : str
        The command line, for the record.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    page = render_data_page(check, splits, command)
    make_folder(out.parent)
    write_atomically(out, page)


def render_data_page(check: DataCheck, splits: Splits, command: str = "") -> str:
    """Return the page's HTML."""
    template = environment("inkling.data_check").get_template("data_check.html.j2")
    galleries = _galleries(check, dict(splits.items()))
    return template.render(
        check=check,
        findings=sorted(check.findings, key=lambda finding: not finding.count),
        shown=lambda finding: finding.count or finding.id in _ALWAYS,
        n=sum(check.n.values()),
        classes=splits.train.class_names,
        image_size="×".join(str(side) for side in splits.train.image_shape[:2]),
        advice={finding.id: re.split(r"(--[a-z-]+)", finding.advice) for finding in check.findings},
        concerned=sum(finding.count > 0 for finding in check.findings),
        galleries={
            finding.id: [each for each in galleries if each.finding == finding.id] for finding in check.findings
        },
        medians=_medians(check.shortcuts.notable, splits.train.image_shape[2]),
        measures=picture_measures,
        quality=picture_quality,
        sizes=picture_sizes,
        balance=class_balance,
        tests=shortcuts,
        near=duplicates.NEAR,
        altered=altered_copies,
        most_named=MOST_NAMED,
        command=command,
        light=variables(dark=False),
        dark=variables(dark=True),
    )


def _galleries(check: DataCheck, datasets: dict[str, ImageDataset]) -> list[Gallery]:
    galleries = [
        _copies("leaks", check.leaks, datasets),
        _copies("conflicts", check.conflicts, datasets),
        _copies("repeats", check.repeats, datasets),
    ]
    how = {
        "blank": "Below each: the standard deviation of its grey levels.",
        "dark": "Below each: the grey level, 0 to 255, that 99% of its pixels do not exceed.",
        "bright": "Below each: the grey level, 0 to 255, that 99% of its pixels do not fall below.",
        "blurred": f"Below each: its sharpness, the root mean square of the Laplacian in its sharpest part; half of "
        f"all pictures have {check.quality.median_sharpness or 0:.1f} or more.",
    }
    for kind, words in KINDS.items():
        of_kind = check.quality.of_kind(kind)
        pictures = tuple(_picture(datasets, poor.split, poor.index, f"{poor.value:.3g}") for poor in of_kind[:SHOWN])
        galleries.append(Gallery("quality", words.capitalize(), how[kind], pictures, len(of_kind) - len(pictures)))
    odd = check.sizes.odd if check.sizes else ()
    pictures = tuple(
        _picture(datasets, size.split, size.index, f"{size.width:,}×{size.height:,} pixels") for size in odd[:SHOWN]
    )
    how_sizes = "Each as a network is given it; below it the size of its file."
    galleries.append(Gallery("sizes", "", how_sizes, pictures, len(odd) - len(pictures)))
    return [gallery for gallery in galleries if gallery.pictures]


def _copies(finding: str, pairs: Sequence[Duplicate], datasets: dict[str, ImageDataset]) -> Gallery:
    copies = tuple(
        Copy(
            _picture(datasets, pair.split, pair.index),
            _picture(datasets, pair.of_split, pair.of_index),
            pair.alike,
        )
        for pair in pairs[:SHOWN]
    )
    how = (
        "Side by side: a picture, and the one that it repeats (training comes before validation, and that before test)."
    )
    return Gallery(finding, "", how, copies, len(pairs) - len(copies))


def _picture(datasets: dict[str, ImageDataset], split: str, index: int, measured: str = "") -> Picture:
    dataset = datasets[split]
    label = dataset.class_names[dataset.labels[index]]
    return Picture(_thumbnail(dataset.images[index]), dataset.image_name(index, split), split, label, measured)


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture, (H, W, C), averaged down where it is larger than the page shows it."""
    height, width, channels = pixels.shape
    factor = max(height, width) / THUMBNAIL
    if factor <= 1:
        return np.asarray(pixels)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels).resize(size, Image.Resampling.BOX)
    return np.asarray(image, np.uint8).reshape(size[1], size[0], channels)


def _medians(notable: Sequence[Shortcut], channels: int) -> list[dict[str, Any]]:
    """Return, of each shortcut, the headings and rows of a table of its medians by class."""
    tables = []
    for shortcut in notable:
        write, headings = _UNITS[shortcut.quantity]
        if shortcut.quantity == "border" and channels == 1:
            headings = ("median grey level", "spread of grey")
        rows = [(name, [write(value) for value in values]) for name, values in shortcut.medians.items()]
        tables.append({"quantity": shortcut.quantity, "headings": headings, "rows": rows})
    return tables
