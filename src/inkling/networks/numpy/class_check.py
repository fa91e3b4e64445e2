"""Checks the gradients of a class of a person's own against central differences, and says what is likely wrong.

The class is known by what it offers only: arrays, logits and gradients. Where its logits are those of dense layers in a
row, mistakes within are recognised too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inkling.errors import NetworkError
from inkling.images.progress import Progress, paced
from inkling.networks.numpy.class_check_result import ArrayCheck, ClassCheck, FirstWrong
from inkling.networks.numpy.convolution_chain import ConvolutionChain, recognise_convolutions
from inkling.networks.numpy.custom_network import NumpyNetwork
from inkling.networks.numpy.dense_chain import DenseChain, recognise
from inkling.networks.numpy.differences import DOUBLE, Precision, Slopes, has_corner, relative_errors, slopes
from inkling.networks.numpy.equations import cross_entropy
from inkling.networks.numpy.gradient_diagnosis import explain
from inkling.networks.numpy.gradient_faults import Evidence, Explanation
from inkling.networks.numpy.jacobian_check import JacobianCheck, check_jacobians
from inkling.networks.numpy.loss_faults import Loss, compare_losses
from inkling.networks.numpy.subject import examined

Array = NDArray[np.floating[Any]]

MOST_ENTRIES = (200, 60, 20)
"""Entries of an array that are compared with differences, at most: the first number that takes `SECONDS` or less, else
the last. All of a small array, a seeded sample of a large one."""

SECONDS = 4.0

_SURE = 3  # wrong entries without a corner of the loss: then it does not matter whether others have one


def check_class(
    network: NumpyNetwork, images: NDArray[np.uint8], labels: NDArray[np.int64], progress: Progress | None = None
) -> ClassCheck:
    """Compare the gradients of a class with central differences of the loss, and test the known mistakes.

    Parameters
    ----------
    network : NumpyNetwork
        Examined at its weights with small random numbers added, and left as it was.
    images : ndarray of uint8, shape (N, H, W, C)
    labels : ndarray of int64, shape (N,)
        2 classes or more, so that the mistakes lead to different gradients.
    progress : callable, optional
        Called with (entries compared, entries in all).

    Raises
    ------
    NetworkError
        If a call fails, with the line at fault, or the logits are no numbers.
    """
    x = np.asarray(network.inputs(images), np.float64)
    with examined(network, x, labels) as (subject, notices), threadpool_limits(limits=1, user_api="blas"):
        logits = subject.logits()
        if not np.isfinite(logits).all():
            raise NetworkError(f"{network.name}.forward gives logits that are no finite numbers for random images")
        own_loss, returned = subject.gradients()
        loss = compare_losses(own_loss, logits, labels, subject.precision.tolerance)
        chosen = _losses(subject.logits, subject.gradients, labels, loss)
        found = compare(chosen, subject.arrays, returned, loss, subject.precision, progress)
        chain = None
        if not loss.of_probabilities:
            tolerance = 1e-9 if subject.precision is DOUBLE else 1e-4
            chain = recognise(subject.arrays, x.reshape(len(x), -1), loss.logits, tolerance)
        jacobians = check_jacobians(subject, chain) if hasattr(network.network, "jacobians") else ()
        within: DenseChain | ConvolutionChain | None = chain
        if chain is None and not loss.of_probabilities and not all(check.passed for check in found.checks):
            flat = x.reshape(len(x), -1)
            within = recognise_convolutions(subject.arrays, flat, network.image_shape, loss.logits, tolerance)
        check = conclude(
            found, returned, subject.arrays, x, labels, loss, within, subject.precision, notices, jacobians
        )
        return check if subject.steady else replace(check, steady=False, likely=())


def _losses(
    logits: Callable[[], Array], gradients: Callable[[], tuple[float, Any]], labels: NDArray[np.int64], loss: Loss
) -> Callable[[], Array]:
    """Return what is nudged: mean cross-entropy, logits, and the loss of `gradients` where that differs."""

    def evaluate() -> Array:
        values = loss.logits_of(logits())
        own = [] if loss.agrees else [gradients()[0]]
        return np.concatenate([[cross_entropy(values, labels).mean()], values.ravel(), own])

    return evaluate


@dataclass(frozen=True)
class Compared:
    """Slopes of all parameters, and how the returned gradients compare with those of one of the two losses."""

    slopes: dict[str, Slopes]  # of (cross-entropy, logits)
    own: dict[str, Array]  # slopes of the loss that `gradients` returns, where it is another one
    checks: tuple[ArrayCheck, ...]
    of_own_loss: bool  # whether the gradients are right for that one


def compare(
    evaluate: Callable[[], Array],
    arrays: dict[str, Array],
    returned: dict[str, Array],
    loss: Loss,
    precision: Precision,
    progress: Progress | None = None,
) -> Compared:
    """Nudge a sample of every array's entries, and compare the returned gradients with what the loss does."""
    rng, told, done, most = np.random.default_rng(0), paced(progress), 0, _most_entries(evaluate, arrays)
    samples = {name: np.sort(rng.permutation(array.size)[:most]).astype(np.intp) for name, array in arrays.items()}
    total = sum(map(len, samples.values()))
    noise = precision.rounding * max(1.0, float(np.abs(loss.logits).max()))
    found, own = {}, {}
    for name, entries in samples.items():
        slope = slopes(evaluate, arrays[name], entries, precision, noise)
        if not loss.agrees:
            own[name] = slope.values[:, -1]
            slope = Slopes(entries, slope.values[:, :-1], slope.doubt)
        found[name] = slope
        done += len(entries)
        told(done, total)
    checks = tuple(_check(name, arrays, returned, found[name], None, evaluate, precision, noise) for name in found)
    if loss.agrees or all(check.passed for check in checks):
        return Compared(found, own, checks, False)
    others = tuple(_check(name, arrays, returned, found[name], own[name], evaluate, precision, noise) for name in found)
    right = all(check.passed for check in others)
    return Compared(found, own, others if right else checks, right)


def _most_entries(evaluate: Callable[[], Array], arrays: dict[str, Array]) -> int:
    start = time.perf_counter()
    evaluate()
    taken = 4 * (time.perf_counter() - start)
    for most in MOST_ENTRIES:
        if taken * sum(min(array.size, most) for array in arrays.values()) <= SECONDS:
            break
    return most


def _check(
    name: str,
    arrays: dict[str, Array],
    returned: dict[str, Array],
    slope: Slopes,
    other: Array | None,
    evaluate: Callable[[], Array],
    precision: Precision,
    noise: float,
) -> ArrayCheck:
    shape, given, entries = arrays[name].shape, returned[name], slope.entries
    if given.shape != shape:
        remark = f"expected shape {shape}, that of the parameter, found {given.shape}"
        return ArrayCheck(name, shape, len(entries), 0, math.inf, precision.tolerance, None, remark)
    numeric = slope.values[:, 0] if other is None else other
    ours = np.asarray(given, np.float64).ravel()[entries]
    scale = float(max(np.abs(ours).max(initial=0), np.abs(numeric).max(initial=0)))
    errors = relative_errors(ours, numeric, slope.doubt, precision.tolerance, scale)
    kinks = sure = 0
    for place in np.flatnonzero(errors > precision.tolerance):
        if sure == _SURE or not np.isfinite(ours[place]):
            continue
        if has_corner(evaluate, arrays[name], int(entries[place]), float(ours[place]), precision, noise):
            errors[place], kinks = 0, kinks + 1
        else:
            sure += 1
    wrong = np.flatnonzero(errors > precision.tolerance)
    first = None
    if len(wrong):
        index = tuple(int(part) for part in np.unravel_index(entries[wrong[0]], shape))
        first = FirstWrong(index, float(ours[wrong[0]]), float(numeric[wrong[0]]))
    said = None if np.isfinite(given).all() else f"{int((~np.isfinite(given)).sum())} entries are no finite numbers"
    error = math.inf if said else float(errors.max(initial=0))
    return ArrayCheck(name, shape, len(entries) - kinks, kinks, error, precision.tolerance, first, said)


def conclude(
    found: Compared,
    returned: dict[str, Array],
    arrays: dict[str, Array],
    x: Array,
    labels: NDArray[np.int64],
    loss: Loss,
    chain: DenseChain | ConvolutionChain | None,
    precision: Precision,
    notices: list[str],
    jacobians: tuple[JacobianCheck, ...] = (),
    engine: str = "gradients()",
) -> ClassCheck:
    """Put together what was found, with the mistakes that explain wrong gradients."""
    wrong = [check.name for check in found.checks if not check.passed]
    likely: list[Explanation] = []
    if wrong:
        evidence = Evidence(
            x.reshape(len(x), -1), labels, loss.logits, arrays, returned, found.slopes, chain, precision.tolerance
        )
        likely = explain(evidence, wrong)
    loss = loss.with_slopes(found.own, found.slopes, arrays, found.of_own_loss, not wrong)
    return ClassCheck(
        len(labels), precision.name, precision.tolerance, found.checks, jacobians, tuple(notices), loss, tuple(likely),
        engine,
    )  # fmt: skip
