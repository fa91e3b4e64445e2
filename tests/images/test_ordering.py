"""Mini-batches: every image once, and the same order for the same seed and epoch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inkling.images.ordering import epoch_batches


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 9), st.integers(0, 9))
def test_batches_hold_every_image_once(n: int, size: int, seed: int, epoch: int) -> None:
    batches = list(epoch_batches(n, size, seed, epoch))
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert all(len(batch) == size for batch in batches[:-1])
    again = list(epoch_batches(n, size, seed, epoch))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
