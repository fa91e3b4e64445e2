"""Checks every derivative of the perceptron against arithmetic that knows nothing of its formulas.

Central differences nudge one number, run the network's own forward functions, and divide; torch.autograd, where it
is installed, is a second opinion. All in float64, with the network's own weights.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inkling.errors import NetworkError
from inkling.images.progress import Progress, paced, part_of
from inkling.networks.numpy.equations import affine, cross_entropy, sigmoid
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Classifier

Array = NDArray[np.floating[Any]]

TOLERANCE = 1e-6
"""Largest relative error allowed against central differences."""

TORCH_TOLERANCE = 1e-10
"""Largest relative error allowed against torch.autograd, and between the two ways to the same gradient here."""

FLOOR = 1e-3
"""An entry smaller than this fraction of its array's largest is measured against that fraction."""

STEP = 0.01
"""How far a number is nudged. Weights, logits and activations are all of order 1."""

STENCIL = {-3: -1 / 60, -2: 9 / 60, -1: -45 / 60, 1: 45 / 60, 2: -9 / 60, 3: 1 / 60}
"""Sixth-order central difference: f' = sum(weight * f(offset * STEP)) / STEP, off by STEP^6 / 140 * f''''''' ."""

WORK = 3_000_000_000
"""Multiplications that nudging W1 entry by entry may cost; beyond, a seeded sample of its rows is checked."""

MIN_ENTRIES = 2000


@dataclass(frozen=True)
class GradientCheck:
    """How one array of derivatives compares. Errors are largest relative errors, as `relative_error` defines them."""

    name: str
    shape: tuple[int, ...]
    entries: int  # compared with differences; all of the array, or a sample of a very large one
    difference_error: float  # against central differences
    torch_error: float | None  # against torch.autograd, every entry; None where torch is not installed
    batch_error: float | None = None  # `trace` against `gradients` of a batch of one; None for what only one computes

    @property
    def passed(self) -> bool:
        """Whether every error is within its tolerance; an error that is no number is not."""
        exact = [error for error in (self.torch_error, self.batch_error) if error is not None]
        return self.difference_error <= TOLERANCE and all(error <= TORCH_TOLERANCE for error in exact)


def check_gradients(
    network: Classifier, images: NDArray[np.uint8], labels: NDArray[np.int64], progress: Progress | None = None
) -> list[GradientCheck]:
    """Check the six Jacobians, every gradient of `trace` (both at the first image) and the batched gradients.

    Parameters
    ----------
    network : Perceptron
        Not changed. A network of float32 is checked as its float64 twin with the same weights.
    images : ndarray of uint8, shape (N, H, W, C)
    labels : ndarray of int64, shape (N,)
    progress : callable, optional
        Called with (columns of W1 compared with differences, columns in all), a few times a second at most.

    Returns
    -------
    list of GradientCheck
        "da2_db2" and the other Jacobians, "trace dL_da2" and so on, then "batch W1", "batch b1", "batch W2",
        "batch b2". Of a W1 too large to nudge in a few seconds, a seeded sample of at least 2,000 entries is
        compared with differences; torch is compared with every entry.

    Raises
    ------
    NetworkError
        If the network is not a perceptron, there is no image, not one label per image, a label is out of range, or the
        images do not fit the network.
    """
    if not isinstance(network, Perceptron):
        raise NetworkError(
            f"a gradient check needs a perceptron, whose Jacobians are written out, found {network!r}: "
            "give a perceptron or the run folder of one"
        )
    if len(images) == 0 or labels.shape != (len(images),):
        raise NetworkError(
            f"a gradient check needs one label for each of at least 1 image, found {len(images)} images "
            f"and labels of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= network.n_classes:
        raise NetworkError(f"labels must lie in 0..{network.n_classes - 1}, found {labels.min()}..{labels.max()}")
    network = _double(network)
    told, columns = paced(progress), 2 * network.hidden
    first, label = images[0], int(labels[0])
    jacobians, trace = network.jacobians(first), network.trace(first, label)
    _, single = network.gradients(images[:1], labels[:1])
    _, batch = network.gradients(images, labels)
    nudged_one, nudged_batch = _Nudged(network, images[:1], labels[:1]), _Nudged(network, images, labels)

    torch_jacobians: dict[str, Any] = {}
    torch_first: dict[str, Any] = {}
    torch_batch: dict[str, Any] = {}
    if importlib.util.find_spec("torch"):
        from inkling.networks.torch import autograd

        torch_jacobians = autograd.jacobians(network, first)
        torch_first = autograd.gradients(network, images[:1], labels[:1])
        torch_batch = autograd.gradients(network, images, labels)

    # Many small products: handing each to all cores costs several times what it saves.
    with threadpool_limits(limits=1, user_api="blas"):
        numeric_jacobians = nudged_one.jacobians()
        numeric_first = {**nudged_one.intermediates(), **nudged_one.gradients(part_of(told, 0, columns))}
        numeric_batch = nudged_batch.gradients(part_of(told, network.hidden, columns))

    checks = []
    rows: tuple[Any, ...]
    for name, numeric in numeric_jacobians.items():
        rows = (slice(None), nudged_one.rows) if name == "da1_dW1" else ()
        checks.append(_compare(name, jacobians[name], numeric, rows, nudged_one.noise, torch_jacobians.get(name)))
    for name, numeric in numeric_first.items():
        rows = (nudged_one.rows,) if name == "W1" else ()
        checks.append(
            _compare(
                f"trace dL_d{name}",
                trace[f"dL_d{name}"],
                numeric,
                rows,
                nudged_one.noise,
                torch_first.get(name),
                single.get(name),
            )
        )
    for name, numeric in numeric_batch.items():
        rows = (nudged_batch.rows,) if name == "W1" else ()
        checks.append(_compare(f"batch {name}", batch[name], numeric, rows, nudged_batch.noise, torch_batch.get(name)))
    return checks


def relative_error(ours: Array, reference: Array, tolerance: float, noise: float) -> float:
    """Return the largest of |ours - reference| / max(|ours|, |reference|, FLOOR * scale, noise / tolerance).

    `scale` is the array's largest magnitude. The last two terms keep the measure honest where it would be about
    nothing: an entry a thousand times smaller than its neighbours is held to a thousandth of their size, because
    the reference is no better than that (a pixel of 0 has gradient 0, and every rounding error is infinitely large
    beside it); and below `noise`, the rounding error of the reference itself, no difference means anything. An
    error within the tolerance thus means |ours - reference| <= tolerance * size or <= noise.

    Parameters
    ----------
    ours, reference : ndarray of float64, same shape
        A difference in shape, or anything that is no number, is an infinite error.
    tolerance : float
    noise : float
        Absolute rounding error of the reference.
    """
    if ours.shape != reference.shape or not (np.isfinite(ours).all() and np.isfinite(reference).all()):
        return math.inf
    size = np.maximum(np.abs(ours), np.abs(reference))
    return float((np.abs(ours - reference) / np.maximum(size, max(FLOOR * size.max(), noise / tolerance))).max())


def _compare(
    name: str,
    ours: Array,
    numeric: Array,
    rows: tuple[Any, ...],
    noise: float,
    torch_reference: Array | None,
    batched: Array | None = None,
) -> GradientCheck:
    # The probabilities are of order 1, so p - 1 and all that follows from it is known to a few of these.
    rounding = 8 * float(np.finfo(np.float64).eps)

    def exact(reference: Array | None) -> float | None:
        return None if reference is None else relative_error(ours, reference, TORCH_TOLERANCE, rounding)

    difference = relative_error(ours[rows], numeric, TOLERANCE, noise)
    return GradientCheck(name, ours.shape, numeric.size, difference, exact(torch_reference), exact(batched))


def _double(network: Perceptron) -> Perceptron:
    twin = type(network)(
        image_shape=network.image_shape, n_classes=network.n_classes, hidden=network.hidden, dtype=np.float64
    )
    twin.parameters = {name: array.astype(np.float64) for name, array in network.parameters.items()}
    twin.pixel_scale = np.float64(network.pixel_scale)
    return twin


def _differentiate(values: Callable[[float], Array]) -> Array:
    """Return the derivative of `values` at 0: an array of functions of one nudge."""
    total = sum(weight * values(offset * STEP) for offset, weight in STENCIL.items())
    return np.asarray(total) / STEP


class _Nudged:
    """The network's forward functions at fixed images, with one number nudged at a time.

    Every nudged number is really added, and everything that it reaches is really computed again by `affine`,
    `sigmoid` and `cross_entropy`. Many nudges run side by side along a first axis (P), one a number.
    """

    def __init__(self, network: Perceptron, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.labels = labels
        self.x = network.inputs(images)  # (N, D)
        self.w1, self.b1, self.w2, self.b2 = (network.parameters[name] for name in ("W1", "b1", "W2", "b2"))
        self.a1 = affine(self.x, self.w1, self.b1)  # (N, H)
        self.f1, self.a2 = network.forward(self.x)  # (N, H), (N, K)
        inputs, hidden = self.w1.shape
        count = min(inputs, max(math.ceil(MIN_ENTRIES / hidden), WORK // (hidden * self.w1.size)))
        self.rows = np.sort(np.random.default_rng(0).permutation(inputs)[:count])
        largest = max(1.0, float(np.abs(self.a1).max()), float(np.abs(self.a2).max()))
        self.noise = 8 * float(np.finfo(np.float64).eps) * largest / STEP

    def jacobians(self) -> dict[str, Array]:
        """The six Jacobians of the first image; of "da1_dW1" the sampled inputs, (H, rows, H)."""
        x, a1, f1 = self.x[:1], self.a1[:1], self.f1[:1]
        classes, units = np.eye(self.b2.size), np.eye(self.b1.size)
        nudged_w1 = self.w1.copy()
        da1_dw1 = np.empty((self.b1.size, len(self.rows), self.b1.size))
        for i, row in enumerate(self.rows):
            for unit in range(self.b1.size):
                # Two points do for this largest array: were a1 not linear in W1, the error would show it.
                nudged_w1[row, unit] = self.w1[row, unit] + STEP
                above = affine(x, nudged_w1, self.b1)
                nudged_w1[row, unit] = self.w1[row, unit] - STEP
                da1_dw1[:, i, unit] = (above - affine(x, nudged_w1, self.b1))[0] / (2 * STEP)
                nudged_w1[row, unit] = self.w1[row, unit]
        da2_dw2 = _differentiate(lambda by: self._a2_by_w2(f1, by)[:, :, 0])  # (H, K, K)
        return {
            "da2_db2": _differentiate(
                lambda by: affine(f1.repeat(len(classes), axis=0), self.w2, self.b2 + by * classes)
            ).T,
            "da2_dW2": np.moveaxis(da2_dw2, 2, 0),
            "da2_df1": _differentiate(lambda by: affine(f1 + by * units, self.w2, self.b2)).T,
            "df1_da1": _differentiate(lambda by: sigmoid(a1 + by * units)).T,
            "da1_db1": _differentiate(lambda by: affine(x.repeat(len(units), axis=0), self.w1, self.b1 + by * units)).T,
            "da1_dW1": da1_dw1,
        }

    def intermediates(self) -> dict[str, Array]:
        """Gradients of the loss of a single image for "a2" (1, K), "f1" (1, H) and "a1" (1, H)."""
        classes, units = np.eye(self.b2.size)[:, np.newaxis], np.eye(self.b1.size)[:, np.newaxis]  # (P, 1, P)
        return {
            "a2": _differentiate(lambda by: self._losses(self.a2 + by * classes))[np.newaxis],
            "f1": _differentiate(lambda by: self._losses_from_f1(self.f1 + by * units))[np.newaxis],
            "a1": _differentiate(lambda by: self._losses_from_f1(sigmoid(self.a1 + by * units)))[np.newaxis],
        }

    def gradients(self, progress: Progress | None = None) -> dict[str, Array]:
        """Gradients of the mean loss for the parameters; of "W1" the sampled rows, (rows, H), by far the most work."""
        columns = []
        for unit in range(self.b1.size):
            columns.append(self._by_w1_column(unit))
            if progress:
                progress(unit + 1, self.b1.size)
        classes, units = np.eye(self.b2.size)[:, np.newaxis], np.eye(self.b1.size)[:, np.newaxis]  # (P, 1, P)

        def by_b1(by: float) -> Array:
            copies = np.broadcast_to(self.x, (self.b1.size, *self.x.shape))  # (P, N, D)
            return self._losses_from_f1(sigmoid(affine(copies, self.w1, self.b1 + by * units)))

        def by_b2(by: float) -> Array:
            copies = np.broadcast_to(self.f1, (self.b2.size, *self.f1.shape))  # (P, N, H)
            return self._losses(affine(copies, self.w2, self.b2 + by * classes))

        def by_w2(by: float) -> Array:
            a2 = self._a2_by_w2(self.f1, by)  # (H, K, N, K)
            return self._losses(a2.reshape(-1, *self.a2.shape)).reshape(self.w2.shape)

        return {
            "W1": np.stack(columns, axis=1),
            "b1": _differentiate(by_b1)[np.newaxis],
            "W2": _differentiate(by_w2),
            "b2": _differentiate(by_b2)[np.newaxis],
        }

    def _by_w1_column(self, unit: int) -> Array:
        """Gradient of the mean loss for the sampled rows of one column of W1, (rows,).

        Column `unit` of W1 makes column `unit` of a1 and no other, so one matrix product of the images with many
        copies of that column, each nudged in another row, does the work of as many complete forward passes.
        """
        at, count = self.rows, len(self.rows)
        columns = np.repeat(self.w1[:, [unit]], count, axis=1)  # (D, P)
        f1 = np.repeat(self.f1[np.newaxis], count, axis=0)  # (P, N, H)

        def values(by: float) -> Array:
            columns[at, np.arange(count)] = self.w1[at, unit] + by
            f1[:, :, unit] = sigmoid(affine(self.x, columns, self.b1[:, unit])).T
            return self._losses_from_f1(f1)

        return _differentiate(values)

    def _a2_by_w2(self, f1: Array, by: float) -> Array:
        """Return a2 for each nudged entry of W2, (H, K, N, K)."""
        hidden, classes = self.w2.shape
        a2 = np.empty((hidden, classes, len(f1), classes))
        for unit in range(hidden):
            nudged = np.repeat(self.w2[np.newaxis], classes, axis=0)  # (P, H, K)
            nudged[np.arange(classes), unit, np.arange(classes)] += by
            a2[unit] = affine(f1, nudged, self.b2)
        return a2

    def _losses_from_f1(self, f1: Array) -> Array:
        n, hidden = self.f1.shape
        return self._losses(affine(f1.reshape(-1, hidden), self.w2, self.b2).reshape(len(f1), n, -1))

    def _losses(self, a2: Array) -> Array:
        """Mean loss of each of P nudged batches, (P,), from logits (P, N, K)."""
        copies, n, classes = a2.shape
        losses = cross_entropy(a2.reshape(-1, classes), np.tile(self.labels, copies))
        return np.asarray(losses.reshape(copies, n).mean(axis=1))
