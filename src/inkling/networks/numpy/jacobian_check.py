"""The Jacobians that a class writes out, one by one, against central differences: which layer is wrong, and where."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.dense_chain import DenseChain, Units
from inkling.networks.numpy.dense_faults import derivatives
from inkling.networks.numpy.differences import relative_errors

if TYPE_CHECKING:
    from inkling.networks.numpy.subject import Subject

Array = NDArray[np.floating[Any]]

NAME = re.compile(r"d(\w+?)_d(\w+)")
"""Of a Jacobian: "da2_dW2", the derivatives of a2 for W2."""

_ENTRIES = 60  # of what it is derived by
_STEP = 1e-3
_DOUBT = 1e-11
_LOGITS = ("logits", "y", "out")


@dataclass(frozen=True)
class JacobianCheck:
    """How one Jacobian at one image compares with central differences."""

    name: str
    shape: tuple[int, ...]  # as given: the output first, then what it is derived by
    difference_error: float | None  # largest relative error; None where it could not be checked
    tolerance: float
    first_wrong: str | None = None  # "[1, 0]: yours 0.2, by differences 0.1"
    likely: str | None = None
    remark: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance, or could not be checked."""
        return self.difference_error is None or self.difference_error <= self.tolerance

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        error = self.difference_error
        known = None if error is None or not math.isfinite(error) else error
        return {**asdict(self), "shape": list(self.shape), "difference_error": known, "passed": self.passed}


def check_jacobians(subject: Subject, chain: DenseChain | None) -> tuple[JacobianCheck, ...]:
    """Check what the class's `jacobians(x)` returns for the first image.

    Parameters
    ----------
    subject : Subject
    chain : DenseChain or None
        Gives the values within: a1 (or z1) and f1 (or h1; a1 beside z1) of layer 1, and so on. Without it, derivatives
        of the logits for parameters are checked alone.
    """
    given: Any = subject.jacobians()
    x, tolerance = subject.x[:1].reshape(1, -1), subject.precision.tolerance
    quantities = _quantities(given, chain)
    checks = []
    for name, array in given.items():
        jacobian, match = np.asarray(array, np.float64), NAME.fullmatch(name)
        known = match and (_function(subject, chain, quantities, x, match[1], match[2]))
        if not known:
            remark = "not checked: known are parameters, x, and of dense layers a1, f1, a2 …, as in da2_dW2"
            checks.append(JacobianCheck(name, jacobian.shape, None, tolerance, remark=remark))
            continue
        function, point = known
        checks.append(_check(name, jacobian, function, point, tolerance, chain))
    return tuple(checks)


def _quantities(given: Mapping[str, Any], chain: DenseChain | None) -> dict[str, str]:
    """What the class's names mean: its own letters for sums and activations, by those of the chain."""
    if chain is None:
        return {}
    named_z = any(re.search(r"d[zs]\d", name) for name in given)
    sums, activations = ("zs", "fha") if named_z else ("a", "fh")
    found = {"x": "f0"} | dict.fromkeys(_LOGITS, f"a{len(chain.layers)}")
    for number in range(1, len(chain.layers) + 1):
        found |= {f"{letter}{number}": f"a{number}" for letter in sums}
        if number < len(chain.layers):
            found |= {f"{letter}{number}": f"f{number}" for letter in activations}
    return found


def _function(
    subject: Subject, chain: DenseChain | None, quantities: Mapping[str, str], x: Array, output: str, given: str
) -> tuple[Callable[[Array], Array], Array] | None:
    """Return output as a function of one quantity, and the place of that, or None where they are not known."""
    if chain is not None and output in quantities:
        wanted, values = quantities[output], chain.run(x)
        source = quantities.get(given, given)
        if source in values or source in chain.parameters:
            point = np.asarray(values[source] if source in values else chain.parameters[source], np.float64)
            return (lambda at: np.asarray(chain.run(x, {source: at})[wanted]).ravel()), point
        return None
    arrays = subject.arrays
    if output not in _LOGITS or given not in arrays:
        return None

    def moved(at: Array) -> Array:
        before = arrays[given].copy()
        arrays[given][...] = at
        try:
            found: Array = subject.logits()[0]
            return found
        finally:
            arrays[given][...] = before

    return moved, np.array(arrays[given], np.float64)


def _check(
    name: str,
    jacobian: Array,
    function: Callable[[Array], Array],
    point: Array,
    tolerance: float,
    chain: DenseChain | None,
) -> JacobianCheck:
    outputs = len(function(point))
    places = np.sort(np.random.default_rng(0).permutation(point.size)[:_ENTRIES])
    numeric = np.stack([_by_differences(function, point, int(place)) for place in places], axis=1)  # (outputs, E)
    wanted = (outputs, *(length for length in point.shape if length > 1))
    if tuple(length for length in jacobian.shape if length > 1) != tuple(length for length in wanted if length > 1):
        remark = f"expected shape {(outputs, *point.shape)}, found {jacobian.shape}"
        flat = jacobian.reshape(jacobian.shape[0], -1) if jacobian.ndim > 1 else None
        likely = None
        if jacobian.size == outputs == point.size and jacobian.ndim == 1:
            likely = "it is the diagonal alone: np.diag of it is the Jacobian"
        elif (
            flat is not None
            and flat.T.shape == (outputs, point.size)
            and np.allclose(flat.T[:, places], numeric, rtol=1e-6, atol=1e-9)
        ):
            likely = "it is transposed: the output comes first"
        return JacobianCheck(name, jacobian.shape, math.inf, tolerance, None, likely, remark)
    ours = jacobian.reshape(outputs, point.size)

    def error(candidate: Array) -> float:
        scale = float(max(np.abs(candidate).max(initial=0), np.abs(numeric).max(initial=0)))
        doubt = np.full(numeric.shape, _DOUBT * max(1.0, scale))
        return float(relative_errors(candidate, numeric, doubt, tolerance, scale).max(initial=0))

    found = error(ours[:, places])
    if found <= tolerance:
        return JacobianCheck(name, jacobian.shape, found, tolerance)
    scale = float(max(np.abs(ours).max(), np.abs(numeric).max()))
    wrong = relative_errors(
        ours[:, places], numeric, np.full(numeric.shape, _DOUBT * max(1.0, scale)), tolerance, scale
    )
    row, column = np.argwhere(wrong > tolerance)[0]
    index = (int(row), *(int(part) for part in np.unravel_index(places[column], point.shape)))
    shown = ", ".join(map(str, (part for part, length in zip(index, (2, *point.shape), strict=True) if length > 1)))
    first = f"[{shown}]: yours {ours[row, places[column]]:.6g}, by differences {numeric[row, column]:.6g}"
    likely = _likely(name, ours, places, error, tolerance, chain, point)
    return JacobianCheck(name, jacobian.shape, found, tolerance, first, likely)


def _by_differences(function: Callable[[Array], Array], point: Array, place: int) -> Array:
    at_nudge = {}
    for offset in (-2, -1, 1, 2):
        nudged = point.copy()
        nudged.flat[place] += offset * _STEP
        at_nudge[offset] = function(nudged)
    return np.asarray((8 * (at_nudge[1] - at_nudge[-1]) - (at_nudge[2] - at_nudge[-2])) / (12 * _STEP))


def _likely(
    name: str,
    ours: Array,
    places: NDArray[np.intp],
    error: Callable[[Array], float],
    tolerance: float,
    chain: DenseChain | None,
    point: Array,
) -> str | None:
    """What is wrong with a Jacobian of the right shape, if a known mistake explains it."""
    if error(-ours[:, places]) <= tolerance:
        return "its sign is the opposite"
    if ours.shape[0] == ours.shape[1] and error(ours.T[:, places]) <= tolerance:
        return "it is transposed: the output comes first"
    if point.ndim == 2 and point.shape[0] == point.shape[1]:
        turned = ours.reshape(-1, *point.shape).transpose(0, 2, 1).reshape(ours.shape)
        if error(turned[:, places]) <= tolerance:
            return "the two axes of what it is derived by are exchanged"
    sums = re.fullmatch(r"d[fha](\d)_d[azs]\1", name)
    if chain is not None and sums:
        a = point.ravel()
        f = chain.activation.value(a)
        for _, text, wrong in derivatives(chain.activation):
            if np.allclose(np.diag(wrong(Units(a, f, np.ones_like(a)))), ours, rtol=1e-6, atol=1e-9):
                return text
    return None
