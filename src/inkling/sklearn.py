"""Estimators of scikit-learn over the networks and the training loop of Inkling."""

from inkling.integrations.sklearn.estimators import ConvNetClassifier, NetworkClassifier, PerceptronClassifier
from inkling.integrations.sklearn.inputs import InputError

__all__ = ["ConvNetClassifier", "InputError", "NetworkClassifier", "PerceptronClassifier"]
