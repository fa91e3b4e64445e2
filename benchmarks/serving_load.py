"""Requests a second and seconds a request of `inkling serve`, beside FastAPI around onnxruntime and beside LitServe.

    python benchmarks/serving_load.py                    perceptron and cnn; 1, 8 and 64 clients, 30 s each
    python benchmarks/serving_load.py --quick            a moment each, on the bundled digits: the numbers mean nothing

Every request is one PNG file, every answer the probabilities of all classes as JSON; LitServe is given the file in
JSON, in base64. Each server is a process of its own with one worker, the clients are another, and all listen on
127.0.0.1. A client sends its next request when its last is answered, on one connection. `inkling serve` does what it
does by default, its log included, which goes to a file; the FastAPI handler does nothing but decode, predict and
answer, and writes no log. The servers take turns at each number of clients. On a busy machine the processor time of a
request, of the server and its workers, says more than the others. MNIST is used where it is at hand, else the digits.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from fastapi import FastAPI, Request
from PIL import Image

CLIENTS = (1, 8, 64)
PERCENTILES = (50, 99)


class Client(asyncio.Protocol):
    """One client: a connection on which one request after the other is asked."""

    def __init__(self, requests: list[bytes], until: float, taken: list[float], failures: list[str]) -> None:
        self.requests, self.until, self.taken, self.failures = requests, until, taken, failures
        self.done = asyncio.get_running_loop().create_future()
        self.received, self.asked, self.length = b"", 0, -1

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self.received, self.length, self.begun = b"", -1, time.perf_counter()
        self.transport.write(self.requests[self.asked % len(self.requests)])
        self.asked += 1

    def data_received(self, data: bytes) -> None:
        """Ask again once the answer is complete."""
        self.received += data
        if self.length < 0:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            header = self.received[:end].lower()
            if not header.startswith(b"http/1.1 200"):
                self.failures.append(self.received[:200].decode(errors="replace"))
            place = header.index(b"content-length:") + 15
            self.length = end + 4 + int(header[place : (header + b"\r\n").index(b"\r\n", place)])
        if len(self.received) < self.length:
            return
        now = time.perf_counter()
        self.taken.append(now - self.begun)
        if now < self.until:
            self._ask()
        else:
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the server closed."""
        if not self.done.done():
            self.failures.append(f"connection lost ({exc})")
            self.done.set_result(None)


def load(port: int, clients: int, seconds: float, path: str, body_files: list[str], kind: str) -> None:
    """Ask a server, and print what came of it as JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: "
    bodies = [Path(file).read_bytes() for file in body_files]
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    taken: list[float] = []
    failures: list[str] = []

    async def run() -> float:
        loop, begun = asyncio.get_running_loop(), time.perf_counter()
        connected = [
            await loop.create_connection(lambda: Client(requests, begun + seconds, taken, failures), "127.0.0.1", port)
            for _ in range(clients)
        ]
        await asyncio.gather(*(client.done for _, client in connected))
        return time.perf_counter() - begun

    import uvloop

    passed = uvloop.run(run())
    quantiles = [float(1000 * np.percentile(taken, percentile)) for percentile in PERCENTILES]
    print(json.dumps({"rate": len(taken) / passed, "ms": quantiles, "requests": len(taken), "failures": failures[:3]}))


def serve_plainly(model: str, port: int, names: list[str], shape: tuple[int, int]) -> None:
    """Serve an ONNX file by the shortest handler."""
    import onnxruntime
    import uvicorn

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        picture = Image.open(io.BytesIO(await request.body())).convert("L")
        pixels = np.asarray(picture, np.uint8).reshape(1, *shape, 1)
        row = session.run(["probabilities"], {"images": pixels})[0][0]
        return {"label": names[int(row.argmax())], "probabilities": dict(zip(names, row.tolist(), strict=True))}

    uvicorn.run(app, port=port, log_level="error", access_log=False, http="httptools", loop="uvloop")


def serve_by_litserve(model: str, port: int, names: list[str], shape: tuple[int, int]) -> None:
    """Serve an ONNX file by LitServe."""
    import litserve

    from serving_litserve import OnnxModel

    server = litserve.LitServer(OnnxModel(model, names, shape), accelerator="cpu", workers_per_device=1)
    server.run(port=port, host="127.0.0.1", log_level="error", generate_client_file=False, access_log=False)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def started(words: list[str], port: int, log: Path) -> Iterator[psutil.Process]:
    """Run a server until the end of the context."""
    with open(log, "wb") as file:
        process = subprocess.Popen([sys.executable, *words], stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port), 1) as connection:
                        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                        connection.settimeout(60)
                        connection.recv(100)
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit(f"a server did not start:\n{log.read_text()[-2000:]}") from None
                    time.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            workers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate()
            process.wait(60)
            for worker in workers:  # LitServe leaves its own behind
                with suppress(psutil.NoSuchProcess):
                    worker.kill()


def processor_seconds(process: psutil.Process) -> float:
    """Return the seconds that a process and those it started have computed."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def trained(folder: Path, network: str, source: str) -> Path:
    """Train a network a little: how fast it answers does not depend on how well."""
    run = folder / network
    words = ["-m", "inkling", "train", source, "--network", network, "--train-size", "1000", "--epochs", "1"]
    subprocess.run([sys.executable, *words, "--out", run, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return run


def measure(network: str, source: str, seconds: float, folder: Path, clients: tuple[int, ...]) -> None:
    """Print the rows of one network."""
    from inkling.integrations.export.export import export_runs
    from inkling.runs.run import Run

    run = Run(trained(folder, network, source))
    onnx = folder / f"{network}.onnx"
    export_runs([run], "onnx", onnx)
    pictures, in_json = [], []
    for number, image in enumerate(run.load_images().test.images[:64]):
        content = io.BytesIO()
        Image.fromarray(image[..., 0]).save(content, "PNG")
        pictures.append(folder / f"{number}.png")
        pictures[-1].write_bytes(content.getvalue())
        in_json.append(folder / f"{number}.json")
        in_json[-1].write_text(json.dumps({"image": base64.b64encode(content.getvalue()).decode()}))
    names, shape = list(run.data.class_names), run.data.image_shape[:2]
    others = json.dumps([str(onnx), names, shape])
    servers = {"inkling serve": ("/v1/predict", pictures, "image/png"), "FastAPI": ("/predict", pictures, "image/png")}
    if importlib.util.find_spec("litserve"):
        servers["LitServe"] = ("/predict", in_json, "application/json")
    with ExitStack() as stack:
        ports, processes = {}, {}
        for name in servers:
            ports[name] = port = free_port()
            own = ["-m", "inkling", "serve", str(run.folder), "--port", str(port)]
            words = (
                own if name == "inkling serve" else [__file__, "--serve", name, "--port", str(port), "--what", others]
            )
            processes[name] = stack.enter_context(started(words, port, folder / f"{network}-{name}.log"))
        for n in clients:
            for name, (path, files, kind) in servers.items():
                asked = json.dumps([ports[name], n, seconds, path, [str(file) for file in files], kind])
                before = processor_seconds(processes[name])
                said = subprocess.run(
                    [sys.executable, __file__, "--load", asked], check=True, capture_output=True, text=True
                )
                found = json.loads(said.stdout)
                p50, p99 = found["ms"]
                used = 1000 * (processor_seconds(processes[name]) - before) / found["requests"]
                print(
                    f"| {network} | {n} | {name} | {found['rate']:,.0f} | {p50:.2f} | {p99:.2f} | {used:.2f} | "
                    f"{len(found['failures'])} of {found['requests']:,} |", flush=True,
                )  # fmt: skip
                for failure in found["failures"]:
                    print(f"failed: {failure}", file=sys.stderr)


def main() -> None:
    """Measure everything, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each row")
    parser.add_argument("--quick", action="store_true", help="a moment each: the numbers mean nothing")
    parser.add_argument("--networks", default="perceptron,cnn")
    for internal in ("--load", "--serve", "--what", "--port"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(*json.loads(options.load))
        return
    if options.serve:
        serve = serve_plainly if options.serve == "FastAPI" else serve_by_litserve
        model, names, shape = json.loads(options.what)
        serve(model, int(options.port), names, tuple(shape))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from inkling.images.sources.downloads import data_folder

    source = "mnist" if (data_folder() / "mnist").is_dir() and not options.quick else "digits"
    packages = ("fastapi", "uvicorn", "onnxruntime", *(["litserve"] if importlib.util.find_spec("litserve") else []))
    print(f"{source}; {os.cpu_count()} CPUs; {', '.join(f'{name} {version(name)}' for name in packages)}")
    columns = "network | clients | server | requests/s | p50 ms | p99 ms | processor ms | failed"
    print(f"| {columns} |\n|---|---:|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for network in ["cnn"] if options.quick else options.networks.split(","):
            measure(network, source, 0.3 if options.quick else options.seconds, Path(folder), CLIENTS)


if __name__ == "__main__":
    main()
