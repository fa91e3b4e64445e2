"""Training dynamics: which training images are ambiguous or hard (wrong labels are), from how they were learnt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.label_errors import LEARNT, LabelDiagnosis, diagnose_labels
from inkling.errors import MissingLibraryError
from inkling.training.dynamics import TrainingDynamics


@dataclass(frozen=True, eq=False)
class DynamicsDiagnosis:
    """How N training images were learnt over E epochs (Swayamdipta et al., 2020, "Dataset cartography", EMNLP)."""

    epochs: int
    confidence: NDArray[np.float64]  # (N,), mean probability of the label over the epochs, 0..1
    variability: NDArray[np.float64]  # (N,), standard deviation of it, 0..0.5
    correctness: NDArray[np.float64]  # (N,), part of the epochs in which the label is predicted, 0..1
    forgotten: NDArray[np.int64]  # (N,), how often it was predicted and not after the next epoch (Toneva et al., 2019)
    most_predicted: NDArray[np.int64]  # (N,), class that was predicted most often
    mislabelled: LabelDiagnosis | None  # by the mean probabilities; None where labels could not be checked
    unchecked: str = ""  # why they could not

    @property
    def n(self) -> int:
        """Images."""
        return len(self.confidence)

    @property
    def never(self) -> int:
        """Images whose label was predicted after no epoch."""
        return int((self.correctness == 0).sum())

    def hard(self, count: int) -> list[int]:
        """Return so many images at most, the most suspect labels first; by confidence where labels were not checked."""
        if self.mislabelled is not None:
            return [error.index for error in self.mislabelled.errors[:count]]
        return [int(index) for index in np.argsort(self.confidence, kind="stable")[:count]]

    def ambiguous(self, count: int) -> list[int]:
        """Return so many images at most, those of the highest variability first."""
        return [int(index) for index in np.argsort(-self.variability, kind="stable")[:count]]

    def hard_or_mislabelled(self) -> list[int]:
        """Return the hard images, those beyond what the network singles out by itself, most suspect first.

        Wrong labels are hard to learn, and so are right ones where classes overlap: neither is told from the other.
        """
        return [error.index for error in self.mislabelled.errors if error.flagged] if self.mislabelled else []

    @property
    def verdict(self) -> str:
        """One sentence."""
        never = f"the labels of {self.never:,} of {self.n:,} training images were predicted after none of {self.epochs}"
        never += f" epoch{'' if self.epochs == 1 else 's'}"
        if self.never == 0:
            never = f"each of the {self.n:,} labels was predicted after some epoch of {self.epochs}"
        found = self.mislabelled
        if found is None:
            shared = ", which hard images and wrong labels have in common" if self.never else ""
            return f"{never[0].upper()}{never[1:]}{shared}."
        if not found.flagged:
            return f"No wrong training labels are shown: {never}{', which can be hard images' if self.never else ''}."
        return (
            f"{found.flagged:,} of {self.n:,} training images {'is' if found.flagged == 1 else 'are'} hard: over "
            f"{self.epochs} epochs confident learning singles out {found.singled_out:,}, where a network this often "
            f"wrong would single out about {found.by_itself:,.0f} by itself (up to {found.by_itself_high:,}). {LEARNT}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included, the images not."""
        return {
            "verdict": self.verdict,
            "epochs": self.epochs,
            "n": self.n,
            "never_learnt": self.never,
            "forgotten": int((self.forgotten > 0).sum()),
            "mean_confidence": float(self.confidence.mean()),
            "mislabelled": self.mislabelled.to_dict() if self.mislabelled else None,
        }


def diagnose_dynamics(dynamics: TrainingDynamics) -> DynamicsDiagnosis:
    """Say which training images were learnt with difficulty.

    Hard and mislabelled images both have a low confidence. Those that the network's own mistakes do not explain are
    called hard, by `diagnose_labels` on the mean probabilities over the epochs: most of them are of a network that had
    not yet memorized the labels, and what it memorized makes the given labels more probable, so that few are called so.
    Where classes overlap, images with right labels are among them (docs/methods.md), so no label is called wrong.

    Parameters
    ----------
    dynamics : TrainingDynamics

    Raises
    ------
    DataError
        If the mean probabilities are none, or all labels are of one class.
    """
    right = dynamics.predicted == dynamics.labels
    k = dynamics.mean.shape[1]
    counts = np.stack([(dynamics.predicted == each).sum(axis=0) for each in range(k)], axis=1)
    mislabelled, unchecked = None, ""
    try:
        mislabelled = replace(diagnose_labels(dynamics.labels, dynamics.mean), learnt=True)
    except MissingLibraryError as error:
        unchecked = str(error)
    return DynamicsDiagnosis(
        epochs=len(right),
        confidence=dynamics.of_label.mean(axis=0, dtype=np.float64),
        variability=dynamics.of_label.std(axis=0, dtype=np.float64),
        correctness=right.mean(axis=0),
        forgotten=(right[:-1] & ~right[1:]).sum(axis=0),
        most_predicted=counts.argmax(axis=1),
        mislabelled=mislabelled,
        unchecked=unchecked,
    )
