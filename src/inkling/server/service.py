"""What the addresses of a server share: its models with their batches, its limits, its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.routing import APIRoute
from numpy.typing import NDArray
from starlette.requests import Request

from inkling.errors import RunError, did_you_mean
from inkling.metrics.temperature import at_temperature
from inkling.server.batching import Batcher
from inkling.server.limits import Limits
from inkling.server.metrics import Metrics
from inkling.server.observing import FACTS
from inkling.server.refusals import RefusedError
from inkling.server.served_model import ServedModel


class Service:
    """The models of a server.

    Parameters
    ----------
    models : mapping of str to ServedModel
        One or more, by name; the first answers where a request names none.
    limits : Limits
    """

    def __init__(self, models: Mapping[str, ServedModel], limits: Limits) -> None:
        if not models:
            raise RunError("expected one run or more to serve, found none: inkling serve RUN…")
        self.models, self.limits, self.metrics = dict(models), limits, Metrics()
        self.decoding = ThreadPoolExecutor(2, "inkling-pictures")  # large pictures, beside the event loop
        self.ready = True
        self._batchers = {name: self._batcher(model) for name, model in self.models.items()}

    def _batcher(self, model: ServedModel) -> Batcher:
        engine, name = model.engine, model.name
        return Batcher(
            engine.predict, engine.cost, self.limits.queue_seconds, lambda images: self.metrics.batch(name, images)
        )

    def model(self, name: str | None) -> ServedModel:
        """Return a model by its name, or the first one.

        Raises
        ------
        RefusedError
            If there is none of that name.
        """
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            raise RefusedError(
                404, f"there is no model {name[:80]!r}{did_you_mean(name[:80], self.models)}: {', '.join(self.models)}"
            )
        return self.models[name]

    async def predict(
        self, request: Request, model: ServedModel, images: NDArray[np.uint8], temperature: float
    ) -> NDArray[np.float32]:
        """Return the probabilities (N, K) of images (N, H, W, C), and note in the log what was asked."""
        request.scope[FACTS].update(model=model.name, images=len(images))
        answers = await self._batchers[model.name].predict(images)
        return answers if temperature == 1 else at_temperature(answers, temperature)

    def close(self) -> None:
        """End all threads once they are done."""
        self.ready = False
        self.decoding.shutdown(wait=False)
        for batcher in self._batchers.values():
            batcher.close()


class LeanRoute(APIRoute):
    """A route whose endpoint takes the request and returns the response: FastAPI documents it and does nothing more."""

    def get_route_handler(self) -> Any:
        """Return the endpoint itself."""
        return self.endpoint


def new_router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose routes take the request and return the response."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=LeanRoute)
