"""Central differences of any function of arrays: with kinks, as of ReLU, and in the precision that it computes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.gradcheck import FLOOR

Array = NDArray[np.floating[Any]]

Evaluate = Callable[[], Array]
"""Values of float64, shape (M,), for the arrays as they are now. The first is the one that must be exact."""


@dataclass(frozen=True)
class Precision:
    """What differences can show of a function that computes in float64, or in float32."""

    name: str
    tolerance: float  # largest relative error allowed
    steps: tuple[float, ...]  # how far a number is nudged: smaller where the function is not smooth within a step
    rounding: float  # of the function, relative to the larger of 1 and its largest logit


DOUBLE = Precision("float64", 1e-6, (1e-3, 1e-4, 1e-5, 1e-6), 8 * float(np.finfo(np.float64).eps))
SINGLE = Precision("float32", 1e-2, (3e-2, 1e-2, 3e-3), 2 * float(np.finfo(np.float32).eps))


@dataclass(frozen=True)
class Slopes:
    """Derivatives for a sample of an array's entries."""

    entries: NDArray[np.intp]  # (E,), places in the flattened array
    values: Array  # (E, M)
    doubt: Array  # (E,), how far off the first value may be: rounding, and what is not smooth


def slopes(evaluate: Evaluate, array: Array, entries: NDArray[np.intp], precision: Precision, noise: float) -> Slopes:
    """Return derivatives of a function for entries of an array, which is nudged in place and put back.

    Each is a fourth-order central difference, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h (Fornberg, 1988,
    Mathematics of Computation 51, 699-706). Where it disagrees with the second-order one, (f(h) - f(-h)) / 2 h, the
    function is not smooth within 2 h, and a smaller step is tried.

    Parameters
    ----------
    evaluate : callable
    array : ndarray of float
    entries : ndarray of int, shape (E,)
        Places in the flattened array.
    precision : Precision
    noise : float
        Absolute rounding error of the first value.
    """
    if not len(entries):
        return Slopes(entries, np.empty((0, len(evaluate()))), np.empty(0))
    values = np.empty((len(entries), 0))
    doubt, left = np.full(len(entries), np.inf), np.arange(len(entries))
    for step in precision.steps:
        found = [_differences(evaluate, array, int(entries[place]), step) for place in left]
        fourth, second = (np.array(part) for part in zip(*found, strict=True))  # (left, M)
        if not values.shape[1]:
            values = np.zeros((len(entries), fourth.shape[1]))
        gap, floor = np.abs(fourth[:, 0] - second[:, 0]), 3 * noise / step
        scale = max(np.abs(values[:, 0]).max(), np.abs(fourth[:, 0]).max())
        smooth = gap <= 0.3 * precision.tolerance * np.maximum(np.abs(fourth[:, 0]), FLOOR * scale) + floor
        new = floor + np.where(smooth, 0, 3 * gap)
        better = new < doubt[left]
        values[left[better]], doubt[left[better]] = fourth[better], new[better]
        left = left[~smooth]
        if not len(left):
            break
    return Slopes(entries, values, doubt)


def _differences(evaluate: Evaluate, array: Array, entry: int, step: float) -> tuple[Array, Array]:
    """Return the fourth- and the second-order difference of every value."""
    at = np.unravel_index(entry, array.shape)
    before, at_nudge = array[at], {}
    try:
        for offset in (-2, -1, 1, 2):
            array[at] = before + offset * step
            at_nudge[offset] = evaluate()
    finally:
        array[at] = before
    near, far = at_nudge[1] - at_nudge[-1], at_nudge[2] - at_nudge[-2]
    return (8 * near - far) / (12 * step), near / (2 * step)


def has_corner(evaluate: Evaluate, array: Array, entry: int, ours: float, precision: Precision, noise: float) -> bool:
    """Return whether the first value is not smooth near an entry, so that `ours` may be right there.

    Either slopes to both sides differ, however small the step (of a smooth function their difference shrinks with the
    step), or a smaller step, which stays on one side of a corner, gives `ours` where a larger one did not.

    Parameters
    ----------
    evaluate, array, entry, precision, noise
        As `slopes` takes them.
    ours : float
        The derivative that differs from the one found.
    """
    at = np.unravel_index(entry, array.shape)
    before, here, bends, found = array[at], evaluate()[0], [], []
    middle = precision.steps[len(precision.steps) // 2]
    steps = np.geomspace(precision.steps[0], precision.steps[-1], 2 * len(precision.steps) - 1)
    for step in steps:
        found.append(float(_differences(evaluate, array, entry, step)[0][0]))
        try:
            sides = []
            for sign in (1, -1):
                array[at] = before + sign * step
                sides.append(evaluate()[0])
        finally:
            array[at] = before
        bends.append(abs(sum(sides) - 2 * here) / step)
    for place, step in enumerate(steps[1:], start=1):
        floor = 3 * noise / step
        if bends[place] > max(0.6 * bends[place - 1], 3 * floor):
            return True
        close = abs(found[place] - ours) <= max(precision.tolerance * abs(ours), floor)
        # Rounding alone comes close at the smallest steps; at the middle ones only where hardly anything is at stake.
        if close and (step > 0.9 * middle or abs(found[0] - found[place]) > 3 * floor):
            return True
    return False


def relative_errors(ours: Array, reference: Array, doubt: Array, tolerance: float, scale: float) -> Array:
    """Return |ours - reference| / max(|ours|, |reference|, FLOOR * scale, doubt / tolerance), entry by entry.

    As `gradcheck.relative_error`, with a doubt for each entry. What is no number is an infinite error.
    """
    size = np.maximum(np.maximum(np.abs(ours), np.abs(reference)), np.maximum(FLOOR * scale, doubt / tolerance))
    with np.errstate(all="ignore"):
        errors = np.abs(ours - reference) / np.where(size > 0, size, 1)
    return np.where(np.isfinite(ours) & np.isfinite(reference), np.where(np.isinf(doubt), 0, errors), np.inf)
