"""Known mistakes in gradients, each a small function on arrays: what a gradient with that mistake would be.

A mistake is likely where the gradient that it leads to is the one that was returned, to rounding. `explain` tries all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.convolution_chain import ConvolutionChain
from inkling.networks.numpy.dense_chain import DenseChain
from inkling.networks.numpy.differences import Slopes, relative_errors
from inkling.networks.numpy.equations import softmax

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Output:
    """What a network ends with."""

    p: Array  # (N, K), softmax of the logits
    y: Array  # (N, K), one-hot rows of the labels
    logits: Array  # (N, K)
    labels: NDArray[np.int64]  # (N,)

    @property
    def n(self) -> int:
        """N."""
        return len(self.p)


@dataclass(frozen=True)
class Evidence:
    """What is known of a class and of the gradients that it returned, for N images and K classes."""

    x: Array  # (N, D)
    labels: NDArray[np.int64]  # (N,)
    logits: Array  # (N, K)
    parameters: Mapping[str, Array]
    returned: Mapping[str, Array]  # gradients by name, in whatever shape they came
    slopes: Mapping[str, Slopes]  # values are the mean loss, then the logits: (E, 1 + N K) for each parameter
    chain: DenseChain | ConvolutionChain | None
    tolerance: float

    @property
    def output(self) -> Output:
        """What the network ends with."""
        one_hot = np.eye(self.logits.shape[1])[self.labels]
        return Output(softmax(self.logits), one_hot, self.logits, self.labels)

    def true(self, name: str) -> Array:
        """The gradient by differences at the sampled entries, (E,)."""
        return self.slopes[name].values[:, 0]

    def by_logits(self, name: str, d_logits: Array) -> Array:
        """The gradient at the sampled entries that a gradient (N, K) for the logits leads to, (E,)."""
        return self.slopes[name].values[:, 1:] @ d_logits.ravel()

    def sampled(self, name: str, array: Array) -> Array:
        """The sampled entries of an array in the parameter's shape, (E,)."""
        return np.asarray(array, np.float64).ravel()[self.slopes[name].entries]

    def error(self, name: str, ours: Array, reference: Array) -> float:
        """Largest relative error, as the check itself measures it."""
        scale = float(max(np.abs(ours).max(initial=0), np.abs(reference).max(initial=0)))
        errors = relative_errors(ours, reference, self.slopes[name].doubt, self.tolerance, scale)
        return float(errors.max(initial=0))


@dataclass(frozen=True)
class Explanation:
    """A mistake that leads to the gradients returned."""

    mistake: str  # "one-hot-forgotten"
    text: str
    names: tuple[str, ...]  # of the parameters whose gradients it explains
    error: float  # largest relative error of the gradients that it leads to

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"mistake": self.mistake, "text": self.text, "parameters": list(self.names), "error": self.error}


# --- between loss and logits: what stands for the gradient (N, K) of the mean loss for the logits -------------------

OutputMistake = Callable[[Output], Array]

OUTPUT_MISTAKES: dict[str, tuple[str, OutputMistake]] = {
    "sum-for-mean": (
        "the gradient is that of the sum over the batch, the loss is its mean: divide by the number of images N",
        lambda o: o.p - o.y,
    ),
    "divided-twice": (
        "the gradient is divided by the number of images N twice",
        lambda o: (o.p - o.y) / o.n ** 2,
    ),
    "sign": ("the sign is the opposite: target minus probability, or ascent for descent", lambda o: (o.y - o.p) / o.n),
    "one-hot-forgotten": (
        "the one-hot target is forgotten: the gradient for the logits is p - one-hot, not p",
        lambda o: o.p / o.n,
    ),
    "label-one-less": (
        "the one-hot target is off by one: its 1 is at class label - 1, as if labels were counted from 1",
        lambda o: (o.p - np.roll(o.y, -1, axis=1)) / o.n,
    ),
    "label-one-more": (
        "the one-hot target is off by one: its 1 is at class label + 1",
        lambda o: (o.p - np.roll(o.y, 1, axis=1)) / o.n,
    ),
    "labels-as-numbers": (
        "the labels are subtracted as numbers: they must become one-hot rows first",
        lambda o: (o.p - o.labels[:, np.newaxis]) / o.n,
    ),
    "one-hot-of-the-whole-batch": (
        "1 is subtracted in every row at the classes of the whole batch, as d[:, targets] -= 1 does: "
        "d[np.arange(N), targets] -= 1 is meant",
        lambda o: (o.p - (o.y.sum(axis=0) > 0)) / o.n,
    ),
    "probabilities-forgotten": (
        "only the one-hot target is handed back: the gradient for the logits is p - one-hot",
        lambda o: -o.y / o.n,
    ),
    "softmax-forgotten": (
        "the logits stand in the place of the probabilities: the gradient for the logits is softmax(logits) - one-hot",
        lambda o: (o.logits - o.y) / o.n,
    ),
    "softmax-diagonal": (
        "softmax's Jacobian is taken as diagonal, p (1 - p): every probability depends on every logit, "
        "dp_i / da_j = p_i ([i = j] - p_j)",
        lambda o: -o.y * (1 - o.p) / o.n,
    ),
    "softmax-jacobian-forgotten": (
        "the gradient for the probabilities, -1/p at the label, is handed back as that for the logits: "
        "softmax's Jacobian is forgotten",
        lambda o: -o.y / o.p / o.n,
    ),
    "softmax-twice": (
        "p - one-hot is multiplied by p (1 - p): the derivative of the softmax is in p - one-hot already",
        lambda o: (o.p - o.y) * o.p * (1 - o.p) / o.n,
    ),
    "squared-error": (
        "the gradient is that of the squared error of the probabilities, not of cross-entropy",
        lambda o: 2 * o.p * ((o.p - o.y) - ((o.p - o.y) * o.p).sum(axis=1, keepdims=True)) / o.n,
    ),
    "mean-over-classes": (
        "the gradient is divided by the number of classes K too, as by the mean of all N K numbers",
        lambda o: (o.p - o.y) / o.p.size,
    ),
    "first-image": ("only the first image of the batch counts", lambda o: (o.p - o.y) * _only(0, o.n) / o.n),
    "last-image": ("only the last image of the batch counts", lambda o: (o.p - o.y) * _only(-1, o.n) / o.n),
}  # fmt: skip
"""Name -> what it means, and the gradient that it takes for (p - one-hot) / N."""


def _only(row: int, n: int) -> Array:
    chosen = np.zeros((n, 1))
    chosen[row] = 1
    return chosen


# --- of one array by itself: yours, repaired, against the right one; or yours against the right one, spoiled ----------


def _transposed(evidence: Evidence, name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    shape = evidence.parameters[name].shape
    if len(shape) == 2 and returned.shape == shape[::-1] and min(shape) > 1:
        yield "transposed", "it is transposed", returned.T


def _reshaped(evidence: Evidence, name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    shape = evidence.parameters[name].shape
    if returned.shape != shape and returned.size == evidence.parameters[name].size:
        yield "shape", f"the numbers are right, in shape {returned.shape} instead of {shape}", returned.reshape(shape)
    if len(shape) == 2 and returned.shape == shape and min(shape) > 1:
        turned = returned.reshape(shape[::-1]).T
        yield (
            "reshaped",
            "it is reshaped where it should be transposed: reshape(…) keeps the order, .T does not",
            turned,
        )


def _negated(_evidence: Evidence, _name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    yield "sign", "its sign is the opposite", -returned


def _factor_of_batch(evidence: Evidence, _name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    n = len(evidence.labels)
    yield (
        "sum-for-mean",
        "it is N times too large (N images): summed over the batch where the loss is a mean",
        returned / n,
    )
    yield (
        "divided-twice",
        "it is N times too small (N images): divided by the number of images twice, as by .mean(axis=0) where "
        ".sum(axis=0) is meant",
        returned * n,
    )


def _not_summed(evidence: Evidence, name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    """A bias gradient with a row for each image."""
    shape, n = evidence.parameters[name].shape, len(evidence.labels)
    if returned.ndim >= 1 and returned.shape[0] == n and returned.size == n * evidence.parameters[name].size:
        summed = returned.sum(axis=0).reshape(shape)
        yield "not-summed", "it is not summed over the batch: one row for each image, .sum(axis=0) is missing", summed


def _constant_factor(evidence: Evidence, name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    true, found = evidence.true(name), evidence.sampled(name, returned)
    if len(true) >= 3 and (found @ found) > 0 and (true @ true) > 0:
        factor = float(true @ found) / float(true @ true)
        if factor:
            yield "factor", f"it is {factor:.6g} times the right one", returned / factor


def _weight_decay(evidence: Evidence, name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    """The loss is cross-entropy alone, the gradient has c W too."""
    weights = evidence.parameters[name]
    there = evidence.sampled(name, weights)
    if len(there) >= 3 and (there @ there) > 0:
        extra = evidence.sampled(name, returned) - evidence.true(name)
        c = float(extra @ there) / float(there @ there)
        if c:
            text = f"it holds {c:.4g} times the parameter itself, as of weight decay, which the loss does not hold"
            yield "weight-decay", text, returned - c * weights


def _named_wrongly(evidence: Evidence, name: str, returned: Array) -> Iterator[tuple[str, str, Array]]:
    for other, array in evidence.returned.items():
        if other != name and array.shape == returned.shape:
            yield "names-exchanged", f"it is returned as the gradient of {other}", array


Repair = Callable[[Evidence, str, Array], Iterator[tuple[str, str, Array]]]

REPAIRS: tuple[Repair, ...] = (
    _transposed, _negated, _factor_of_batch, _not_summed, _named_wrongly, _reshaped, _weight_decay, _constant_factor,
)  # fmt: skip
"""Each yields (mistake, what it means, the returned gradient with the mistake undone)."""


def zero(evidence: Evidence, name: str) -> Iterator[tuple[str, str, Array]]:
    """The gradient that is left where a parameter is forgotten."""
    yield "ignored", "it is zero: what the parameter does to the loss is ignored", np.zeros(len(evidence.true(name)))


def of_logits(evidence: Evidence, name: str) -> Iterator[tuple[str, str, Array]]:
    """The gradients of one array with a mistake between loss and logits."""
    output = evidence.output
    for known, (text, wrong) in OUTPUT_MISTAKES.items():
        mistake, said = known, text
        with np.errstate(all="ignore"):
            d_logits = wrong(output)
        if (
            mistake in ("first-image", "last-image")
            and evidence.parameters[name].size in evidence.parameters[name].shape
        ):
            mistake, said = "bias-not-summed", f"it is not summed over the batch: {text}"
        yield mistake, said, evidence.by_logits(name, d_logits)


def repair_error(evidence: Evidence, name: str, repaired: Array) -> float:
    """Largest relative error of a returned gradient after a mistake was undone."""
    if repaired.shape != evidence.parameters[name].shape:
        return float("inf")
    return evidence.error(name, evidence.sampled(name, repaired), evidence.true(name))
