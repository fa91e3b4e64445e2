"""Whether images are like those of a run: its test images as a set, its validation images one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.network_features import network_features, sees_features
from inkling.diagnosis.shift import (
    LARGEST,
    LEAST,
    WITH_FEATURES,
    Familiarity,
    TwoSampleTest,
    learn_familiarity,
    plain_features,
    two_sample_test,
)
from inkling.errors import InklingError
from inkling.networks.prediction import predict_in_parts
from inkling.networks.protocols import Classifier
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


def run_familiarity(run: Run, network: Classifier) -> Familiarity:
    """Return what says how unlike the run's images new ones are, by p-values (`diagnosis.shift.Familiarity`).

    The distance is to training images, and as far as it is for validation images is not unlike: a p-value is 0.05 or
    less for at most 5% of images that are like the validation images. New images are given as
    `plain_features(images, network.predict_proba(images))`.

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
    parts = [part.images[rng.permutation(len(part))[:LARGEST]] for part in (splits.train, splits.validation)]
    train, validation = (plain_features(images, predict_in_parts(network, images)) for images in parts)
    return learn_familiarity(train, validation)
