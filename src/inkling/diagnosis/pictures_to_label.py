"""Which pictures of an unlabelled folder to label next, by what a run predicts for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkling.diagnosis.labelling_order import decision_margins, labelling_order
from inkling.errors import DataError
from inkling.images.pictures import readable_suffixes
from inkling.images.progress import Progress, paced
from inkling.networks.prediction import predict_in_parts
from inkling.runs.ensemble import classifier_of
from inkling.runs.pictures import prepared_picture
from inkling.runs.run import Run


@dataclass(frozen=True)
class PictureToLabel:
    """A picture without a label, and what the run predicts for it."""

    file: Path
    label: str  # the predicted class
    probability: float
    other: str  # the next class
    margin: float  # probability of the first less that of the next

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "file": str(self.file),
            "label": self.label,
            "probability": self.probability,
            "next": self.other,
            "margin": self.margin,
        }


def pictures_to_label(
    run: Run,
    folder: Path | str,
    count: int = 50,
    invert: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[PictureToLabel]:
    """Return the pictures of a folder to label next, the most useful first, as `labelling_order` ranks them.

    Parameters
    ----------
    run : Run
    folder : Path
        Pictures in it and below it, sorted by their paths; other files are passed over.
    count : int
        How many, 1 or more; of fewer pictures all are returned.
    invert : bool
        Turn dark into light first.
    device : str
        Where PyTorch networks compute.
    progress : callable, optional
        Called with (pictures done, pictures in all).

    Raises
    ------
    DataError
        If there is no picture in the folder, one cannot be read, or `count` is below 1.
    RunError
        If the run is damaged.
    """
    root, suffixes = Path(folder), set(readable_suffixes())
    files = sorted(file for file in root.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
    if not files:
        raise DataError(f"{root}: expected a folder of pictures, found none: give the folder that holds them")
    classifier, tell = classifier_of([run], device, False), paced(progress)
    images = np.empty((len(files), *classifier.image_shape), np.uint8)
    for place, file in enumerate(files):
        images[place] = prepared_picture(run, file, invert)
        tell(place, len(files))
    probabilities = predict_in_parts(classifier, images)
    tell(len(files), len(files))
    margins, names = decision_margins(probabilities), run.data.class_names
    chosen = []
    for place in labelling_order(probabilities, images, count):
        first, other = np.argsort(-probabilities[place], kind="stable")[:2]
        chosen.append(
            PictureToLabel(
                files[place], names[first], float(probabilities[place, first]), names[other], float(margins[place])
            )
        )
    return chosen
