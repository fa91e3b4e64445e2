"""Hostile and slow clients, by real sockets: a clear answer, no memory, and the server answers the next."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from inkling.server.limits import Limits

Serve = Callable[..., str]
MIB = 2**20


@contextlib.contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def send_for_ever(connection: socket.socket, part: bytes, times: int) -> None:
    with contextlib.suppress(ConnectionError):
        for _ in range(times):
            connection.sendall(part)


@pytest.fixture
def flat(url: str) -> Iterator[None]:
    """The process, in which the server runs, grows by no more than 64 MiB, and the server answers afterwards."""
    requests.get(f"{url}/v2/health/live", timeout=20)
    process = psutil.Process()
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < 64 * MIB
    assert requests.get(f"{url}/v2/health/live", timeout=20).json() == {"live": True}


HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"


@pytest.mark.usefixtures("flat")
def test_a_gigabyte_with_content_length(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'{"error":"expected a body of' in answer
        send_for_ever(connection, bytes(MIB), 40)  # who sends it all the same is read and forgotten


@pytest.mark.usefixtures("flat")
def test_a_gigabyte_without_content_length(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        send_for_ever(connection, b"100000\r\n" + bytes(MIB) + b"\r\n", 100)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("flat")
def test_decompression_bombs(url: str) -> None:
    zeros = zlib.compress(bytes(64 * MIB), 9)
    out = io.BytesIO()
    Image.new("L", (6000, 6000)).save(out, "PNG")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def png(width: int, height: int) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")

    for bomb in (out.getvalue(), png(50_000, 50_000), png(2**31 - 1, 2**31 - 1)):
        for body in (
            {"data": bomb, "headers": {"Content-Type": "image/png"}},
            {"files": [("file", ("bomb.png", bomb))] * 3},
        ):
            arguments: dict[str, Any] = body
            answer = requests.post(f"{url}/v1/predict", timeout=20, **arguments)
            assert answer.status_code == 413, answer.text
            assert "megapixels" in answer.json()["error"]


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize("part", [b"[[],", b"[[[],", b'[["a",', b"[[1,", b"[[{},", b'{"a":'])
def test_json_that_would_become_many_times_its_size(url: str, part: bytes) -> None:
    body = part[:1] + part[1:] * (380_000 // len(part))
    for path in ("/v1/predict", "/v2/models/digits/infer"):
        answer = requests.post(url + path, data=body, headers={"Content-Type": "application/json"}, timeout=20)
        assert answer.status_code == 400, answer.text


@pytest.mark.usefixtures("flat")
def test_a_shape_whose_product_is_huge(url: str) -> None:
    body = (
        b'{"inputs":[{"name":"images","datatype":"UINT8","shape":[200,8,8,1],"parameters":{"binary_data_size":12800}}]}'
    )
    for shape in (b"9223372036854775807,8,8,1", b"4294967296,4294967296", b"200,8,8,999999999999"):
        changed = body.replace(b"200,8,8,1", shape)
        headers = {"Inference-Header-Content-Length": str(len(changed))}
        answer = requests.post(f"{url}/v2/models/digits/infer", data=changed, headers=headers, timeout=20)
        assert answer.status_code in (400, 413), answer.text


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n", b"GET /" + b"a" * 100, b"GET / HTTP/1.1\r\nX: "])
def test_a_header_without_end(url: str, start: bytes) -> None:
    line = b"X-Line: " + b"a" * 1000 + b"\r\n" if start.endswith(b"\n") else b"a" * 1000
    with connected(url) as connection:
        connection.sendall(start)
        send_for_ever(connection, line, 20_000)
        assert received(connection)[:13] in (b"HTTP/1.1 431 ", b"")  # nothing, where it was cut off while sending


def test_a_header_that_is_too_large(url: str) -> None:
    limit = Limits().header
    for size, status in ((limit - 1000, 200), (limit + 1000, 431)):
        answer = requests.get(f"{url}/v2/health/live", headers={"X": "a" * size}, timeout=20)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"


def test_what_is_no_http(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello \r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error":"Invalid HTTP request received."}')


def test_slow_clients(serve: Serve) -> None:
    url = serve(limits=Limits(header_seconds=0.3, body_seconds=0.6))
    begun = time.monotonic()
    with connected(url) as silent, connected(url) as header, connected(url) as body:
        header.sendall(b"GET / HTTP/1.1\r\nHost: ")
        body.sendall(HEAD + b"Content-Length: 100\r\n\r\nabc")
        assert received(silent) == b""
        assert received(header).startswith(b"HTTP/1.1 408 ")
        found = received(body)
        assert found.startswith(b"HTTP/1.1 408 ")
        assert found.count(b"HTTP/1.1") == 1
    assert time.monotonic() - begun < 5
    assert requests.get(f"{url}/v2/health/live", timeout=20).status_code == 200


def test_slow_clients_keep_nobody_else_waiting(url: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connected(url)).sendall(HEAD + b"Content-Length: 100\r\n\r\n")
        pixels = np.zeros((8, 8), np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        assert requests.post(f"{url}/v1/predict", data=out.getvalue(), timeout=5).status_code == 200


@pytest.mark.usefixtures("flat")
def test_connections_opened_and_dropped(url: str) -> None:
    for number in range(1000):
        with connected(url) as connection:
            if number % 2:
                connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # dropped by a reset


def test_more_connections_than_allowed(serve: Serve) -> None:
    url = serve(limits=Limits(connections=5))
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connected(url))
        time.sleep(0.2)
        with connected(url) as refused:
            assert received(refused) == b""
    time.sleep(0.2)
    assert requests.get(f"{url}/v2/health/live", timeout=20).status_code == 200


def test_one_connection_serves_many_requests_after_a_refusal(url: str) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.post(f"{url}/v1/predict", data=bytes(500_000), timeout=20).status_code == 400
            assert session.get(f"{url}/v2/health/live", timeout=20).status_code == 200
