"""One HTML file with the model inside: draw, or give a picture, and see the answer and the evidence for it, offline.

What computes is in the file too (page_engine.py). The file holds weights, class names, facts and two test answers; no
image of the data is in it, and its Content-Security-Policy lets no request leave it.
The panels of pages/playground.py are in it too, with the bundled digits that a perceptron is trained on in the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from inkling import __version__
from inkling.diagnosis.run_evaluation import evaluate_runs
from inkling.figures.style import variables
from inkling.images.drawings import INK, DrawingPath, measure_drawings
from inkling.integrations.export.model import LeavingModel, public_name
from inkling.integrations.export.page_engine import TOLERANCE, Engine, engine_of
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Draft
from inkling.metrics.formatting import percent, percent_interval
from inkling.networks.catalogue import network_noun
from inkling.pages.playground import SCRIPTS, WORKER_SOURCE, digits_for_training
from inkling.pages.script import script
from inkling.pages.templating import environment
from inkling.runs.run import variant_label

_CHECKED = (1, 2)
"""Seeds of the images of no meaning whose answers the page compares before it gives any."""

_SQUARES = 7
"""Squares along the shorter side that are covered in turn to find the evidence; halves overlap in quick networks."""
_QUICK = 20_000_000
"""Multiply-adds of a quick one."""

_SCRIPTS = ("picture", "evidence", "drawing")
"""Of every page, beside those of what computes."""


@dataclass(frozen=True)
class PageFormat:
    """One HTML file that works offline from a double click.

    Parameters
    ----------
    runtime : Path, optional
        onnxruntime-web, which is then used for every network: see `page_engine.engine_of`.
    """

    runtime: Path | None = None

    name: ClassVar[str] = "page"
    suffix: ClassVar[str] = ".html"
    summary: ClassVar[str] = (
        "one HTML file to draw in, with the model inside: answers and evidence, offline in any browser"
    )

    def draft(self, model: LeavingModel) -> Draft:
        """Return the model as a page, computed here as the page computes it."""
        engine = engine_of(model, self.runtime)
        first = model.runs[0]
        path = measure_drawings(first.subset(first.load_images()).train.images)

        def files(parity: Parity) -> dict[str, bytes]:
            return {self.suffix: _render(model, engine, path, parity).encode()}

        return Draft(engine.predict, engine.computed_by, files, engine.tolerance)


def check_image(seed: int, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an image of no meaning, (H, W, C), that the page's script makes of the same seed.

    The upper bytes of a linear congruential generator (Press et al., 1992, Numerical Recipes, section 7.1).
    """
    pixels, state = bytearray(), seed
    for _ in range(int(np.prod(image_shape))):
        state = (1664525 * state + 1013904223) % 2**32
        pixels.append(state >> 24)
    return np.frombuffer(bytes(pixels), np.uint8).reshape(image_shape)


def _render(model: LeavingModel, engine: Engine, path: DrawingPath, parity: Parity) -> str:
    shape, names = model.image_shape, model.class_names
    side = max(2, round(min(shape[:2]) / _SQUARES))
    side = min(side, *shape[:2])
    values = {
        "class_names": list(names),
        "shape": list(shape),
        "fit": model.runs[0].data.options.fit,
        "drawing": path.to_dict(),
        "temperature": model.temperature,
        "networks": engine.networks,
        "occlusion": {"side": side, "stride": max(1, side // 2) if engine.multiply_adds <= _QUICK else side},
        "tolerance": TOLERANCE,
        "check": [
            {"seed": seed, "probabilities": model.predict(check_image(seed, shape)[np.newaxis])[0].tolist()}
            for seed in _CHECKED
        ],
    }
    pages = environment("inkling.integrations.export")
    colours = {"light": variables(dark=False), "dark": variables(dark=True)}
    sheets = ("page.css", "playground.css", "page_export.css")
    style = "".join(pages.get_template(sheet).render(colours) for sheet in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    draws = shape[2] == 1
    noun = network_noun(public_name(model.runs[0])) if len(model.runs) == 1 else f"mean of {len(model.runs)} networks"
    measured = evaluate_runs(list(model.runs)).evaluation
    interval = percent_interval(measured.accuracy_interval, measured.n)
    accuracy, n = percent(measured.accuracy, measured.n), f"{measured.n:,} test images"
    labels = ", ".join(variant_label(public_name(run), run.variant) for run in model.runs)
    data = model.runs[0].data
    scripts = (f"integrations/export/{name}.js" for name in (*engine.scripts, *_SCRIPTS))
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
            ("Network", f"{labels}: {engine.parameters:,} parameters, {engine.multiply_adds:,} multiply-adds an image"),
            ("Computed by", engine.words),
            ("Trained on", f"{data.train:,} images of {data.name}, {shape[0]}x{shape[1]} pixels"),
            ("Accuracy", f"{accuracy} of {n}, 95% interval {interval}"),
            ("Confidence", _confidence(model)),
            *((("Drawings", path.rule), ("Ink", _ink(path))) if draws else ()),
            ("Pictures", _fitting(model) if path.kind != INK else _cropping()),
            ("Parity", parity.verdict.replace("the steps", "The steps", 1)),
            ("Made by", f"Inkling {__version__}"),
        ),
        model=json.dumps(values),
        packed=engine.packed(parity),
        policy=engine.policy,
        style=style,
        style_source=f"'sha256-{digest}'",
        digits=json.dumps(digits_for_training()),
        worker_source=WORKER_SOURCE,
        traced=_is_perceptron(engine, shape),
        script=script("pages/elements.js", *SCRIPTS, *scripts),
    )


def _is_perceptron(engine: Engine, shape: tuple[int, int, int]) -> bool:
    """Whether the page computes one perceptron of grey images in steps, as isPerceptron of evidence.js asks."""
    kinds = [[step["kind"] for step in network["steps"]] for network in engine.networks]
    return shape[2] == 1 and kinds == [["dense", "sigmoid", "dense"]]


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
