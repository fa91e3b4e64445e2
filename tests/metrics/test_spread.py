"""Mean and standard deviation over runs."""

from __future__ import annotations

import pytest

from inkling.metrics.spread import spread


def test_spread() -> None:
    assert spread([0.5]).sd is None
    found = spread([0.9, 0.92, 0.94])
    assert (found.mean, found.sd) == pytest.approx((0.92, 0.02))
    assert str(found) == "0.9200 ± 0.0200"


def test_all_but_one_is_not_one() -> None:
    assert str(spread([49_999 / 50_000] * 2)) == "0.99998 ± 0.0000"
    assert str(spread([1.0])) == "1.0000"
