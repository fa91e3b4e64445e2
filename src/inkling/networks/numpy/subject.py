"""A class under examination: in float64 where it follows, its random draws fixed, what it must not change noticed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.networks.numpy.custom_network import NumpyNetwork
from inkling.networks.numpy.differences import DOUBLE, SINGLE, Precision

Array = NDArray[np.floating[Any]]
Result = TypeVar("Result")

_JITTER = 0.1  # of an array's root mean square, or of 1 where it is all zeros
_REDRAWS = 5  # of the parameters, where all units are dead: none moves the logits then


class UncheckedNetwork(NumpyNetwork):
    """A class whose gradients may have any shape: the check says what is wrong with them."""

    def _user_gradients(self, x: Array, labels: NDArray[np.int64]) -> tuple[float, dict[str, Array]]:
        return self.named_gradients(x, labels)


class Subject:
    """Logits and gradients of a class for one batch, and the arrays that they depend on.

    Parameters
    ----------
    network : NumpyNetwork
        Its arrays are as before when the check is over: see `examined`.
    x : ndarray of float64
        As `forward` takes it.
    labels : ndarray of int64, shape (N,)
    """

    def __init__(self, network: NumpyNetwork, x: Array, labels: NDArray[np.int64]) -> None:
        self.network, self.x, self.labels = network, x, labels
        self.precision: Precision = DOUBLE
        self.restore = False  # after each call: where calls change the arrays
        self.steady = True  # whether equal calls give equal numbers, once draws are fixed
        self.draws = True  # whether calls may draw at random
        self._draws = _generators(network.network)

    @property
    def arrays(self) -> dict[str, Array]:
        """The parameters, to be changed in place."""
        return dict(self.network.parameters)

    def logits(self) -> Array:
        """Return logits (N, K) in float64."""
        return np.asarray(self._fixed(lambda: self.network.logits(self._input())), np.float64)

    def gradients(self) -> tuple[float, dict[str, Array]]:
        """Return the loss and copies of the gradients, as they come."""
        return self._fixed(lambda: self.network.named_gradients(self._input(), self.labels.copy()))

    def jacobians(self) -> dict[str, Array]:
        """Return the Jacobians that the class writes out, at the first image.

        Raises
        ------
        NetworkError
            If they are no arrays by name.
        """
        given: Any = self._fixed(lambda: self.network.called("jacobians", self._input()[:1]))
        if not isinstance(given, Mapping):
            raise NetworkError(
                f"{self.network.name}.jacobians must return arrays by name, as 'da2_dW2', found {type(given).__name__}"
            )
        return {str(name): np.array(array, np.float64) for name, array in given.items()}

    def _input(self) -> Array:
        return self.x.astype(self.network.dtype)  # a copy

    def _fixed(self, call: Callable[[], Result]) -> Result:
        """Call with the same random draws as ever."""
        if self.draws:
            np.random.seed(0)  # noqa: NPY002 - what people's classes draw from
            random.seed(0)
        for generator, state in self._draws:
            generator.bit_generator.state = state
        before = {name: array.copy() for name, array in self.arrays.items()} if self.restore else {}
        try:
            return call()
        finally:
            for name, array in before.items():
                self.arrays[name][...] = array

    def notices(self) -> list[str]:
        """Return what a class must not do and does: change x, labels or parameters, draw at random, add up, copy."""
        said, self.draws = [], False
        for what, call in (("forward", self._forward_of), ("gradients", self._gradients_of)):
            x, labels = self._input(), self.labels.copy()
            before = {name: array.copy() for name, array in self.arrays.items()}
            first = call(x, labels)
            if not np.array_equal(x, self._input(), equal_nan=True):
                said.append(f"{what} changes x in place: work on a copy, as with x = x / 2 for x /= 2")
            if not np.array_equal(labels, self.labels):
                said.append(f"{what} changes the labels in place: work on a copy")
            changed = [name for name, array in self.arrays.items() if not np.array_equal(array, before[name])]
            if changed:
                self.restore = True
                said.append(
                    f"{what} changes {', '.join(changed)} in place: it has to leave the parameters as they are, "
                    "the optimiser takes the step"
                )
                for name, array in self.arrays.items():
                    array[...] = before[name]
            second = call(self._input(), self.labels.copy())
            if not _alike(first, second):
                third = call(self._input(), self.labels.copy())
                said.append(self._unsteady(what, first, second, third))
        return said

    def _forward_of(self, x: Array, _: NDArray[np.int64]) -> dict[str, Array]:
        return {"logits": self.network.logits(x)}

    def _gradients_of(self, x: Array, labels: NDArray[np.int64]) -> dict[str, Array]:
        return self.network.named_gradients(x, labels)[1]

    def _unsteady(
        self, what: str, first: Mapping[str, Array], second: Mapping[str, Array], third: Mapping[str, Array]
    ) -> str:
        if all(
            first[name].shape == third[name].shape
            and np.allclose(third[name] - second[name], second[name] - first[name], rtol=1e-3, atol=1e-12)
            for name in first
        ):
            return f"{what} adds up from call to call: its sums have to start at zero in every call"
        self.draws = True
        again = [self._fixed(lambda: self._call_of(what)) for _ in range(2)]
        if _alike(*again):
            return (
                f"{what} draws at random (dropout?): the same batch gives other numbers each time; here the draws are "
                "fixed"
            )
        self.steady = False
        return f"{what} gives other numbers each time for the same batch: something is kept and changed between calls"

    def _call_of(self, what: str) -> dict[str, Array]:
        call = self._forward_of if what == "forward" else self._gradients_of
        return call(self._input(), self.labels.copy())


@contextmanager
def examined(network: NumpyNetwork, x: Array, labels: NDArray[np.int64]) -> Iterator[tuple[Subject, list[str]]]:
    """Give a subject at a generic point, in float64 where the class follows, and what its calls must not do and do.

    Small random numbers are added to the parameters: biases of zero, or a last layer of zeros, hide mistakes. Where
    that leaves the logits as they are, as of ReLUs that are all dead, the parameters are drawn anew. The class is
    copied with its arrays replaced by float64 ones; where the copy gives other logits (it keeps views of its arrays, or
    computes in float32), the class itself is examined, and its arrays are put back.
    """
    globals_before, ours = (np.random.get_state(), random.getstate()), network.parameters  # noqa: NPY002
    kept = {name: array.copy() for name, array in ours.items()}
    try:
        itself = Subject(network, x, labels)
        said = itself.notices()
        before, twin = itself.logits(), _double(network)
        for redrawn in range(_REDRAWS + 1):
            _move(itself.arrays, redrawn)
            moved = itself.logits()
            if not np.array_equal(before, moved):
                break
        else:
            said.append(
                "no parameter changes the logits when it is changed in place: parameters has to give the arrays that "
                "forward uses, not copies"
            )
        subject = itself
        if twin is not None:
            double = Subject(twin, x, labels)
            double.restore, double.draws, double.steady = itself.restore, itself.draws, itself.steady
            if _follows(double, moved, redrawn):
                subject = double
        if subject is itself and not _computes_in_double(itself):
            itself.precision = SINGLE
        yield subject, said
    finally:
        for name, array in kept.items():
            network.parameters[name][...] = array
        np.random.set_state(globals_before[0])  # noqa: NPY002
        random.setstate(globals_before[1])


def _move(arrays: Mapping[str, Array], redrawn: int) -> None:
    """Add small random numbers to the parameters; or draw them anew, for a time, as a network of dead units wants."""
    rng = np.random.default_rng(1 + redrawn)
    for array in arrays.values():
        noise = rng.standard_normal(array.shape)
        if redrawn:
            array[...] = noise / np.sqrt(max(1, len(array))) if array.ndim > 1 else noise
            continue
        size = float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) if array.size else 0.0
        array += (noise * _JITTER * (size or 1.0)).astype(array.dtype)


def _double(network: NumpyNetwork) -> NumpyNetwork | None:
    """Return a copy of a class in which every reference to a parameter is one to its float64 twin."""
    memo: dict[int, Any] = {id(array): array.astype(np.float64) for array in network.parameters.values()}
    try:
        own = copy.deepcopy(network.network, memo)
        twin = copy.copy(network)
        twin.network, twin.dtype = own, np.dtype(np.float64)
        twins = twin.parameters
        alike = all(twins[name].dtype == np.float64 for name in network.parameters)
    except Exception:  # code of a person's own can refuse to be copied in any way
        return None
    return twin if alike else None


def _follows(twin: Subject, logits: Array, redrawn: int) -> bool:
    """Move a twin as the original was moved; return whether it gives the logits of the original, and in float64."""
    try:
        _move(twin.arrays, redrawn)
        found = twin.logits()
    except NetworkError:
        return False
    size = max(1.0, float(np.abs(logits).max(initial=0)))
    return bool(np.abs(found - logits).max(initial=0) <= 1e-3 * size) and _computes_in_double(twin)


def _computes_in_double(subject: Subject) -> bool:
    """Whether the logits follow a nudge of 1e-9 as they follow one of 1e-5: rounding to float32 would hide it."""
    if any(array.dtype != np.float64 for array in subject.arrays.values()):
        return False
    rng = np.random.default_rng(2)
    ways = {name: rng.standard_normal(array.shape) for name, array in subject.arrays.items()}
    kept = {name: array.copy() for name, array in subject.arrays.items()}
    here, slopes = subject.logits(), []
    for step in (1e-9, 1e-5):
        for name, array in subject.arrays.items():
            array += step * ways[name]
        slopes.append((subject.logits() - here) / step)
        for name, array in subject.arrays.items():
            array[...] = kept[name]
    rounding = 1e-15 / 1e-9 * max(1.0, float(np.abs(here).max(initial=0))) * 100
    fine, coarse = slopes
    return bool(np.linalg.norm(fine - coarse) <= 0.1 * np.linalg.norm(coarse) + rounding)


def _alike(first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    return all(
        first[name].shape == second[name].shape
        and np.allclose(first[name], second[name], rtol=1e-6, atol=1e-12, equal_nan=True)
        for name in first
    )


def _generators(network: Any) -> list[tuple[np.random.Generator, Any]]:
    """The generators of random numbers that an object holds, with their states."""
    held = vars(network).values() if hasattr(network, "__dict__") else ()
    return [(value, value.bit_generator.state) for value in held if isinstance(value, np.random.Generator)]
