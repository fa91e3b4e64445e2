"""Inkling trains, examines and ships neural-network image classifiers, with every number on the table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkling.diagnosis.accuracy import Evaluation, evaluate, evaluate_predictions
    from inkling.diagnosis.attribution.maps import attribute
    from inkling.diagnosis.calibration import diagnose_calibration
    from inkling.diagnosis.comparison import compare_over_seeds, compare_predictions
    from inkling.diagnosis.data_size import fit_learning_curve
    from inkling.diagnosis.deletion import deletion_test
    from inkling.diagnosis.overfitting import diagnose_overfitting
    from inkling.errors import InklingError
    from inkling.images.augment import Augmentation
    from inkling.images.dataset import ImageDataset, Splits
    from inkling.images.sources.registry import load_images
    from inkling.networks.catalogue import build
    from inkling.networks.ensemble import Ensemble
    from inkling.networks.numpy.optimizers import OptimizerSettings
    from inkling.networks.numpy.perceptron import Perceptron
    from inkling.networks.protocols import Network
    from inkling.networks.torch.network import TorchNetwork
    from inkling.runs.run import Run
    from inkling.studies.study import Study, StudyPlan, run_study
    from inkling.training.learning_rate_range import learning_rate_range
    from inkling.training.loop import EpochRecord, TrainingState, train
    from inkling.training.recipes.registry import recipe
    from inkling.training.schedules import ScheduleSettings
    from inkling.training.settings import TrainingSettings
    from inkling.training.targets import Distillation

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "inkling.images.augment",
    "Distillation": "inkling.training.targets",
    "Ensemble": "inkling.networks.ensemble",
    "EpochRecord": "inkling.training.loop",
    "Evaluation": "inkling.diagnosis.accuracy",
    "ImageDataset": "inkling.images.dataset",
    "InklingError": "inkling.errors",
    "Network": "inkling.networks.protocols",
    "OptimizerSettings": "inkling.networks.numpy.optimizers",
    "Perceptron": "inkling.networks.numpy.perceptron",
    "Run": "inkling.runs.run",
    "ScheduleSettings": "inkling.training.schedules",
    "Splits": "inkling.images.dataset",
    "Study": "inkling.studies.study",
    "StudyPlan": "inkling.studies.study",
    "TorchNetwork": "inkling.networks.torch.network",
    "TrainingSettings": "inkling.training.settings",
    "TrainingState": "inkling.training.loop",
    "attribute": "inkling.diagnosis.attribution.maps",
    "build": "inkling.networks.catalogue",
    "compare_over_seeds": "inkling.diagnosis.comparison",
    "compare_predictions": "inkling.diagnosis.comparison",
    "diagnose_calibration": "inkling.diagnosis.calibration",
    "deletion_test": "inkling.diagnosis.deletion",
    "diagnose_overfitting": "inkling.diagnosis.overfitting",
    "evaluate": "inkling.diagnosis.accuracy",
    "evaluate_predictions": "inkling.diagnosis.accuracy",
    "fit_learning_curve": "inkling.diagnosis.data_size",
    "learning_rate_range": "inkling.training.learning_rate_range",
    "load_images": "inkling.images.sources.registry",
    "recipe": "inkling.training.recipes.registry",
    "run_study": "inkling.studies.study",
    "train": "inkling.training.loop",
}

__all__ = [
    "Augmentation",
    "Distillation",
    "Ensemble",
    "EpochRecord",
    "Evaluation",
    "ImageDataset",
    "InklingError",
    "Network",
    "OptimizerSettings",
    "Perceptron",
    "Run",
    "ScheduleSettings",
    "Splits",
    "Study",
    "StudyPlan",
    "TorchNetwork",
    "TrainingSettings",
    "TrainingState",
    "attribute",
    "build",
    "compare_over_seeds",
    "compare_predictions",
    "deletion_test",
    "diagnose_calibration",
    "diagnose_overfitting",
    "evaluate",
    "evaluate_predictions",
    "fit_learning_curve",
    "learning_rate_range",
    "load_images",
    "recipe",
    "run_study",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for, so that `import inkling` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'inkling' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
