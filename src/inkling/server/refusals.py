"""Why a request is refused: an HTTP status and one sentence, sent as {"error": "..."} in every protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

STATUSES = {
    400: "The body, a parameter or a header is not what is expected",
    401: "The bearer token is missing or wrong",
    403: "Another web site asked, through somebody's browser",
    404: "There is no such model or address",
    405: "The address takes another method",
    408: "The request came too slowly",
    413: "The body, its pictures or their number are larger than allowed",
    415: "The body is of a kind that is not read, or compressed",
    421: "The Host header names no host of this server",
    429: "More images are waiting than the model answers in time: try again later",
    431: "The header of the request is larger than allowed",
}
"""Status -> what it says; no request is answered with another one from 400 on."""


class RefusedError(Exception):
    """A request that is not answered, for a reason that its sender can mend.

    Parameters
    ----------
    status : int
        One of `STATUSES`.
    message : str
        What was expected, and what was found.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Problem(msgspec.Struct):
    """The body of every refusal."""

    error: str


class JSON(Response):
    """Values encoded by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return JSON."""
        return msgspec.json.encode(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set the headers; most answers have these two alone."""
        if headers:
            super().init_headers(headers)
        else:
            length = str(len(self.body)).encode()
            self.raw_headers = [(b"content-length", length), (b"content-type", b"application/json")]


def refusal(status: int, message: str) -> Response:
    """Return the response that refuses a request."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "1"} if status == 429 else None
    return JSON(Problem(message), status, headers)


def gone() -> Response:
    """Return the response to a client that went away: it hears nothing, and the log has the status."""
    return refusal(408, "the client left before its body had arrived")
