"""What the OpenAPI document says beside FastAPI's own: answers and every status, from the types that are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from inkling.server.refusals import STATUSES, Problem

_ALWAYS = (401, 403, 405, 421, 431)
"""Statuses that any address may answer."""

_WITH_BODY = (400, 404, 408, 413, 415, 429)
"""Statuses of requests that bring images."""

REQUEST_ID = {"X-Request-ID": {"description": "Names the request in the log", "schema": {"type": "string"}}}


def reference(kind: type) -> dict[str, Any]:
    """Return a reference to the schema of a type that `components` is given."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def answers(
    content: Mapping[str, Any] | type | None, description: str, *more: int, body: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Return what an address answers, for `responses` of a route.

    Parameters
    ----------
    content : mapping or type, optional
        Media type -> schema, or the type of what is sent as JSON; None: an empty body.
    description : str
        Of status 200.
    more : int
        Statuses beside those of every address.
    body : bool
        The request brings images.
    """
    schemas = {"application/json": reference(content)} if isinstance(content, type) else dict(content or {})
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "description": description,
            "headers": REQUEST_ID,
            "content": {media_type: {"schema": schema} for media_type, schema in schemas.items()},
        }
    }
    problem = {"application/json": {"schema": reference(Problem)}}
    for status in sorted({*_ALWAYS, *(_WITH_BODY if body else ()), *more}):
        found[status] = {"description": STATUSES[status], "headers": REQUEST_ID, "content": problem}
    return found


def components(*kinds: type) -> dict[str, Any]:
    """Return the schemas of types, and of those that they hold, by name."""
    return msgspec.json.schema_components((Problem, *kinds), ref_template="#/components/schemas/{name}")[1]
