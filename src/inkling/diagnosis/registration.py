"""How alike two pictures are once one is laid over the other: shifted, rotated and scaled to fit it best.

The fit is found by Gauss-Newton steps on the squared difference of the two, from coarse to fine, with the gradients of
the picture that stays: the inverse compositional algorithm of Baker and Matthews (2004, "Lucas-Kanade 20 years on: a
unifying framework", International Journal of Computer Vision 56:221-255). Many pairs are laid over each other at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

MOST_TURNED = 8.0
"""Degrees of a rotation, at most."""
MOST_SCALED = 0.15
"""Change of scale, at most."""
MOST_SHIFTED = 0.12
"""Shift in each direction, at most, as a fraction of a side."""

COARSE, FINE = 16, 32
"""Sides of the squares that pictures are reduced to before they are laid over each other."""
_DETAILS = 64
"""Side of the square whose details are compared, of pictures that have so many pixels; of others `FINE`."""
_STEPS = (6, 4, 2)
"""Gauss-Newton steps in each: in the smallest square a shift by a tenth of the side converges in six."""
_EDGE = 0.3
"""Share of half a side over which the weights of pixels fall to 0: what leaves the frame there is not compared."""
_BLUR = 0.8
"""Standard deviation, pixels, of the blur that lets gradients point the way."""
_DETAIL = 3 / 64
"""Structures wider than about this fraction of a side are no details."""
_PAIRS = 256
"""Pairs at a time: their pixels fit into the processor's cache."""

Pixels = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Registrable:
    """N pictures made ready to be laid over each other: grey squares, the last with details alone."""

    levels: tuple[Pixels, ...]  # (N, side, side)

    @classmethod
    def from_images(cls, parts: Sequence[NDArray[np.uint8]]) -> Registrable:
        """Make pictures ready, uint8 of shape (N, H, W, C) in each part, of one size, with any number of colours."""
        n, (height, width) = sum(map(len, parts)), parts[0].shape[1:3]
        sides = (COARSE, FINE, _DETAILS if min(height, width) >= _DETAILS * 3 // 4 else FINE)
        levels = tuple(np.empty((n, side, side), np.float32) for side in sides)
        place = 0
        for part in parts:
            for start in range(0, len(part), _PAIRS):
                grey = np.asarray(part[start : start + _PAIRS]).mean(axis=3, dtype=np.float32)
                for level, side in zip(levels, sides, strict=True):
                    square = _averages(height, side) @ grey @ _averages(width, side).T
                    level[place : place + len(grey)] = gaussian_filter(square, (0, _BLUR, _BLUR), mode="nearest")
                wide = _DETAIL * sides[2]
                levels[2][place : place + len(grey)] -= gaussian_filter(square, (0, wide, wide), mode="nearest")
                place += len(grey)
        return cls(levels)

    @property
    def mirrored(self) -> Registrable:
        """The same pictures, left for right."""
        return Registrable(tuple(level[:, :, ::-1] for level in self.levels))

    def vectors(self) -> Pixels:
        """Return the coarse pictures as vectors (N, D), whose scalar products are weighted correlations."""
        weights = window(COARSE)
        normalised = _normalised(self.levels[0].reshape(-1, COARSE * COARSE), weights)
        vectors: Pixels = normalised * np.sqrt(weights)
        return vectors


@dataclass(frozen=True, eq=False)
class Registration:
    """How the second picture of each of P pairs lies over the first, and how alike the two are then.

    Attributes
    ----------
    whole, details : ndarray of float32, shape (P,)
        The correlation of the whole pictures and that of their details (of structures narrower than 5% of a side), each
        -1..1 and weighted by `window`; 0 where a picture has no contrast, and -1 for details that were not compared.
    turn, shift : ndarray of complex64, shape (P,)
        A place z of the first picture, a complex number from the middle in fractions of a side, lies at
        turn * z + shift of the second.
    """

    whole: Pixels
    details: Pixels
    turn: NDArray[np.complex64]
    shift: NDArray[np.complex64]


def register(
    fixed: Registrable, fixed_rows: Rows, moving: Registrable, moving_rows: Rows, least: float = -1.0
) -> Registration:
    """Lay the second picture of each pair over the first, and correlate the two.

    Parameters
    ----------
    fixed, moving : Registrable
    fixed_rows, moving_rows : ndarray of int, shape (P,)
        The two pictures of each pair.
    least : float
        Details are compared of pairs with this correlation or more.
    """
    whole, details = np.empty(len(fixed_rows), np.float32), np.full(len(fixed_rows), -1, np.float32)
    turns, shifts = np.ones(len(fixed_rows), np.complex64), np.zeros(len(fixed_rows), np.complex64)
    for start in range(0, len(fixed_rows), _PAIRS):
        part = np.arange(start, min(start + _PAIRS, len(fixed_rows)))
        turn, shift = np.ones(len(part), np.complex64), np.zeros(len(part), np.complex64)
        for level in (0, 1):
            still, other = fixed.levels[level][fixed_rows[part]], moving.levels[level][moving_rows[part]]
            whole[part], turn, shift = _fit(still, other, turn, shift, _STEPS[level])
        near = whole[part] >= least
        part = part[near]
        still, other = fixed.levels[2][fixed_rows[part]], moving.levels[2][moving_rows[part]]
        details[part], turns[part], shifts[part] = _fit(still, other, turn[near], shift[near], _STEPS[2])
    return Registration(whole, details, turns, shifts)


def window(side: int) -> Pixels:
    """Return the weights of a square's pixels, float32 of shape (side * side,): of sum 1, falling to 0 at the edges."""
    edge = np.clip((1 - np.abs(_places(side)) / (side / 2)) / _EDGE, 0, 1)
    weights = np.outer(edge, edge).ravel()
    return np.asarray(weights / weights.sum(), np.float32)


def _fit(
    still: Pixels, other: Pixels, turn: NDArray[np.complex64], shift: NDArray[np.complex64], steps: int
) -> tuple[Pixels, NDArray[np.complex64], NDArray[np.complex64]]:
    """Return the best correlation of each pair (P,) on the way, and the turn and shift that gave it.

    Shifts are given and returned as fractions of a side, as in `Registration`.
    """
    side = still.shape[1]
    weights = window(side)
    z = (_places(side) + 1j * _places(side)[:, np.newaxis]).ravel().astype(np.complex64)
    target = _normalised(still.reshape(-1, side * side), weights)  # (P, S)
    weighted, inverse = _descent(target, z, weights)
    shift = shift * side
    best, best_turn, best_shift = np.full(len(still), -np.inf, np.float32), turn, shift
    for step in range(steps + 1):
        warped = _normalised(_sampled(other, z, turn, shift), weights)
        correlation = (warped * target) @ weights
        better = correlation > best
        best = np.where(better, correlation, best)
        best_turn, best_shift = np.where(better, turn, best_turn), np.where(better, shift, best_shift)
        if step < steps:
            slope = (weighted @ (warped - target)[:, :, np.newaxis])[:, :, 0]
            a, b, across, down = np.moveaxis((inverse @ slope[:, :, np.newaxis])[:, :, 0], 1, 0)
            turned = turn / (1 + a + 1j * b)
            shifted = shift - turned * (across + 1j * down)
            allowed = (
                (np.abs(np.abs(turned) - 1) < MOST_SCALED)
                & (np.abs(np.angle(turned, deg=True)) < MOST_TURNED)
                & (np.abs(shifted.real) < MOST_SHIFTED * side)
                & (np.abs(shifted.imag) < MOST_SHIFTED * side)
            )
            turn, shift = np.where(allowed, turned, turn), np.where(allowed, shifted, shift)
    return best, best_turn, best_shift / side


def _descent(target: Pixels, z: NDArray[np.complex64], weights: Pixels) -> tuple[Pixels, Pixels]:
    """Return the weighted steepest-descent images (P, 4, S) of each picture, and its inverse Hessian (P, 4, 4)."""
    side = round(len(z) ** 0.5)
    down, across = (
        gradient.reshape(target.shape) for gradient in np.gradient(target.reshape(-1, side, side), axis=(1, 2))
    )
    x, y = z.real, z.imag
    descent = np.stack([across * x + down * y, down * x - across * y, across, down], axis=1)
    # Brightness and contrast are free: what changes them is no step.
    descent -= (descent @ weights)[..., np.newaxis]
    descent -= ((descent * target[:, np.newaxis]) @ weights)[..., np.newaxis] * target[:, np.newaxis]
    weighted = descent * weights
    hessian = weighted @ descent.transpose(0, 2, 1)
    ridge = 1e-6 * np.trace(hessian, axis1=1, axis2=2) + 1e-6
    inverse = np.linalg.inv(hessian + ridge[:, np.newaxis, np.newaxis] * np.eye(4, dtype=np.float32))
    return weighted, inverse


def _sampled(
    other: Pixels, z: NDArray[np.complex64], turn: NDArray[np.complex64], shift: NDArray[np.complex64]
) -> Pixels:
    """Read pictures (P, S) at turned and shifted places, bilinearly; beyond an edge its pixels go on."""
    side = other.shape[1]
    places = turn[:, np.newaxis] * z + shift[:, np.newaxis]
    x = np.clip(places.real + (side - 1) / 2, 0, side - 1.001)
    y = np.clip(places.imag + (side - 1) / 2, 0, side - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    x, y = x - left.astype(np.float32), y - top.astype(np.float32)
    corner = top * side + left + (np.arange(len(other)) * side * side)[:, np.newaxis]
    pixels = other.ravel()
    upper = pixels[corner] * (1 - x) + pixels[corner + 1] * x
    lower = pixels[corner + side] * (1 - x) + pixels[corner + side + 1] * x
    sampled: Pixels = upper * (1 - y) + lower * y
    return sampled


def _normalised(pixels: Pixels, weights: Pixels) -> Pixels:
    """Return pictures (P, S) of weighted mean 0 and variance 1; those without contrast are 0."""
    centred = pixels - (pixels @ weights)[:, np.newaxis]
    spread = np.sqrt(np.square(centred) @ weights)[:, np.newaxis]
    normalised: Pixels = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0.1)
    return normalised


def _averages(length: int, side: int) -> Pixels:
    """Return the matrix (side, length) of means over equal stretches of a line of pixels."""
    edges, pixels = np.linspace(0, length, side + 1), np.arange(length)
    covered = np.minimum(edges[1:, np.newaxis], pixels + 1) - np.maximum(edges[:-1, np.newaxis], pixels)
    covered = np.clip(covered, 0, None)
    averages: Pixels = (covered / covered.sum(axis=1, keepdims=True)).astype(np.float32)
    return averages


def _places(side: int) -> NDArray[np.float64]:
    """Return the places of pixels along a side, from its middle."""
    return np.linspace((1 - side) / 2, (side - 1) / 2, side)
