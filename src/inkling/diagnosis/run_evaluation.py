"""How well a run, or an ensemble of runs, does on a split: accuracy, calibration, and whether the run overfits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.accuracy import Evaluation, evaluate_predictions
from inkling.diagnosis.calibration import CalibrationDiagnosis, diagnose_calibration
from inkling.diagnosis.overfitting import Overfitting, diagnose_overfitting
from inkling.diagnosis.run_shift import compare_with_test
from inkling.diagnosis.run_slices import RunSlices, slice_runs
from inkling.diagnosis.shift import TwoSampleTest
from inkling.errors import DataError, RunError, did_you_mean
from inkling.images.dataset import ImageDataset
from inkling.images.metadata import read_metadata
from inkling.images.progress import Progress
from inkling.images.sources.protocol import LoadObserver
from inkling.networks.prediction import predict_in_parts
from inkling.runs.ensemble import classifier_of, temperature_of
from inkling.runs.run import Predictions, Run

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class RunEvaluation:
    """What was measured of one run, or of several as an ensemble."""

    runs: tuple[Run, ...]
    tta: bool  # test-time augmentation
    stored: bool  # from the predictions that the runs hold; no image was read
    evaluation: Evaluation
    calibration: CalibrationDiagnosis
    overfitting: Overfitting | None  # None for an ensemble
    shift: TwoSampleTest | None = None  # of images of another source, against the run's own test images
    unlike: tuple[str, ...] = ()  # names of those that are most unlike, where a difference is shown
    slices: RunSlices | None = None  # where attributes of the images were given
    own_test: bool = False  # whether the images are the runs' own test images, also where another source gives them

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        values = {
            **self.evaluation.to_dict(),
            "calibration": self.calibration.to_dict(),
            "run": str(self.runs[0].folder),
            "runs": [str(run.folder) for run in self.runs],
            "tta": self.tta,
            "predictions": "stored" if self.stored else "computed",
            "own_test_images": self.own_test,
            "shift": None if self.shift is None else {**self.shift.to_dict(), "unlike": list(self.unlike)},
            **({} if self.slices is None else self.slices.to_dict()),
        }
        return values if self.overfitting is None else {**values, "overfitting": self.overfitting.to_dict()}


def evaluate_runs(
    runs: Sequence[Run],
    split: str = "test",
    data: str | None = None,
    tta: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
    load_progress: LoadObserver | None = None,
    slices: Path | None = None,
) -> RunEvaluation:
    """Evaluate a run, or the mean of the probabilities of several.

    The runs' own validation and test images are not read, nor is anything computed, where the runs hold their
    predictions: then the source may be gone.

    Parameters
    ----------
    runs : sequence of Run
        One or more.
    split : str
        "train", "validation" or "test".
    data : str, optional
        A source of other images than the runs' own.
    tta : bool
        Test-time augmentation: the mean over slightly changed copies of each image.
    device : str
        Where PyTorch networks compute: "auto", "cpu" or "cuda". Anything but "auto" computes the predictions anew.
    progress : callable, optional
        Called with (images done, images in all) while predictions are computed.
    load_progress : callable, optional
        Called with a `LoadProgress` while images are loaded.
    slices : Path, optional
        A CSV file of attributes of the images (`images.metadata.read_metadata`), for the accuracy by each of them.

    Raises
    ------
    DataError
        If there is no such split, or the images do not fit the runs or are no longer those of the runs.
    RunError
        If a run is damaged, or the runs do not fit together.
    """
    if split not in SPLITS:
        raise DataError(f"no split is called '{split}'{did_you_mean(split, SPLITS)}: use train, validation or test")
    classifier, first = classifier_of(runs, device, tta), runs[0]
    metadata = None if slices is None else read_metadata(slices, split)  # what is wrong with it is said before work
    stored = None if data or tta or device != "auto" else _stored_predictions(runs, split)
    shift: TwoSampleTest | None = None
    unlike: tuple[str, ...] = ()
    own_test = split == "test" and data is None
    if stored:
        labels, probabilities = stored.labels, stored.probabilities
    else:
        dataset = _dataset(runs, split, data, load_progress)
        labels, probabilities = dataset.labels, predict_in_parts(classifier, dataset.images, progress)
        own_test = own_test or dataset.fingerprint == first.data.test_fingerprint
        if data and not own_test:
            shift = compare_with_test(first, classifier, dataset.images)
            unlike = () if shift is None else tuple(dataset.image_name(place, split) for place in shift.unlike)
    # The temperature was fitted to answers without test-time augmentation, and corrects only those.
    temperature = temperature_of(runs) if not tta and all(run.finished for run in runs) else None
    overfitting = None
    if len(runs) == 1:
        overfitting = diagnose_overfitting(first.history(), first.data.train, first.data.validation)
    sliced: RunSlices | None = None
    if metadata is not None:
        sliced = slice_runs(runs, metadata, probabilities.argmax(axis=1) == labels, split, data, load_progress)
    return RunEvaluation(
        runs=tuple(runs),
        tta=tta,
        stored=stored is not None,
        evaluation=evaluate_predictions(labels, probabilities, first.data.class_names, split),
        calibration=diagnose_calibration(labels, probabilities, temperature, split),
        overfitting=overfitting,
        shift=shift,
        unlike=unlike,
        slices=sliced,
        own_test=own_test,
    )


def _stored_predictions(runs: Sequence[Run], split: str) -> Predictions | None:
    """Return what the runs' own predictions say together; None where they lack them or are of different images."""
    first = runs[0]
    same_images = all(
        run.data.fingerprint == first.data.fingerprint
        or (split == "test" and run.data.test_fingerprint == first.data.test_fingerprint != "")
        for run in runs
    )
    if split == "train" or not same_images or not all(run.finished for run in runs):
        return None
    try:
        members = [run.predictions(split) for run in runs]
    except RunError:  # missing or damaged; the images are there to compute them from
        return None
    if not all(np.array_equal(member.labels, members[0].labels) for member in members):
        return None
    return Predictions(members[0].labels, _mean([member.probabilities for member in members]))


def _mean(probabilities: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of probabilities (N, K), added up as `networks.ensemble.Ensemble` does."""
    total = np.zeros(probabilities[0].shape, np.float64)
    for member in probabilities:
        total += member
    mean: NDArray[np.float32] = (total / len(probabilities)).astype(np.float32)
    return mean


def _dataset(runs: Sequence[Run], split: str, data: str | None, load_progress: LoadObserver | None) -> ImageDataset:
    """Return the images of a split, of another source or of the runs' own."""
    first = runs[0]
    if data:
        dataset = dict(first.load_images(load_progress, data).items())[split]
    else:
        splits = first.load_images(load_progress)
        dataset = dict(first.subset(splits).items())[split]
        for other in runs[1:]:
            if other.subset(splits).fingerprint != first.data.fingerprint and split == "train":
                raise DataError(f"{other.folder}: has other training images than {first.folder}: choose another split")
    if dataset.class_names != first.data.class_names:
        raise DataError(
            f"{data or first.data.source}: its classes {list(dataset.class_names)[:12]} are not those of the run, "
            f"{list(first.data.class_names)[:12]}"
        )
    return dataset
