"""What images and seeds could show, what is equal, and where the uncertainty is: formulas, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import Simulated
from inkling.diagnosis.equivalence import equal_within
from inkling.diagnosis.power import power_of_two, power_over_seeds
from inkling.diagnosis.uncertainty import uncertainty_of
from inkling.errors import DataError
from inkling.metrics.multiple import holm
from inkling.metrics.over_seeds import SeedsDifference
from inkling.metrics.paired import PairedDifference, mid_p


def test_holm_as_published() -> None:
    # Wright (1992), Biometrics 48:1005: sorted p-values times 4, 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_images_needed_are_connors() -> None:
    # Connor (1987), Biometrics 43:207: (z(0.975) sqrt(q) + z(0.8) sqrt(q - d^2))^2 / d^2 with q = 0.3, d = 0.1.
    found = power_of_two(PairedDifference(100_000, 20_000, 10_000))
    assert found.images_needed == pytest.approx((1.959964 * 0.3**0.5 + 0.841621 * 0.29**0.5) ** 2 / 0.01, abs=1.01)
    assert found.seeds_needed is None


@pytest.mark.parametrize(("n", "only_one"), [(1000, 0.04), (10_000, 0.01), (360, 0.1)])
def test_the_smallest_difference_is_shown_four_times_in_five(n: int, only_one: float, simulated: Simulated) -> None:
    smallest = power_of_two(PairedDifference(n, round(n * only_one / 2), round(n * only_one / 2))).smallest
    chances = [(only_one + smallest) / 2, (only_one - smallest) / 2, 1 - only_one]
    of_a, of_b, _ = np.random.default_rng(0).multinomial(n, chances, 4000).T
    shown = float(np.mean(mid_p(of_a, of_b) < 0.05))
    simulated(f"The smallest difference that {n:,} images show four times in five is shown", shown, 4000)
    assert 0.76 <= shown <= 0.84


def over_seeds(
    rng: np.random.Generator, truth: float, images: float, seeds: float, both: float, count: int
) -> SeedsDifference:
    """A comparison drawn from known variances, each of the mean of one side over its seeds but for that of images."""
    drawn = [(seeds + both) * rng.chisquare(count - 1) / (count - 1) for _ in range(2)]
    difference = truth + rng.normal() * (images + 2 * (seeds + both)) ** 0.5
    return SeedsDifference(difference, images, (drawn[0], drawn[1]), (both, both), (count - 1, count - 1))


def test_the_smallest_difference_over_seeds_is_shown_about_four_times_in_five(simulated: Simulated) -> None:
    rng = np.random.default_rng(1)
    variances = (4e-6, 1e-6, 1e-6, 5)
    smallest = np.mean([power_over_seeds(over_seeds(rng, 0.0, *variances), 10_000).smallest for _ in range(60)])
    shown = np.mean([over_seeds(rng, float(smallest), *variances).p_value < 0.05 for _ in range(600)])
    simulated("The smallest difference that 5 seeds show four times in five is shown", float(shown), 600)
    assert 0.72 <= shown <= 0.9


def test_where_nothing_could_be_shown_no_difference_of_100_points_is_named() -> None:
    found = power_over_seeds(SeedsDifference(-0.13, 1e-6, (4e-2, 1e-2), (1e-6, 1e-6), (1, 1)), 10_000)
    assert found.smallest == 1
    assert found.verdict.startswith(
        "10,000 images such as these, with 2 seeds, show no difference, however large, four times in five; "
    )


def test_more_seeds_and_images_are_counted() -> None:
    by_seeds = SeedsDifference(0.004, 1e-8, (4e-6, 4e-6), (1e-8, 1e-8), (2, 2))
    found = power_over_seeds(by_seeds, 10_000)
    assert found.images_needed is None  # no number of images makes up for the seeds
    assert found.seeds_needed is not None
    assert found.seeds_needed > 3
    assert f"it takes {found.seeds_needed:,} seeds of each" in found.verdict
    by_images = SeedsDifference(0.004, 9e-6, (1e-8, 1e-8), (1e-8, 1e-8), (2, 2))
    found = power_over_seeds(by_images, 1000)
    assert found.seeds_needed is None
    assert found.images_needed is not None
    enough = by_images.scaled(images=found.images_needed / 1000)
    assert enough.reach() + 0.8416 * enough.standard_error == pytest.approx(0.004, rel=0.02)


@pytest.mark.parametrize("n", [1000, 20_000])
def test_what_differs_by_the_margin_is_seldom_called_equal(n: int, simulated: Simulated) -> None:
    margin, only_one = 0.02 if n == 1000 else 0.005, 0.05
    drawn = np.random.default_rng(2).multinomial(
        n, [(only_one + margin) / 2, (only_one - margin) / 2, 1 - only_one], 2000
    )
    called = np.mean([equal_within(PairedDifference(n, a, b), n, margin, "A", "B").shown for a, b, _ in drawn.tolist()])
    simulated(f"Classifiers that differ by the margin are not called equal, n = {n:,}", 1 - float(called), 2000)
    assert called <= 0.06


def test_equal_is_a_verdict_of_its_own() -> None:
    alike = equal_within(PairedDifference(10_000, 30, 31), 10_000, 0.005, "A", "B")
    assert alike.verdict.startswith("A and B are equal within 0.50 points: 90% interval of the difference [−0.1")
    few = equal_within(PairedDifference(100, 3, 3), 100, 0.005, "A", "B")
    assert few.verdict.startswith("That A and B are equal within 0.5 points is not shown: 90% interval")
    assert not alike.among(0.2, 24).shown
    with pytest.raises(DataError, match="above 0 and below 100 points, found 150"):
        equal_within(PairedDifference(100, 3, 3), 100, 1.5, "A", "B")


@pytest.mark.parametrize(("images", "seeds"), [(1e-6, 2e-6), (4e-6, 5e-7), (1e-6, 5e-7)])
def test_what_would_help_more_is_seldom_said_the_wrong_way(images: float, seeds: float, simulated: Simulated) -> None:
    rng = np.random.default_rng(3)
    right = "seeds" if 2 * seeds > images else "images"
    said = [uncertainty_of(over_seeds(rng, 0.0, images, seeds, 3e-7, 3)).more for _ in range(400)]
    wrong = sum(more not in (None, right) for more in said) / 400
    simulated(f"What would help more, seeds or images, is not said wrongly ({seeds / images:g})", 1 - wrong, 400)
    assert wrong <= 0.05


def test_the_shares_add_up() -> None:
    found = uncertainty_of(SeedsDifference(0.0, 2e-6, (1.5e-6, 1.5e-6), (5e-7, 5e-7), (9, 9)))
    assert (found.images, found.seeds, found.both) == pytest.approx((0.4, 0.4, 0.2))
    assert "40% of it is seeds, 40% images and 20% both together, as far as 10 seeds can tell" in found.verdict
    clear = uncertainty_of(SeedsDifference(0.0, 1e-5, (1e-7, 1e-7), (5e-8, 5e-8), (9, 9)))
    assert clear.verdict.endswith("more images would help more.")
