"""Around every request: its id, one line of the log, its metrics, and an answer where the program itself fails."""

from __future__ import annotations

import re
import secrets
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling.server.metrics import Metrics
from inkling.server.refusals import refusal

Log = Callable[[dict[str, Any]], None]
"""Takes one event: what msgspec encodes as JSON."""

ID = "inkling.id"
"""Key of the scope: the id of the request."""

FACTS = "inkling.facts"
"""Key of the scope: what a handler adds to the line of its request."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

OTHER = "other"
"""Path, in metrics, of what has no route."""


def json_lines(stream: IO[bytes]) -> Log:
    """Return a log that writes a line of JSON for each event; a stream that is gone ends nothing but the log."""
    encode = msgspec.json.Encoder().encode

    def log(event: dict[str, Any]) -> None:
        try:
            stream.write(encode(event) + b"\n")
            stream.flush()
        except (OSError, ValueError):
            return

    return log


def failed(scope: Scope) -> Response:
    """Return the response to a request at which the program itself failed."""
    return refusal(500, f"the server failed; its log says why, under the request id {scope[ID]}")


class Observing:
    """ASGI middleware; the outermost, so that refusals of the others are seen too.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    log : callable, optional
        Without it, requests leave no line.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Log | None) -> None:
        self.app, self.metrics, self.log = app, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8).encode()
        facts: dict[str, Any] = {}
        scope[FACTS], scope[ID] = facts, request_id.decode()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception:  # a bug: it is logged here, where the request is known, and the client hears its id
            facts["error"] = traceback.format_exc()
            if not status:
                await failed(scope)(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - begun
            self.metrics.request(getattr(scope.get("route"), "path", OTHER), status, seconds)
            if self.log is not None:
                event = {
                    "time": datetime.now(UTC),
                    "event": "request",
                    "id": scope[ID],
                    "method": scope["method"],
                }
                event.update(path=scope["path"], status=status, milliseconds=round(1000 * seconds, 3), **facts)
                self.log(event)
