"""The application as a whole: what its OpenAPI document allows, its page, its log, its metrics, a bug in it."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from inkling.server.observing import json_lines
from inkling.server.service import Service

Serve = Callable[..., str]

EXAMPLES = 20
"""Of each operation; benchmarks ask more."""


def test_whatever_the_document_allows_is_answered_as_it_says(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 12
    checks = [schemathesis.checks.not_a_server_error, status_code_conformance, content_type_conformance,
              response_schema_conformance]  # fmt: skip
    for operation in operations:

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @schemathesis_given(operation)
        def check(case: Any) -> None:
            case.call_and_validate(checks=checks)

        check()


def schemathesis_given(operation: Any) -> Callable[..., Any]:
    from hypothesis import given

    return given(case=operation.as_strategy())


def test_the_page_of_the_addresses_asks_nobody(url: str) -> None:
    answer = requests.get(f"{url}/docs", timeout=20)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert re.findall(r"(?:href|src)=\"([^\"]+)\"", answer.text) == ["openapi.json"]
    for path in requests.get(f"{url}/openapi.json", timeout=20).json()["paths"]:
        assert path in answer.text


def test_request_ids(url: str) -> None:
    assert requests.get(f"{url}/v2", headers={"X-Request-ID": "a-1"}, timeout=20).headers["x-request-id"] == "a-1"
    for bad in ("a b", "a" * 65, "<b>"):
        found = requests.get(f"{url}/v2", headers={"X-Request-ID": bad}, timeout=20).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{16}", found)


def test_every_request_leaves_a_line(serve: Serve) -> None:
    stream = io.BytesIO()
    url = serve(log=json_lines(stream))
    requests.get(f"{url}/v2/\x1b[31m", headers={"X-Request-ID": "one"}, timeout=20)
    pixels = json.dumps([[0] * 8] * 8)
    requests.post(f"{url}/v1/predict", data=pixels, headers={"Content-Type": "application/json"}, timeout=20)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert b"\x1b" not in stream.getvalue()
    assert (first["id"], first["status"], first["method"]) == ("one", 404, "GET")
    assert (second["path"], second["status"], second["model"], second["images"]) == ("/v1/predict", 200, "digits", 1)


def test_metrics(serve: Serve) -> None:
    url = serve()
    pixels = json.dumps([[[0] * 8] * 8] * 3)
    for query in ("", "?reject_below=1"):
        requests.post(f"{url}/v1/predict{query}", data=pixels, headers={"Content-Type": "application/json"}, timeout=20)
    requests.get(f"{url}/nowhere", timeout=20)
    text = requests.get(f"{url}/metrics", timeout=20).text
    assert 'inkling_requests_total{path="/v1/predict",status="200"} 2.0' in text
    assert 'inkling_requests_total{path="other",status="404"} 1.0' in text
    assert 'inkling_request_seconds_count{path="/v1/predict"} 2.0' in text
    assert 'inkling_batch_images_bucket{le="4.0",model="digits"} 2.0' in text
    assert 'inkling_abstentions_total{model="digits"} 3.0' in text
    assert re.search(r'inkling_predictions_total\{label="\d",model="digits"\} 3\.0', text)


def test_a_bug_is_answered_and_logged(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Service, name: str | None) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Service, "model", fail)
    stream = io.BytesIO()
    url = serve(log=json_lines(stream))
    paths = ("/v1/predict", "/v2/models/digits/infer", "/v2/models/unknown/infer")  # the last by FastAPI
    for path in paths:
        answer = requests.post(url + path, data=b"{}", headers={"X-Request-ID": "seven"}, timeout=20)
        assert (answer.status_code, "seven" in answer.json()["error"]) == (500, True)
        assert "a bug" not in answer.text
    deadline = time.monotonic() + 20
    while stream.getvalue().count(b"ZeroDivisionError: a bug") < len(paths):  # the line is written after the answer
        assert time.monotonic() < deadline, stream.getvalue()
        time.sleep(0.01)
