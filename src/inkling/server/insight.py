"""What the page of a server shows of a model beside its answers: how it computes, what it looks at, how it learnt.

The networks here are loaded apart from those that answer requests: looking into one changes nothing for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.attribution.baselines import BLACK, baseline_images, baseline_of
from inkling.diagnosis.attribution.maps import attribute
from inkling.diagnosis.neighbours import labelled_neighbours
from inkling.errors import InklingError
from inkling.figures.feature_maps import FeatureMapsDisplay
from inkling.images.dataset import ImageDataset, Splits
from inkling.networks.protocols import Network
from inkling.runs.snapshots import snapshot_epochs, snapshot_network
from inkling.server.served_model import ServedModel

NEIGHBOURS = 8
"""Training images that are shown, at most."""

EXAMPLES = 12
"""Validation images whose answers are followed over the epochs, at most: one of each class."""

_UNITS = 64
_WEIGHTS = 10**6
"""Weights of the first layer that are sent of an epoch, at most: as many units as they are enough for, up to 64."""


class Picture(msgspec.Struct):
    """An image of the run's data."""

    label: str
    pixels: bytes  # H * W * C of uint8, row by row


class Nearest(msgspec.Struct):
    """The training images nearest to an image, pixel by pixel."""

    searched: int  # training images
    pictures: list[Picture]  # nearest first
    missing: str = ""  # why there are none


class Stage(msgspec.Struct):
    """The feature maps of one size."""

    title: str
    shape: tuple[int, int]  # (height, width) of a map
    maps: list[bytes]  # height * width of uint8 each: 0 is 0 and less, 255 the largest activation of the stage


class Inside(msgspec.Struct):
    """What a network makes of one image, and which pixels are evidence for its answer."""

    label: str  # predicted
    evidence: bytes  # H * W of float32, little-endian, in logits: above 0 for the label; empty where there is none
    begun_from: str  # of the evidence: what the image is compared with
    stages: list[Stage]  # empty where the network makes no images on the way


class Epoch(msgspec.Struct):
    """A network after one of its epochs."""

    epoch: int  # 0: before the first
    units: list[bytes]  # weights of units or filters of the first layer: height * width * channels of int8 each
    unit_shape: tuple[int, int, int] | None  # (height, width, channels); None: the first layer has no pictures
    all_units: int
    strongest: float  # the weight that 127 stands for
    probabilities: list[list[float]]  # of each example, each class


class Learning(msgspec.Struct):
    """How a run learnt."""

    history: list[dict[str, float]]  # epoch, losses and accuracies
    train: int  # images
    validation: int
    best_epoch: int
    snapshots: list[int]  # epochs whose weights were kept
    examples: list[Picture]
    missing: str = ""  # why there are no examples


class Insight:
    """What can be seen of one model.

    Parameters
    ----------
    model : ServedModel
    pictures : bool
        Whether images of its data may be shown.
    """

    def __init__(self, model: ServedModel, pictures: bool = True) -> None:
        self.model, self._pictures = model, pictures

    @cached_property
    def network(self) -> Network:
        """The network, on the CPU."""
        return self.model.run.network("cpu")

    @cached_property
    def _loaded(self) -> tuple[Splits | None, str]:
        """The images that the run was trained on and chosen by; or why they are not there."""
        try:
            return self.model.run.subset(self.model.run.load_images()), ""
        except (InklingError, OSError) as error:
            return None, str(error)

    @property
    def splits(self) -> Splits | None:
        """The images of the run, where they are still there; loaded at the first time."""
        return self._loaded[0]

    @property
    def missing(self) -> str:
        """Why no image of the data is shown; empty where they are."""
        if not self._pictures:
            return "This server listens to other machines and asks for no token, so it shows no image of its data."
        return "" if self.splits else f"The run's images cannot be loaded here: {self._loaded[1]}."

    def nearest(self, pixels: NDArray[np.uint8]) -> Nearest:
        """Return the training images nearest to an image (H, W, C)."""
        if self.missing or self.splits is None:
            return Nearest(0, [], self.missing)
        train = self.splits.train
        found = labelled_neighbours(pixels[np.newaxis], train, NEIGHBOURS)[0]
        names = self.model.class_names
        return Nearest(len(train), [Picture(names[near.label], near.picture.tobytes()) for near in found])

    def inside(self, pixels: NDArray[np.uint8]) -> Inside:
        """Return feature maps and evidence for an image (H, W, C), the latter by integrated gradients."""
        images, network = pixels[np.newaxis], self.network
        label = self.model.class_names[int(network.predict_proba(images).argmax())]
        kind = baseline_of(images)
        try:
            evidence = attribute(network, images, baselines=baseline_images(images, kind))[0].astype("<f4").tobytes()
        except InklingError:  # a network without gradients
            evidence = b""
        shown = FeatureMapsDisplay.from_maps(pixels, network.feature_maps(pixels))
        stages = [
            Stage(stage.title, (stage.maps.shape[0], stage.maps.shape[1]), [shade.tobytes() for shade in stage.shades])
            for stage in shown.stages
        ]
        begun = "a black image" if kind == BLACK else "the image blurred"
        return Inside(label, evidence, begun, stages)

    @cached_property
    def _examples(self) -> ImageDataset | None:
        """The first validation image of each class."""
        if self.missing or self.splits is None:
            return None
        validation = self.splits.validation
        _, first = np.unique(validation.labels, return_index=True)
        return validation.subset(first[:EXAMPLES])

    def learning(self) -> Learning:
        """Return how the run learnt."""
        run, names = self.model.run, self.model.class_names
        history = run.history()
        kept = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        examples = self._examples
        pictures = [] if examples is None else [
            Picture(names[label], image.tobytes())
            for label, image in zip(examples.labels.tolist(), examples.images, strict=True)
        ]  # fmt: skip
        best = run.results["best_epoch"] if run.results else max(
            (epoch["epoch"] for epoch in history if epoch["best"]), default=len(history)
        )  # fmt: skip
        return Learning(
            [{name: epoch[name] for name in kept} for epoch in history], run.data.train, run.data.validation, best,
            snapshot_epochs(run), pictures, self.missing,
        )  # fmt: skip

    def epoch(self, epoch: int) -> Epoch:
        """Return the network after an epoch, one of those that were kept.

        Raises
        ------
        RunError
            If it was not kept, or is damaged.
        """
        network = snapshot_network(self.model.run, epoch, "cpu")
        examples = self._examples
        probabilities: Sequence[Any] = [] if examples is None else network.predict_proba(examples.images).tolist()
        weights = network.first_layer()
        if weights is None:
            return Epoch(epoch, [], None, 0, 0.0, list(probabilities))
        shown = weights[: max(1, min(_UNITS, _WEIGHTS // weights[0].size))]
        strongest = float(np.abs(weights).max()) or 1.0
        levels = np.round(shown * (127 / strongest)).astype(np.int8)
        height, width, channels = weights.shape[1:]
        return Epoch(
            epoch, [unit.tobytes() for unit in levels], (height, width, channels), len(weights), strongest,
            list(probabilities),
        )  # fmt: skip
