"""How much a request may bring, and how long it may take; a body is measured while it arrives, before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from inkling.errors import SettingsError
from inkling.server.refusals import RefusedError

_BYTES_A_NUMBER = 24
"""Of JSON, for one number: the digits of a float64 with its comma and spaces."""

_BYTES_AROUND = 2**16


@dataclass(frozen=True)
class Limits:
    """What a server accepts.

    Attributes
    ----------
    body : int
        Bytes of a body.
    pixels : int
        Of one picture, before it is fitted to the network's size.
    images : int
        In one request.
    header : int
        Bytes of the request line and all header lines.
    header_seconds, body_seconds : float
        Until the header, and after it the body, has arrived.
    queue_seconds : float
        Of work that waits for a model, by what it took when the server started: what comes then is refused.
    connections : int
        Open at a time.
    """

    body: int = 32 * 2**20
    pixels: int = 25 * 10**6
    images: int = 256
    header: int = 32 * 2**10
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    queue_seconds: float = 10.0
    connections: int = 1000

    def __post_init__(self) -> None:
        problems = [f"{name} must be above 0, found {value}" for name, value in vars(self).items() if not value > 0]
        if problems:
            raise SettingsError(problems)

    def json(self, numbers: int) -> int:
        """Return the bytes of JSON that images may take which have so many numbers each."""
        return min(self.body, _BYTES_AROUND + _BYTES_A_NUMBER * numbers * self.images)

    def check_images(self, n: int) -> None:
        """Refuse no image, and too many."""
        if n < 1:
            raise RefusedError(400, "expected one image or more, found none")
        if n > self.images:
            raise RefusedError(413, f"expected {self.images:,} images or fewer in a request, found {n:,}: send several")


async def read_body(request: Request, most: int) -> bytes:
    """Return the body of a request.

    Parameters
    ----------
    request : Request
    most : int
        Bytes, at most; no more than that is kept.

    Raises
    ------
    RefusedError
        If it is longer, with or without Content-Length, or is compressed.
    ClientDisconnect
        If nobody waits for an answer any more, or it came too slowly, which `connections` finds.
    """
    for name, value in request.scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            announced = value[:20].decode()
            raise RefusedError(413, f"expected a body of {most:,} bytes or fewer, found Content-Length: {announced}")
        if name == b"content-encoding" and value.strip().lower() != b"identity":
            found = value[:40].decode("ascii", "replace")
            raise RefusedError(415, f"expected a body without Content-Encoding, found {found!r}")
    parts, size = list[bytes](), 0
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise RefusedError(413, f"expected a body of {most:,} bytes or fewer, found more")
        if not message.get("more_body", False):
            return b"".join([*parts, part]) if parts else part
        parts.append(part)
