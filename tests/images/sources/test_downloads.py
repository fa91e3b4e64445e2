"""Fetching named sets from a real server on this machine: mirrors that fail, lie, or stop half-way."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from inkling.errors import DataError, DownloadError
from inkling.images.sources.downloads import NAMED_SETS, Digest, NamedSet, check_digest, fetch, find
from inkling.images.sources.idx import load_idx_folder
from inkling.images.sources.protocol import LoadProgress


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


RNG = np.random.default_rng(0)
CONTENT = {
    "train-images-idx3-ubyte.gz": idx(RNG.integers(0, 256, (12, 4, 4), dtype=np.uint8)),
    "train-labels-idx1-ubyte.gz": idx((np.arange(12) % 2).astype(np.uint8)),
    "t10k-images-idx3-ubyte.gz": idx(RNG.integers(0, 256, (4, 4, 4), dtype=np.uint8)),
    "t10k-labels-idx1-ubyte.gz": idx((np.arange(4) % 2).astype(np.uint8)),
}
ARCHIVES = {name: gzip.compress(content, mtime=0) for name, content in CONTENT.items()}
FIRST = "train-images-idx3-ubyte.gz"


@dataclass
class Server:
    """Serves /good/ rightly; other paths as their name says. Keeps what was asked for."""

    address: str
    asked: list[str] = field(default_factory=list)

    def mirror(self, kind: str) -> str:
        return f"{self.address}/{kind}/"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append(self.path)
            _, kind, name = self.path.split("/")
            body = ARCHIVES.get(name, b"")
            if kind == "missing" or not body:
                self.send_error(404)
                return
            length = len(body)
            if kind == "wrong":
                body = gzip.compress(CONTENT[name] + b"\x00")
                length = len(body)
            if kind == "page":
                body = b"<html>Sign in to the network</html>"
                length = len(body)
            if kind == "truncated":
                body, length = body[:-20], len(body) - 20
            if kind == "interrupted":
                body = body[:-20]  # and the connection is closed before the promised length
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        running = Server(f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_own_mirror_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INKLING_MIRROR", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)  # between a mirror's two tries


def named(*mirrors: str, covers: str = "content") -> NamedSet:
    data = CONTENT if covers == "content" else ARCHIVES
    return NamedSet(
        name="tiny",
        title="Tiny",
        licence="CC0",
        source="a test",
        class_names=("a", "b"),
        mirrors=mirrors,
        digests={name: Digest(hashlib.sha256(content).hexdigest(), covers) for name, content in data.items()},
    )


@pytest.mark.parametrize("covers", ["content", "archive"])
def test_fetch(server: Server, tmp_path: Path, covers: str) -> None:
    progress: list[LoadProgress] = []
    folder = tmp_path / "new" / "tiny"
    files = fetch(named(server.mirror("good"), covers=covers), folder, progress.append)
    assert files == {name: folder / name for name in CONTENT}
    assert sorted(path.name for path in folder.iterdir()) == sorted(CONTENT)
    for name, path in files.items():
        assert path.read_bytes() == ARCHIVES[name]
    assert [said for said in progress if said.stage == "verifying tiny"] == [
        LoadProgress("verifying tiny", 4, 4, "files")
    ]
    last = {said.stage: (said.done, said.total, said.unit) for said in progress if said.stage != "verifying tiny"}
    assert last == {f"downloading {name}": (len(archive), len(archive), "bytes") for name, archive in ARCHIVES.items()}
    assert len(load_idx_folder(folder, "tiny", ("a", "b")).test) == 4


@pytest.mark.parametrize("kind", ["missing", "wrong", "page", "truncated", "interrupted"])
def test_the_next_mirror_is_tried(server: Server, tmp_path: Path, kind: str) -> None:
    files = fetch(named(server.mirror(kind), server.mirror("good")), tmp_path)
    assert {name: path.read_bytes() for name, path in files.items()} == ARCHIVES
    assert f"/{kind}/{FIRST}" in server.asked
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(CONTENT)


@pytest.mark.parametrize("kind", ["wrong", "page", "truncated", "interrupted"])
def test_wrong_bytes_leave_nothing_behind(server: Server, tmp_path: Path, kind: str) -> None:
    with pytest.raises(DownloadError, match=f"no mirror gave {FIRST}"):
        fetch(named(server.mirror(kind)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_mirror_answers(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/"
    with pytest.raises(DownloadError) as caught:
        fetch(named(nobody, "http://127.0.0.1:9/again/"), tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "by hand" in message
    for name in CONTENT:
        assert name in message, f"{name} is not named: the user cannot know what to download"
    assert message.count("127.0.0.1:9") >= 2
    assert "\n" not in message


def test_present_files_are_verified_and_kept(server: Server, tmp_path: Path) -> None:
    entry = named(server.mirror("good"))
    fetch(entry, tmp_path)
    raw = tmp_path / FIRST.removesuffix(".gz")
    raw.write_bytes(CONTENT[FIRST])
    (tmp_path / FIRST).unlink()
    server.asked.clear()
    assert fetch(entry, tmp_path)[FIRST] == raw
    assert server.asked == []
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    fetch(entry, tmp_path)
    assert server.asked == ["/good/t10k-labels-idx1-ubyte.gz"]


def test_a_damaged_file_is_reported_and_not_replaced(server: Server, tmp_path: Path) -> None:
    entry = named(server.mirror("good"))
    fetch(entry, tmp_path)
    damaged = tmp_path / FIRST
    damaged.write_bytes(gzip.compress(b"other"))
    server.asked.clear()
    with pytest.raises(DataError, match=r"expected SHA-256 .* of its content, found .*: delete it and fetch it again"):
        fetch(entry, tmp_path)
    damaged.write_bytes(ARCHIVES[FIRST][:-10])
    with pytest.raises(DataError, match="truncated or damaged"):
        fetch(entry, tmp_path)
    assert server.asked == []
    assert find(entry, tmp_path, verify=False)[FIRST] == damaged


@pytest.mark.parametrize("slash", ["", "/"])
def test_own_mirror_replaces_the_public_ones(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slash: str
) -> None:
    monkeypatch.setenv("INKLING_MIRROR", f"{server.address}/good{slash}")
    fetch(named(server.mirror("wrong")), tmp_path)
    assert server.asked == [f"/good/{name}" for name in CONTENT]


def test_content_is_verified_in_any_compression(tmp_path: Path) -> None:
    path = tmp_path / "file"
    digest = Digest(hashlib.sha256(b"abc").hexdigest())
    for content in (b"abc", gzip.compress(b"abc", 1), gzip.compress(b"abc", 9)):
        path.write_bytes(content)
        check_digest(path, digest)
    with pytest.raises(DataError, match="of its archive"):
        check_digest(path, replace(digest, covers="archive"))


def test_every_named_set_is_complete() -> None:
    for name, entry in NAMED_SETS.items():
        assert entry.name == name
        assert len(entry.file_names) == 4
        assert len(entry.class_names) == len(set(entry.class_names)) == 10
        assert len(entry.mirrors) >= 2
        assert all(mirror.endswith("/") for mirror in entry.mirrors), "urljoin would drop the last folder"
        assert all(len(bytes.fromhex(digest.sha256)) == 32 for digest in entry.digests.values())
