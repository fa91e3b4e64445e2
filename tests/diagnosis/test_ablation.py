"""Ablations: effects are found where they are, paired by seed, and no more is claimed than was tested."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from command_line import inkling_process, last_json
from inkling.diagnosis.ablation import AS_IN_THE_RECIPE, Arm, ablate
from inkling.errors import DataError
from inkling.report.gather import gather
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study


def simulated_arms(
    settings: Mapping[str, Sequence[str]],
    seeds: Sequence[int],
    rng: np.random.Generator,
    n: int = 400,
    seed_sd: float = 0.1,
    effect: Mapping[tuple[str, str], float] | None = None,
) -> list[Arm]:
    """Every combination of values; runs share how hard images are, and differ by seed, by run and by chance."""
    test, validation = rng.normal(2, 1.5, n), rng.normal(2, 1.5, n)
    subset = {seed: rng.normal(0, seed_sd) for seed in seeds}
    arms = []
    for values in product(*settings.values()):
        variant = dict(zip(settings, values, strict=True))
        lift = sum((effect or {}).get(pair, 0.0) for pair in variant.items())
        right, seen, gaps = {}, {}, {}
        for seed in seeds:
            skill = subset[seed] + rng.normal(0, seed_sd) + lift
            right[seed] = test + skill + rng.normal(0, 0.5, n) > 0
            seen[seed] = validation + skill + rng.normal(0, 0.5, n) > 0
            gaps[seed] = 0.99 - float(seen[seed].mean())
        arms.append(Arm("network", variant, right, gaps, seen))
    return arms


GRID = {"decay": ("0", "1", "2"), "augmentation": ("none", "shift")}


@pytest.mark.parametrize("seed_sd", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("n_seeds", [2, 3, 5])
def test_without_any_effect_a_setting_is_shown_once_in_twenty_studies_at_most(n_seeds: int, seed_sd: float) -> None:
    rng, times = np.random.default_rng(n_seeds), 200
    shown = 0
    for _ in range(times):
        found = ablate(simulated_arms(GRID, range(n_seeds), rng, seed_sd=seed_sd))
        assert found
        shown += any(effect.accuracy.shown or (effect.gap and effect.gap.shown) for effect in found.effects)
    assert shown / times <= 0.05 + 2 * (0.05 * 0.95 / times) ** 0.5


def test_a_large_effect_is_found_and_given_to_the_right_setting() -> None:
    rng = np.random.default_rng(0)
    found = ablate(simulated_arms(GRID, range(5), rng, n=2000, effect={("augmentation", "shift"): 1.0}))
    assert found
    by_setting = {(effect.setting, effect.value): effect for effect in found.effects}
    assert list(by_setting) == [("decay", "1"), ("decay", "2"), ("augmentation", "shift")]
    shift = by_setting["augmentation", "shift"]
    assert shift.accuracy.shown
    assert shift.pairs == 3
    assert shift.gap
    assert shift.gap.difference < 0
    assert "augmentation shift instead of none raises accuracy: " in shift.verdict
    assert "narrows the gap" in shift.verdict
    assert "decay 1 instead of 0 is not shown to change accuracy" in by_setting["decay", "1"].verdict
    assert found.verdict.startswith("Augmentation changed test accuracy; augmentation changed the gap")
    assert "6 changes were tested" in found.verdict


def test_one_seed_is_about_these_runs() -> None:
    rng = np.random.default_rng(1)
    found = ablate(simulated_arms({"hidden": ("4", "64")}, [7], rng, n=2000, effect={("hidden", "64"): 1.0}))
    assert found
    (effect,) = found.effects
    assert effect.gap is None
    assert effect.accuracy.shown
    assert "hidden 64 instead of 4 goes with higher accuracy" in effect.verdict
    assert "of these runs of seed 7" in effect.verdict
    assert "With one seed this is about these runs" in found.verdict


def test_one_setting_at_a_time_is_compared_with_the_recipe() -> None:
    rng = np.random.default_rng(2)
    plain, *_ = simulated_arms({}, [0, 1, 2], rng)
    others = simulated_arms({"decay": ("1",)}, [0, 1], rng) + simulated_arms({"augmentation": ("shift",)}, [0, 1], rng)
    found = ablate([plain, *others])
    assert found
    assert [(e.setting, e.value, e.base, e.seeds) for e in found.effects] == [
        ("decay", "1", AS_IN_THE_RECIPE, (0, 1)),
        ("augmentation", "shift", AS_IN_THE_RECIPE, (0, 1)),
    ]


def test_equal_runs_have_no_effect_and_intervals_stay_within_what_is_possible() -> None:
    rng = np.random.default_rng(3)
    (arm,) = simulated_arms({"decay": ("0",)}, [0, 1], rng, n=30)
    twin = Arm(arm.group, {"decay": "1"}, arm.correct, arm.gaps, arm.validation_correct)
    found = ablate([arm, twin])
    assert found
    assert found.effects[0].accuracy.p_value == 1
    for _ in range(50):
        other = ablate(simulated_arms({"decay": ("0", "1")}, [0, 1], rng, n=30, seed_sd=2.0))
        assert other
        for change in (other.effects[0].accuracy, other.effects[0].gap):
            assert change
            assert -1 <= change.interval.low <= change.difference <= change.interval.high <= 1


def test_nothing_is_said_where_nothing_is_varied_and_other_images_are_an_error() -> None:
    rng = np.random.default_rng(4)
    assert ablate(simulated_arms({}, [0], rng)) is None
    with pytest.raises(DataError, match="same test and validation images"):
        ablate(simulated_arms({"a": ("0",)}, [0], rng) + simulated_arms({"a": ("1",)}, [0], rng, n=10))


def test_a_varied_study_is_compared_and_reported(tmp_path: Path) -> None:
    vary = {"hidden": [2, 16], "weight_decay": [0, 1e-3, 1e-2]}
    run_study(StudyPlan.from_recipe("digits", ["perceptron"], [200], [0, 1], epochs=20, vary=vary), tmp_path / "study")
    report = gather(tmp_path / "study")
    shown = report.evidence.networks
    assert shown[0] == "perceptron (hidden 2, weight decay 0)"
    assert len(shown) == 2  # of six: the first, and the best on validation
    assert report.evidence.chosen.network == shown[1]
    assert [cell.network for cell in report["ablation"].cells][1] == "perceptron (hidden 2, weight decay 0.001)"
    effects = report["ablation"].effects.effects
    assert [(effect.setting, effect.value, effect.pairs) for effect in effects] == [
        ("hidden", "16", 3), ("weight_decay", "0.001", 2), ("weight_decay", "0.01", 2),
    ]  # fmt: skip
    compared = inkling_process("compare", tmp_path / "study", "--json")
    assert last_json(compared)["ablation"]["effects"] == [effect.to_dict() for effect in effects]
    page = Path(last_json(inkling_process("report", tmp_path / "study", "--json"))["report"]).read_text()
    assert re.search(r'id="ablation"', page)
    assert page.count("weight decay 0.01") >= 2
