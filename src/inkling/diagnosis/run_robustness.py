"""Robustness of runs: their own test images corrupted, predicted by each, and what was measured kept with the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.robustness import Robustness
from inkling.diagnosis.robustness_comparison import RobustnessComparison, compare_robustness
from inkling.errors import DataError, RunError, SettingsError, did_you_mean
from inkling.images.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkling.images.dataset import ImageDataset
from inkling.images.progress import Progress, part_of
from inkling.images.sampling import stratified_order
from inkling.images.sources.protocol import LoadObserver
from inkling.networks.prediction import predict_in_parts
from inkling.runs.arrays import load_arrays, save_arrays
from inkling.runs.run import Run

IMAGES = 1000
"""Images that are corrupted, a stratified sample of the split where it has more."""
FILE = "robustness.safetensors"
"""In the folder of a run."""
_SPLITS = ("test", "validation")
_SEED = 0  # of the sample and of the corruptions: all runs on the same images are stressed alike


@dataclass(frozen=True, eq=False)
class StressedRun:
    """What corruptions cost a run, and on which images."""

    robustness: Robustness
    images: NDArray[np.int64]  # (N,) their places in the split


@dataclass(frozen=True, eq=False)
class StressTest:
    """Runs on the same corrupted images."""

    runs: dict[str, Robustness]  # by folder
    comparison: RobustnessComparison | None  # of two runs or more
    pictures: NDArray[np.uint8]  # (K, S + 1, H, W, C): one image as it is, and under each corruption and severity

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "runs": [{"run": name, **measured.to_dict()} for name, measured in self.runs.items()],
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
        }


def stress_runs(
    runs: Sequence[Run],
    split: str = "test",
    images: int = IMAGES,
    device: str = "auto",
    progress: Progress | None = None,
    load_progress: LoadObserver | None = None,
) -> StressTest:
    """Corrupt images of a split in every way, and measure what that costs each run; kept in the runs' folders.

    Parameters
    ----------
    runs : sequence of Run
        One or more, finished, on the same images.
    split : str
        "test" or "validation".
    images : int
        How many images at most, 10 or more: a stratified sample.
    device : str
        Where PyTorch networks compute: "auto", "cpu" or "cuda".
    progress : callable, optional
        Called with (predictions done, predictions in all).
    load_progress : callable, optional
        Called with a `LoadProgress` while images are loaded.

    Raises
    ------
    SettingsError
        If fewer than 10 images are asked for.
    DataError
        If there is no such split, it has fewer than two images, or the runs' images can no longer be loaded.
    RunError
        If a run is given twice, is not finished or is damaged, has other images, or its folder cannot be written.
    """
    if split not in _SPLITS:
        raise DataError(f"no split can be stressed that is called '{split}'{did_you_mean(split, _SPLITS)}: use test or "
                        "validation")  # fmt: skip
    if images < 10:
        raise SettingsError([f"images must be 10 or more, found {images}"])
    _check_different_and_finished(runs)
    dataset = _common_images(runs, split, load_progress)
    if len(dataset) < 2:
        raise DataError(f"expected 2 {split} images or more, found {len(dataset)}")
    places = np.sort(stratified_order(dataset.labels, _SEED)[:images]).astype(np.int64)
    labels, clean = dataset.labels[places], np.asarray(dataset.images[places])
    networks = [run.network(device) for run in runs]
    total = len(runs) * (1 + len(CORRUPTIONS) * len(SEVERITIES)) * len(places)
    done = 0

    def right(pixels: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
        """Which images each network classifies correctly."""
        nonlocal done
        found = []
        for network in networks:
            probabilities = predict_in_parts(network, pixels, part_of(progress, done, total))
            found.append(probabilities.argmax(axis=1) == labels)
            done += len(pixels)
        return found

    clean_right = right(clean)
    corrupted_right = np.empty((len(runs), len(CORRUPTIONS), len(SEVERITIES), len(places)), np.bool_)
    for row, name in enumerate(CORRUPTIONS):
        for column, severity in enumerate(SEVERITIES):
            corrupted_right[:, row, column] = right(corrupt(clean, name, severity, _SEED))
    measured = {
        str(run.folder): Robustness(tuple(CORRUPTIONS), of_run, corrupted, split)
        for run, of_run, corrupted in zip(runs, clean_right, corrupted_right, strict=True)
    }
    for run, robustness in zip(runs, measured.values(), strict=True):
        _keep(run, robustness, places)
    comparison = compare_robustness(measured) if len(runs) > 1 else None
    return StressTest(measured, comparison, corrupted_pictures(clean[0]))


def corrupted_pictures(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image, (H, W, C), under every corruption: (K, S + 1, H, W, C), first as it is, then by severity."""
    return np.stack([
        np.concatenate([image[None], *(corrupt(image[None], name, severity, _SEED) for severity in SEVERITIES)])
        for name in CORRUPTIONS
    ])  # fmt: skip


def stored_robustness(run: Run) -> StressedRun | None:
    """Return what `stress_runs` measured of a run before.

    Returns
    -------
    StressedRun or None
        None where nothing was measured, or of other weights, images or corruptions, or the file is damaged.
    """
    if not (run.folder / FILE).is_file():
        return None
    try:
        arrays, about = load_arrays(run.folder / FILE)
        if about != _about(run, about["split"]):
            return None
        right, clean_right, images = (arrays[name] for name in ("right", "clean_right", "images"))
    except (RunError, KeyError):
        return None
    if right.shape != (len(CORRUPTIONS), len(SEVERITIES), len(images)) or clean_right.shape != images.shape:
        return None
    return StressedRun(Robustness(tuple(CORRUPTIONS), clean_right, right, about["split"]), images)


def _keep(run: Run, robustness: Robustness, places: NDArray[np.int64]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "images": places, "clean_right": robustness.clean_right, "right": robustness.right,
    }  # fmt: skip
    save_arrays(run.folder / FILE, arrays, _about(run, robustness.split))


def _about(run: Run, split: str) -> dict[str, str]:
    """Return what must be the same for a stored measurement to be of a run as it is."""
    return {
        "split": split,
        "fingerprint": run.data.fingerprint,
        "weights_sha256": run.weights_digest(),
        "corruptions": json.dumps({name: way.amounts for name, way in CORRUPTIONS.items()}),
    }


def _check_different_and_finished(runs: Sequence[Run]) -> None:
    seen = set()
    for run in runs:
        if run.folder.resolve() in seen:
            raise RunError(f"{run.folder}: is given twice: stress different runs")
        if not run.finished:
            raise RunError(f"{run.folder}: the run is not finished: go on with it by 'inkling train … --resume'")
        seen.add(run.folder.resolve())


def _common_images(runs: Sequence[Run], split: str, load_progress: LoadObserver | None) -> ImageDataset:
    """Return the images of a split that all runs share."""
    first, *others = (dict(run.subset(run.load_images(load_progress)).items())[split] for run in runs)
    for run, other in zip(runs[1:], others, strict=True):
        if other.fingerprint != first.fingerprint:
            raise RunError(
                f"{run.folder}: has other {split} images ({run.data.source}) than {runs[0].folder} "
                f"({runs[0].data.source}): stress runs on the same images"
            )
    return first
