"""The short way to the addresses that predict: found by their whole path, without FastAPI's layers around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from inkling.server.refusals import RefusedError, gone, refusal
from inkling.server.served_model import ServedModel


class Direct:
    """ASGI middleware; what it does not know, FastAPI answers.

    Parameters
    ----------
    app : ASGI application
    routers : iterable of APIRouter
        Of `service.new_router`: their routes of POST are taken.
    models : mapping of str to ServedModel
        By name, for paths with {name} and {version}.
    """

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter], models: Mapping[str, ServedModel]) -> None:
        self.app = app
        self._routes: dict[str, tuple[APIRoute, dict[str, str]]] = {}
        for router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute) and "POST" in (route.methods or ()):
                    for name, model in models.items():
                        values = {"name": name, "version": model.version}
                        used = {key: value for key, value in values.items() if f"{{{key}}}" in route.path}
                        self._routes[route.path.format(**values)] = route, used

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = self._routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = found
        try:
            response = await found[0].endpoint(Request(scope, receive))
        except RefusedError as error:
            response = refusal(error.status, error.message)
        except ClientDisconnect:
            response = gone()
        await response(scope, receive, send)
