"""What a report is made of: plain results, gathered by `inkling.reporting`, drawn by `views.report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.accuracy import Evaluation, Interval
from inkling.diagnosis.class_misses import ClassMisses
from inkling.diagnosis.data_size import DataSizeEffect, LearningCurve
from inkling.diagnosis.hidden_units import HiddenUnits
from inkling.diagnosis.mistakes import Mistake
from inkling.diagnosis.overfitting import Overfitting
from inkling.diagnosis.spread import Spread, spread
from inkling.networks.base import Layer


@dataclass(frozen=True)
class Accuracy:
    """A fraction of n images, with its 95% Wilson interval."""

    value: float
    n: int
    interval: Interval


@dataclass(frozen=True)
class Timing:
    """Seconds of one run."""

    training: float  # training steps alone
    per_epoch: float  # of those, mean over epochs
    to_best: float  # of those, up to the end of the best validation epoch
    whole: float  # with measuring after every epoch
    images_per_second: float  # training images, augmented where they are, in training steps alone


@dataclass(frozen=True, eq=False)
class RunContent:
    """One run: a network, a training size, a seed."""

    seed: int
    history: tuple[Mapping[str, Any], ...]
    best_epoch: int
    train: Accuracy  # at the best epoch, as all that follows
    validation: Accuracy
    test: Accuracy
    evaluation: Evaluation  # on the test images
    overfitting: Overfitting
    timing: Timing
    command: str


@dataclass(frozen=True, eq=False)
class PicturedMistake:
    """A mistake and, where the images could be loaded, its picture (uint8, (H, W, C))."""

    mistake: Mistake
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What a network makes of one test image on the way."""

    index: int  # of the image in the test split
    label: int  # its class, which the network names right
    picture: NDArray[np.uint8]  # (H, W, C)
    maps: tuple[tuple[Layer, NDArray[np.floating[Any]]], ...]  # after every layer, (h, w, channels)


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """What the hidden units of a perceptron say to the classes."""

    outgoing: NDArray[np.floating[Any]]  # (H, K) weights to the logits
    units: HiddenUnits | None  # on the test images; None where they could not be loaded


@dataclass(frozen=True, eq=False)
class CellContent:
    """The runs of one network and training size, over seeds. Pictures and confusions are of the first run."""

    network: str
    train_size: int
    runs: tuple[RunContent, ...]
    train_accuracy: Spread
    validation_accuracy: Spread
    test_accuracy: Spread
    misses: tuple[ClassMisses, ...]
    mistakes: tuple[PicturedMistake, ...]
    layers: tuple[Layer, ...]
    first_layer: NDArray[np.floating[Any]] | None  # (units, h, w, C); None for networks without such weights
    feature_maps: FeatureMaps | None  # None for networks without, or where the images could not be loaded
    hidden: HiddenLayer | None = None  # of a perceptron

    @property
    def first(self) -> RunContent:
        """The run that pictures and confusions are of."""
        return self.runs[0]

    @property
    def gap(self) -> Spread:
        """Training less validation accuracy at the best epoch."""
        return spread([run.overfitting.gap for run in self.runs])

    @property
    def timing(self) -> Timing:
        """Of the run whose epochs took least: other work on a machine can only make them longer."""
        return min((run.timing for run in self.runs), key=lambda timing: timing.per_epoch)

    @property
    def has_filters(self) -> bool:
        """Whether the first layer with weights is a convolution."""
        return next((layer.kind for layer in self.layers if layer.parameters), "") == "convolution"

    @property
    def parameters(self) -> int:
        """Numbers that are trained."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight, each with its addition, for one image."""
        return sum(layer.multiply_adds for layer in self.layers)


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything in a report."""

    name: str  # of the folder
    data_name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    n_validation: int
    n_test: int
    cells: tuple[CellContent, ...]  # by network, then training size
    chosen: CellContent  # the one of the highest mean validation accuracy
    size_effects: Mapping[str, DataSizeEffect]  # by network; only those of two sizes
    learning_curves: Mapping[str, LearningCurve]  # by network; only those of three sizes or more
    pictures_missing: str | None  # why the images could not be shown
    facts: tuple[tuple[str, str], ...]  # how it was made: name and value
    fingerprints: tuple[tuple[str, str], ...]  # which training images, and SHA-256 of the splits with them
    study_command: str  # empty for a single run
    unfinished: tuple[str, ...] = ()  # runs that the study asks for and that are not in the report

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks, in order."""
        return tuple(dict.fromkeys(cell.network for cell in self.cells))

    def cells_of(self, network: str) -> tuple[CellContent, ...]:
        """Return the cells of one network, small training sizes first."""
        return tuple(cell for cell in self.cells if cell.network == network)

    @property
    def compared(self) -> tuple[CellContent, ...]:
        """One cell a network, at the largest training size that all have; empty without such a size or a second one."""
        sizes = [{cell.train_size for cell in self.cells_of(network)} for network in self.networks]
        common = set.intersection(*sizes)
        if len(sizes) < 2 or not common:
            return ()
        return tuple(cell for cell in self.cells if cell.train_size == max(common))
