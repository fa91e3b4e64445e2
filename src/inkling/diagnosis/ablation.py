"""Ablations: which varied setting changed accuracy, which the gap between training and validation, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from inkling.diagnosis.comparison import LEVEL
from inkling.errors import DataError
from inkling.images.naming import and_list
from inkling.metrics.formatting import p_words, points, points_interval
from inkling.metrics.intervals import Interval
from inkling.metrics.multiple import holm

AS_IN_THE_RECIPE = "as in the recipe"
"""Value of a setting that is varied in other arms and not in this one."""


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs that share one combination of values, over seeds.

    Attributes
    ----------
    group : str
        Arms are compared with those of their group: "perceptron, 2,000 training images".
    variant : mapping of str to str
        Setting -> value, of the settings that are varied.
    correct : mapping of int to ndarray of bool, shape (N,)
        By seed: which test images, the same for all arms, the run classifies correctly.
    gaps : mapping of int to float
        By seed: training less validation accuracy, -1..1.
    validation_correct : mapping of int to ndarray of bool, shape (M,)
        By seed: which validation images the run classifies correctly.
    """

    group: str
    variant: Mapping[str, str]
    correct: Mapping[int, NDArray[np.bool_]]
    gaps: Mapping[int, float]
    validation_correct: Mapping[int, NDArray[np.bool_]]


@dataclass(frozen=True)
class Change:
    """How far a mean differs between two values of a setting."""

    difference: float  # of the second less the first, -1..1
    interval: Interval  # 95%, of this difference by itself
    p_value: float  # by itself
    adjusted_p: float  # after Holm's correction for all changes that were tested together
    n: int  # images

    @property
    def shown(self) -> bool:
        """Whether the change is statistically significant among all that were tested."""
        return self.adjusted_p < LEVEL and not self.interval.low <= 0 <= self.interval.high

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        return {**vars(self), "interval": [self.interval.low, self.interval.high], "shown": self.shown}


@dataclass(frozen=True)
class SettingEffect:
    """What one value of a setting changed, against the first value of that setting."""

    group: str
    setting: str
    value: str
    base: str  # the value that it is compared with
    seeds: tuple[int, ...]
    pairs: int  # of arms that differ in this setting alone; the means are over them
    accuracy: Change
    gap: Change | None  # None with one seed: a single run has no spread to test its gap by

    @property
    def verdict(self) -> str:
        """One sentence."""
        change, seeds = self.accuracy, len(self.seeds)
        over = f"over {seeds} seeds" if seeds > 1 else f"of these runs of seed {self.seeds[0]}"
        others = f", mean over {self.pairs} combinations of the other settings" if self.pairs > 1 else ""
        what = f"{_words(self.setting)} {self.value} instead of {self.base}"
        test = (
            f"{points(change.difference, change.n)} points {points_interval(change.interval, change.n)} on "
            f"{change.n:,} test images {over}{others}, {p_words(change.adjusted_p)} after Holm's correction"
        )
        moved = _moved(change, "raises", "lowers", "accuracy", seeds)
        text = f"{self.group}: {what} {moved}: {test}"
        if self.gap:
            widened = _moved(self.gap, "widens", "narrows", "the gap between training and validation accuracy", seeds)
            numbers = (
                f"{points(self.gap.difference, self.gap.n)} points {points_interval(self.gap.interval, self.gap.n)}"
            )
            text += f"; it {widened}: {numbers}, {p_words(self.gap.adjusted_p)}"
        return f"{text}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            **vars(self),
            "seeds": list(self.seeds),
            "accuracy": self.accuracy.to_dict(),
            "gap": self.gap and self.gap.to_dict(),
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Ablation:
    """What the settings of a study changed.

    Attributes
    ----------
    effects : tuple of SettingEffect
        Of each value of each setting against the first value of that setting, group by group.
    tests : int
        How many changes were tested together.
    """

    effects: tuple[SettingEffect, ...]
    tests: int

    @property
    def one_seed(self) -> bool:
        """Whether some effect rests on one seed."""
        return any(len(effect.seeds) == 1 for effect in self.effects)

    @property
    def verdict(self) -> str:
        """One or two sentences: which settings changed accuracy, which the gap, and what was tested."""
        accuracy = _named([effect for effect in self.effects if effect.accuracy.shown])
        gap = _named([effect for effect in self.effects if effect.gap and effect.gap.shown])
        if self.one_seed and accuracy:
            text = f"Runs that differ in {and_list(accuracy)} alone differ in test accuracy"
        elif accuracy:
            text = f"{_capital(and_list(accuracy))} changed test accuracy"
        else:
            text = "No setting is shown to have changed test accuracy"
        if any(effect.gap for effect in self.effects):
            text += (
                f"; {and_list(gap)} changed the gap between training and validation accuracy"
                if gap
                else ("; none is shown to have changed the gap between training and validation accuracy")
            )
        tests = f"{self.tests} changes were tested" if self.tests > 1 else "1 change was tested"
        text += f" ({tests}, Holm's correction)."
        if self.one_seed:
            text += (
                " With one seed this is about these runs and other test images: the settings trained again may differ "
                "otherwise."
            )
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "effects": [effect.to_dict() for effect in self.effects],
            "tests": self.tests,
            "one_seed": self.one_seed,
            "verdict": self.verdict,
        }


def ablate(arms: Sequence[Arm]) -> Ablation | None:
    """Compare every value of every setting with the first value of it, over all pairs of arms that differ in it alone.

    Parameters
    ----------
    arms : sequence of Arm
        The first value of a setting is that of the first arm of the group that has it; an arm that lacks a setting
        has it as in the recipe.

    Returns
    -------
    Ablation or None
        None where no two arms of a group differ in one setting alone and share a seed.

    Raises
    ------
    DataError
        If arms are of different images.

    Notes
    -----
    Equal seeds share training images and initial weights wherever the setting allows it, so differences are taken seed
    by seed and averaged over the pairs of arms: one difference a seed and image. The variance of their mean has the
    seeds' part and the images' part; what belongs to single images in single runs is in both, and is taken off once
    (two-way clustering: Cameron, Gelbach and Miller, 2011, J. Bus. Econ. Stat. 29:238), but the seeds' part never
    falls below it. Student's t with the degrees of freedom of Satterthwaite (1946, Biometrics Bull. 2:110), which is
    S - 1 where seeds are what varies. With one seed only the images' part is there. All changes of accuracy and of
    the gap are corrected together (Holm, 1979, Scand. J. Stat. 6:65).
    """
    shapes = {
        (image.shape, seen.shape)
        for arm in arms
        for image, seen in zip(arm.correct.values(), arm.validation_correct.values(), strict=True)
    }
    if len(shapes) > 1:
        raise DataError("expected arms evaluated on the same test and validation images, found different numbers")
    drafts = [draft for group in dict.fromkeys(arm.group for arm in arms) for draft in _drafts(group, arms)]
    if not drafts:
        return None
    measured = [change for _, accuracy, gap in drafts for change in (accuracy, gap) if change]
    adjusted = iter(holm([p for _, _, p, _ in measured]))

    effects = []
    for (group, setting, value, base, seeds, pairs), accuracy, gap in drafts:
        of_accuracy = _change(accuracy, next(adjusted))
        of_gap = None if gap is None else _change(gap, next(adjusted))
        effects.append(SettingEffect(group, setting, value, base, seeds, pairs, of_accuracy, of_gap))
    return Ablation(tuple(effects), len(measured))


_Measured = tuple[float, Interval, float, int]
_Draft = tuple[tuple[str, str, str, str, tuple[int, ...], int], _Measured, _Measured | None]


def _change(measured: _Measured, adjusted_p: float) -> Change:
    difference, interval, p_value, n = measured
    return Change(difference, interval, p_value, adjusted_p, n)


def _drafts(group: str, arms: Sequence[Arm]) -> list[_Draft]:
    """Return what is measured of every setting of a group, before the correction."""
    there = [arm for arm in arms if arm.group == group]
    settings = dict.fromkeys(name for arm in there for name in arm.variant)
    drafts: list[_Draft] = []
    for setting in settings:
        by_value: dict[str, dict[frozenset[tuple[str, str]], Arm]] = {}
        for arm in there:
            rest = frozenset((name, arm.variant.get(name, AS_IN_THE_RECIPE)) for name in settings if name != setting)
            by_value.setdefault(arm.variant.get(setting, AS_IN_THE_RECIPE), {})[rest] = arm
        base, *values = by_value
        for value in values:
            pairs = [
                (by_value[base][rest], arm)
                for rest, arm in by_value[value].items()
                if rest in by_value[base] and by_value[base][rest].correct.keys() & arm.correct.keys()
            ]
            seeds = _common([arm for pair in pairs for arm in pair])
            if seeds:
                accuracy = _differences([(a.correct, b.correct) for a, b in pairs], seeds)
                validation = _differences([(a.validation_correct, b.validation_correct) for a, b in pairs], seeds)
                gaps = np.array([np.mean([b.gaps[seed] - a.gaps[seed] for a, b in pairs]) for seed in seeds])
                drafts.append(
                    (
                        (group, setting, value, base, seeds, len(pairs)),
                        _measure(accuracy),
                        _measure(validation, gaps) if len(seeds) > 1 else None,
                    )
                )
    return drafts


def _common(arms: Sequence[Arm]) -> tuple[int, ...]:
    """The seeds that all arms have, in the order of the first."""
    return tuple(seed for seed in arms[0].correct if all(seed in arm.correct for arm in arms)) if arms else ()


def _differences(
    pairs: Sequence[tuple[Mapping[int, NDArray[np.bool_]], Mapping[int, NDArray[np.bool_]]]], seeds: Sequence[int]
) -> NDArray[np.float64]:
    """Differences by seed and image (S, N), each the mean over pairs of arms."""
    return np.array(
        [np.mean([second[seed].astype(float) - first[seed] for first, second in pairs], axis=0) for seed in seeds]
    )


def _measure(images: NDArray[np.float64], by_seed: NDArray[np.float64] | None = None) -> _Measured:
    """Test the mean of differences (S, N), or of `by_seed` (S,) where the images are a part of what differs."""
    seeds, n = images.shape
    values = images.mean(axis=1) if by_seed is None else by_seed  # (S,)
    difference = float(values.mean())
    per_image = images.mean(axis=0)
    # Half an image that only one of the two classifies correctly, on either side: as in the comparison of two runs.
    image_part = float(((np.square(per_image).sum() + 1) / (n + 2) - per_image.mean() ** 2) / n)
    variance, freedom = image_part, np.inf
    if seeds > 1:
        shared = float(images.var(axis=0, ddof=1).mean()) / (n * seeds)
        seed_part = max(float(values.var(ddof=1)) / seeds, shared)
        variance = seed_part + max(0.0, image_part - shared)
        freedom = variance**2 / (seed_part**2 / (seeds - 1)) if seed_part else np.inf
    error = variance**0.5
    reach = error * float(stats.t.ppf(0.975, freedom))
    interval = Interval(max(-1.0, difference - reach), min(1.0, difference + reach))
    return difference, interval, float(2 * stats.t.sf(abs(difference) / error, freedom)), n


def _moved(change: Change, up: str, down: str, what: str, seeds: int) -> str:
    if not change.shown:
        return f"is not shown to change {what}"
    if seeds == 1:
        return f"goes with {'higher' if change.difference > 0 else 'lower'} {what}"
    return f"{up if change.difference > 0 else down} {what}"


def _named(effects: Sequence[SettingEffect]) -> list[str]:
    return [_words(name) for name in dict.fromkeys(effect.setting for effect in effects)]


def _words(setting: str) -> str:
    return setting.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
