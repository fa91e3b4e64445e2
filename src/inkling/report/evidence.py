"""What every section of a report starts from: the runs of a folder, their results, and the images, loaded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from inkling.diagnosis.accuracy import Evaluation
from inkling.diagnosis.overfitting import Overfitting
from inkling.figures.style import network_colour
from inkling.images.dataset import Splits
from inkling.images.naming import and_list
from inkling.metrics.intervals import Interval
from inkling.metrics.spread import Spread, spread
from inkling.networks.protocols import Layer, Network
from inkling.runs.run import Run
from inkling.studies.ledger import UseOfTestSet


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
    with_measuring: float  # with measuring after every epoch
    images_per_second: float  # training images, augmented where they are, in training steps alone


@dataclass(frozen=True, eq=False)
class RunEvidence:
    """One run: a network, a training size, a seed."""

    run: Run
    seed: int
    history: tuple[Mapping[str, Any], ...]
    best_epoch: int
    train: Accuracy  # at the best epoch, as all that follows
    validation: Accuracy
    test: Accuracy
    evaluation: Evaluation  # on the test images
    overfitting: Overfitting
    timing: Timing


@dataclass(frozen=True, eq=False)
class Cell:
    """The runs of one network and training size, over seeds."""

    network: str  # with what a study varied in it: "perceptron (hidden 16)"
    train_size: int
    runs: tuple[RunEvidence, ...]
    train_accuracy: Spread
    validation_accuracy: Spread
    test_accuracy: Spread
    layers: tuple[Layer, ...]
    place: int = 0  # in the grid of the study

    @property
    def first(self) -> RunEvidence:
        """The run that pictures and confusions are of."""
        return self.runs[0]

    @cached_property
    def first_network(self) -> Network:
        """The trained network of the first run, on the processor."""
        return self.first.run.network("cpu")

    @property
    def gap(self) -> Spread:
        """Training less validation accuracy at the best epoch."""
        return spread([run.overfitting.gap for run in self.runs])

    @property
    def timing(self) -> Timing:
        """Of the run whose epochs took least: other work on a machine can only make them longer."""
        return min((run.timing for run in self.runs), key=lambda timing: timing.per_epoch)

    @property
    def parameters(self) -> int:
        """Numbers that are trained."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight, each with its addition, for one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def seeds(self) -> str:
        """Which seeds there are, in words."""
        seeds = [str(run.seed) for run in self.runs]
        return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {and_list(seeds)}"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a run or study folder holds, before any section looks into it."""

    name: str  # of the folder
    data_name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    n_validation: int
    n_test: int
    cells: tuple[Cell, ...]  # by network, then training size
    chosen: Cell  # the one of the highest mean validation accuracy
    best_cells: tuple[Cell, ...]  # one a network, of its training size that did best on validation
    splits: Splits | None  # with all training images of the source; None where they could not be loaded
    images_missing: str | None  # why they could not
    study_command: str = ""  # empty for a single run
    unfinished: tuple[str, ...] = ()  # runs that the study asks for and that are not in the report
    failed: Mapping[str, str] = field(default_factory=dict)  # of those, runs that failed, and why
    use_of_test_set: UseOfTestSet | None = None  # how often the test images were looked at before this report
    others: tuple[Cell, ...] = ()  # variants of a study of many: only the section on ablations shows them

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks, in order."""
        return tuple(dict.fromkeys(cell.network for cell in self.cells))

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order of the cells."""
        return [run.run for cell in self.cells for run in cell.runs]

    @property
    def several_seeds(self) -> bool:
        """Whether the chosen cell was repeated."""
        return len(self.chosen.runs) > 1

    def cells_of(self, network: str) -> tuple[Cell, ...]:
        """Return the cells of one network, small training sizes first."""
        return tuple(cell for cell in self.cells if cell.network == network)

    def colour(self, network: str) -> str:
        """Return the colour that a network has all through the report."""
        return network_colour(self.networks.index(network))

    def splits_of(self, run: RunEvidence) -> Splits | None:
        """Return what a run was trained and evaluated on."""
        return None if self.splits is None else run.run.subset(self.splits)
