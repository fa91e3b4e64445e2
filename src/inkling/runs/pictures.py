"""What a run, or several as an ensemble, predicts for picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, RunError
from inkling.images.naming import SHOWN
from inkling.images.pictures import read_picture
from inkling.images.progress import Progress, paced
from inkling.metrics.temperature import at_temperature
from inkling.networks.prediction import predict_in_parts
from inkling.runs.ensemble import classifier_of, temperature_of
from inkling.runs.run import Run


@dataclass(frozen=True, eq=False)
class PicturePrediction:
    """Probabilities of one picture file."""

    file: Path
    class_names: tuple[str, ...]  # K of them
    probabilities: NDArray[np.float32]  # (K,)

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Class names with their probabilities, most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.class_names[place], float(self.probabilities[place])) for place in order]

    @property
    def label(self) -> str:
        """The predicted class."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """Of the predicted class."""
        return self.ranked[0][1]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "file": str(self.file),
            "label": self.label,
            "probability": self.probability,
            "probabilities": {name: float(p) for name, p in zip(self.class_names, self.probabilities, strict=True)},
        }


def predict_pictures(
    runs: Sequence[Run],
    files: Sequence[Path | str],
    invert: bool = False,
    tta: bool = False,
    temperature: float = 1.0,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[PicturePrediction]:
    """Return the predictions for picture files, in their order.

    Parameters
    ----------
    runs : sequence of Run
        One or more; the probabilities of several are averaged.
    files : sequence of Path
        Pictures, which are fitted to the image shape of the runs.
    invert : bool
        Turn dark into light first: for ink on paper, learned as light on dark.
    tta : bool
        Test-time augmentation.
    temperature : float
        Of the probabilities; `calibrated_temperature` gives the one that was fitted on validation images.
    device : str
        Where PyTorch networks compute: "auto", "cpu" or "cuda".
    progress : callable, optional
        Called with (pictures done, pictures in all).

    Raises
    ------
    DataError
        If there is no file, or some are no pictures: all of them are counted.
    RunError
        If a run is damaged, or the runs do not fit together, for example because their pictures were prepared in
        different ways.
    """
    if not files:
        raise DataError("expected one picture or more after the run, found none: inkling predict RUN IMAGE…")
    classifier, tell = classifier_of(runs, device, tta), paced(progress)
    pictures = np.empty((len(files), *classifier.image_shape), np.uint8)
    _check_prepared_alike(runs)
    unreadable = []
    for place, file in enumerate(files):
        try:
            pictures[place] = prepared_picture(runs[0], Path(file), invert)
        except DataError as error:
            unreadable.append(str(error))
        tell(place, len(files))
    if unreadable:
        raise DataError(_listed(unreadable, len(files)))
    probabilities = at_temperature(predict_in_parts(classifier, pictures), temperature)
    tell(len(files), len(files))
    names = runs[0].data.class_names
    return [PicturePrediction(Path(file), names, row) for file, row in zip(files, probabilities, strict=True)]


def _listed(unreadable: Sequence[str], n: int) -> str:
    if len(unreadable) == 1:
        return unreadable[0]
    more = f"; and {len(unreadable) - SHOWN:,} more" if len(unreadable) > SHOWN else ""
    return (
        f"{len(unreadable):,} of {n:,} pictures cannot be read ({'; '.join(unreadable[:SHOWN])}{more}): leave them out"
    )


def prepared_picture(run: Run, file: Path, invert: bool = False) -> NDArray[np.uint8]:
    """Return a picture file as the run's images were made: of a training picture, its training image.

    Parameters
    ----------
    run : Run
    file : Path
    invert : bool
        Turn dark into light.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)

    Raises
    ------
    DataError
        If it cannot be read as a picture.
    """
    return read_picture(file, run.data.image_shape, invert, run.data.options.fit, run.data.bits_used)


def _check_prepared_alike(runs: Sequence[Run]) -> None:
    first = runs[0].data
    for run in runs[1:]:
        if (run.data.options.fit, run.data.bits_used) != (first.options.fit, first.bits_used):
            raise RunError(
                f"{run.folder}: its pictures were made to fit by '{run.data.options.fit}', those of {runs[0].folder} "
                f"by '{first.options.fit}', or have another range of 16 bits: an ensemble needs runs on the same images"
            )


def calibrated_temperature(runs: Sequence[Run], tta: bool = False) -> float:
    """Return the temperature that was fitted on validation images, to give `predict_pictures`.

    Raises
    ------
    RunError
        With test-time augmentation, for which none was fitted; or as `temperature_of`.
    """
    if tta:
        raise RunError("--calibrated: its temperature is fitted to answers without --tta: choose one of the two")
    return temperature_of(runs)
