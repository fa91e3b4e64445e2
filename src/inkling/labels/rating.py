"""Probabilities to rate labels by, from networks that were not trained on their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, SettingsError, did_you_mean
from inkling.images.corrections import correct
from inkling.images.dataset import Splits
from inkling.images.naming import and_list
from inkling.images.progress import Progress
from inkling.labels.kept_together import Ties, find_ties
from inkling.labels.out_of_fold import FoldProgress, check_folds, rate_folds, train_to_the_end
from inkling.labels.review import RatedLabels
from inkling.networks.prediction import predict_in_parts
from inkling.runs.dynamics import keeps_dynamics, read_dynamics
from inkling.runs.run import Run
from inkling.training.settings import TrainingSettings

SPLITS = ("train", "validation", "test")


def check_review(split: str, by_run: bool, dynamics: bool = False) -> None:
    """Raise an error for a split that there is not, or whose labels a run, with `dynamics` or not, cannot rate."""
    if split not in SPLITS:
        raise DataError(f"no split is called '{split}'{did_you_mean(split, SPLITS)}: use train, validation or test")
    if by_run and split == "train" and not dynamics:
        raise SettingsError(
            [
                "a run was trained on its own training images: give one that was trained with --dynamics, leave out "
                "--run, or choose another --split"
            ]
        )


def rate_by_training(
    splits: Splits,
    network: str,
    settings: TrainingSettings,
    split: str = "train",
    train_size: int | None = None,
    folds: int = 5,
    device: str = "auto",
    progress: FoldProgress | None = None,
    searching: Progress | None = None,
    seeds: Sequence[int] = (),
) -> RatedLabels:
    """Train networks, and return their probabilities for images that they were not trained on.

    Parameters
    ----------
    splits : Splits
    network : str
        One of `networks.catalogue.NETWORKS`.
    settings : TrainingSettings
    split : str
        Whose labels: of "train" each part is rated by a network that was trained on the others; "validation" and
        "test" by one network that was trained on the training images.
    train_size : int, optional
        Training images, drawn by class with the settings' seed; all by default.
    folds : int
        Parts of the training images.
    device : str
        Where a PyTorch network computes.
    progress : callable, optional
        Called with (networks trained so far, how far the epoch of the next one is).
    searching : callable, optional
        Called with (images compared, images) while copies are sought among training images, to be in one fold.

    seeds : sequence of int
        Train once for each, and average the probabilities; by default once, with the settings' seed, which draws the
        training images in either case.

    Raises
    ------
    DataError
        If there is no such split, or a class has too few images.
    SettingsError
        If there cannot be so many folds, or settings are out of range.
    """
    check_review(split, by_run=False)
    size = train_size or len(splits.train)
    smaller = splits.with_train_size(size, settings.seed)
    seeds = tuple(seeds) or (settings.seed,)
    of_split = smaller.train if split == "train" else dict(splits.items())[split]
    ties: Ties | None = None
    if split == "train":
        check_folds(smaller.train, folds)
        ties = find_ties(smaller.train, folds, searching)  # once for all seeds
    rated, over_epochs = [], []
    for place, seed in enumerate(seeds):
        told = _after(progress, place * (folds if split == "train" else 1))
        seeded = replace(settings, seed=seed)
        if split == "train":
            by_folds = rate_folds(smaller, network, seeded, folds, device, told, ties.numbers if ties else None)
            rated.append(by_folds.held_out)
            over_epochs.append(by_folds.over_epochs)
        else:
            trained = train_to_the_end(smaller, network, seeded, device, progress=told)
            rated.append(trained.predict_proba(of_split.images))
    how = f"{network}, recipe {settings.recipe}, {settings.epochs} epochs, "
    how += f"seed {seeds[0]}" if len(seeds) == 1 else f"the mean of the seeds {and_list([str(seed) for seed in seeds])}"
    if ties is not None:
        indices = splits.train.stratified_indices(size, settings.seed)
        how += f", trained on the other {folds - 1} of {folds} folds ({ties.how})"
        how += "; ranked by the mean of all networks over their epochs"
    else:
        indices = np.arange(len(of_split))
        how += f", on {size:,} training images"
    return RatedLabels(
        split,
        indices,
        np.mean(rated, axis=0),
        how,
        len(seeds),
        _otherwise(of_split.labels, rated),
        np.mean(over_epochs, axis=0) if over_epochs else None,
    )


def _after(progress: FoldProgress | None, trained: int) -> FoldProgress | None:
    """Count the networks of earlier seeds in."""
    return progress and (lambda fold, at: progress(trained + fold, at))


def _otherwise(labels: NDArray[np.int64], rated: Sequence[NDArray[np.float32]]) -> NDArray[np.intp] | None:
    """How many of several networks predict another class than the label, (M,)."""
    return np.sum([each.argmax(axis=1) != labels for each in rated], axis=0) if len(rated) > 1 else None


def rate_by_run(
    run: Run, splits: Splits, split: str, device: str = "auto", progress: Progress | None = None
) -> RatedLabels:
    """Return what a run of the same source says of images: of training images while it learnt them.

    Parameters
    ----------
    run : Run
    splits : Splits
        As the source has them: not corrected.
    split : str
        "validation" or "test"; "train" for a run that recorded its training dynamics, of whose probabilities the mean
        over all epochs is taken.
    device : str
        Where a PyTorch network computes.
    progress : callable, optional
        Called with (images done, images in all).

    Raises
    ------
    DataError
        If there is no such split, or the run was trained on other images, and so perhaps on these.
    SettingsError
        For the split "train" of a run without training dynamics.
    """
    check_review(split, by_run=True, dynamics=keeps_dynamics(run))
    try:
        run.subset(splits if run.corrections is None else correct(splits, run.corrections))
    except DataError:
        raise DataError(
            f"{splits.name}: holds other images than {run.folder} was trained on ({run.data.source}), among which may "
            "be those to rate: give the run's own source, or leave out --run"
        ) from None
    if split == "train":
        learnt = read_dynamics(run)
        indices = splits.train.stratified_indices(run.train_size, run.settings.seed)
        by = f"{run.network_name} of the run {run.folder} on its own training images, the mean of its epochs"
        return RatedLabels(split, indices, learnt.mean, f"{by} (there are {len(learnt.of_label)})", learnt=True)
    images = dict(splits.items())[split].images
    by = f"{run.network_name} of the run {run.folder}, trained on {run.train_size:,} images"
    return RatedLabels(split, np.arange(len(images)), predict_in_parts(run.network(device), images, progress), by)
