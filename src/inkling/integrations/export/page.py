"""One HTML file with the model inside: draw, or give a picture, and see the answer and the evidence for it, offline.

The network runs as plain steps (networks/steps.py) in the page's own JavaScript. The file holds weights, class names,
facts and two test answers; no image of the data is in it, and its Content-Security-Policy lets no request leave it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling import __version__
from inkling.diagnosis.run_evaluation import evaluate_runs
from inkling.errors import NetworkError
from inkling.figures.style import variables
from inkling.images.drawings import INK, DrawingPath, measure_drawings
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Draft
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.temperature import at_temperature
from inkling.networks.catalogue import network_noun
from inkling.networks.steps import Step, Steps, Stepwise, multiply_adds
from inkling.pages.script import script
from inkling.pages.templating import environment

TOLERANCE = 1e-4
"""By which a probability may differ from the run's, in NumPy here and in the reader's browser."""

LARGEST = 40_000_000
"""Bytes of weights, uncompressed, of the largest network that a page takes: telephones open pages of this size."""

_CHECKED = (1, 2)
"""Seeds of the images of no meaning whose answers the page compares before it gives any."""

_SQUARES = 7
"""Squares along the shorter side that are covered in turn to find the evidence; halves overlap in quick networks."""
_QUICK = 20_000_000
"""Multiply-adds of a quick one."""


_SCRIPTS = ("model", "picture", "evidence", "drawing")


class PageFormat:
    """One HTML file that works offline from a double click."""

    name, suffix = "page", ".html"
    summary = "one HTML file to draw in, with the model inside: answers and evidence, offline in any browser"

    def draft(self, model: LeavingModel) -> Draft:
        """Return the model as a page; NumPy computes the page's own steps."""
        networks = [_steps_of(network) for network in model.networks]
        weights = sum(array.nbytes for network in networks for array in _arrays(network.steps))
        if weights > LARGEST:
            raise NetworkError(
                f"a page takes networks of {LARGEST // 10**6} MB of weights at most, this one has {weights / 1e6:.0f}: "
                "--format onnx takes it"
            )
        first = model.runs[0]
        path = measure_drawings(first.subset(first.load_images()).train.images)

        def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
            averaged = np.mean([network.predict_proba(images) for network in networks], axis=0)
            return at_temperature(averaged, model.temperature)

        def files(parity: Parity) -> dict[str, bytes]:
            return {self.suffix: _render(model, networks, path, parity).encode()}

        return Draft(predict, f"the steps of the page in NumPy {np.__version__}", files, TOLERANCE)


def check_image(seed: int, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an image of no meaning, (H, W, C), that the page's script makes of the same seed.

    The upper bytes of a linear congruential generator (Press et al., 1992, Numerical Recipes, section 7.1).
    """
    pixels, state = bytearray(), seed
    for _ in range(int(np.prod(image_shape))):
        state = (1664525 * state + 1013904223) % 2**32
        pixels.append(state >> 24)
    return np.frombuffer(bytes(pixels), np.uint8).reshape(image_shape)


def _steps_of(network: Any) -> Steps:
    if not isinstance(network, Stepwise):
        raise NetworkError(
            "this network is a NumPy class of somebody's own, which a page cannot compute: use --format npz, which "
            "keeps its arrays"
        )
    return network.steps()


def _arrays(steps: Sequence[Step]) -> list[NDArray[np.float32]]:
    """All weights, in the order in which the page holds them."""
    return [array for step in steps for array in (*step.arrays.values(), *_arrays(step.inside))]


def _render(model: LeavingModel, networks: Sequence[Steps], path: DrawingPath, parity: Parity) -> str:
    shape, names = model.image_shape, model.class_names
    arrays = [array for network in networks for array in _arrays(network.steps)]
    cost = sum(multiply_adds(network.steps, shape) for network in networks)
    side = max(2, round(min(shape[:2]) / _SQUARES))
    side = min(side, *shape[:2])
    values = {
        "class_names": list(names),
        "shape": list(shape),
        "fit": model.runs[0].data.options.fit,
        "drawing": path.to_dict(),
        "temperature": model.temperature,
        "networks": _described(networks),
        "occlusion": {"side": side, "stride": max(1, side // 2) if cost <= _QUICK else side},
        "tolerance": TOLERANCE,
        "check": [
            {"seed": seed, "probabilities": model.predict(check_image(seed, shape)[np.newaxis])[0].tolist()}
            for seed in _CHECKED
        ],
    }
    pages = environment("inkling.integrations.export")
    colours = {"light": variables(dark=False), "dark": variables(dark=True)}
    style = pages.get_template("page.css").render(colours) + pages.get_template("page_export.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    draws = shape[2] == 1
    noun = network_noun(model.runs[0].network_name) if len(networks) == 1 else f"mean of {len(networks)} networks"
    measured = evaluate_runs(list(model.runs)).evaluation
    interval = percent_interval(measured.accuracy_interval, measured.n)
    accuracy, n = percent(measured.accuracy, measured.n), f"{measured.n:,} test images"
    labels, data = ", ".join(run.label for run in model.runs), model.runs[0].data
    parameters = sum(array.size for array in arrays)
    return pages.get_template("page_export.html.j2").render(
        title=f"{'Draw' if draws else 'Show a picture'}, and the {noun} answers",
        about=f"Inkling on {data.name}, {len(names)} classes",
        accuracy=f"Of {n} it classifies {accuracy} correctly (95% interval {interval}); of others nothing is known.",
        draws=draws,
        words=max(map(len, names)) > 2,
        shape=shape,
        rule=path.rule if draws else _fitting(model),
        cover=_cover(path),
        occlusion=values["occlusion"],
        facts=(
            ("Network", f"{labels}: {parameters:,} parameters, {cost:,} multiply-adds an image"),
            ("Trained on", f"{data.train:,} images of {data.name}, {shape[0]}x{shape[1]} pixels"),
            ("Accuracy", f"{accuracy} of {n}, 95% interval {interval}"),
            ("Confidence", _confidence(model)),
            *((("Drawings", path.rule), ("Ink", _ink(path))) if draws else ()),
            ("Pictures", _fitting(model) if path.kind != INK else _cropping()),
            ("Parity", parity.verdict[:1].upper() + parity.verdict[1:]),
            ("Made by", f"Inkling {__version__}"),
        ),
        model=json.dumps(values),
        weights=_packed(arrays),
        style=style,
        style_source=f"'sha256-{digest}'",
        script=script("pages/elements.js", *(f"integrations/export/{name}.js" for name in _SCRIPTS)),
    )


def _described(networks: Sequence[Steps]) -> list[dict[str, Any]]:
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


def _packed(arrays: Sequence[NDArray[np.float32]]) -> str:
    """Return numbers as text: first bytes of all, then second bytes and so on, compressed, in base64.

    Signs and exponents, which are much alike, then lie side by side: 0.81 MB instead of 0.95 MB for `cnn`.
    """
    numbers = np.concatenate([array.ravel() for array in arrays]).astype("<f4")
    planes = numbers.view(np.uint8).reshape(-1, 4).T.tobytes()
    return base64.b64encode(zlib.compress(planes, 9)).decode("ascii")


def _confidence(model: LeavingModel) -> str:
    if not model.calibrated:
        return "As the network gives it, not calibrated (inkling export --calibrated)"
    images = model.runs[0].data.validation
    if model.temperature == 1:
        return f"Calibrated: temperature 1, because {images:,} validation images show no need of another"
    return f"Calibrated: temperature {model.temperature:.3g}, fitted on {images:,} validation images"


def _ink(path: DrawingPath) -> str:
    words = "light on dark" if path.light_on_dark else "dark on light"
    return f"Becomes {words}, as the training images are (their mean is {path.mean:.0f} of 255)"


def _cover(path: DrawingPath) -> str:
    if path.kind != INK:
        return "the mean colour of the image"
    return "black" if path.light_on_dark else "white"


def _cropping() -> str:
    return "Ink is what stands out from the border, darker or lighter; it goes the way of drawings"


def _fitting(model: LeavingModel) -> str:
    words = {"pad": "borders are added", "crop": "what stands over is cut off", "stretch": "they are distorted"}
    height, width, _ = model.image_shape
    fit = model.runs[0].data.options.fit
    return f"Shrunk to {height}x{width} pixels; where their shape is another, {words[fit]}"
