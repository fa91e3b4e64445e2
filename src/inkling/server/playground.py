"""The addresses below /playground: what the page at / asks for beside predictions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from inkling.errors import RunError
from inkling.server.insight import Epoch, Inside, Insight, Learning, Nearest
from inkling.server.limits import read_body
from inkling.server.openapi import answers
from inkling.server.page_model import PageModel, page_model, weights_of
from inkling.server.refusals import JSON, RefusedError
from inkling.server.service import Service, new_router

TYPES = (PageModel, Inside, Nearest, Learning, Epoch)

WAITING = 8
"""Questions that wait while one is answered, at most: what is shown of a drawing is old after a second or two."""

_Answer = TypeVar("_Answer")

_PIXELS = {
    "required": True,
    "description": "Pixels of one image, height * width * channels bytes, row by row",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


class _OneAfterTheOther:
    """Work of a thread, one piece at a time, so that the page slows predictions by no more than one."""

    def __init__(self) -> None:
        self._turn, self._waiting = asyncio.Semaphore(1), 0

    async def run(self, work: Callable[..., _Answer], *values: Any) -> _Answer:
        if self._waiting > WAITING:
            raise RefusedError(429, f"more than {WAITING} questions of pages are waiting: try again later")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work, *values)
        except RunError as error:  # a file of the run is not there, or damaged since the server began
            raise RefusedError(404, str(error)) from None
        finally:
            self._waiting -= 1


def router(service: Service, pictures: bool = True) -> APIRouter:
    """Return the addresses below /playground.

    Parameters
    ----------
    service : Service
    pictures : bool
        Whether images of the runs' data may be shown.
    """
    routes = new_router("/playground/models/{name}", "Page")
    insights = {name: Insight(model, pictures) for name, model in service.models.items()}
    work = _OneAfterTheOther()
    described: dict[str, PageModel] = {}
    named: dict[str, Any] = {
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    }
    of_epoch: dict[str, Any] = {
        "parameters": [
            *named["parameters"],
            {"name": "epoch", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}},
        ]
    }
    raw = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    with_pixels = {**named, "requestBody": _PIXELS}

    def insight(request: Request) -> Insight:
        return insights[service.model(request.path_params["name"]).name]

    async def pixels(request: Request, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        numbers = int(np.prod(shape))
        body = await read_body(request, numbers)
        if len(body) != numbers:
            raise RefusedError(400, f"expected {numbers:,} bytes, a pixel's level each, found {len(body):,}")
        return np.frombuffer(body, np.uint8).reshape(shape)

    @routes.get(
        "", summary="How a model computes", openapi_extra=named, responses=answers(PageModel, "The model", 404, 429)
    )
    async def model(request: Request) -> Response:
        """The steps of a small network, and how drawings become images of its data."""
        asked = insight(request)
        name = asked.model.name
        if name not in described:
            described[name] = await work.run(page_model, asked)
        return JSON(described[name])

    @routes.get(
        "/weights", summary="The weights of its steps", openapi_extra=named,
        responses=answers(raw, "Numbers of float32, little-endian", 404, 429),
    )  # fmt: skip
    async def weights(request: Request) -> Response:
        """In the order of the steps; empty where the network is no plain steps."""
        content = await work.run(weights_of, insight(request))
        return Response(content, headers={"content-type": "application/octet-stream"})

    @routes.post(
        "/inside", summary="Feature maps and evidence", openapi_extra=with_pixels,
        responses=answers(Inside, "What the network makes of the image", body=True),
    )  # fmt: skip
    async def inside(request: Request) -> Response:
        """What a convolutional network makes of an image on the way, and which pixels are evidence for its answer."""
        asked = insight(request)
        return JSON(await work.run(asked.inside, await pixels(request, asked.model.image_shape)))

    @routes.post(
        "/nearest", summary="The nearest training images", openapi_extra=with_pixels,
        responses=answers(Nearest, "Nearest first", body=True),
    )  # fmt: skip
    async def nearest(request: Request) -> Response:
        """Pixel by pixel, among all images that the run was trained on."""
        asked = insight(request)
        return JSON(await work.run(asked.nearest, await pixels(request, asked.model.image_shape)))

    @routes.get(
        "/epochs", summary="How the run learnt", openapi_extra=named,
        responses=answers(Learning, "Its history", 404, 429),
    )  # fmt: skip
    async def learning(request: Request) -> Response:
        """Losses and accuracies of each epoch, and which epochs' weights were kept."""
        return JSON(await work.run(insight(request).learning))

    @routes.get(
        "/epochs/{epoch}", summary="The network after an epoch", openapi_extra=of_epoch,
        responses=answers(Epoch, "First-layer weights and answers", 404, 429),
    )  # fmt: skip
    async def epoch(request: Request) -> Response:
        """Its first-layer weights as pictures, and its answers to a few validation images."""
        asked, number = insight(request), request.path_params["epoch"]
        if not (number.isascii() and number.isdecimal() and len(number) < 9):
            raise RefusedError(404, f"expected the number of an epoch, found {number[:40]!r}")
        return JSON(await work.run(asked.epoch, int(number)))

    return routes
