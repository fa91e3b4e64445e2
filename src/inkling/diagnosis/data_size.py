"""Would more data help? A power-law fit of error against training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.metrics.formatting import percent
from inkling.metrics.intervals import Interval
from inkling.metrics.rounding import rounded

MUCH = 0.1
"""More data helps much where twice as many images lower the error by this fraction of it: a convention."""

DEPARTURE = 0.05
"""Departure of a real curve from the power law, as a fraction of the error, assumed as if two sizes had shown it."""

SEED_SPREAD = 0.06
"""Standard deviation over seeds, as a fraction of the error, assumed where no size was trained with several: that of
the built-in networks on MNIST lies between 2% and 9%."""

STEEPEST = 4.0
"""Largest exponent that is fitted, rising or falling; measured ones lie between 0.07 and 1. It keeps numbers finite."""

LEAST_SHARE = 0.1
"""Of the draws, for the power law with a floor and for the one without, however much better the other fits."""

DRAWS = 2000
"""Of the bootstrap."""

_FLOORS = np.concatenate([[0.0], 1 - np.geomspace(0.98, 0.02, 40)])
"""Floors that are tried, as fractions of the lowest error."""


@dataclass(frozen=True)
class Prediction:
    """The accuracy that a learning curve predicts for a training size."""

    size: int  # training images
    accuracy: float
    accuracy_interval: Interval  # 95% prediction interval: the mean of as many seeds on as many test images

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        interval = [self.accuracy_interval.low, self.accuracy_interval.high]
        return {"size": self.size, "accuracy": self.accuracy, "accuracy_interval": interval}


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Error against training images: measured at three sizes or more, and the power-law fit error(n) = a n^-b + c."""

    sizes: tuple[int, ...]  # training images, rising
    errors: tuple[tuple[float, ...], ...]  # fractions of test images, one per seed, for each size
    n_test: int
    a: float
    b: float  # 0.5 halves the error above c for four times the images
    c: float  # irreducible: no number of images gets below it
    last_step: float  # log of the error at the last size but one over that at the last, in standard deviations of noise
    misses_last: float  # error measured at the largest size over the fitted one, log, in standard deviations of noise
    _fits: NDArray[np.float64] = field(repr=False)  # (draws, 3): a, b, c
    _noise: NDArray[np.float64] = field(repr=False)  # (draws,): log of measured error over fitted error
    _scatter: NDArray[np.float64] = field(repr=False)  # (draws,): the same, were it measured on endless test images

    @property
    def mean_errors(self) -> tuple[float, ...]:
        """Mean over seeds at each size."""
        return tuple(float(np.mean(of_seeds)) for of_seeds in self.errors)

    def error_at(self, size: float) -> float:
        """Return the error that the fit predicts for a number of training images."""
        return float(min(1.0, _error_at(np.array([[self.a, self.b, self.c]]), size)[0]))

    def error_interval(self, size: float, confidence: float = 0.95) -> Interval:
        """Return the prediction interval of the mean error of as many seeds on as many test images."""
        drawn = np.minimum(_error_at(self._fits, size) * np.exp(self._noise), 1.0)
        low, high = np.quantile(drawn, ((1 - confidence) / 2, (1 + confidence) / 2))
        return Interval(float(low), float(high))

    @property
    def laws(self) -> NDArray[np.float64]:
        """The power laws of the bootstrap, shape (draws, 3): a, b, c of each."""
        return self._fits

    def measured_interval(self, size: float, confidence: float = 0.95) -> Interval:
        """Return the same interval where few images are misclassified: their number is drawn, and may be 0."""
        error = np.minimum(_error_at(self._fits, size) * np.exp(self._scatter), 1.0)
        drawn = np.random.default_rng(0).binomial(self.n_test, error) / self.n_test
        low, high = np.quantile(drawn, ((1 - confidence) / 2, (1 + confidence) / 2))
        return Interval(float(low), float(high))

    def drawn_errors(self, size: float) -> NDArray[np.float64]:
        """Return the error that each of these laws gives for a number of training images, shape (draws,)."""
        return np.minimum(_error_at(self._fits, size), 1.0)

    def at(self, size: int) -> Prediction:
        """Return the accuracy that the fit predicts for a training size."""
        errors = self.error_interval(size)
        return Prediction(size, 1 - self.error_at(size), Interval(1 - errors.high, 1 - errors.low))

    @property
    def forecasts(self) -> bool:
        """Whether the power law meets the error at the largest size within its noise: else it foretells nothing."""
        return abs(self.misses_last) <= 2

    @property
    def one_seed(self) -> bool:
        """Whether no size was trained with several seeds, so that their spread is an assumption, `SEED_SPREAD`."""
        return max(len(of_seeds) for of_seeds in self.errors) == 1

    @property
    def at_twice(self) -> Prediction:
        """The accuracy that the fit predicts for twice the images of the largest size."""
        return self.at(2 * self.sizes[-1])

    @property
    def fall(self) -> float:
        """Fraction by which twice the images of the largest size lower the error, by the fit."""
        return 1 - self.error_at(2 * self.sizes[-1]) / self.error_at(self.sizes[-1])

    @property
    def fall_interval(self) -> Interval:
        """95% interval of the fall."""
        drawn = 1 - _error_at(self._fits, 2 * self.sizes[-1]) / _error_at(self._fits, self.sizes[-1])
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Interval(float(low), float(high))

    @property
    def helps(self) -> str:
        """Whether twice the images would help much if the power law goes on: "yes", "no" or "not shown".

        The fall decides, and its interval must not reach below half of `MUCH`, or above twice of it. A yes asks in
        addition that the error was measurably lower at the largest size than at the one before: a curve that has just
        gone flat is not called a falling one. It is "not shown" where the law makes no forecast.
        """
        if not self.forecasts:
            return "not shown"
        if self.fall >= MUCH:
            return "yes" if self.fall_interval.low > MUCH / 2 and self.last_step > 2 else "not shown"
        return "no" if self.fall_interval.high < 2 * MUCH else "not shown"

    @property
    def verdict(self) -> str:
        """One sentence, or two."""
        n, largest = self.n_test, self.sizes[-1]
        measured = f"{percent(1 - self.mean_errors[-1], n)} measured at {largest:,}"
        assumed = f" One seed of each size: a spread over seeds of {SEED_SPREAD:.0%} of the error is assumed."
        if not self.forecasts:
            return (
                f"Whether more data would help is not shown: the power law through the {len(self.sizes)} sizes misses "
                f"the accuracy of {measured} by more than its noise ({percent(1 - self.error_at(largest), n)} fitted, "
                f"n = {n:,}), so it makes no forecast.{assumed if self.one_seed else ''}"
            )
        twice = self.at_twice
        low, high = (percent(end, n, "") for end in (twice.accuracy_interval.low, twice.accuracy_interval.high))
        if self.helps == "not shown":
            head = "Whether more data would help much is not shown: these sizes cannot tell. If the power law goes on,"
        else:
            helps = "should help" if self.helps == "yes" else "should not help much"
            head = f"If the power law goes on, more data {helps}:"
        return (
            f"{head} twice the training images ({twice.size:,}) {self.change} and give a test accuracy of "
            f"{percent(twice.accuracy, n)} [{low}, {high}], against {measured} (power-law fit, 95% prediction "
            f"interval, n = {n:,}).{assumed if self.one_seed else ''}"
        )

    @property
    def change(self) -> str:
        """What twice the images do to the error rate by the fit, with its interval: "lower the error rate by …"."""
        low, high = self.fall_interval.low, self.fall_interval.high
        verb, fall = ("lower", self.fall) if self.fall >= 0 else ("raise", -self.fall)
        low, high = (low, high) if self.fall >= 0 else (-high, -low)
        ends = ", ".join(rounded(100 * end, 0, (0.0, 100.0)) + "%" for end in (low, high))
        return f"{verb} the error rate by {rounded(100 * fall, 0, (0.0, 100.0))}% [{ends}]".replace("-", "−")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "helps": self.helps,
            "sizes": list(self.sizes),
            "errors": [list(of_seeds) for of_seeds in self.errors],
            "n_test": self.n_test,
            "power_law": {"a": self.a, "b": self.b, "c": self.c},
            "law": {"a": self.a, "b": self.b, "c": self.c},  # its earlier name
            "forecasts": self.forecasts,
            "at_twice": self.at_twice.to_dict() if self.forecasts else None,
            "fall": self.fall,
            "fall_interval": [self.fall_interval.low, self.fall_interval.high],
        }


def fit_learning_curve(
    errors: Mapping[int, Sequence[float]], n_test: int, seed: int = 0, draws: int = DRAWS
) -> LearningCurve:
    """Fit error(n) = a n^-b + c to the errors at several training sizes, and say how far it can be trusted.

    Parameters
    ----------
    errors : mapping of int to sequence of float
        Training images -> test error (fraction) of each seed; three sizes or more.
    n_test : int
        Test images behind each error.
    seed : int
        Of the bootstrap.
    draws : int
        Of the bootstrap; more of them where an interval is wanted at a confidence far above 95%.

    Returns
    -------
    LearningCurve
        The power law: Cortes, Jackel, Solla, Vapnik and Denker (1993, NIPS); Hestness et al. (2017,
        arXiv:1712.00409). It is fitted to logarithms of mean errors by weighted least squares; the variance of each is
        that of test images (binomial) and of seeds (their relative variance, pooled over sizes). The prediction
        interval is a parametric bootstrap of three sources: these two; departures of the curve from the power law,
        estimated from the residuals, and never assumed to be zero, since few curves are exact power laws (Viering and
        Loog, 2023, IEEE TPAMI 45:7799); and whether there is a floor c at all: draws come from both fits, c = 0 and c
        free, by their Akaike weights (Burnham and Anderson, 2002), or half and half from three sizes, which cannot
        tell. Errors may rise with n only where the fit has no floor. With one seed of every size, their spread is
        assumed (`SEED_SPREAD`). All of it holds if the power law goes on: no fit can tell a curve that will go flat
        just beyond the sizes that were measured.

    Raises
    ------
    DataError
        If there are fewer than three sizes, or an error is not between 0 and 1.
    """
    sizes = sorted(errors)
    measured = [np.asarray(errors[size], np.float64) for size in sizes]  # one array of seeds per size
    if len(sizes) < 3 or sizes[0] < 1 or n_test < 1:
        raise DataError(f"a learning curve needs three training sizes or more, found {len(sizes)}")
    if not all(len(seeds) and ((seeds >= 0) & (seeds <= 1)).all() for seeds in measured):
        raise DataError("a learning curve needs errors from 0 to 1, one or more for each training size")
    # Half a mistake where there is none, which has no logarithm.
    mean = np.array([max(float(seeds.mean()), 0.5 / n_test) for seeds in measured])
    counts = np.array([len(seeds) for seeds in measured])
    several = [float(seeds.var(ddof=1)) / m**2 for seeds, m in zip(measured, mean, strict=True) if len(seeds) > 1]
    seeds_variance = float(np.mean(several)) if several else SEED_SPREAD**2
    noise = (1 - mean) / (mean * n_test) + seeds_variance / counts  # (K,) of log error
    x, y = np.log(sizes), np.log(mean)
    rng = np.random.default_rng(seed)
    fits = []
    for floors in (_FLOORS[:1], _FLOORS):
        fit = _fit(x, y[np.newaxis], noise + DEPARTURE**2, floors)
        residuals = y - np.log(_error_at(fit, np.exp(x)[:, np.newaxis])[:, 0])
        used = 2 if len(floors) == 1 else 3
        fits.append((fit, residuals, used, float((residuals**2 / (noise + DEPARTURE**2)).sum()) + 2 * used))
    # Three sizes lie on a power law with a floor whatever they are: that it fits is then no evidence for it.
    worse = fits[0][3] - fits[1][3] if len(sizes) > 3 else 0.0
    best = fits[1] if worse > 0 else fits[0]
    with_floor = float(np.clip(1 / (1 + np.exp(-worse / 2)), LEAST_SHARE, 1 - LEAST_SHARE))
    draws_of_fits, scatter, noise_of_draws = [], [], []
    for (fit, residuals, used, _), floors, share in zip(
        fits, (_FLOORS[:1], _FLOORS), (1 - with_floor, with_floor), strict=True
    ):
        drawn_here = round(draws * share)
        # Of departures: squares beyond the noise, and two more of the assumed size (scaled inverse chi-squared).
        free = len(sizes) - used + 2
        beyond = max(0.0, float((residuals**2 - noise).sum())) + 2 * DEPARTURE**2
        departure = beyond / rng.chisquare(free, drawn_here)  # (D,) variance of log error
        spread = np.sqrt(noise + departure[:, np.newaxis])  # (D, K)
        fitted = np.log(_error_at(fit, np.exp(x)[:, np.newaxis])[:, 0])
        drawn = np.minimum(fitted + spread * rng.standard_normal(spread.shape), 0.0)
        draws_of_fits.append(_fit(x, drawn, noise + beyond / free, floors))
        normal = rng.standard_normal(drawn_here)
        noise_of_draws.append(np.sqrt(noise[-1] + departure) * normal)
        scatter.append(np.sqrt(seeds_variance / counts[-1] + departure) * normal)
    a, b, c = (float(value) for value in best[0][0])
    kept = tuple(tuple(float(error) for error in seeds) for seeds in measured)
    last_step = float((y[-2] - y[-1]) / max(noise[-2] + noise[-1], 1e-12) ** 0.5)
    misses_last = float(best[1][-1] / (noise[-1] + DEPARTURE**2) ** 0.5)
    return LearningCurve(
        sizes=tuple(sizes),
        errors=kept,
        n_test=n_test,
        a=a,
        b=b,
        c=c,
        last_step=last_step,
        misses_last=misses_last,
        _fits=np.concatenate(draws_of_fits),
        _noise=np.concatenate(noise_of_draws),
        _scatter=np.concatenate(scatter),
    )


def _error_at(fits: NDArray[np.float64], size: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Errors (D,) of fits (D, 3) at one size, or (K, D) at sizes (K, 1)."""
    a, b, c = fits.T
    errors: NDArray[np.float64] = a * np.power(np.float64(size), -b) + c
    return errors


def _fit(
    x: NDArray[np.float64], y: NDArray[np.float64], variance: NDArray[np.float64], floors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit power laws (D, 3) to log errors y (D, K) at log sizes x (K,), the floor one of those that are tried.

    Given the floor c, log(error - c) is a line in log n; the floor is the one whose curve lies nearest to y.
    """
    errors = np.exp(y)[:, np.newaxis, :]  # (D, 1, K)
    c = floors[:, np.newaxis] * errors.min(axis=2, keepdims=True)  # (D, F, 1)
    above = errors - c  # (D, F, K)
    weights = np.square(above / errors) / variance  # an error of the log of y, in the log of what is above c
    weights /= weights.sum(axis=2, keepdims=True)
    logs = np.log(above)
    x_mean, y_mean = ((weights * values).sum(axis=2, keepdims=True) for values in (x, logs))
    slope = (weights * (x - x_mean) * (logs - y_mean)).sum(axis=2, keepdims=True)
    slope /= (weights * np.square(x - x_mean)).sum(axis=2, keepdims=True)
    slope = np.clip(slope, -STEEPEST, np.where(c > 0, 0.0, STEEPEST))
    log_a = y_mean - slope * x_mean
    distance = (np.square(y[:, np.newaxis] - np.log(np.exp(log_a + slope * x) + c)) / variance).sum(axis=2)  # (D, F)
    nearest = distance.argmin(axis=1)[:, np.newaxis, np.newaxis]
    a, b, floor = (np.take_along_axis(values, nearest, axis=1)[:, 0, 0] for values in (np.exp(log_a), -slope, c))
    return np.stack([a, b, floor], axis=1)
