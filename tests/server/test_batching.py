"""Requests predicted together: each gets its own answers, in whatever order and size they come."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from inkling.server.batching import AT_ONCE, MOST, Batcher, Cost
from inkling.server.refusals import RefusedError

AT_ONCE_COST, THREAD_COST = Cost(0.0, 0.0), Cost(2 * AT_ONCE, 0.0)


def tell(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities that say which image they are of."""
    return images.reshape(len(images), -1)[:, :1].astype(np.float32)


def images(*values: int) -> NDArray[np.uint8]:
    return np.array(values, np.uint8)[:, None, None, None]


@pytest.mark.parametrize("cost", [AT_ONCE_COST, THREAD_COST])
def test_each_request_gets_its_own_answers(cost: Cost) -> None:
    sizes: list[int] = []
    rng = np.random.default_rng(0)
    asked = [images(*rng.integers(0, 256, rng.integers(1, 9))) for _ in range(200)]

    async def ask() -> list[NDArray[np.float32]]:
        batcher = Batcher(tell, cost, 10, sizes.append)
        try:
            return await asyncio.gather(*(batcher.predict(part) for part in asked))
        finally:
            batcher.close()

    for part, answer in zip(asked, asyncio.run(ask()), strict=True):
        np.testing.assert_array_equal(answer, tell(part))
    assert sum(sizes) == sum(map(len, asked))
    assert max(sizes) <= MOST
    assert len(sizes) < len(asked) / 4


def test_what_waits_while_a_model_is_busy_is_the_next_batch() -> None:
    sizes: list[int] = []
    busy, go_on = threading.Event(), threading.Event()

    def slowly(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        busy.set()
        assert go_on.wait(20)
        return tell(batch)

    async def ask() -> None:
        batcher = Batcher(slowly, THREAD_COST, 10, sizes.append)
        first = asyncio.create_task(batcher.predict(images(1)))
        await asyncio.to_thread(busy.wait, 20)
        others = [asyncio.create_task(batcher.predict(images(value))) for value in range(5)]
        left = asyncio.create_task(batcher.predict(images(9)))
        await asyncio.sleep(0)
        left.cancel()
        go_on.set()
        await asyncio.gather(first, *others)
        batcher.close()

    asyncio.run(ask())
    assert sizes == [1, 5]  # nobody waits for the one that left


@pytest.mark.parametrize("cost", [AT_ONCE_COST, THREAD_COST])
def test_a_failure_is_that_of_its_batch_alone(cost: Cost) -> None:
    def fail_at_13(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        if (batch == 13).any():
            raise ValueError("13")
        return tell(batch)

    async def ask() -> None:
        batcher = Batcher(fail_at_13, cost, 10, lambda n: None)
        with pytest.raises(ValueError, match="13"):
            await batcher.predict(images(13))
        assert (await batcher.predict(images(12)))[0, 0] == 12
        batcher.close()

    asyncio.run(ask())


def test_more_than_is_answered_in_time_is_refused() -> None:
    async def ask() -> list[object]:
        batcher = Batcher(tell, Cost(0.0, 1.0), 3, lambda n: None)
        try:
            return await asyncio.gather(*(batcher.predict(images(1)) for _ in range(9)), return_exceptions=True)
        finally:
            batcher.close()

    refused = [answer for answer in asyncio.run(ask()) if isinstance(answer, RefusedError)]
    assert [error.status for error in refused] == [429] * 5


def test_batches_are_kept_short_where_one_image_is() -> None:
    assert Cost(0.001, 0.001).batch == 4
    assert Cost(0.0, 0.00001).batch == MOST
    assert Cost(0.01, 0.01).batch == MOST  # in a thread: together they take less
