"""Shortcuts: a quantity that tells the class is found, and chance is not taken for one, however awkward the data."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Simulated
from inkling.diagnosis.shortcuts import LARGEST, LEAST, cells, find_shortcuts
from inkling.metrics.multiple import holm

NAMES = tuple("abcdefghij")


def test_a_quantity_that_tells_the_class_is_found_and_said_with_its_baseline() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [120, 80])
    size = labels * 1000.0 + rng.normal(0, 100, 200)
    found = find_shortcuts(labels, {"file size": size, "brightness": rng.normal(size=200)}, NAMES[:2])
    (notable,) = found.notable
    assert (notable.quantity, notable.n, notable.baseline) == ("file size", 200, 0.6)
    assert notable.accuracy > 0.95
    assert notable.p_value <= 0.01
    assert notable.medians["a"][0] == pytest.approx(0, abs=50)
    assert notable.medians["b"][0] == pytest.approx(1000, abs=50)
    assert found.verdict.startswith("File size alone predicts the class: ")
    assert "60.0% by always guessing the most frequent class (n = 200, p < 0.01)" in found.verdict
    assert [shortcut.quantity for shortcut in found.tested] == ["file size", "brightness"]
    assert not found.tested[1].shown
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["tested"][0]["notable"] is True


def test_a_quantity_that_tells_little_is_no_shortcut() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 3000)
    found = find_shortcuts(labels, {"brightness": labels * 0.3 + rng.normal(size=3000)}, NAMES[:5])
    assert found.tested[0].shown
    assert not found.notable
    assert found.verdict.startswith("No shortcut found by brightness: it is right for ")


def test_several_numbers_make_one_quantity() -> None:
    """Neither number alone tells the class: it is whether they have one sign."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(2000, 2))
    labels = (table[:, 0] * table[:, 1] > 0).astype(np.int64)
    quantities = {"both": table, "first": table[:, 0], "second": table[:, 1]}
    found = find_shortcuts(labels, quantities, NAMES[:2])
    assert [shortcut.quantity for shortcut in found.notable] == ["both"]


def test_what_cannot_be_tested_is_left_out_with_its_reason() -> None:
    labels = np.arange(40) % 2
    nan = np.full(40, np.nan)
    few = np.where(np.arange(40) < LEAST - 1, 1.0, np.nan)
    found = find_shortcuts(labels, {"file size": nan, "aspect ratio": np.ones(40), "brightness": few}, NAMES[:2])
    assert found.left_out == {
        "file size": "not known", "aspect ratio": "the same for all images", "brightness": "19 images are too few"
    }  # fmt: skip
    assert found.verdict.startswith("No shortcut could be tested (file size: not known; ")
    one = find_shortcuts(np.zeros(40, np.int64), {"brightness": np.arange(40.0)}, NAMES[:2])
    assert one.left_out == {"brightness": "one class only"}


def test_the_same_seed_gives_the_same_figures_and_large_sets_are_drawn_from() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, LARGEST + 500)
    values = {"brightness": rng.normal(size=len(labels))}
    first, second = (find_shortcuts(labels, values, NAMES[:3], permutations=99) for _ in range(2))
    assert first == second
    assert first.tested[0].n == LARGEST


def test_progress_ends_with_everything_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    seen: list[tuple[int, int]] = []
    labels, values = np.arange(30) % 2, {"x": np.arange(30.0), "y": np.ones(30)}
    find_shortcuts(labels, values, NAMES[:2], progress=lambda *at: seen.append(at), permutations=99)
    assert seen == sorted(seen)
    assert seen[-1] == (198, 198)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 400), st.integers(1, 4), st.sampled_from([0, 1, 3, 1000]))
def test_cells_keep_ties_together_and_are_never_empty(seed: int, n: int, columns: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, values + 1, (n, columns)).astype(float)
    cell = cells(table)
    assert sorted(set(cell.tolist())) == list(range(cell.max() + 1))
    assert cell.max() < max(2, min(32, n // 10))
    rows = [tuple(row) for row in table]
    assert len({(row, c) for row, c in zip(rows, cell.tolist(), strict=True)}) == len(set(rows))
    if columns == 1:
        spans = sorted((table[cell == c].min(), table[cell == c].max()) for c in set(cell.tolist()))
        assert all(low < high for (_, low), (high, _) in pairwise(spans))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("n", "shares", "kind"),
    [
        (20, (0.5, 0.5), "any"),
        (24, (0.85, 0.15), "any"),
        (40, (0.1,) * 10, "any"),
        (60, (0.7, 0.2, 0.1), "any"),
        (50, (0.6, 0.4), "ties"),
        (120, (0.2,) * 5, "any"),
    ],
    ids=lambda value: str(value),
)
def test_chance_is_seldom_taken_for_a_shortcut(
    n: int, shares: tuple[float, ...], kind: str, simulated: Simulated
) -> None:
    """Four quantities that say nothing of the label; a share of 5% may be flagged, give or take three standard errors.

    By 1,000 sets each, with 199 permutations, it was 0% to 3.3%.
    """
    times, flagged = 200, 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        labels = rng.choice(len(shares), n, p=shares)
        quantities = {
            "file size": rng.lognormal(size=n), "aspect ratio": np.round(rng.normal(size=n)),
            "brightness": rng.normal(size=n), "border": rng.normal(size=(n, 4)),
        } if kind == "any" else {
            "file size": rng.integers(0, 2, n).astype(float), "aspect ratio": (rng.random(n) < 0.1).astype(float),
            "brightness": rng.integers(0, 3, n).astype(float), "border": np.ones(n),
        }  # fmt: skip
        found = find_shortcuts(labels, quantities, NAMES[: len(shares)], seed, permutations=99)
        flagged += any(shortcut.shown for shortcut in found.tested)
    claim = f"No shortcut is shown where there is none, n = {n}, {len(shares)} classes{', ties' * (kind == 'ties')}"
    simulated(claim, 1 - flagged / times, times)
    assert flagged / times <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)


def test_a_shortcut_is_found_among_sixty_images() -> None:
    times, found = 50, 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        labels = np.arange(60) % 2
        values = {"brightness": labels + 0.5 * rng.normal(size=60), "border": rng.normal(size=(60, 4))}
        found += bool(find_shortcuts(labels, values, NAMES[:2], seed, permutations=199).notable)
    assert found >= 0.9 * times
