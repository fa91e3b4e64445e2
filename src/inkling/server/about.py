"""What the server says of itself: the page of its addresses, its metrics."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from inkling.pages.templating import environment
from inkling.server.metrics import CONTENT_TYPE
from inkling.server.openapi import answers
from inkling.server.security import POLICY
from inkling.server.service import Service, new_router

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
h2 { margin-top: 2.5rem; } h3 { margin-bottom: .2rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; } pre { overflow-x: auto; padding: .8rem; background: #f3f3f0; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; }
.method { text-transform: uppercase; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #161616; } pre { background: #242424; }
  a { color: #8ab4ff; } }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def api_page(document: dict[str, Any]) -> str:
    """Return the page of all addresses, made of their OpenAPI document; it asks nobody for anything."""
    operations: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["Server"])[0]
            operations.setdefault(tag, []).append({"path": path, "method": method, **operation})
    schemas = {name: json.dumps(schema, indent=2) for name, schema in document["components"]["schemas"].items()}
    template = environment("inkling.server").get_template("api.html.j2")
    return template.render(document=document, operations=operations, schemas=schemas, style=_STYLE)


def router(service: Service) -> APIRouter:
    """Return the addresses beside those of predictions."""
    routes = new_router("", "Server")
    text, html = {CONTENT_TYPE.partition(";")[0]: {"type": "string"}}, {"text/html": {"type": "string"}}

    @routes.get("/metrics", summary="Metrics for Prometheus", responses=answers(text, "All counters"))
    async def metrics(request: Request) -> Response:  # noqa: ARG001
        return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE})

    @routes.get("/docs", summary="The addresses, as a page", responses=answers(html, "A page"))
    async def page(request: Request) -> Response:
        return HTMLResponse(api_page(request.app.openapi()), headers={POLICY.decode(): _PAGE_POLICY})

    return routes
