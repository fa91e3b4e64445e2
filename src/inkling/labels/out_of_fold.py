"""Probabilities of training images by cross-validation: each fold is rated by a network that was trained on the others.

Beside them what all of these networks say on average while they learn, which an image's label takes a while to change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, SettingsError, TrainingError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.splitting import stratified_folds
from inkling.labels.kept_together import kept_together
from inkling.networks.catalogue import build_network
from inkling.networks.protocols import Network
from inkling.training.loop import train
from inkling.training.progress import EpochProgress
from inkling.training.settings import TrainingSettings

FoldProgress = Callable[[int, EpochProgress], None]
"""Called a few times a second at most with (networks trained so far, how far the epoch of the next one is)."""

AfterEpoch = Callable[[Network, NDArray[np.float32]], None]


@dataclass(frozen=True, eq=False)
class FoldRatings:
    """What the networks of cross-validation say of N training images."""

    held_out: NDArray[np.float32]  # (N, K), by the network that was not trained on the image, after its last epoch
    over_epochs: NDArray[np.float32]  # (N, K), mean over all epochs: half of it by that network, half by the others


def out_of_fold(
    splits: Splits,
    network: str,
    settings: TrainingSettings,
    folds: int = 5,
    device: str = "auto",
    progress: FoldProgress | None = None,
    together: NDArray[np.intp] | None = None,
) -> NDArray[np.float32]:
    """Return the probabilities of the training images (N, K), each from a network that was trained without it.

    The `held_out` of `rate_folds`, whose parameters and errors these are.
    """
    return rate_folds(splits, network, settings, folds, device, progress, together).held_out


def rate_folds(
    splits: Splits,
    network: str,
    settings: TrainingSettings,
    folds: int = 5,
    device: str = "auto",
    progress: FoldProgress | None = None,
    together: NDArray[np.intp] | None = None,
) -> FoldRatings:
    """Rate training images by networks that were trained without them, and by all networks over their epochs.

    The images are cut into stratified folds, drawn with the settings' seed; copies of one image are in one fold, so
    that none vouches for the label of another, and so are images of one group (`kept_together`). For every fold a
    network is trained on the others and keeps its last epoch, so that no label has a say in what is kept.

    Parameters
    ----------
    splits : Splits
        The validation images are measured after every epoch, for the record, and choose nothing.
    network : str
        One of `networks.catalogue.NETWORKS`.
    settings : TrainingSettings
    folds : int
        2 or more: each network sees (folds - 1) / folds of the images.
    device : str
        Where a PyTorch network computes: "auto", "cpu" or "cuda".
    progress : callable, optional
    together : ndarray of intp, shape (N,), optional
        Equal numbers for images that belong into one fold, where `kept_together` has found them before.

    Returns
    -------
    FoldRatings

    Raises
    ------
    SettingsError
        If there cannot be so many folds, or settings are out of range.
    DataError
        If a class has a single image, or a single group: no other can teach it.
    NetworkError, TrainingError
    """
    training = splits.train
    fold_of = _folds(training, folds, settings.seed, together)
    last, unseen, seen = (np.zeros((len(training), training.n_classes)) for _ in range(3))
    for fold in range(folds):
        held_out = fold_of == fold

        def after_epoch(
            trained: Network, probabilities: NDArray[np.float32], held_out: NDArray[np.bool_] = held_out
        ) -> None:
            unseen[held_out] += trained.predict_proba(training.images[held_out])
            seen[~held_out] += probabilities

        network_of_fold = train_to_the_end(
            replace(splits, train=training.subset(~held_out)), network, settings, device, fold, progress, after_epoch
        )
        last[held_out] = network_of_fold.predict_proba(training.images[held_out])
    over_epochs = (unseen + seen / (folds - 1)) / (2 * settings.epochs)
    return FoldRatings(last.astype(np.float32), over_epochs.astype(np.float32))


def check_folds(training: ImageDataset, folds: int) -> None:
    """Raise SettingsError where there cannot be so many folds, DataError where a class has a single image."""
    units, what = (len(set(training.groups)), "groups") if training.groups else (len(training), "images")
    if not 2 <= folds <= units:
        advice = "use --folds 2 or more" if folds < 2 else f"use fewer --folds, or add {what}"
        raise SettingsError([f"folds must lie in 2..{units:,}, the number of {what}, found {folds}: {advice}"])
    single = [name for name, count in training.class_counts.items() if count == 1]
    if single:
        raise DataError(f"class '{single[0]}' has one image among those to rate: it needs two at least")


def _folds(training: ImageDataset, folds: int, seed: int, together: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """Return the fold of each image (N,), and refuse folds that cannot be."""
    check_folds(training, folds)
    together = kept_together(training, folds) if together is None else together
    fold_of = stratified_folds(training.labels, folds, seed, together)
    for label, name in enumerate(training.class_names):
        if len(set(fold_of[training.labels == label])) == 1:
            raise DataError(
                f"all images of class '{name}' are in one fold, because groups are kept together: it needs images of "
                "two groups at least"
            )
    return fold_of


def train_to_the_end(
    splits: Splits,
    network: str,
    settings: TrainingSettings,
    device: str = "auto",
    fold: int = 0,
    progress: FoldProgress | None = None,
    after_epoch: AfterEpoch | None = None,
) -> Network:
    """Return a network trained on the training images, as it is after its last epoch.

    After every epoch `after_epoch` is called with the network and its probabilities of the training images.

    Raises
    ------
    TrainingError
        If training diverged.
    """
    fresh = build_network(network, splits.train.image_shape, splits.train.n_classes, settings.seed, device)
    try:
        for record in train(
            fresh,
            splits,
            settings,
            progress=progress and partial(progress, fold),
            observe=after_epoch and (lambda _, probabilities: after_epoch(fresh, probabilities)),
        ):
            last = record
    except TrainingError:
        # Nothing of it is kept, and its learning rate is not asked for here: the loop's own advice would be wrong.
        raise TrainingError(
            f"the training of {network} on {len(splits.train):,} images by the recipe {settings.recipe} diverged, so "
            "that no label is rated: choose another network or recipe, or give more images"
        ) from None
    fresh.load_state(last.state.network)
    return fresh
