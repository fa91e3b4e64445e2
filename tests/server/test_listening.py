"""Starting and stopping: `inkling serve` as a process, stopped while it is asked."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from command_line import assert_refused, inkling
from inkling.errors import RunError
from inkling.server.served_model import name_runs

BODY = json.dumps([[0] * 8] * 8).encode()


def started(run: Path, log: Path, *words: str) -> tuple[subprocess.Popen[bytes], str]:
    command = [sys.executable, "-m", "inkling", "serve", str(run), "--port", "0", "--json", *words]
    with open(log, "wb") as file:  # a pipe that nobody reads would fill
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)
    assert process.stdout is not None
    values = json.loads(process.stdout.readline())
    assert values["models"] == ["digits"]
    return process, values["url"]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process at SIGTERM without asking it")
def test_sigterm_under_load_loses_nothing(digits_run: Path, tmp_path: Path) -> None:
    process, url = started(digits_run, tmp_path / "log")
    host = url.removeprefix("http://")
    answered, lost, stopping = [0] * 8, list[str](), threading.Event()

    def ask(number: int) -> None:
        while True:
            connection = http.client.HTTPConnection(host, timeout=20)
            try:
                connection.connect()
            except OSError:
                return  # it listens no more
            try:
                while True:
                    connection.request("POST", "/v1/predict", BODY, {"Content-Type": "application/json"})
                    response = connection.getresponse()
                    assert response.status == 200
                    response.read()
                    answered[number] += 1
                    if response.getheader("connection") == "close":
                        break
            except Exception as error:
                lost.append(f"{type(error).__name__}: {error}")
                return
            finally:
                connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    stopping.set()
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    printed, _ = process.communicate(timeout=30)
    said = (tmp_path / "log").read_bytes()
    assert lost == []
    assert min(answered) > 0
    assert (process.returncode, printed) == (0, b"")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith(b"{")]
    assert sum(line["status"] == 200 for line in lines) == sum(answered)
    assert said.rstrip().endswith(b"Stopped.")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process at SIGTERM without asking it")
def test_a_request_that_is_still_coming_is_finished(digits_run: Path, tmp_path: Path) -> None:
    process, url = started(digits_run, tmp_path / "log", "--quiet")
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:10])
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.7)
        connection.sendall(BODY[10:])
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()
    printed, _ = process.communicate(timeout=30)
    said = (tmp_path / "log").read_bytes()
    assert (process.returncode, printed, said) == (0, b"", b"")


def test_other_machines_reach_it_only_where_it_says_so(digits_run: Path, tmp_path: Path) -> None:
    process, url = started(digits_run, tmp_path / "log", "--host", "0.0.0.0")
    try:
        assert requests.get(f"{url}/v2/health/live", timeout=20).status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=30)
    said = (tmp_path / "log").read_bytes()
    assert b"Open: other machines can reach it on 0.0.0.0, and nobody is asked for a token (--token-file)." in said


def test_what_the_command_refuses(digits_run: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(inkling("serve", digits_run, "--port", port), f"cannot listen on 127.0.0.1, port {port}")
    assert_refused(inkling("serve", digits_run, "--host", "nowhere.invalid"), "cannot listen on nowhere.invalid")
    assert_refused(inkling("serve", tmp_path), "not a run folder")
    assert_refused(inkling("serve", digits_run, digits_run), "another run is served as 'digits'")
    assert_refused(inkling("serve", digits_run, "--token-file", tmp_path / "none"), "cannot be read as a token")
    (tmp_path / "token").write_text("short\n")
    assert_refused(inkling("serve", digits_run, "--token-file", tmp_path / "token"), "16 characters or more")


def test_names(digits_run: Path, tmp_path: Path) -> None:
    assert list(name_runs([str(digits_run), f"other={digits_run}"])) == ["digits", "other"]
    hostile = tmp_path / "a b<script>"
    shutil.copytree(digits_run, hostile)
    with pytest.raises(RunError, match="give NAME=RUN"):
        name_runs([str(hostile)])
    assert list(name_runs([f"fine={hostile}"])) == ["fine"]
