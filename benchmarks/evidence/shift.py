"""Is new data like the old: false alarms where both come from one source, and what is found where they do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, rotate

from evidence.claim import Claim, Effort, Measured, rate
from images import mnist_images
from inkling.diagnosis.network_features import network_features
from inkling.diagnosis.run_shift import in_parts
from inkling.diagnosis.shift import Familiarity, learn_familiarity, plain_features, two_sample_test
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.registry import load_images
from inkling.networks.catalogue import build_network
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe


def _images(effort: Effort) -> Splits:
    return load_images("digits" if effort.quick else "mnist")


def _network(splits: Splits, seed: int, quick: bool) -> Perceptron:
    part = splits.with_train_size(300 if quick else 1000, seed)
    network = Perceptron(part.train.image_shape, part.train.n_classes, hidden=32, seed=seed)
    for _ in train(network, part, recipe("reference", epochs=5, seed=seed)):
        pass
    return network


def _features(network: Perceptron, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return plain_features(images, network.predict_proba(images))


def _alarms(effort: Effort, n: int) -> Measured:
    """Two parts of the test images, drawn again and again, under 10 networks."""
    splits, rng = _images(effort), np.random.default_rng(n)
    networks, times = effort.times(10), effort.times(100)
    alarms = 0
    for seed in range(networks):
        features = _features(_network(splits, seed, effort.quick), splits.test.images)
        for _ in range(times):
            order = rng.permutation(len(features))
            test = two_sample_test(features[order[:n]], features[order[n : 2 * n]], seed)
            alarms += test is not None and test.shown
    return rate(alarms, networks * times, high=0.05)


def _alarms_30(effort: Effort) -> Measured:
    return _alarms(effort, 30)


def _alarms_180(effort: Effort) -> Measured:
    return _alarms(effort, 180)


def _train_and_test(effort: Effort) -> Measured:
    """Training and test images drawn from one pool, by their pixels."""
    splits, rng, times = (
        _images(effort),
        np.random.default_rng(1),
        effort.times(1000),
    )
    features = plain_features(splits.test.images)
    alarms = 0
    for seed in range(times):
        order = rng.permutation(len(features))
        test = two_sample_test(features[order[:200]], features[order[200:400]], seed)
        alarms += test is not None and test.shown
    return rate(alarms, times, high=0.05)


def _dimmed(effort: Effort) -> Measured:
    """100 pictures at 0.8 of their brightness against 100 others as they are."""
    splits, rng, times = _images(effort), np.random.default_rng(2), effort.times(100)
    network = _network(splits, 0, effort.quick)
    images = splits.test.images
    found = 0
    for seed in range(times):
        order = rng.permutation(len(images))[:200]
        dimmed = (images[order[100:]] * 0.8).astype(np.uint8)
        test = two_sample_test(_features(network, images[order[:100]]), _features(network, dimmed), seed)
        found += test is not None and test.shown
    measured = rate(found, times, low=0.8)
    return Measured(measured.shown, effort.quick or measured.reached)


def _seen(effort: Effort) -> tuple[Network, NDArray[np.uint8]]:
    """A convolutional network, and images that are new to it."""
    splits = mnist_images(effort.quick)
    part = splits.with_train_size(200 if effort.quick else 1000, 0)
    network = build_network("small-cnn", part.train.image_shape, part.train.n_classes, seed=0)
    for _ in train(network, part, recipe("reference", "small-cnn", epochs=1 if effort.quick else 5, seed=0)):
        pass
    order = np.random.default_rng(3).permutation(len(splits.test))
    return network, splits.test.images[order[: 240 if effort.quick else 2000]]


def _alarms_of_features(effort: Effort) -> Measured:
    network, images = _seen(effort)
    features, rng, times = network_features(network, images), np.random.default_rng(4), effort.times(1000)
    alarms = 0
    for seed in range(times):
        order = rng.permutation(len(features))
        test = two_sample_test(features[order[:100]], features[order[100:200]], seed)
        alarms += test is not None and test.shown
    return rate(alarms, times, high=0.05)


def _turned(effort: Effort) -> Measured:
    """100 pictures turned by 8 degrees against 100 others as they are."""
    network, images = _seen(effort)
    degrees = rotate(images.astype(float), 8, axes=(1, 2), reshape=False, order=1)
    turned = np.clip(np.rint(degrees), 0, 255).astype(np.uint8)
    of_old, of_new = network_features(network, images), network_features(network, turned)
    plain_old, plain_new = (plain_features(each, network.predict_proba(each)) for each in (images, turned))
    rng, times = np.random.default_rng(5), effort.times(100)
    found = plain = 0
    for seed in range(times):
        order = rng.permutation(len(images))[:200]
        tests = (
            two_sample_test(old[order[:100]], new[order[100:]], seed)
            for old, new in ((of_old, of_new), (plain_old, plain_new))
        )
        by_network, by_pixels = (test is not None and test.shown for test in tests)
        found, plain = found + by_network, plain + by_pixels
    measured = rate(found, times, low=0.8)
    shown = f"{measured.shown}; by pixels and answers alone {plain / times:.1%}"
    return Measured(shown, effort.quick or measured.reached)


def _single(effort: Effort) -> Measured:
    """New pictures called unlike, for networks trained again, whose epoch was chosen on the validation images.

    Validation and new images are drawn from one pool: MNIST's own test images are of other writers than its validation
    images, and 7% of them are called unlike.
    """
    splits, networks = _images(effort), effort.times(40)
    pool = _pool(splits)
    called = []
    for seed in range(networks):
        order = np.random.default_rng(seed).permutation(len(pool))
        mixed = Splits(splits.train, pool.subset(order[:360]), pool.subset(order[360:2360]), "mixed")
        network = _network(mixed, seed, effort.quick)
        known = mixed.with_train_size(300 if effort.quick else 1000, seed).train
        familiarity = learn_familiarity(_features(network, known.images), _features(network, mixed.validation.images))
        called.append(float(np.mean(familiarity.p_values(_features(network, mixed.test.images)) <= 0.05)))
    return _on_average(called)


def _single_by_features(effort: Effort) -> Measured:
    """As `_single`, of convolutional networks, what they see asked too."""
    splits, networks = mnist_images(effort.quick), effort.times(20)
    pool = _pool(splits)
    called = []
    for seed in range(networks):
        order = np.random.default_rng(seed).permutation(len(pool))
        mixed = Splits(splits.train, pool.subset(order[:300]), pool.subset(order[300:800]), "mixed")
        network, familiarity = _familiar(mixed, seed, effort)
        new = network_features(network, mixed.test.images)
        called.append(float(np.mean(familiarity.p_values(new) <= 0.05)))
    return _on_average(called)


def _pool(splits: Splits) -> ImageDataset:
    """Validation and test images together."""
    both = (splits.validation, splits.test)
    images, labels = (np.concatenate([getattr(of, part) for of in both]) for part in ("images", "labels"))
    return ImageDataset(images, labels, splits.test.class_names)


def _on_average(called: list[float]) -> Measured:
    """The rate of each network; reached where their mean is not above 5% by more than chance."""
    mean, error = float(np.mean(called)), float(np.std(called)) / len(called) ** 0.5
    shown = f"{mean:.1%} on average of {len(called)} networks, {min(called):.1%} to {max(called):.1%}"
    return Measured(shown, mean <= 0.05 + 2 * error)


def _familiar(splits: Splits, seed: int, effort: Effort) -> tuple[Network, Familiarity]:
    """A convolutional network, and what is familiar to it."""
    part = splits.with_train_size(200 if effort.quick else 1000, seed)
    network = build_network("small-cnn", part.train.image_shape, part.train.n_classes, seed=seed)
    for _ in train(network, part, recipe("reference", "small-cnn", epochs=1 if effort.quick else 5, seed=seed)):
        pass
    known, held_out = (network_features(network, of.images[:500]) for of in (part.train, part.validation))
    return network, in_parts(network, known, held_out)


def _blurred(effort: Effort) -> Measured:
    """Pictures blurred by 2 pixels, of 3 networks: by what a network sees too, and by pixels and answers alone."""
    splits, found, plain, asked = mnist_images(effort.quick), 0, 0, 0
    images = splits.test.images[:300]
    blurred = np.rint(gaussian_filter(images.astype(float), (0, 2, 2, 0))).astype(np.uint8)
    for seed in range(effort.times(3)):
        network, familiarity = _familiar(splits, seed, effort)
        part = splits.with_train_size(200 if effort.quick else 1000, seed)
        known, held_out, new = (
            plain_features(of, network.predict_proba(of))
            for of in (part.train.images[:500], part.validation.images[:500], blurred)
        )
        found += int(np.sum(familiarity.p_values(network_features(network, blurred)) <= 0.05))
        plain += int(np.sum(learn_familiarity(known, held_out).p_values(new) <= 0.05))
        asked += len(blurred)
    measured = rate(found, asked, low=0.8)
    return Measured(
        f"{measured.shown}; by pixels and answers alone {plain / asked:.1%}", effort.quick or measured.reached
    )


def _foreign(effort: Effort) -> Measured:
    """Inverted test pictures."""
    splits = _images(effort)
    part, network = splits.with_train_size(300 if effort.quick else 1000, 0), _network(splits, 0, effort.quick)
    known, held_out = (_features(network, of.images[:1000]) for of in (part.train, part.validation))
    inverted = _features(network, 255 - part.test.images[:1000])
    called = learn_familiarity(known, held_out).p_values(inverted) <= 0.05
    return rate(int(called.sum()), len(called), low=0.95)


CLAIMS = (
    Claim("new pictures of the same source called different, 30 each", "at most 5%", _alarms_30, trains=True),
    Claim("new pictures of the same source called different, 180 each", "at most 5%", _alarms_180, trains=True),
    Claim("training and test images of one pool called different, 200 each", "at most 5%", _train_and_test),
    Claim("100 pictures dimmed to 0.8 called different", "at least 80%", _dimmed, trains=True),
    Claim(
        "new pictures of the same source called different by a CNN's features, 100 each",
        "at most 5%",
        _alarms_of_features,
        trains=True,
    ),
    Claim(
        "100 pictures turned by 8 degrees called different by a CNN's features", "at least 80%", _turned, trains=True
    ),
    Claim("a new picture called unlike at 5%, networks trained again", "at most 5%", _single, trains=True),
    Claim(
        "a new picture called unlike at 5% by a CNN's features too, networks trained again",
        "at most 5%",
        _single_by_features,
        trains=True,
    ),
    Claim("a picture blurred by 2 pixels called unlike by a CNN's features", "at least 80%", _blurred, trains=True),
    Claim("an inverted picture called unlike", "at least 95%", _foreign, trains=True),
)
