"""Connections of HTTP/1.1 with limits of their own: how large a header is, how slowly it comes, how many there are.

Uvicorn's parser of headers keeps whatever comes, for as long as it comes.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from inkling.server.limits import Limits
from inkling.server.refusals import Problem

_LINGER = 5.0
"""Seconds in which a client that was answered early may send the rest, unread, before its connection is closed; closed
at once, it could lose the answer."""


_UNDER_WAY = 0.25
"""Seconds for a request to arrive that was sent before the server stopped."""


class _HeaderTooLargeError(Exception):
    """Raised within the parser, which stops at it."""


class Connection(HttpToolsProtocol):
    """One connection; `connection_kind` gives it its limits."""

    limits: ClassVar[Limits] = Limits()
    stopping: ClassVar[asyncio.Event | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._header, self._arriving = 0, 0  # bytes of the header so far, and of what comes now
        self._in_header, self._all_header = True, True  # now, and as long as what comes is parsed
        self._idle = False  # nothing of another request came yet
        self._refusal: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a header."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.close()
            return
        self._timer = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time limits."""
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless it is more header than allowed."""
        if self.parser is None or self.transport.is_closing():
            return
        self._arriving, self._all_header = len(data), self._in_header
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._all_header:
            self._header += len(data)
            if self._header > self.limits.header:
                self._refuse(*self._too_large())
                return
        if self._timer is None and not self._idle:  # what is complete by now needs no clock
            seconds = self.limits.header_seconds if self._in_header else self.limits.body_seconds
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._idle = False

    def on_headers_complete(self) -> None:
        """Measure the header exactly, where what came may be more than is allowed."""
        self._forget_timer()
        if self._header + self._arriving > self.limits.header:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.limits.header:
                self._refusal = self._too_large()
                raise _HeaderTooLargeError
        self._in_header, self._all_header, self._header = False, False, 0
        super().on_headers_complete()
        if self.stopping is not None and self.stopping.is_set():
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Wait for the next header."""
        super().on_message_complete()
        self._forget_timer()
        self._in_header = self._idle = True
        if self.cycle.response_complete and not self.transport.is_closing():  # answered early: nothing else waits
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Give a client that was answered early some time to send the rest."""
        super().on_response_complete()
        if self.cycle.more_body and not self._in_header and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._timer = self.loop.call_later(_LINGER, self.transport.abort)

    def shutdown(self) -> None:
        """Close after the answer that is being made; without one, once no request can be under way any more."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_UNDER_WAY, self._leave)
        else:
            self.cycle.keep_alive = False

    def _leave(self) -> None:
        if self._in_header and not self._header and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close; a client that does not read its answer is not waited for."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(*(self._refusal or (400, msg)))

    def _too_large(self) -> tuple[int, str]:
        return 431, f"expected a header of {self.limits.header:,} bytes or fewer, found more"

    def _too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if not self._in_header:
            self._refuse(408, f"expected the whole body within {self.limits.body_seconds:g} s")
        elif self._header:
            self._refuse(408, f"expected the whole header within {self.limits.header_seconds:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:  # else an answer is being written
            body = msgspec.json.encode(Problem(message))
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connection_kind(of: Limits, stops: asyncio.Event) -> type[Connection]:
    """Return the class of a server's connections, which close one by one when it stops."""

    class Limited(Connection):
        limits, stopping = of, stops

    return Limited
