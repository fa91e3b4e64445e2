"""All displays in one place: each is made by `from_…` from plain results, then drawn by `.plot(ax)`."""

from inkling.figures.architecture import ArchitectureDisplay
from inkling.figures.attribution import AttributionDisplay, DeletionDisplay, HiddenUnitsDisplay
from inkling.figures.calibration import CoverageDisplay, ReliabilityDisplay
from inkling.figures.counts import ConfusionMatrixDisplay, MissesDisplay
from inkling.figures.curves import LearningCurvesDisplay, shared_limits
from inkling.figures.data_size import LearningCurveBySizeDisplay
from inkling.figures.dynamics import DataMapDisplay
from inkling.figures.feature_maps import FeatureMapsDisplay
from inkling.figures.learning_rates import LearningRateDisplay
from inkling.figures.pictures import ContactSheetDisplay, MistakesDisplay, WeightsDisplay
from inkling.figures.robustness import RobustnessDisplay

__all__ = [
    "ArchitectureDisplay",
    "AttributionDisplay",
    "ConfusionMatrixDisplay",
    "ContactSheetDisplay",
    "CoverageDisplay",
    "DataMapDisplay",
    "DeletionDisplay",
    "FeatureMapsDisplay",
    "HiddenUnitsDisplay",
    "LearningCurveBySizeDisplay",
    "LearningCurvesDisplay",
    "LearningRateDisplay",
    "MissesDisplay",
    "MistakesDisplay",
    "ReliabilityDisplay",
    "RobustnessDisplay",
    "WeightsDisplay",
    "shared_limits",
]
