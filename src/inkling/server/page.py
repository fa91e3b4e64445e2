"""The page at /: one file without anything of the models, which it asks for below /playground and /v1."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from inkling.figures.style import variables
from inkling.pages.playground import SCRIPTS, WORKER_SOURCE, digits_for_training
from inkling.pages.script import script
from inkling.pages.templating import environment
from inkling.server.openapi import answers
from inkling.server.security import POLICY
from inkling.server.service import new_router

_SHARED = ("packed", "steps", "picture", "evidence", "drawing")
"""Scripts of exported pages."""

_OWN = ("asking", "looking", "learning", "served")


@cache
def served_page() -> tuple[str, str]:
    """Return the page and its Content-Security-Policy, which lets it ask this server and nobody else."""
    pages = environment("inkling.server", "inkling.integrations.export")
    colours = {"light": variables(dark=False), "dark": variables(dark=True)}
    sheets = ("page.css", "playground.css", "templates/page_export.css", "served.css")
    style = "".join(pages.get_template(sheet).render(colours) for sheet in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    scripts = (
        "pages/elements.js",
        *SCRIPTS,
        *(f"integrations/export/{name}.js" for name in _SHARED),
        *(f"server/{name}.js" for name in _OWN),
    )
    found = script(*scripts)
    text = pages.get_template("served.html.j2").render(
        style=style, script=found, digits=json.dumps(digits_for_training()),
        draws=True, occlusion={"side": 4}, cover="black", beside=True,
    )  # fmt: skip
    policy = (
        f"default-src 'none'; script-src {found.source}; style-src 'sha256-{digest}'; connect-src 'self'; "
        f"{WORKER_SOURCE}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def router() -> APIRouter:
    """Return the address of the page."""
    routes = new_router("", "Page")
    html = {"text/html": {"schema": {"type": "string"}}}

    @routes.get("/", summary="Draw, and watch the networks think and learn", responses=answers(html, "A page"))
    async def page(request: Request) -> Response:  # noqa: ARG001
        text, policy = served_page()
        return HTMLResponse(text, headers={POLICY.decode(): policy})

    return routes
