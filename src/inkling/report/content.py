"""What a report is made of: plain results, gathered by `inkling.report.gather`, drawn by `views.report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.accuracy import Evaluation
from inkling.diagnosis.calibration import CalibrationDiagnosis
from inkling.diagnosis.class_misses import ClassMisses
from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds
from inkling.diagnosis.data_size import DataSizeEffect, LearningCurve
from inkling.diagnosis.deletion import DeletionTest
from inkling.diagnosis.duplicates import Duplicates
from inkling.diagnosis.early_stopping import EarlyStopping
from inkling.diagnosis.gap_change import GapChange
from inkling.diagnosis.hidden_units import HiddenUnits
from inkling.diagnosis.mistakes import Mistake
from inkling.diagnosis.neighbours import Neighbour
from inkling.diagnosis.overfitting import Overfitting
from inkling.diagnosis.risk_coverage import RiskCoverage
from inkling.metrics.intervals import Interval
from inkling.metrics.spread import Spread, spread
from inkling.networks.protocols import Layer
from inkling.pages.suspects import PicturedSuspect


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
    early_stopping: EarlyStopping
    timing: Timing
    command: str


@dataclass(frozen=True, eq=False)
class PicturedMistake:
    """A mistake and, where the images could be loaded, its picture and the training images that look most like it."""

    mistake: Mistake
    picture: NDArray[np.uint8] | None  # (H, W, C)
    neighbours: tuple[Neighbour, ...]


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
    """The runs of one network and training size, over seeds. Weights and confusions are of the first run."""

    network: str
    train_size: int
    runs: tuple[RunContent, ...]
    train_accuracy: Spread
    validation_accuracy: Spread
    test_accuracy: Spread
    misses: tuple[ClassMisses, ...]
    layers: tuple[Layer, ...]
    first_layer: NDArray[np.floating[Any]] | None  # (units, h, w, C); None for networks without such weights
    hidden: HiddenLayer | None  # of a perceptron

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
class AttributedImage:
    """A test image, and which of its pixels spoke for what it was taken for."""

    index: int  # in the test split
    label: int
    predicted: int
    probability: float  # of the predicted class
    picture: NDArray[np.uint8]  # (H, W, C)
    map: NDArray[np.floating[Any]]  # (H, W), logits


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attribution maps of some test images, and how far such maps can be trusted."""

    right: tuple[AttributedImage, ...]  # one a class
    wrong: tuple[AttributedImage, ...]  # the worst mistakes
    test: DeletionTest


@dataclass(frozen=True, eq=False)
class CloseUp:
    """What is shown of one network alone: of the training size that did best on validation, and of its first run."""

    cell: CellContent
    calibration: CalibrationDiagnosis  # on the test images
    refusals: RiskCoverage
    mistakes: tuple[PicturedMistake, ...]
    feature_maps: FeatureMaps | None  # None for networks without, or where the images could not be loaded
    attribution: Attribution | None
    attribution_missing: str | None  # why there is none, where the images could be loaded


@dataclass(frozen=True, eq=False)
class LabelSuspects:
    """The test images whose labels are in doubt, or why they were not looked for."""

    suspects: tuple[PicturedSuspect, ...]
    n: int  # images that were judged
    flagged: int  # of those, by confident learning
    missing: str | None


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
    close_ups: tuple[CloseUp, ...]  # one a network, in their order
    comparisons: Mapping[int, tuple[Comparison | ComparisonOverSeeds, ...]]  # by training size: every two networks
    size_effects: Mapping[str, DataSizeEffect]  # by network; only those of two sizes
    learning_curves: Mapping[str, LearningCurve]  # by network; only those of three sizes or more
    gap_changes: Mapping[str, GapChange]  # by network; of those of several sizes, from the smallest to the largest
    label_suspects: LabelSuspects | None  # None where the images could not be loaded
    duplicates: Duplicates | None  # exact ones, in the splits of the largest training size; None likewise
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
