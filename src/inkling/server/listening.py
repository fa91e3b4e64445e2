"""Listening, and stopping: who connected before is answered, and who comes then is told to come again."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from inkling.errors import SettingsError
from inkling.images.pictures import quiet
from inkling.server.connections import Connection, connection_kind
from inkling.server.limits import Limits

_LEAVE = 0.25
"""Seconds in which connections that wait for no answer may still ask, before they are closed."""

_FINISH = 30
"""Seconds for what is in flight to be answered."""


class StoppingServer(uvicorn.Server):
    """Goes on listening for a moment while it stops, so that nobody is cut off between connecting and asking."""

    def __init__(self, config: uvicorn.Config, kind: type[Connection], stopping: asyncio.Event) -> None:
        super().__init__(config)
        self.kind, self._stopping = kind, stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what comes, closing each connection after it; then stop listening and finish."""
        self._stopping.set()
        await asyncio.sleep(_LEAVE)
        copies = [listening.dup() for listening in sockets or []]  # who is connected is not cut off with the others
        for server in self.servers:
            server.close()
        waiting: list[socket.socket] = []
        for listening in copies:
            listening.setblocking(False)
            with listening, suppress(OSError):  # that nobody is left
                while True:
                    waiting.append(listening.accept()[0])
        loop = asyncio.get_running_loop()
        for connection in waiting:
            connection.setblocking(False)
            with suppress(OSError):  # that it left
                await loop.connect_accepted_socket(self._connection, connection)
        await super().shutdown(sockets)

    def _connection(self) -> Connection:
        return self.kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket whose port is taken; nobody can connect until `run_server` listens.

    Parameters
    ----------
    host : str
        An address in numbers, or a name of this machine.
    port : int
        0: any that is free.

    Raises
    ------
    SettingsError
        If it cannot be opened.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":  # where it would let two servers share a port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
        except BaseException:
            listening.close()
            raise
        return listening
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            [f"cannot listen on {host}, port {port} ({reason}): choose another --port or --host"]
        ) from None


def url_of(listening: socket.socket) -> str:
    """Return the address that a browser on this machine asks."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_open(listening: socket.socket) -> bool:
    """Whether other machines can reach it."""
    return not ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def new_server(app: FastAPI, limits: Limits) -> StoppingServer:
    """Return the server of an application, which `run_server` runs."""
    stopping = asyncio.Event()
    kind = connection_kind(limits, stopping)
    config = uvicorn.Config(
        app,
        http=kind,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_FINISH,
    )
    return StoppingServer(config, kind, stopping)


def run_server(server: uvicorn.Server, listening: socket.socket, ready: Callable[[], None] | None = None) -> None:
    """Serve until the process is told to stop by SIGINT or SIGTERM, or until `server.should_exit` is set.

    Parameters
    ----------
    server : Server
    listening : socket
    ready : callable, optional
        Called before the first request is answered; connections wait until then.
    """
    _allow_open_files()
    listening.listen(2048)
    if ready is not None:
        ready()
    with quiet():
        server.run([listening])


def _allow_open_files() -> None:
    """Let the process have as many connections as the system allows it, which is more than it starts with."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
