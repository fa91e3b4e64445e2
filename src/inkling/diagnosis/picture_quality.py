"""Which pictures can hardly be used: without contrast, too dark, too bright, or blurred beside the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.picture_measures import LEAST_SIDE, PictureMeasures
from inkling.images.dataset import Splits

BLANK = 3.0
"""Standard deviation in grey levels below which a picture shows nothing: noise of a sensor alone has more."""
DARK = 80
"""A picture is too dark where 99% of its pixels are no brighter."""
BRIGHT = 160
"""A picture is too bright where 99% of its pixels are no darker."""
BLURRED = 7.0
"""A picture is blurred where the root mean square of its Laplacian stays below this, and below half of the median."""

KINDS = {"blank": "without contrast", "dark": "too dark", "bright": "too bright", "blurred": "blurred"}
"""Kind -> in words; of a picture the first that fits."""


@dataclass(frozen=True)
class PoorPicture:
    """One picture that may be of no use."""

    split: str
    index: int
    kind: str  # of KINDS
    value: float  # what was measured, in grey levels: contrast, `highest`, `lowest` or sharpness
    file: str = ""  # its picture file, where it has one


@dataclass(frozen=True)
class PictureQuality:
    """The pictures that may be of no use, worst first within each kind."""

    n: int  # images looked at
    pictures: tuple[PoorPicture, ...]
    median_sharpness: float | None  # of all images; None where they are too small to be judged

    def of_kind(self, kind: str) -> tuple[PoorPicture, ...]:
        """Return those of one kind."""
        return tuple(picture for picture in self.pictures if picture.kind == kind)

    @property
    def blurred_below(self) -> float | None:
        """The sharpness below which a picture counts as blurred."""
        return None if self.median_sharpness is None else min(BLURRED, self.median_sharpness / 2)

    @property
    def soft(self) -> bool:
        """Whether the images are soft as a whole: half of them are hardly sharper than a blurred picture."""
        return self.median_sharpness is not None and self.median_sharpness < 2 * BLURRED

    @property
    def verdict(self) -> str:
        """What was found, in sentences."""
        found = [f"{len(of_kind):,} {words}" for kind, words in KINDS.items() if (of_kind := self.of_kind(kind))]
        sentences = [
            f"Of {self.n:,} pictures, {', '.join(found)}."
            if found
            else f"None of {self.n:,} pictures is without contrast, too dark or too bright"
            f"{'' if self.median_sharpness is None else ', or blurred'}."
        ]
        if self.median_sharpness is None:
            sentences.append(f"Blur is not judged on images of less than {LEAST_SIDE} pixels a side.")
        return " ".join(sentences)

    @property
    def detail(self) -> str:
        """What there is to say of the images as a whole, in one sentence; empty where nothing is."""
        return (
            f"Half of the pictures hold little detail (sharpness of {self.median_sharpness:.1f} or less): they were "
            "enlarged, strongly compressed, or taken out of focus."
            if self.soft
            else ""
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "n": self.n,
            "median_sharpness": self.median_sharpness,
            "blurred_below": self.blurred_below,
            "detail": self.detail,
            "pictures": [asdict(picture) for picture in self.pictures],
        }


def judge_quality(measures: Mapping[str, PictureMeasures], splits: Splits | None = None) -> PictureQuality:
    """Find the pictures that may be of no use.

    What counts is the image as a network is given it, after it was made to fit. Where a whole data set is soft, the
    threshold of blur is lowered to half its median sharpness, so that only the softest stand out.

    The thresholds were chosen on 108 crops of the 18 photographs that come with scikit-image, scikit-learn and
    matplotlib, and on 3,021 photos of flowers from the web, at 128x128 pixels (`benchmarks/picture_quality.py`). Of the
    crops, of the flowers were found: blurred by a Gaussian of 1.5 pixels 22% and 10%, of 2 pixels 82% and 25%, of 3
    pixels 100% and 79%, of 4 pixels 100% and 99%, as they are 0.9% and 0.2%; the flowers are soft by themselves, and by
    the variance of the Laplacian of the whole picture 67% of those blurred by 4 pixels were found. Underexposed by 3
    stops 34% and 15%, by 4 stops all, as they are none. Overexposed by 4 stops 18% and 3%, as they are none and one:
    where anything dark is left in a picture, it is not called too bright. (CleanVision 0.3.7 calls 31% of 617 of the
    flowers blurred as they are, and 44% of them blurred by 4 pixels.)

    Parameters
    ----------
    measures : mapping of str to PictureMeasures
        Of each split.
    splits : Splits, optional
        To name the picture files.
    """
    files = {split: dataset.files for split, dataset in splits.items()} if splits else {}
    sharpness = np.concatenate([part.sharpness for part in measures.values()])
    median = None if np.isnan(sharpness).any() else float(np.median(sharpness))
    blurred_below = 0.0 if median is None else min(BLURRED, median / 2)
    found: list[tuple[float, PoorPicture]] = []
    for split, part in measures.items():
        checks: dict[str, tuple[NDArray[np.bool_], NDArray[Any], int]] = {
            "blank": (part.contrast < BLANK, part.contrast, 1),
            "dark": (part.highest < DARK, part.highest, 1),
            "bright": (part.lowest > BRIGHT, part.lowest, -1),
            "blurred": (part.sharpness < blurred_below, part.sharpness, 1),
        }
        free = np.ones(len(part), np.bool_)
        for kind, (poor, values, sign) in checks.items():
            for index in np.flatnonzero(poor & free):
                file = files[split][index] if files.get(split) else ""
                picture = PoorPicture(split, int(index), kind, float(values[index]), file)
                found.append((sign * picture.value, picture))
            free &= ~poor
    order = list(KINDS)
    found.sort(key=lambda pair: (order.index(pair[1].kind), pair[0]))
    return PictureQuality(len(sharpness), tuple(picture for _, picture in found), median)
