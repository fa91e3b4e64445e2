"""What waits for one model is predicted together: the requests that arrived while it was busy are the next batch.

There is no window of time to wait in: an idle model starts at once, and a busy one finds more at a time the more is
asked of it. Batches of a few milliseconds are predicted where the requests are read: a thread would be handed them and
hand them back through the lock of the interpreter, which costs more than it gains. Longer ones have a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.server.refusals import RefusedError

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Images (N, H, W, C) -> probabilities (N, K)."""

MOST = 64
"""Images of several requests in one batch, at most; one request may hold more."""

AT_ONCE = 0.005
"""Seconds of a batch that is not handed to a thread; and what batches of small requests are kept to, where one image
takes less."""


@dataclass(frozen=True)
class Cost:
    """Seconds that a model takes: for a call, and for each image of it."""

    call: float
    image: float

    def seconds(self, n: int) -> float:
        """Return the expected seconds of a batch of n images."""
        return self.call + self.image * n

    @property
    def batch(self) -> int:
        """Images of several requests in one batch, at most."""
        if self.seconds(1) > AT_ONCE or self.seconds(MOST) <= AT_ONCE:
            return MOST
        return int((AT_ONCE - self.call) / self.image)


def measure_cost(predict: Predict, image_shape: tuple[int, int, int]) -> Cost:
    """Time a model on one image and on several, each the fastest of a few times."""
    several = 16
    fastest = []
    for n in (1, several):
        images, taken = np.zeros((n, *image_shape), np.uint8), []
        predict(images)
        for _ in range(5):
            begun = time.perf_counter()
            predict(images)
            taken.append(time.perf_counter() - begun)
        fastest.append(min(taken))
    image = max(0.0, fastest[1] - fastest[0]) / (several - 1)
    return Cost(max(0.0, fastest[0] - image), image)


class Batcher:
    """The requests that wait for one model. All methods but the prediction itself run on the event loop.

    Parameters
    ----------
    predict : callable
        Images (N, H, W, C) -> probabilities (N, K); called for one batch at a time.
    cost : Cost
        Of `predict`.
    queue_seconds : float
        Of waiting work, at most.
    observe : callable
        Called with the number of images of each batch.
    """

    def __init__(self, predict: Predict, cost: Cost, queue_seconds: float, observe: Callable[[int], None]) -> None:
        self._predict, self._cost, self._queue_seconds, self._observe = predict, cost, queue_seconds, observe
        self._waiting: deque[tuple[NDArray[np.uint8], asyncio.Future[NDArray[np.float32]]]] = deque()
        self._images = 0  # of the requests that wait
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "inkling-model")  # started by its first batch

    async def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities (N, K) of images (N, H, W, C).

        Raises
        ------
        RefusedError
            If more is waiting than the model answers in `queue_seconds`.
        """
        if self._waiting and self._cost.seconds(self._images) > self._queue_seconds:
            raise RefusedError(429, f"{self._images:,} images are waiting for this model: try again in a second")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[NDArray[np.float32]] = loop.create_future()
        self._waiting.append((images, answer))
        self._images += len(images)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next)  # after the requests that arrived with this one
        return await answer

    def close(self) -> None:
        """End the thread once its batch is done."""
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        batch, n = list[tuple[NDArray[np.uint8], asyncio.Future[NDArray[np.float32]]]](), 0
        while self._waiting and (not batch or n + len(self._waiting[0][0]) <= self._cost.batch):
            images, answer = self._waiting.popleft()
            self._images -= len(images)
            if not answer.done():  # nobody waits for what was cancelled
                batch.append((images, answer))
                n += len(images)
        if not batch:
            self._busy = False
            return
        self._observe(n)
        joined = batch[0][0] if len(batch) == 1 else np.concatenate([images for images, _ in batch])
        answers = [answer for _, answer in batch]
        lengths = [len(images) for images, _ in batch]
        if self._cost.seconds(n) <= AT_ONCE:
            try:
                self._answer(self._predict(joined), answers, lengths)
            except Exception as error:  # each of the requests is to hear of it
                self._fail(error, answers)
            self._go_on()
            return
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._predict, joined)
        work.add_done_callback(lambda done: self._done(done, answers, lengths))

    def _done(
        self,
        done: asyncio.Future[NDArray[np.float32]],
        answers: list[asyncio.Future[NDArray[np.float32]]],
        lengths: list[int],
    ) -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is None:
            self._answer(done.result(), answers, lengths)
        else:
            self._fail(error, answers)
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        else:
            self._busy = False

    @staticmethod
    def _answer(
        probabilities: NDArray[np.float32], answers: list[asyncio.Future[NDArray[np.float32]]], lengths: list[int]
    ) -> None:
        start = 0
        for answer, length in zip(answers, lengths, strict=True):
            if not answer.done():
                answer.set_result(probabilities[start : start + length])
            start += length

    @staticmethod
    def _fail(error: BaseException, answers: list[asyncio.Future[NDArray[np.float32]]]) -> None:
        for answer in answers:
            if not answer.done():
                answer.set_exception(error)
