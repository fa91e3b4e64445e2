"""Would more data help? Error against training images as a power law, and what two training sizes differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds, compare_over_seeds
from inkling.errors import DataError
from inkling.metrics.intervals import Interval

MUCH = 0.1
"""More data helps much where twice as many images lower the error by this fraction of it: a convention, not a law."""

DEPARTURE = 0.05
"""Departure of a real curve from its law, as a fraction of the error, that is assumed as if two sizes had shown it."""

LEAST_SHARE = 0.1
"""Of the draws, for the law with a floor and for the one without, however much better the other fits."""

DRAWS = 2000
"""Of the bootstrap."""

_FLOORS = np.concatenate([[0.0], 1 - np.geomspace(0.98, 0.02, 40)])
"""Floors that are tried, as fractions of the lowest error."""


@dataclass(frozen=True)
class Prediction:
    """What a learning curve says of a training size."""

    size: int  # training images
    accuracy: float
    accuracy_interval: Interval  # of what as many seeds on as many test images would show

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        interval = [self.accuracy_interval.low, self.accuracy_interval.high]
        return {"size": self.size, "accuracy": self.accuracy, "accuracy_interval": interval}


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Error against training images: measured at three sizes or more, and the law error(n) = a n^-b + c."""

    sizes: tuple[int, ...]  # training images, rising
    errors: tuple[tuple[float, ...], ...]  # fractions of test images, one a seed, for each size
    n_test: int
    a: float
    b: float  # 0.5 halves the error above c for four times the images
    c: float  # error that no number of images would undercut
    _fits: NDArray[np.float64] = field(repr=False)  # (draws, 3): a, b, c
    _noise: NDArray[np.float64] = field(repr=False)  # (draws,): log of measured error over that of the law

    @property
    def mean_errors(self) -> tuple[float, ...]:
        """Mean over seeds at each size."""
        return tuple(float(np.mean(of_size)) for of_size in self.errors)

    def error_at(self, size: float) -> float:
        """Return the error that the law gives for a number of training images."""
        return float(min(1.0, _error_of(np.array([[self.a, self.b, self.c]]), size)[0]))

    def error_interval(self, size: float) -> Interval:
        """Return the 95% prediction interval of the mean error of as many seeds on as many test images."""
        drawn = np.minimum(_error_of(self._fits, size) * np.exp(self._noise), 1.0)
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Interval(float(low), float(high))

    def at(self, size: int) -> Prediction:
        """Return what the curve says of a training size."""
        errors = self.error_interval(size)
        return Prediction(size, 1 - self.error_at(size), Interval(1 - errors.high, 1 - errors.low))

    @property
    def at_twice(self) -> Prediction:
        """What the curve says of twice the images of the largest size."""
        return self.at(2 * self.sizes[-1])

    @property
    def fall(self) -> float:
        """Fraction by which twice the images of the largest size lower the error, by the law."""
        return 1 - self.error_at(2 * self.sizes[-1]) / self.error_at(self.sizes[-1])

    @property
    def fall_interval(self) -> Interval:
        """95% interval of the fall."""
        drawn = 1 - _error_of(self._fits, 2 * self.sizes[-1]) / _error_of(self._fits, self.sizes[-1])
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Interval(float(low), float(high))

    @property
    def helps(self) -> str:
        """Whether twice the images would help much: "yes", "no" or "not shown".

        The fall decides, and its interval must not reach below half of `MUCH`, or above twice of it.
        """
        if self.fall >= MUCH:
            return "yes" if self.fall_interval.low > MUCH / 2 else "not shown"
        return "no" if self.fall_interval.high < 2 * MUCH else "not shown"

    @property
    def verdict(self) -> str:
        """One sentence."""
        found, digits = self.at_twice, 4 if self.n_test >= 2000 else 3
        interval = found.accuracy_interval
        fall = f"its error by {self.fall:.0%} [{self.fall_interval.low:.0%}, {self.fall_interval.high:.0%}]"
        last = {
            "yes": f"more data will help: twice as many images lower {fall}",
            "no": f"more data will not help much: twice as many images lower {fall}",
            "not shown": f"it is not shown whether more data will help much: twice as many images lower {fall}",
        }[self.helps].replace("-", "−")
        return (
            f"At 2x the data ({found.size:,} training images) expect {found.accuracy:.{digits}f} "
            f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}] of the test images right, after "
            f"{1 - self.mean_errors[-1]:.{digits}f} at {self.sizes[-1]:,} (n = {self.n_test:,}); {last}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "helps": self.helps,
            "sizes": list(self.sizes),
            "errors": [list(of_size) for of_size in self.errors],
            "n_test": self.n_test,
            "law": {"a": self.a, "b": self.b, "c": self.c},
            "at_twice": self.at_twice.to_dict(),
            "fall": self.fall,
            "fall_interval": [self.fall_interval.low, self.fall_interval.high],
        }


def fit_learning_curve(errors: Mapping[int, Sequence[float]], n_test: int, seed: int = 0) -> LearningCurve:
    """Fit error(n) = a n^-b + c to the errors at several training sizes, and say how far it can be trusted.

    Parameters
    ----------
    errors : mapping of int to sequence of float
        Training images -> test error (fraction) of each seed; three sizes or more.
    n_test : int
        Test images behind each error.
    seed : int
        Of the bootstrap.

    Returns
    -------
    LearningCurve
        The law: Cortes, Jackel, Solla, Vapnik and Denker (1993, NIPS); Hestness et al. (2017, arXiv:1712.00409). It
        is fitted to logarithms of mean errors by weighted least squares; the variance of each is that of test images
        (binomial) and of seeds (their relative variance, pooled over sizes). The prediction interval is a parametric
        bootstrap of three sources: these two; departures of the curve from the law, estimated from the residuals, and
        never taken for none, since few curves are exact power laws (Viering and Loog, 2023, IEEE TPAMI 45:7799); and
        whether there is a floor c at all: draws come from both fits, c = 0 and c free, by their Akaike weights
        (Burnham and Anderson, 2002), or half and half from three sizes, which cannot tell. Errors may rise with n only
        where the law has no floor.

    Raises
    ------
    DataError
        If there are fewer than three sizes, or an error is none.
    """
    sizes = sorted(errors)
    of_seeds = [np.asarray(errors[size], np.float64) for size in sizes]
    if len(sizes) < 3 or sizes[0] < 1 or n_test < 1:
        raise DataError(f"a learning curve needs three training sizes or more, found {len(sizes)}")
    if not all(len(of) and ((of >= 0) & (of <= 1)).all() for of in of_seeds):
        raise DataError("a learning curve needs errors from 0 to 1, one or more for each training size")
    # Half a mistake where there is none, which has no logarithm.
    mean = np.array([max(float(of.mean()), 0.5 / n_test) for of in of_seeds])
    seeds = np.array([len(of) for of in of_seeds])
    several = [float(of.var(ddof=1)) / middle**2 for of, middle in zip(of_seeds, mean, strict=True) if len(of) > 1]
    noise = (1 - mean) / (mean * n_test) + (float(np.mean(several)) if several else 0.0) / seeds  # (K,) of log error
    x, y = np.log(sizes), np.log(mean)
    rng = np.random.default_rng(seed)
    fits = []
    for floors in (_FLOORS[:1], _FLOORS):
        law = _fit(x, y[np.newaxis], noise + DEPARTURE**2, floors)
        residuals = y - np.log(_error_of(law, np.exp(x)[:, np.newaxis])[:, 0])
        used = 2 if len(floors) == 1 else 3
        fits.append((law, residuals, used, float((residuals**2 / (noise + DEPARTURE**2)).sum()) + 2 * used))
    # Three sizes lie on a law with a floor whatever they are: that it fits is then no evidence for it.
    worse = fits[0][3] - fits[1][3] if len(sizes) > 3 else 0.0
    best = fits[1] if worse > 0 else fits[0]
    with_floor = float(np.clip(1 / (1 + np.exp(-worse / 2)), LEAST_SHARE, 1 - LEAST_SHARE))
    laws, scatter = [], []
    for (law, residuals, used, _), floors, share in zip(
        fits, (_FLOORS[:1], _FLOORS), (1 - with_floor, with_floor), strict=True
    ):
        draws = round(DRAWS * share)
        # Of departures: squares beyond the noise, and two more of the assumed size (scaled inverse chi-squared).
        free = len(sizes) - used + 2
        beyond = max(0.0, float((residuals**2 - noise).sum())) + 2 * DEPARTURE**2
        departure = beyond / rng.chisquare(free, draws)  # (D,) variance of log error
        spread = np.sqrt(noise + departure[:, np.newaxis])  # (D, K)
        fitted = np.log(_error_of(law, np.exp(x)[:, np.newaxis])[:, 0])
        drawn = np.minimum(fitted + spread * rng.standard_normal(spread.shape), 0.0)
        laws.append(_fit(x, drawn, noise + beyond / free, floors))
        scatter.append(np.sqrt(noise[-1] + departure) * rng.standard_normal(draws))
    a, b, c = (float(value) for value in best[0][0])
    measured = tuple(tuple(float(error) for error in of) for of in of_seeds)
    return LearningCurve(tuple(sizes), measured, n_test, a, b, c, np.concatenate(laws), np.concatenate(scatter))


def _error_of(laws: NDArray[np.float64], size: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Errors (D,) of laws (D, 3) at one size, or (K, D) at sizes (K, 1)."""
    a, b, c = laws.T
    found: NDArray[np.float64] = a * np.power(np.float64(size), -b) + c
    return found


def _fit(
    x: NDArray[np.float64], y: NDArray[np.float64], variance: NDArray[np.float64], floors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit laws (D, 3) to log errors y (D, K) at log sizes x (K,), the floor one of those that are tried.

    Given the floor c, log(error - c) is a line in log n; the floor is the one whose law lies nearest to y.
    """
    errors = np.exp(y)[:, np.newaxis, :]  # (D, 1, K)
    c = floors[:, np.newaxis] * errors.min(axis=2, keepdims=True)  # (D, F, 1)
    above = errors - c  # (D, F, K)
    weights = np.square(above / errors) / variance  # an error of the log of y, in the log of what is above c
    weights /= weights.sum(axis=2, keepdims=True)
    logs = np.log(above)
    x_mean, y_mean = ((weights * of).sum(axis=2, keepdims=True) for of in (x, logs))
    slope = (weights * (x - x_mean) * (logs - y_mean)).sum(axis=2, keepdims=True)
    slope /= (weights * np.square(x - x_mean)).sum(axis=2, keepdims=True)
    slope = np.where(c > 0, np.minimum(slope, 0), slope)
    log_a = y_mean - slope * x_mean
    distance = (np.square(y[:, np.newaxis] - np.log(np.exp(log_a + slope * x) + c)) / variance).sum(axis=2)  # (D, F)
    nearest = distance.argmin(axis=1)[:, np.newaxis, np.newaxis]
    a, b, floor = (np.take_along_axis(of, nearest, axis=1)[:, 0, 0] for of in (np.exp(log_a), -slope, c))
    return np.stack([a, b, floor], axis=1)


@dataclass(frozen=True)
class DataSizeEffect:
    """Test accuracy at two training sizes of one network, over the seeds that both have."""

    small: int  # training images
    large: int
    comparison: Comparison | ComparisonOverSeeds  # of the large size with the small one, on the same test images

    @property
    def seeds(self) -> int:
        """Runs of each size."""
        return self.comparison.a_spread.n if isinstance(self.comparison, ComparisonOverSeeds) else 1

    @property
    def small_accuracy(self) -> float:
        """Mean over seeds."""
        return self.comparison.b_accuracy

    @property
    def large_accuracy(self) -> float:
        """Mean over seeds."""
        return self.comparison.a_accuracy

    @property
    def gain(self) -> float:
        """Accuracy at the large size less that at the small one, fraction."""
        return self.comparison.difference

    @property
    def gain_interval(self) -> Interval:
        """95% interval of the gain."""
        return self.comparison.interval

    @property
    def shown(self) -> bool:
        """Whether the gain is more than chance explains."""
        return self.comparison.shown


def compare_sizes(
    small: int,
    of_small: Sequence[NDArray[np.floating[Any]]],
    large: int,
    of_large: Sequence[NDArray[np.floating[Any]]],
    labels: NDArray[np.int64],
) -> DataSizeEffect:
    """Compare two training sizes of one network on the same test images.

    Parameters
    ----------
    small, large : int
        Training images.
    of_small, of_large : sequence of ndarray of float, shape (N, K)
        Probabilities on the same images, one a seed.
    labels : ndarray of int64, shape (N,)

    Raises
    ------
    DataError
        As `diagnosis.comparison.compare_over_seeds`.
    """
    names = (f"{large:,} training images", f"{small:,}")
    return DataSizeEffect(small, large, compare_over_seeds(labels, of_large, of_small, *names))
