"""Ablations: settings without effect are not shown to have one, and settings with one are."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.ablation import Ablation, Arm, ablate
from inkling.images.sources.downloads import NAMED_SETS, data_folder, find
from inkling.studies.ablation import arms_of
from inkling.studies.folder import StudyFolder
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study


def _shown(found: Ablation | None) -> bool:
    effects = found.effects if found else ()
    return any(effect.accuracy.shown or (effect.gap is not None and effect.gap.shown) for effect in effects)


def _simulated(effort: Effort, n: int, seeds: int, seed_sd: float) -> Measured:
    """How often a grid of 3 x 2 values without effect shows one: runs share how hard images are."""
    rng, times = np.random.default_rng(n), effort.times(1000)
    hits = 0
    for _ in range(times):
        hard = rng.normal(2, 1.5, (2, n))  # of test and of validation images
        of_seed = rng.normal(0, seed_sd, seeds)
        arms = []
        for decay in "012":
            for augmentation in ("none", "shift"):
                skill = of_seed + rng.normal(0, seed_sd, seeds)
                right = hard + skill[:, None, None] + rng.normal(0, 0.5, (seeds, 2, n)) > 0  # (S, 2, n)
                arms.append(
                    Arm(
                        "network",
                        {"decay": decay, "augmentation": augmentation},
                        {seed: right[seed, 0] for seed in range(seeds)},
                        {seed: 0.99 - float(right[seed, 1].mean()) for seed in range(seeds)},
                        {seed: right[seed, 1] for seed in range(seeds)},
                    )
                )
        hits += _shown(ablate(arms))
    return rate(hits, times, high=0.05)


def _few_images(effort: Effort) -> Measured:
    return _simulated(effort, 360, 2, 0.1)


def _many_images(effort: Effort) -> Measured:
    return _simulated(effort, 10_000, 3, 0.1)


def _study(effort: Effort, seeds: range, **vary: list[object]) -> list[Arm]:
    """Perceptrons on 1,000 MNIST images; on the bundled digits where MNIST is not here."""
    here = len(find(NAMED_SETS["mnist"], data_folder() / "mnist", verify=False)) == len(NAMED_SETS["mnist"].digests)
    source, size = ("mnist", 1000) if here and not effort.quick else ("digits", 300)
    with tempfile.TemporaryDirectory() as folder:
        plan = StudyPlan.from_recipe(source, ["perceptron"], [size], seeds, epochs=8, vary=vary)
        run_study(plan, Path(folder) / "study")
        return arms_of(StudyFolder(Path(folder) / "study").finished_runs())


def _no_effect(effort: Effort) -> Measured:
    """One recipe under four names, two values of two settings, each run of its own seed: all that is shown is false."""
    times, hits = effort.times(40), 0
    grid = list(product("01", "01"))
    for study in range(times):
        (plain,) = _study(effort, range(12 * study, 12 * study + 12))
        own = [list(plain.correct)[3 * place : 3 * place + 3] for place in range(len(grid))]
        hits += _shown(
            ablate(
                [
                    Arm(
                        plain.group,
                        {"decay": decay, "smoothing": smoothing},
                        {place: plain.correct[seed] for place, seed in enumerate(seeds)},
                        {place: plain.gaps[seed] for place, seed in enumerate(seeds)},
                        {place: plain.validation_correct[seed] for place, seed in enumerate(seeds)},
                    )
                    for (decay, smoothing), seeds in zip(grid, own, strict=True)
                ]
            )
        )
    return rate(hits, times, high=0.05)


def _effect(effort: Effort) -> Measured:
    """A setting with an effect beside one with next to none: how often the first is shown to change accuracy."""
    times = effort.times(20)
    hits = 0
    for study in range(times):
        found = ablate(_study(effort, range(3 * study, 3 * study + 3), hidden=[4, 64], weight_decay=[0, 1e-7]))
        hits += found is not None and any(e.setting == "hidden" and e.accuracy.shown for e in found.effects)
    return rate(hits, times, low=0.8)


CLAIMS = (
    Claim(
        "any setting of 3 x 2 values shown to change anything, none does, 2 seeds, n = 360", "at most 5%", _few_images
    ),
    Claim("the same, 3 seeds, n = 10,000", "at most 5%", _many_images),
    Claim(
        "the same, real perceptrons of one recipe called 2 x 2 values, 3 seeds each",
        "at most 5%",
        _no_effect,
        trains=True,
    ),
    Claim("4 hidden units instead of 64 shown to change accuracy, 3 seeds", "at least 80%", _effect, trains=True),
)
