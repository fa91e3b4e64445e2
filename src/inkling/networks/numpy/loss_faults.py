"""The loss that a class returns, against the mean cross-entropy of its own logits: known reasons why they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.differences import Slopes
from inkling.networks.numpy.equations import cross_entropy, softmax
from inkling.networks.numpy.gradcheck import FLOOR

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Loss:
    """How the two losses compare for one batch."""

    returned: float
    expected: float  # mean cross-entropy of forward's logits
    logits: Array  # (N, K)
    agrees: bool
    of_probabilities: bool = False  # forward gives probabilities where logits are meant
    reason: str | None = None
    gradients_of: str | None = None  # which of the two losses the gradients are right for, where only one is

    @property
    def passed(self) -> bool:
        """Whether the loss is cross-entropy, or that and a decay of the parameters that its gradients hold too."""
        return (self.agrees and not self.of_probabilities) or self.gradients_of == "with decay"

    def logits_of(self, given: Array) -> Array:
        """Return logits of what forward gives."""
        return np.log(np.maximum(given, np.finfo(np.float64).tiny)) if self.of_probabilities else given

    @property
    def sentence(self) -> str | None:
        """What is to be said, if anything."""
        if self.agrees and not self.of_probabilities:
            return None
        if self.agrees:
            return str(self.reason)
        text = (
            f"The loss that gradients() returns is {self.returned:.6g}, the mean cross-entropy of forward's logits "
            f"{self.expected:.6g}"
        )
        text += f": {self.reason}" if self.reason else ": the two have to be the same"
        of = {
            "own": ". The gradients are right for the loss that is returned, not for cross-entropy",
            "expected": ". The gradients are right for cross-entropy",
            "with decay": ". The gradients are right for that sum",
        }
        return text + of.get(self.gradients_of or "", "")

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        finite = self.returned if math.isfinite(self.returned) else None
        return {
            "returned": finite, "expected": self.expected, "agrees": self.agrees, "sentence": self.sentence,
        }  # fmt: skip

    def with_slopes(
        self, own: Mapping[str, Array], slopes: Mapping[str, Slopes], arrays: Mapping[str, Array], of_own: bool,
        right: bool,
    ) -> Loss:  # fmt: skip
        """Return it with what differences of the two losses show: whose gradients were returned, and a decay."""
        if self.agrees:
            return self
        if self.reason is None:
            decayed = _decays(own, slopes, arrays)
            if decayed:
                which = ", ".join(decayed)
                reason = f"it adds a decay of {which}" + ", which the gradients do not hold" * (not of_own)
                return replace(self, reason=reason, gradients_of="with decay" if of_own else "expected" * right or None)
        return replace(self, gradients_of="own" if of_own else "expected" * right or None)


def compare_losses(returned: float, given: Array, labels: NDArray[np.int64], tolerance: float) -> Loss:
    """Compare a returned loss with the mean cross-entropy of logits (N, K), and look for the reason of a difference."""
    tolerance = max(1e-9, tolerance * 1e-2)

    def alike(a: float, b: float) -> bool:
        return math.isfinite(a) and abs(a - b) <= tolerance * max(abs(a), abs(b), 1.0)

    expected = float(cross_entropy(given, labels).mean())
    if alike(returned, expected):
        return Loss(returned, expected, given, True)
    if given.min() >= 0 and np.allclose(given.sum(axis=1), 1, rtol=0, atol=1e-5):
        logits = np.log(np.maximum(given, np.finfo(np.float64).tiny))
        reason = (
            "forward returns probabilities: it has to return logits, the numbers before the softmax, which Inkling adds"
        )
        of_log = float(cross_entropy(logits, labels).mean())
        return Loss(returned, of_log, logits, alike(returned, of_log), True, reason)
    for reason, other in _reasons(given, labels, expected):
        if alike(returned, other):
            return Loss(returned, expected, given, False, reason=reason)
    return Loss(
        returned, expected, given, False, reason=None if math.isfinite(returned) else "the loss is no finite number"
    )


def _reasons(logits: Array, labels: NDArray[np.int64], expected: float) -> Iterator[tuple[str, float]]:
    n, classes = logits.shape
    p, one_hot = softmax(logits), np.eye(classes)[labels]
    yield "it is the sum over the batch, not its mean", expected * n
    yield "it is divided by the number of images twice", expected / n
    yield "it is divided by the number of classes too, as by the mean of all N K numbers", expected / classes
    yield "its sign is the opposite", -expected
    yield "its logarithm is to the base 2", expected / math.log(2)
    yield "its logarithm is to the base 10", expected / math.log(10)
    yield "it is of the first image only", float(cross_entropy(logits[:1], labels[:1])[0])
    yield "it is of the last image only", float(cross_entropy(logits[-1:], labels[-1:])[0])
    for step, where in ((-1, "label - 1"), (1, "label + 1")):
        yield (
            f"it takes the probability of class {where}",
            float(cross_entropy(logits, (labels + step) % classes).mean()),
        )
    yield "it is the logit of the label, without a softmax", float(-(logits * one_hot).sum(axis=1).mean())
    yield "it is the probability of the label, without a logarithm", float(-(p * one_hot).sum(axis=1).mean())
    squares = ((p - one_hot) ** 2).sum(axis=1).mean()
    for what, squared in (("sum", squares), ("half the sum", squares / 2), ("mean", squares / classes)):
        yield f"it is a squared error of the probabilities ({what} over the classes)", float(squared)


def _decays(own: Mapping[str, Array], slopes: Mapping[str, Slopes], arrays: Mapping[str, Array]) -> list[str]:
    """Which parameters the returned loss decays, as "0.001 W1^2 / 2"; nothing where that does not explain it."""
    found = []
    for name, slope in slopes.items():
        extra = own[name] - slope.values[:, 0]
        scale = max(np.abs(own[name]).max(), np.abs(slope.values[:, 0]).max())
        if np.abs(extra).max() <= FLOOR * scale * 1e-2:
            continue
        there = np.asarray(arrays[name], np.float64).ravel()[slope.entries]
        c = float(extra @ there) / max(float(there @ there), 1e-300)
        if len(there) < 3 or np.abs(extra - c * there).max() > 1e-3 * np.abs(extra).max():
            return []
        found.append(f"{name} ({c / 2:.3g} times the sum of its squares)")
    return found
