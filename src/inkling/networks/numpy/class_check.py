"""Checks the gradients of a class of a person's own against central differences, and says what is likely wrong.

The class is known by what it offers only: arrays, logits and gradients. Where its logits are those of dense layers in a
row, mistakes within are recognised too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inkling.errors import NetworkError
from inkling.images.progress import Progress, paced
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


@dataclass(frozen=True)
class FirstWrong:
    """The first entry that differs, with both numbers."""

    index: tuple[int, ...]
    yours: float
    differences: float

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.index))}]: yours {self.yours:.6g}, by differences {self.differences:.6g}"


@dataclass(frozen=True)
class ArrayCheck:
    """How the gradient for one parameter compares with central differences."""

    name: str
    shape: tuple[int, ...]  # of the parameter
    entries: int  # compared
    kinks: int  # entries left out: the loss has a corner there, as at the 0 of a ReLU
    difference_error: float  # largest relative error; infinite where the shape is wrong or something is no number
    tolerance: float
    first_wrong: FirstWrong | None
    remark: str | None = None  # what is wrong beside the numbers

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.difference_error <= self.tolerance


@dataclass(frozen=True)
class ClassCheck:
    """What was compared, what is wrong, and what is likely the reason."""

    n: int  # images
    precision: str  # "float64", or "float32" where the class computes in that
    tolerance: float
    checks: tuple[ArrayCheck, ...]
    jacobians: tuple[JacobianCheck, ...]  # of what the class writes out
    notices: tuple[str, ...]  # what the class must not do, and does
    loss: Loss
    likely: tuple[Explanation, ...]
    engine: str = "gradients()"  # what gave the gradients: or torch.autograd

    @property
    def passed(self) -> bool:
        """Whether every gradient and every Jacobian is right, and nothing else was noticed."""
        gradients = all(check.passed for check in self.checks)
        jacobians = all(check.passed for check in self.jacobians)
        return gradients and jacobians and not self.notices and self.loss.passed

    @property
    def verdict(self) -> str:
        """One sentence."""
        wrong = [check.name for check in self.checks if not check.passed]
        right = [check.name for check in self.checks if check.passed]
        jacobians = [check.name for check in self.jacobians if not check.passed]
        how = (
            f"central differences ({self.precision}, {self.n} images, largest relative error allowed "
            f"{self.tolerance:g})"
        )
        if wrong:
            others = f"; {_listed(right)} agree{'s' * (len(right) == 1)}" * bool(right)
            return f"NOT right: {_listed(wrong)} differ{'s' * (len(wrong) == 1)} from {how}{others}"
        if jacobians:
            return (
                f"NOT right: {_listed(jacobians)} differ{'s' * (len(jacobians) == 1)} from {how}; the gradients agree"
            )
        agree = f"All {len(self.checks)} gradients agree with {how}"
        return agree if self.passed else f"{agree}, but NOT all is right"

    @property
    def likely_sentences(self) -> tuple[str, ...]:
        """What is likely wrong, a sentence a mistake, and what no known mistake explains."""
        errors = {check.name: check.difference_error for check in self.checks if not check.passed}
        either = len({name for found in self.likely for name in found.names}) < sum(
            len(found.names) for found in self.likely
        )
        sentences = []
        for place, found in enumerate(self.likely):
            largest = max(errors[name] for name in found.names)
            before = f"{largest:.1g}" if math.isfinite(largest) else "a wrong shape"
            sentences.append(
                f"Likely{', or' * (either and place > 0)}: {_listed(list(found.names))}: {found.text}. With that "
                f"mistake allowed for, the largest relative error falls from {before} to {found.error:.1g}."
            )
        left = [name for name in errors if not any(name in found.names for found in self.likely)]
        if left:
            sentences.append(f"No known mistake explains {_listed(left)}.{self._where(left)}")
        return tuple(sentences)

    def _where(self, left: list[str]) -> str:
        right = [check.name for check in self.checks if check.passed]
        if not right:
            return ""
        return (
            f" {_listed(right)} {'are' if len(right) > 1 else 'is'} right: look at the lines that only "
            f"{_listed(left)} {'depend' if len(left) > 1 else 'depends'} on."
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values; an infinite error is None."""
        rows = [
            {**asdict(check), "shape": list(check.shape), "passed": check.passed, "torch_error": None,
             "difference_error": _finite(check.difference_error), "first_wrong": _entry(check.first_wrong)}
            for check in self.checks
        ]  # fmt: skip
        return {
            "passed": self.passed, "tolerance": self.tolerance, "precision": self.precision, "images": self.n,
            "engine": self.engine, "verdict": self.verdict, "checks": rows,
            "jacobians": [check.to_dict() for check in self.jacobians],
            "loss": self.loss.to_dict(), "notices": list(self.notices),
            "likely": [explanation.to_dict() for explanation in self.likely],
            "sentences": list(self.likely_sentences),
        }  # fmt: skip


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
        return conclude(found, returned, subject.arrays, x, labels, loss, chain, subject.precision, notices, jacobians)


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
    kinks = 0
    for place in np.flatnonzero(errors > precision.tolerance):
        if np.isfinite(ours[place]) and has_corner(
            evaluate, arrays[name], int(entries[place]), float(ours[place]), precision, noise
        ):
            errors[place], kinks = 0, kinks + 1
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
    chain: DenseChain | None,
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


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None


def _entry(first: FirstWrong | None) -> dict[str, Any] | None:
    if first is None:
        return None
    yours = first.yours if math.isfinite(first.yours) else None
    return {"index": list(first.index), "yours": yours, "differences": first.differences}
