"""Is A better than B: known answers, coverage of the intervals, and what the verdict says where neither is better."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from command_line import assert_refused, inkling, last_json
from conftest import Simulated
from inkling.diagnosis.comparison import (
    Comparison,
    ComparisonOverSeeds,
    compare_over_seeds,
    compare_predictions,
    difference_of_paired,
    p_words,
)
from inkling.diagnosis.gap_change import compare_gaps
from inkling.diagnosis.overfitting import diagnose_overfitting
from inkling.errors import DataError, RunError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits
from inkling.metrics.multiple import holm
from inkling.metrics.over_seeds import seeds_difference
from inkling.runs.compatible import common_test_predictions
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.studies.comparison import SizedComparison, adjusted, compare_networks
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study
from inkling.training.recipes.registry import recipe


def answers(right: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Probabilities of two classes for images of class 0 that are classified correctly or not."""
    return np.where(right[:, None], [0.9, 0.1], [0.2, 0.8]).astype(np.float32)


def from_counts(both: int, only_a: int, only_b: int, neither: int) -> Comparison:
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return compare_predictions(np.zeros(len(a), np.int64), answers(a), answers(b))


def test_counts_and_the_p_value_of_a_published_example() -> None:
    # Bentur et al. (2009), in Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91, table 1.
    found = from_counts(1, 1, 7, 12)
    assert (found.both_right, found.only_a_right, found.only_b_right, found.both_wrong) == (1, 1, 7, 12)
    assert found.n == 21
    assert (found.a_accuracy, found.b_accuracy) == pytest.approx((2 / 21, 8 / 21))
    assert found.difference == pytest.approx(-6 / 21)
    # Mid-p and Tango's interval as in Fagerland, Lydersen and Laake (2014), Stat. Med. 33:2850.
    assert found.p_value == pytest.approx(0.0391, abs=5e-5)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert found.shown


def test_the_interval_of_large_counts_is_the_textbook_one() -> None:
    n, only_a, only_b = 100_000, 3000, 2000
    found = difference_of_paired(n, only_a, only_b)
    reach = 1.96 * (only_a + only_b - (only_a - only_b) ** 2 / n) ** 0.5 / n
    assert (found.low, found.high) == pytest.approx((0.01 - reach, 0.01 + reach), abs=0.03 * reach)


def test_the_better_one_comes_first_in_the_verdict() -> None:
    found = from_counts(9750, 60, 28, 162)
    assert found.shown
    assert found.verdict.startswith(
        "A classified more of the same 10,000 test images correctly than B: 98.10% against 97.78%, difference 0.32 "
        "points [0.1"
    )
    assert "p < 0.001 (mid-p McNemar test). This is about these two trained models; " in found.verdict
    other = from_counts(9750, 28, 60, 162)
    assert other.difference == -found.difference
    assert other.verdict.startswith("B classified more of the same 10,000 test images correctly than A: 98.10% against")
    assert "difference 0.32 points [0.1" in other.verdict


def test_the_verdict_finds_no_difference_where_chance_could_explain_it() -> None:
    found = from_counts(960, 12, 8, 20)
    assert found.verdict.startswith(
        "No significant difference between A and B: accuracy 97.2% against 96.8% on the same 1,000"
    )
    assert "difference 0.4 points [−0." in found.verdict
    assert found.verdict.endswith("p = 0.38 (mid-p McNemar test).")


@pytest.mark.parametrize(("p", "words"), [(0.00001, "p < 0.001"), (0.0042, "p = 0.004"), (0.3512, "p = 0.35")])
def test_p_values_in_words(p: float, words: str) -> None:
    assert p_words(p) == words


def test_equal_predictions_differ_in_nothing() -> None:
    found = from_counts(50, 0, 0, 10)
    assert (found.difference, found.p_value, found.shown) == (0.0, 1.0, False)
    assert found.interval.low < 0 < found.interval.high


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2000))
def test_interval_and_verdict_never_contradict_each_other(only_a: int, only_b: int, alike: int) -> None:
    if only_a + only_b + alike:
        found = from_counts(alike, only_a, only_b, 0)
        assert found.shown == (not found.interval.low <= 0 <= found.interval.high)
        for margin in (0.01, 0.1):
            equal = found.equal_within(margin)
            assert equal.shown == (equal.interval.low > -margin and equal.interval.high < margin)


def test_what_reads_alike_gets_more_digits() -> None:
    found = from_counts(49_985, 6, 4, 5)
    assert "accuracy 99.982% against 99.978% on the same 50,000 test images, difference 0.004 points" in found.verdict


def test_one_seed_is_never_about_networks() -> None:
    found = from_counts(960, 30, 8, 2)
    assert found.shown
    assert " is better than " not in found.verdict
    assert "one seed each says nothing" in found.verdict
    assert found.to_dict()["about"] == "runs"


@given(st.lists(st.integers(0, 40), min_size=4, max_size=4).filter(any))
def test_swapping_the_two_turns_the_sign(counts: list[int]) -> None:
    both, only_a, only_b, neither = counts
    found, swapped = from_counts(both, only_a, only_b, neither), from_counts(both, only_b, only_a, neither)
    assert swapped.difference == -found.difference
    assert swapped.p_value == pytest.approx(found.p_value)
    assert swapped.interval.low == pytest.approx(-found.interval.high, abs=1e-9)
    assert -1 <= found.interval.low <= found.difference <= found.interval.high <= 1


def covers(n: int, only_a: float, only_b: float, comparisons: int = 4000) -> float:
    """How often the interval holds the difference that the counts are drawn with; equal counts are evaluated once."""
    drawn = np.random.default_rng(1).multinomial(n, [only_a, only_b, 1 - only_a - only_b], comparisons)
    counts, times = np.unique(drawn, axis=0, return_counts=True)
    held = 0
    for (of_a, of_b, _), often in zip(counts.tolist(), times.tolist(), strict=True):
        found = difference_of_paired(n, of_a, of_b)
        held += often * (found.low - 1e-12 <= only_a - only_b <= found.high + 1e-12)
    return held / comparisons


@pytest.mark.parametrize(
    ("n", "only_a", "only_b"),
    [(10_000, 0.006, 0.004), (10_000, 0.001, 0.001), (2000, 0.01, 0.005), (360, 0.05, 0.02)],
)
def test_the_interval_covers_as_often_as_it_says(n: int, only_a: float, only_b: float, simulated: Simulated) -> None:
    held = covers(n, only_a, only_b)
    simulated(
        f"The 95% interval of a difference of {only_a - only_b:.1%} on the same {n:,} images holds it", held, 4000
    )
    assert 0.93 <= held <= 0.97


@pytest.mark.parametrize(("only_a", "only_b"), [(1e-4, 1e-4), (3e-4, 0.0), (5e-4, 1e-4), (5e-5, 0.0)])
def test_few_telling_images_make_the_interval_careful_and_never_too_short(only_a: float, only_b: float) -> None:
    assert covers(10_000, only_a, only_b) >= 0.93


def test_equal_models_are_not_shown_to_differ() -> None:
    rng = np.random.default_rng(3)
    shown = 0
    for _ in range(1000):
        easy = rng.random(1000) < 0.9  # half of the others are classified correctly, by each for itself
        a, b = (easy | (rng.random(1000) < 0.5) for _ in range(2))
        found = compare_predictions(np.zeros(1000, np.int64), answers(a), answers(b))
        assert ("No significant difference" in found.verdict) == (not found.shown)
        shown += found.shown
    assert shown <= 70


def trained(
    rng: np.random.Generator, n: int, accuracy: float, seeds: int, sd: float, pictures: NDArray[np.float64]
) -> list[NDArray[np.float32]]:
    """Predictions of several seeds: pictures that are hard for all, for this network, in this run; and luck of seeds.

    The mean over seeds and pictures is `accuracy`, exactly.
    """
    own = rng.normal(0, 0.5**0.5, n)
    each = rng.normal(size=(seeds, n)) + rng.normal(0, sd, (seeds, 1))
    limit = norm.ppf(accuracy) * (4 + 0.5 + 1 + sd**2) ** 0.5
    return [answers(right) for right in 2 * pictures + own + each + limit > 0]


@pytest.mark.parametrize(("accuracies", "sd"), [((0.97, 0.97), 0.0), ((0.97, 0.965), 0.05), ((0.97, 0.95), 0.2)])
def test_the_interval_over_seeds_covers_as_often_as_it_says(
    accuracies: tuple[float, float], sd: float, simulated: Simulated
) -> None:
    rng = np.random.default_rng(4)
    n, comparisons = 2000, 400
    labels = np.zeros(n, np.int64)
    held = not_shown = 0
    for _ in range(comparisons):
        pictures = rng.normal(size=n)
        a, b = (trained(rng, n, accuracy, 3, sd, pictures) for accuracy in accuracies)
        found = compare_over_seeds(labels, a, b)
        held += found.interval.low <= accuracies[0] - accuracies[1] <= found.interval.high
        not_shown += "No significant difference" in found.verdict
    difference = accuracies[0] - accuracies[1]
    claim = f"The 95% interval of a difference of {difference:.1%} over 3 seeds that differ by {sd:.2f} holds it"
    simulated(claim, held / comparisons, comparisons)
    # Two standard deviations of 400 comparisons are two points. Where the seeds of both vary alike, the interval is
    # longer than it need be: three seeds cannot tell that from the case in which one side dominates.
    assert 0.93 <= held / comparisons <= 0.995
    if accuracies[0] == accuracies[1]:
        assert not_shown / comparisons >= 0.93


def test_what_three_seeds_say() -> None:
    labels = np.zeros(1000, np.int64)
    place = np.arange(1000)
    a = [answers(place < right) for right in (980, 982, 984)]
    b = [answers(place < right) for right in (940, 950, 945)]
    found = compare_over_seeds(labels, a, b, "the cnn", "the perceptron")
    assert isinstance(found, ComparisonOverSeeds)
    assert found.difference == pytest.approx(0.982 - 0.945)
    assert (found.a_spread.mean, found.a_spread.sd) == pytest.approx((0.982, 0.002))
    assert found.shown
    assert found.interval.low < found.difference < found.interval.high
    assert found.verdict.startswith(
        "the cnn is better than the perceptron: accuracy 98.2% against 94.5% on the same 1,000 test images, means over "
        "3 seeds, difference 3.7 points ["
    )
    values = found.to_dict()
    assert values["interval"] == [found.interval.low, found.interval.high]
    assert values["a_accuracies"] == [0.98, 0.982, 0.984]


@given(st.data())
def test_interval_and_verdict_over_seeds_never_contradict_each_other(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    seeds, n = data.draw(st.integers(2, 5)), data.draw(st.sampled_from([10, 100, 1000]))
    sides = [
        [answers(rng.random(n) < level) for level in rng.uniform(low, 1, seeds)] for low in rng.choice([0.2, 0.9], 2)
    ]
    found = compare_over_seeds(np.zeros(n, np.int64), *sides)
    assert isinstance(found, ComparisonOverSeeds)
    assert -1 <= found.interval.low <= found.difference <= found.interval.high <= 1
    if abs(found.p_value - 0.05) > 1e-6:
        assert found.shown == (not found.interval.low <= 0 <= found.interval.high)
    equal = found.equal_within(0.05)
    if abs(equal.p_value - 0.05) > 1e-6:
        assert equal.shown == (equal.interval.low > -0.05 and equal.interval.high < 0.05)


@pytest.mark.parametrize("seeds", [2, 3])
def test_one_side_whose_seeds_vary_more_leaves_the_interval_as_sure_as_it_says(
    seeds: int, simulated: Simulated
) -> None:
    rng = np.random.default_rng(6)
    n, comparisons, held = 1000, 600, 0
    labels = np.zeros(n, np.int64)
    for _ in range(comparisons):
        pictures = rng.normal(size=n)
        a = trained(rng, n, 0.9, seeds, 0.6, pictures)
        b = trained(rng, n, 0.95, seeds, 0.0, pictures)
        found = compare_over_seeds(labels, a, b)
        held += found.interval.low <= 0.9 - 0.95 <= found.interval.high
        assert -1 <= found.interval.low <= found.interval.high <= 1
    simulated(f"The 95% interval over {seeds} seeds holds it where one side dominates", held / comparisons, comparisons)
    assert 0.93 <= held / comparisons <= 0.985  # two standard deviations are 1.8 points


def test_a_family_of_equal_networks_shows_a_difference_as_seldom_as_one_pair(simulated: Simulated) -> None:
    rng = np.random.default_rng(7)
    n, times, found_any = 1000, 200, 0
    for _ in range(times):
        family = []
        for _ in range(4):  # training sizes
            pictures = rng.normal(size=n)
            networks = [[right[:, 0] > 0.5 for right in trained(rng, n, 0.95, 3, 0.1, pictures)] for _ in range(4)]
            family += [seeds_difference(a, b).p_value for a, b in combinations(networks, 2)]
        found_any += min(holm(family)) < 0.05
    simulated("No network of 4 equal ones at 4 sizes is called better, 3 seeds", 1 - found_any / times, times)
    assert found_any / times <= 0.08


def test_a_study_is_one_family() -> None:
    pairs = [from_counts(960, only_a, 8, 12) for only_a in (9, 20, 40)]
    family = [SizedComparison(100, (0,), pair, pair.equal_within(0.02)) for pair in pairs]
    found = adjusted(family)
    assert [each.comparison.adjusted_p for each in found] == (holm([pair.p_value for pair in pairs]))
    assert [each.equivalence.adjusted_p for each in found] == (holm([each.equivalence.p_value for each in family]))
    assert [each.comparison.tests for each in found] == [3, 3, 3]
    assert adjusted(family[:1]) == tuple(family[:1])


def test_the_adjustment_decides_and_says_so() -> None:
    pair = from_counts(960, 20, 8, 12)
    assert pair.shown
    one_of_six = pair.among(6 * pair.p_value, 6)
    assert not one_of_six.shown
    assert one_of_six.verdict.startswith(
        "No significant difference between A and B once all 6 comparisons are allowed for, though this interval alone "
        "leaves out 0: "
    )
    assert one_of_six.verdict.endswith("p = 0.024, p = 0.14 adjusted for 6 comparisons (mid-p McNemar test, Holm).")
    assert one_of_six.to_dict()["adjusted_p"] == 6 * pair.p_value
    assert one_of_six.power.smallest > pair.power.smallest


def test_seeds_that_vary_widen_the_interval() -> None:
    labels, place = np.zeros(1000, np.int64), np.arange(1000)
    steady = compare_over_seeds(labels, [answers(place < 980)] * 3, [answers(place < 950)] * 3)
    varied = compare_over_seeds(labels, [answers(place < m) for m in (960, 980, 1000)], [answers(place < 950)] * 3)
    assert steady.difference == pytest.approx(varied.difference)
    assert varied.interval.high - varied.interval.low > 2 * (steady.interval.high - steady.interval.low)


def test_one_seed_of_each_is_the_simple_comparison() -> None:
    labels, place = np.zeros(100, np.int64), np.arange(100)
    a, b = answers(place < 98), answers(place < 90)
    assert compare_over_seeds(labels, [a], [b]) == compare_predictions(labels, a, b)
    with pytest.raises(DataError, match="1 of A and 2 of B"):
        compare_over_seeds(labels, [a], [b, b])


def test_predictions_of_other_images_are_refused() -> None:
    labels = np.zeros(3, np.int64)
    with pytest.raises(DataError, match="the same images"):
        compare_predictions(labels, np.full((3, 2), 0.5), np.full((4, 2), 0.5))
    with pytest.raises(DataError, match="the same images"):
        compare_predictions(np.zeros(0, np.int64), np.ones((0, 2)), np.ones((0, 2)))
    with pytest.raises(DataError, match=r"0\.\.1"):
        compare_predictions(labels + 2, np.ones((3, 2)), np.ones((3, 2)))


def train(folder: Path, splits: Splits, size: int | None = None, seed: int = 0, source: str = "digits") -> Run:
    settings = recipe("reference", epochs=6, seed=seed)
    for _ in train_run(RunPlan(source, "perceptron", settings, size), splits, folder):
        pass
    return Run(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("compared")
    splits = load_digits()
    return train(folder / "many", splits, 1000), train(folder / "few", splits, 40, seed=1)


def test_compare_two_runs_on_the_command_line(runs: tuple[Run, Run]) -> None:
    many, few = (run.folder for run in runs)
    values = last_json(inkling("compare", many, few, "--json"))
    test = runs[0].predictions("test")
    expected = compare_predictions(
        test.labels, test.probabilities, runs[1].predictions("test").probabilities, str(many), str(few)
    )
    gaps = compare_gaps(
        *(diagnose_overfitting(run.history(), run.data.train, run.data.validation) for run in runs), str(many), str(few)
    )
    further = {"equivalence": expected.equal_within().to_dict(), "overfitting": gaps.to_dict(), "corrections": None}
    values.pop("test_ledger")
    assert values == json.loads(json.dumps({**expected.to_dict(), **further}))
    assert {"difference", "interval", "p_value", "verdict"} <= values.keys()
    assert values["difference"] > 0
    assert values["interval"][0] < values["difference"] < values["interval"][1]
    assert last_json(inkling("compare", few, many, "--json"))["difference"] == -values["difference"]
    assert inkling("compare", many, few, "--quiet").stdout == f"{expected.verdict}\n"
    printed = " ".join(inkling("compare", many, few, "--margin", "40").stdout.split())
    assert "both misclassified" in printed
    assert "are equal within 40.0 points: 90% interval of the difference" in printed
    assert "show a difference of" in printed
    assert_refused(inkling("compare", many, few, "--margin", "0"), "expected a margin above 0 and below 100 points")


def test_what_cannot_be_compared_on_the_command_line(runs: tuple[Run, Run], tmp_path: Path) -> None:
    many, few = (run.folder for run in runs)
    assert_refused(inkling("compare", many, many), "the same run")
    assert_refused(inkling("compare", many), "expected a second run")
    assert_refused(inkling("compare", many, tmp_path), "not a run folder")
    unfinished = Path(shutil.copytree(few, tmp_path / "unfinished"))
    info = json.loads((unfinished / "run.json").read_text())
    (unfinished / "run.json").write_text(json.dumps({**info, "results": None}))
    (unfinished / "predictions.safetensors").unlink()
    assert_refused(inkling("compare", many, unfinished), "not finished", "--resume")


def test_only_runs_on_the_same_test_images_are_compared(runs: tuple[Run, Run], tmp_path: Path) -> None:
    splits = load_digits()
    swapped = splits.test.images[::-1].copy()  # other images under the same labels
    other = Splits(splits.train, splits.validation, ImageDataset(swapped, splits.test.labels, splits.test.class_names))
    with pytest.raises(RunError, match="other test images"):
        common_test_predictions([runs[0], train(tmp_path / "swapped", other, 40)])
    renamed = Splits(*(ImageDataset(of.images, of.labels, tuple("abcdefghij")) for _, of in splits.items()))
    with pytest.raises(RunError, match="other classes"):
        common_test_predictions([runs[0], train(tmp_path / "renamed", renamed, 40)])
    fewer = replace(splits, test=splits.test.subset(np.arange(300)))
    with pytest.raises(RunError, match="other test images"):
        common_test_predictions([runs[0], train(tmp_path / "fewer", fewer, 40)])


def test_the_networks_of_a_study_are_compared_over_its_seeds(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    run_study(StudyPlan.from_recipe("digits", ["perceptron"], (60, 120), (0, 1), epochs=8), folder)
    with pytest.raises(RunError, match="two networks"):
        compare_networks(folder)
    assert_refused(inkling("compare", folder), "two networks")
    for run in folder.glob("runs/perceptron-60-*"):  # a second network of the same make
        copy = Path(shutil.copytree(run, run.with_name(run.name.replace("perceptron", "<b>"))))
        info = json.loads((copy / "run.json").read_text())
        info["network"]["network"] = "<b>"
        (copy / "run.json").write_text(json.dumps(info))
    study = json.loads((folder / "study.json").read_text())
    study["cells"].append({**study["cells"][0], "network": "<b>"})
    (folder / "study.json").write_text(json.dumps(study))
    (found,) = compare_networks(folder)
    assert (found.train_size, found.seeds) == (60, (0, 1))
    assert isinstance(found.comparison, ComparisonOverSeeds)
    assert found.comparison.difference == 0
    values = last_json(inkling("compare", folder, "--json"))
    assert values["comparisons"] == [json.loads(json.dumps(found.to_dict()))]
    printed = inkling("compare", folder).stdout
    assert "<b>" in printed
    assert "No significant difference" in printed
    assert "Uncertainty of the difference" in " ".join(printed.split())
