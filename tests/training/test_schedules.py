"""Learning-rate schedules: the rate of every step, by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from inkling.training.schedules import ScheduleSettings, rate_at


def test_schedules() -> None:
    constant = ScheduleSettings("constant", 0.5)
    assert [rate_at(constant, step, 4, 3) for step in (0, 5, 11)] == [0.5] * 3
    cosine = ScheduleSettings("cosine", 1.0)
    assert rate_at(cosine, 0, 10, 2) == 1.0
    assert rate_at(cosine, 10, 10, 2) == pytest.approx(0.5)
    assert rate_at(cosine, 19, 10, 2) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.95)))
    warm = ScheduleSettings("cosine", 1.0, warmup=1 / 3)
    rates = [rate_at(warm, step, 4, 3) for step in range(12)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(later < earlier for earlier, later in pairwise(rates[4:]))
    assert 0 < rates[-1] < 0.05
    line = ScheduleSettings("linear", 0.8, warmup=0.5)
    assert [rate_at(line, step, 4, 2) for step in range(8)] == pytest.approx(
        [0.16, 0.32, 0.48, 0.64, 0.8, 0.6, 0.4, 0.2]
    )


def test_schedule_problems() -> None:
    assert ScheduleSettings("constant", warmup=0.1).problems() == ["warm-up needs the cosine or the linear schedule"]
    assert len(ScheduleSettings(learning_rate=float("nan")).problems()) == 1
    assert len(ScheduleSettings(learning_rate=float("inf")).problems()) == 1
