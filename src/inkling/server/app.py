"""The application: every address of the server, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from inkling import __version__
from inkling.server import about, open_inference, page, playground, v1
from inkling.server.direct import Direct
from inkling.server.limits import Limits
from inkling.server.observing import Log, Observing, failed
from inkling.server.openapi import components
from inkling.server.refusals import RefusedError, gone, refusal
from inkling.server.security import Guarding
from inkling.server.served_model import ServedModel
from inkling.server.service import Service


@dataclass(frozen=True)
class ServerOptions:
    """How a server answers.

    Attributes
    ----------
    limits : Limits
    hosts : iterable of str
        Names that the Host header may hold, beside localhost and addresses in numbers.
    token : str, optional
        That requests must bring.
    log : callable, optional
        Takes a line for each request.
    pictures : bool
        Whether the page shows images of the runs' data.
    """

    limits: Limits = field(default_factory=Limits)
    hosts: Iterable[str] = ()
    token: str | None = None
    log: Log | None = None
    pictures: bool = True


class Application(FastAPI):
    """FastAPI behind what every request passes first: `front` observes it, guards it, and knows a shorter way."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.front(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as FastAPI does."""
        await super().__call__(scope, receive, send)


def create_app(models: Mapping[str, ServedModel], options: ServerOptions | None = None) -> Application:
    """Return the ASGI application that serves models.

    Parameters
    ----------
    models : mapping of str to ServedModel
        By name; the first answers where a request names none.
    options : ServerOptions, optional

    Raises
    ------
    RunError
        If there is no model.
    """
    options = options or ServerOptions()
    service = Service(models, options.limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        yield
        service.close()

    app = Application(
        title="Inkling", version=__version__, summary="Image classifiers over HTTP",
        docs_url=None, redoc_url=None, lifespan=lifespan,
    )  # fmt: skip
    app.state.service = service
    routers = [addresses.router(service) for addresses in (v1, open_inference, about)]
    for router in routers:
        app.include_router(router)
    app.include_router(playground.router(service, options.pictures))
    app.include_router(page.router())
    direct = Direct(app.answer, routers, service.models)
    app.front = Observing(Guarding(direct, options.hosts, options.token), service.metrics, options.log)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _failed)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            document["components"] = {"schemas": components(*v1.TYPES, *open_inference.TYPES, *playground.TYPES)}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    refused = cast(RefusedError, error)
    return refusal(refused.status, refused.message)


async def _http(request: Request, error: Exception) -> Response:
    raised = cast(HTTPException, error)
    said = {
        404: f"there is nothing at {request.url.path[:100]!r}: /docs lists the addresses",
        405: f"{request.url.path[:100]!r} does not take {request.method[:20]}: /docs lists what it takes",
    }
    response = refusal(raised.status_code, said.get(raised.status_code, str(raised.detail)))
    response.headers.update(raised.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return failed(request.scope)


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return gone()
