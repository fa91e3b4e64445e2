"""Whether images are like those of a run: its test images as a set, its validation images one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.network_features import network_features, sees_features
from inkling.diagnosis.shift import (
    LARGEST,
    LEAST,
    SIDE,
    WITH_FEATURES,
    Familiarity,
    TwoSampleTest,
    learn_familiarity,
    plain_features,
    two_sample_test,
)
from inkling.errors import InklingError
from inkling.networks.protocols import Classifier, FeatureExtractor
from inkling.runs.run import Run


def compare_with_test(run: Run, network: Classifier, new: NDArray[np.uint8]) -> TwoSampleTest | None:
    """Test whether images differ from the run's own test images, which are as new to its network.

    The test is given plain features, the network's answers, and its own features where it has them
    (`diagnosis.network_features`).

    Parameters
    ----------
    run : Run
    network : Classifier
        Of the run, or of an ensemble that it belongs to.
    new : ndarray of uint8, shape (N, H, W, C)

    Returns
    -------
    TwoSampleTest or None
        None where there are too few images, or the run's own can no longer be loaded.
    """
    if len(new) < LEAST:
        return None
    try:
        test = run.subset(run.load_images()).test
    except InklingError:  # the source may be gone: the evaluation of the new images does not need it
        return None
    by_network, rng = sees_features(network), np.random.default_rng(0)
    most = WITH_FEATURES if by_network else LARGEST
    old_places, new_places = (rng.permutation(len(part))[:most] for part in (test, new))
    old, drawn = (network_features(network, part) for part in (test.images[old_places], new[new_places]))
    found = two_sample_test(old, drawn)
    if found is None:
        return None
    return replace(found, by_network=by_network, unlike=tuple(int(new_places[place]) for place in found.unlike))


def compare_splits(
    run: Run, network: Classifier, train: NDArray[np.uint8], test: NDArray[np.uint8]
) -> TwoSampleTest | None:
    """Test whether test images differ from training images, which a network knows too well to be asked about them.

    So the test is given their pixels alone; and the features of a pretrained backbone, of up to 500 images of each set,
    where training left it as it was.

    Parameters
    ----------
    run : Run
    network : Classifier
        Of the run.
    train, test : ndarray of uint8, shapes (N, H, W, C) and (M, H, W, C)

    Returns
    -------
    TwoSampleTest or None
        None where there are too few images.
    """
    if not isinstance(network, FeatureExtractor) or run.settings.optimizer.backbone_rate > 0:
        return two_sample_test(plain_features(train), plain_features(test))
    rng = np.random.default_rng(0)
    places = [rng.permutation(len(images))[:WITH_FEATURES] for images in (train, test)]
    old, new = (
        np.concatenate([plain_features(images[drawn]), network.features(images[drawn])], axis=1)
        for images, drawn in zip((train, test), places, strict=True)
    )
    found = two_sample_test(old, new)
    if found is None:
        return None
    return replace(found, by_network=True, unlike=tuple(int(places[1][place]) for place in found.unlike))


def run_familiarity(run: Run, network: Classifier) -> Familiarity:
    """Return what says how unlike the run's images new ones are, by p-values (`diagnosis.shift.Familiarity`).

    The distance is to training images, and as far as it is for validation images is not unlike: a p-value is 0.05 or
    less for at most 5% of images that are like the validation images. New images are given as
    `network_features(network, images)`. Where the network has features of its own, an image is as
    unlike as it is by its pixels and the network's answers or by those features, whichever says more, and at most 500
    images of each split are used.

    Parameters
    ----------
    run : Run
        Whose images are loaded.
    network : Classifier
        Of the run, or of an ensemble that it belongs to.

    Raises
    ------
    DataError, UnknownSourceError
        If the run's own images can no longer be loaded.
    """
    rng, splits = np.random.default_rng(0), run.subset(run.load_images())
    most = WITH_FEATURES if sees_features(network) else LARGEST
    parts = [part.images[rng.permutation(len(part))[:most]] for part in (splits.train, splits.validation)]
    train, validation = (network_features(network, images) for images in parts)
    return in_parts(network, train, validation)


def in_parts(network: Classifier, known: NDArray[np.float64], held_out: NDArray[np.float64]) -> Familiarity:
    """Return the familiarity of `network_features` of training and held-out images, its own features a part of them."""
    height, width, channels = network.image_shape
    plain = min(SIDE, height) * min(SIDE, width) * channels + network.n_classes
    own = known.shape[1] - plain
    return learn_familiarity(known, held_out, (plain, own) if own else ())
