"""What a run, or several as an ensemble, predicts for picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, RunError, SettingsError
from inkling.images.appearance import MEASURES, measure_appearance
from inkling.images.pictures import read_picture
from inkling.images.progress import Progress
from inkling.metrics.temperature import at_temperature
from inkling.runs.ensemble import classifier_of, temperature_of
from inkling.runs.prepared import PictureBatch, appearance_of_files, listed, prepared_batches, some_of
from inkling.runs.run import Run


@dataclass(frozen=True, eq=False)
class PicturePrediction:
    """Probabilities of one picture file."""

    file: Path
    class_names: tuple[str, ...]  # K of them
    probabilities: NDArray[np.float32]  # (K,)
    inverted: bool = False  # whether dark was turned into light first

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
            "inverted": self.inverted,
        }


_FEW = 20
"""Of so many pictures one may look turned by chance, where few training images were measured."""

INVERSIONS = ("auto", "yes", "no")
"""Whether dark is turned into light before a picture is predicted: where it looks turned, always, never."""


class PictureClassifier:
    """Predicts picture files by a run, or by the mean of several, a batch at a time.

    Parameters
    ----------
    runs : sequence of Run
        One or more.
    invert : bool or str
        Turn dark into light first: for ink on paper, learned as light on dark. "auto": where a picture looks so beside
        the training images (`images.appearance.Appearance.turned`), each by itself.
    tta : bool
        Test-time augmentation.
    temperature : float
        Of the probabilities; `calibrated_temperature` gives the one that was fitted on validation images.
    device : str
        Where PyTorch networks compute: "auto", "cpu" or "cuda".

    Raises
    ------
    RunError
        If a run is damaged, the runs do not fit together, for example because their pictures were prepared in
        different ways, or with "auto" the first was made before the appearance of training images was recorded.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        invert: bool | str = False,
        tta: bool = False,
        temperature: float = 1.0,
        device: str = "auto",
    ) -> None:
        _check_prepared_alike(runs)
        self.data, self.temperature = runs[0].data, temperature
        self.invert = ("yes" if invert else "no") if isinstance(invert, bool) else invert
        if self.invert not in INVERSIONS:
            raise SettingsError([f"expected invert to be {', '.join(INVERSIONS)}, found '{invert}'"])
        if self.invert == "auto" and self.data.appearance is None:
            raise RunError(
                f"{runs[0].folder}: was made before it was recorded how training images look, so nobody can say which "
                "pictures to invert: give --invert yes or no, or train again"
            )
        self.classifier = classifier_of(runs, device, tta)

    def notes(self, files: Sequence[str]) -> tuple[str, ...]:
        """Return what some of the files, evenly spread, have that the training images have not, a sentence each."""
        appearance = self.data.appearance
        batch = next(prepared_batches(self.data, some_of(files)), None)
        if appearance is None or batch is None or not batch.files:
            return ()
        n, notes = len(batch.files), []
        inverted = self._inverted(batch.images)
        shown = replace(batch, images=_turned(batch.images, inverted))
        turned = appearance.turned(shown.images)
        if turned.sum() > n // _FEW:
            border, training = _at_border(shown.images[turned]), appearance.border
            kinds = ("Dark on light", "light on dark") if border > training.mean else ("Light on dark", "dark on light")
            notes.append(
                f"{kinds[0]}, it seems, where training images are {kinds[1]}: {turned.sum()} of {n} "
                f"picture{'s' * (n != 1)} looked at (brightness at the border {border:.2f}, training "
                f"{training.lowest:.2f} to {training.highest:.2f}). --invert auto turns such pictures."
            )
            shown = replace(shown, images=_turned(shown.images, turned))
        differences = appearance.differences(*appearance_of_files(shown))
        if differences:
            subject = f"most of {n} pictures looked at are" if n > 1 else "the picture is"
            subject = f"Even inverted, {subject}" if turned.sum() > n // _FEW else subject.capitalize()
            notes.append(
                f"{subject} unlike the training images: {'; '.join(differences)}. No accuracy was measured on such."
            )
        return tuple(notes)

    def predict(self, batch: PictureBatch) -> PredictedBatch:
        """Return the predictions for files that were read by `runs.prepared.prepared_batches`."""
        inverted = self._inverted(batch.images)
        images = _turned(batch.images, inverted)
        answers = self.classifier.predict_proba(images)
        probabilities = at_temperature(answers, self.temperature)
        names = self.data.class_names
        predictions = [
            PicturePrediction(Path(file), names, row, bool(is_inverted))
            for file, row, is_inverted in zip(batch.files, probabilities, inverted, strict=True)
        ]
        return PredictedBatch(predictions, images, answers, probabilities)

    def _inverted(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        if self.invert == "auto" and self.data.appearance is not None:
            return self.data.appearance.turned(images)
        return np.full(len(images), self.invert == "yes")


@dataclass(frozen=True, eq=False)
class PredictedBatch:
    """Predictions for n picture files."""

    predictions: list[PicturePrediction]
    images: NDArray[np.uint8]  # (n, H, W, C), as the network was given them
    answers: NDArray[np.float32]  # (n, K), at temperature 1
    probabilities: NDArray[np.float32]  # (n, K), at the temperature asked for


def _turned(images: NDArray[np.uint8], inverted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(inverted[:, None, None, None], 255 - images, images) if inverted.any() else images


def _at_border(images: NDArray[np.uint8]) -> float:
    return float(np.median(measure_appearance(images)[:, MEASURES.index("border")]))


def predict_pictures(
    runs: Sequence[Run],
    files: Sequence[Path | str],
    invert: bool | str = False,
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
    invert, tta, temperature, device
        As of `PictureClassifier`.
    progress : callable, optional
        Called with (pictures done, pictures in all).

    Raises
    ------
    DataError
        If there is no file, or some are no pictures: all of them are counted.
    RunError
        As `PictureClassifier`.
    """
    if not files:
        raise DataError("expected one picture or more after the run, found none: inkling predict RUN IMAGE…")
    classifier = PictureClassifier(runs, invert, tta, temperature, device)
    predictions, unreadable = list[PicturePrediction](), list[str]()
    for batch in prepared_batches(classifier.data, files, progress):
        unreadable += batch.unreadable
        predictions += classifier.predict(batch).predictions
    if unreadable:
        raise DataError(listed(unreadable, len(files)))
    return predictions


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
