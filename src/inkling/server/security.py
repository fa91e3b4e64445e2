"""Who may ask, and what browsers may do with the answers."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling.server.refusals import refusal

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

POLICY = b"content-security-policy"

_NOTHING = (POLICY, b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
"""For answers that name no policy of their own: all but pages."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_OPEN = ("/v2/health/live", "/v2/health/ready", "/openapi.json", "/docs", "/")
"""Addresses that need no token: they say nothing of the models, and browsers send none with a page."""


class Guarding:
    """ASGI middleware: the Host header, requests that other sites make browsers send, the bearer token.

    No answer has headers of CORS, so that pages of other sites can read none.

    Parameters
    ----------
    app : ASGI application
    hosts : iterable of str
        Names that the Host header may hold beside localhost and addresses in numbers. A name is what an attacker needs
        whose own page is to reach a server on somebody's machine (DNS rebinding); addresses in numbers cannot be bent.
    token : str, optional
        Asked for as "Authorization: Bearer TOKEN".
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self.app = app
        self.hosts = frozenset(("localhost", *(host.lower().rstrip(".") for host in hosts)))
        self.token = None if token is None else token.encode()
        self._known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                own = any(name == POLICY for name, _ in headers)
                message["headers"] = [*headers, *_HEADERS] if own else [*headers, *_HEADERS, _NOTHING]
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            await self.app(scope, receive, sending)
        else:
            await refusal(*refused)(scope, receive, sending)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        host = site = authorization = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"sec-fetch-site":
                site = value
            elif name == b"authorization":
                authorization = value
        if host not in self._known:
            if not self._is_here(host):
                found = host[:80].decode("ascii", "replace")
                return (
                    421,
                    f"the Host header names {found!r}, which is no host of this server: start it with --allow-host",
                )
            self._known = {*self._known, host} if len(self._known) < 100 else {host}
        if site == b"cross-site" and scope["method"] not in _SAFE_METHODS:
            return 403, "a page of another site asked for this: its browser says so (Sec-Fetch-Site: cross-site)"
        if self.token is not None and scope["path"] not in _OPEN:
            kind, _, given = authorization.partition(b" ")
            if kind.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self.token):
                return 401, "expected the header 'Authorization: Bearer TOKEN' with the token of this server"
        return None

    def _is_here(self, host: bytes) -> bool:
        name = host.decode("ascii", "replace").lower()
        bare = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.rpartition(":")[0] or name
        if bare.rstrip(".") in self.hosts:
            return True
        try:
            ipaddress.ip_address(bare)
        except ValueError:
            return False
        return True
