"""Who may ask, and what browsers are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

Serve = Callable[..., str]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "192.168.1.9:80", "[::1]:8000", "[::1]"])
def test_hosts_that_no_other_site_can_bend(url: str, host: str) -> None:
    assert requests.get(f"{url}/v2/health/live", headers={"Host": host}, timeout=20).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "a]", ":", "\xff"]
)
def test_foreign_hosts(url: str, host: str) -> None:
    answer = requests.get(f"{url}/v2/health/live", headers={"Host": host}, timeout=20)
    assert (answer.status_code, list(answer.json())) == (421, ["error"])


def test_hosts_that_are_allowed(serve: Serve) -> None:
    url = serve(hosts=["models.example"])
    for host, status in (("models.example", 200), ("Models.Example:443", 200), ("other.example", 421)):
        assert requests.get(f"{url}/v2", headers={"Host": host}, timeout=20).status_code == status


def test_other_sites_cannot_use_a_visitors_browser(url: str) -> None:
    for site, status in (("cross-site", 403), ("same-origin", 400), ("none", 400)):
        answer = requests.post(f"{url}/v1/predict", data=b"", headers={"Sec-Fetch-Site": site}, timeout=20)
        assert answer.status_code == status
    answer = requests.options(f"{url}/v1/predict", headers={"Origin": "https://evil.example"}, timeout=20)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_token(serve: Serve) -> None:
    url = serve(token="correct-horse-battery")
    for given, status in (
        ({}, 401),
        ({"Authorization": "Bearer correct-horse-batterx"}, 401),
        ({"Authorization": "Basic correct-horse-battery"}, 401),
        ({"Authorization": "Bearer \xff"}, 401),
        ({"Authorization": "bearer correct-horse-battery"}, 200),
    ):
        for path in ("/v1/models", "/v2", "/metrics"):
            answer = requests.get(url + path, headers=given, timeout=20)
            assert answer.status_code == status, (path, given)
            assert ("www-authenticate" in answer.headers) == (status == 401)
    for path in ("/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json"):
        assert requests.get(url + path, timeout=20).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/nowhere", "/docs", "/v1/predict"])
def test_headers_of_every_answer(url: str, path: str) -> None:
    headers = requests.get(url + path, timeout=20).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "server" not in headers
