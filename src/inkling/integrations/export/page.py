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

from inkling import __version__
from inkling.diagnosis.run_evaluation import evaluate_runs
from inkling.figures.style import variables
from inkling.images.drawings import DrawingPath, measure_drawings
from inkling.integrations.export.model import LeavingModel, public_name
from inkling.integrations.export.page_engine import TOLERANCE, Engine, engine_of
from inkling.integrations.export.page_parts import (
    CHECKED,
    calibration_words,
    check_image,
    cover_words,
    fitting_words,
    ink_words,
    occlusion_squares,
    picture_words,
)
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Draft
from inkling.metrics.formatting import percent, percent_interval
from inkling.networks.catalogue import network_noun
from inkling.pages.playground import SCRIPTS, WORKER_SOURCE, digits_for_training
from inkling.pages.script import script
from inkling.pages.templating import environment
from inkling.runs.run import variant_label

_SCRIPTS = ("picture", "evidence", "drawing", "exported")
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


def _render(model: LeavingModel, engine: Engine, path: DrawingPath, parity: Parity) -> str:
    shape, names = model.image_shape, model.class_names
    values = {
        "class_names": list(names),
        "shape": list(shape),
        "fit": model.runs[0].data.options.fit,
        "drawing": path.to_dict(),
        "temperature": model.temperature,
        "networks": engine.networks,
        "occlusion": occlusion_squares(shape, engine.multiply_adds),
        "tolerance": TOLERANCE,
        "check": [
            {"seed": seed, "probabilities": model.predict(check_image(seed, shape)[np.newaxis])[0].tolist()}
            for seed in CHECKED
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
        rule=path.rule if draws else fitting_words(model.runs[0]),
        cover=cover_words(path),
        occlusion=values["occlusion"],
        facts=(
            ("Network", f"{labels}: {engine.parameters:,} parameters, {engine.multiply_adds:,} multiply-adds an image"),
            ("Computed by", engine.words),
            ("Trained on", f"{data.train:,} images of {data.name}, {shape[0]}x{shape[1]} pixels"),
            ("Accuracy", f"{accuracy} of {n}, 95% interval {interval}"),
            ("Confidence", _confidence(model)),
            *((("Drawings", path.rule), ("Ink", ink_words(path))) if draws else ()),
            ("Pictures", picture_words(model.runs[0], path)),
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
    return calibration_words(model.temperature, model.runs[0].data.validation)
