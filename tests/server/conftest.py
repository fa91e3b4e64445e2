"""Servers that listen on 127.0.0.1, with a perceptron of the bundled digits and one of colour images."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from command_line import TRAIN_DIGITS, inkling
from inkling.runs.run import Run
from inkling.server.app import ServerOptions, create_app
from inkling.server.listening import new_server, open_socket, run_server, url_of
from inkling.server.served_model import ServedModel, load_models, name_runs


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A perceptron, trained a little."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    done = inkling(*TRAIN_DIGITS, "--epochs", "3", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def colours_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A perceptron of red, green and blue images, 6 pixels high and 4 wide."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (folder / "data" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 100, (6, 4, 3), dtype=np.uint8)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(folder / "data" / name / f"{number}.png")
    out = folder / "colours"
    done = inkling(
        "train",
        folder / "data",
        "--network",
        "perceptron",
        "--image-size",
        "6",
        "--epochs",
        "3",
        "--out",
        out,
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def models(digits_run: Path, colours_run: Path) -> dict[str, ServedModel]:
    """Both runs, loaded; the first is that of digits."""
    return load_models(name_runs([str(digits_run), str(colours_run)]))


@pytest.fixture(scope="session")
def digit_images(digits_run: Path) -> NDArray[np.uint8]:
    """Test images of the digits, uint8 (N, 8, 8, 1)."""
    return Run(digits_run).load_images().test.images


@contextmanager
def serving(models: dict[str, ServedModel], options: ServerOptions | None = None) -> Iterator[str]:
    """Serve models on a free port, and return the address."""
    options = options or ServerOptions()
    server = new_server(create_app(models, options), options.limits)
    listening = open_socket("127.0.0.1", 0)
    url = url_of(listening)
    thread = threading.Thread(target=run_server, args=(server, listening))
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(40)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def url(models: dict[str, ServedModel]) -> Iterator[str]:
    """The address of a server with the usual limits."""
    with serving(models) as address:
        yield address


Serve = Callable[..., str]


@pytest.fixture
def serve(models: dict[str, ServedModel]) -> Iterator[Serve]:
    """serve(**options of ServerOptions): the address of a server of its own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serving(models, ServerOptions(**options)))


@pytest.fixture(scope="module")
def serve_models() -> Iterator[Serve]:
    """serve_models(models, **options of ServerOptions): the address of a server of those models."""
    with ExitStack() as stack:
        yield lambda served, **options: stack.enter_context(serving(served, ServerOptions(**options)))
