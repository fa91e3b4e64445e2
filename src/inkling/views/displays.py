"""All displays in one place: each is made by `from_…` from plain results, then drawn by `.plot(ax)`."""

from inkling.views.architecture import ArchitectureDisplay
from inkling.views.attribution import AttributionDisplay, DeletionDisplay, HiddenUnitsDisplay
from inkling.views.calibration import CoverageDisplay, ReliabilityDisplay
from inkling.views.counts import ConfusionMatrixDisplay, MissesDisplay
from inkling.views.curves import LearningCurvesDisplay, shared_limits
from inkling.views.data_size import LearningCurveBySizeDisplay
from inkling.views.feature_maps import FeatureMapsDisplay
from inkling.views.learning_rates import LearningRateDisplay
from inkling.views.pictures import ContactSheetDisplay, MistakesDisplay, WeightsDisplay

__all__ = [
    "ArchitectureDisplay",
    "AttributionDisplay",
    "ConfusionMatrixDisplay",
    "ContactSheetDisplay",
    "CoverageDisplay",
    "DeletionDisplay",
    "FeatureMapsDisplay",
    "HiddenUnitsDisplay",
    "LearningCurveBySizeDisplay",
    "LearningCurvesDisplay",
    "LearningRateDisplay",
    "MissesDisplay",
    "MistakesDisplay",
    "ReliabilityDisplay",
    "WeightsDisplay",
    "shared_limits",
]
