"""What computes in a page: the plain steps of a network in the page's own JavaScript, or ONNX by onnxruntime-web in it.

Steps are small, and the page of one opens at once; onnxruntime-web takes every network that ONNX can express.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.onnx_file import OPSET, OnnxFormat
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Predict
from inkling.integrations.export.web_runtime import PACKAGE, VERSION, WebRuntime, find_runtime
from inkling.metrics.temperature import at_temperature
from inkling.networks.protocols import Portable, weights_only
from inkling.networks.steps import Step, Steps, Stepwise, multiply_adds

TOLERANCE = 1e-4
"""By which a probability may differ from the run's, of steps in NumPy here and of any page in the reader's browser."""

LARGEST = 40_000_000
"""Bytes of weights, uncompressed, of the largest network that a page computes as steps: telephones open such pages."""

LARGEST_ONNX = 100_000_000
"""Of the largest network that a page takes at all."""


@dataclass(frozen=True, eq=False)
class Engine:
    """How the networks of a model are computed in a page, and here."""

    predict: Predict  # here, as the page computes
    computed_by: str  # what predicts here
    tolerance: float  # by which that may differ from the run
    words: str  # what computes in the page, for its reader
    scripts: Sequence[str]  # files among the templates, one with openNetwork, which returns what predicts there
    policy: str  # what the Content-Security-Policy lets run for it, beside the page's own script
    networks: Sequence[Mapping[str, Any]]  # as JSON values, where they are steps
    packed: Callable[[Parity], Mapping[str, str]]  # name of a data attribute -> its text
    parameters: int
    multiply_adds: int  # of one image


def engine_of(model: LeavingModel, runtime: Path | None = None) -> Engine:
    """Return what computes a model in a page.

    Parameters
    ----------
    model : LeavingModel
    runtime : Path, optional
        onnxruntime-web, as `web_runtime.find_runtime` takes it, which then computes networks of plain steps too.

    Raises
    ------
    NetworkError
        If a network is a NumPy class of somebody's own, too large, or ONNX cannot express it.
    MissingLibraryError, ExportError
        As `web_runtime.find_runtime` and `OnnxFormat.draft`.
    """
    networks: Sequence[Any] = model.networks
    if not all(isinstance(network, Portable) for network in networks):
        raise NetworkError(
            "this network is a NumPy class of somebody's own, which a page cannot compute: use --format npz, which "
            "keeps its arrays"
        )
    weights = sum(array.nbytes for network in networks for array in weights_only(network.state()).values())
    if weights > LARGEST_ONNX:
        raise NetworkError(
            f"a page takes networks of {LARGEST_ONNX // 10**6} MB of weights at most, this one has "
            f"{weights / 1e6:.0f}: --format onnx takes it"
        )
    steps = steps_of(networks) if runtime is None and weights <= LARGEST else None
    return _by_steps(model, steps) if steps else _by_onnxruntime(model, find_runtime(runtime))


def steps_of(networks: Sequence[Any]) -> list[Steps] | None:
    """Return the steps of all networks; None where one has a layer of another kind."""
    if not all(isinstance(network, Stepwise) for network in networks):
        return None
    try:
        return [network.steps() for network in networks]
    except NetworkError:
        return None


def _by_steps(model: LeavingModel, networks: Sequence[Steps]) -> Engine:
    arrays = [array for network in networks for array in arrays_of(network.steps)]

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        averaged = np.mean([network.predict_proba(images) for network in networks], axis=0)
        return at_temperature(averaged, model.temperature)

    def packed(_: Parity) -> dict[str, str]:
        return {"weights": _in_planes(b"".join(array.astype("<f4").tobytes() for array in arrays))}

    return Engine(
        predict,
        f"the steps of the page in NumPy {np.__version__}",
        TOLERANCE,
        "This page's own JavaScript",
        ("packed", "steps"),
        "",
        describe(networks),
        packed,
        sum(array.size for array in arrays),
        sum(multiply_adds(network.steps, model.image_shape) for network in networks),
    )


def _by_onnxruntime(model: LeavingModel, runtime: WebRuntime) -> Engine:
    onnx = OnnxFormat()
    draft = onnx.draft(model)
    networks: Sequence[Any] = model.networks
    layers = [layer for network in networks for layer in network.layers()]

    def packed(parity: Parity) -> dict[str, str]:
        network = draft.files(parity)[onnx.suffix]
        return {
            "module": _text(zlib.compress(runtime.module, 9)),
            "wasm": _text(zlib.compress(runtime.wasm, 9)),
            "network": _in_planes(network),
            "length": str(len(network)),
        }

    return Engine(
        draft.predict,
        draft.computed_by,
        draft.tolerance,
        f"{PACKAGE} {VERSION} (Microsoft Corporation, MIT licence) inside this file, on one thread; ONNX opset {OPSET}",
        ("packed", "onnx"),
        " blob: 'wasm-unsafe-eval'",  # its module from memory, and WebAssembly; neither lets text run as JavaScript
        (),
        packed,
        sum(layer.parameters for layer in layers),
        sum(layer.multiply_adds for layer in layers),
    )


def arrays_of(steps: Sequence[Step]) -> list[NDArray[np.float32]]:
    """All weights, in the order in which the page holds them."""
    return [array for step in steps for array in (*step.arrays.values(), *arrays_of(step.inside))]


def describe(networks: Sequence[Steps]) -> list[dict[str, Any]]:
    """Return the steps as JSON values, each array as [place of its first number, count]."""
    place = 0

    def values(steps: Sequence[Step]) -> list[dict[str, Any]]:
        nonlocal place
        described = []
        for step in steps:
            places = {}
            for name, array in step.arrays.items():
                places[name] = [place, array.size]
                place += array.size
            described.append({"kind": step.kind, **step.sizes, "arrays": places, "inside": values(step.inside)})
        return described

    return [{"pixel_scale": network.pixel_scale, "steps": values(network.steps)} for network in networks]


def _in_planes(content: bytes) -> str:
    """Return bytes, most of them of float32 numbers, as text: every fourth byte, then those after them, compressed.

    Signs and exponents, which are much alike, then lie side by side: 0.81 MB instead of 0.95 MB for `cnn`. What is
    missing of the last four bytes is zeros.
    """
    filled = np.frombuffer(content.ljust(-(-len(content) // 4) * 4, b"\0"), np.uint8)
    return _text(zlib.compress(filled.reshape(-1, 4).T.tobytes(), 9))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
