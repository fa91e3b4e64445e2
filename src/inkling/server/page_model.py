"""A model as the page at / takes it: its steps where they are plain, how pictures become images, and words on it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from inkling.images.drawings import FRAME, DrawingPath, measure_drawings
from inkling.integrations.export.model import public_name
from inkling.integrations.export.page_engine import LARGEST, TOLERANCE, arrays_of, describe, steps_of
from inkling.integrations.export.page_parts import (
    CHECKED,
    calibration_words,
    check_image,
    cover_words,
    occlusion_squares,
    picture_words,
)
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.intervals import wilson_interval
from inkling.metrics.temperature import at_temperature
from inkling.networks.catalogue import network_noun
from inkling.networks.protocols import weights_only
from inkling.networks.steps import Steps, multiply_adds
from inkling.runs.run import variant_label
from inkling.server.insight import Insight


class Check(msgspec.Struct):
    """An image of no meaning and its answer, by which a page finds out whether it computes as the server does."""

    seed: int
    probabilities: list[float]


class PageModel(msgspec.Struct):
    """All that the page needs to answer as a model does."""

    name: str
    noun: str  # "perceptron", "convolutional network"
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]  # (height, width, channels)
    fit: str
    drawing: dict[str, Any]  # images.drawings.DrawingPath
    temperature: float
    networks: list[Any]  # one, as plain steps; empty where /v1/predict answers
    occlusion: dict[str, int]
    tolerance: float
    check: list[Check]
    maps: bool  # whether it makes feature maps
    cover: str
    about: str
    facts: list[tuple[str, str]]


def steps_of_model(insight: Insight) -> list[Steps] | None:
    """Return the network as plain steps; None where it is none, or too large for a page."""
    network = insight.network
    if sum(array.nbytes for array in weights_only(network.state()).values()) > LARGEST:
        return None
    return steps_of([network])


def weights_of(insight: Insight) -> bytes:
    """Return the numbers of the steps, float32, in the order in which they are described."""
    steps = steps_of_model(insight) or []
    return b"".join(array.astype("<f4").tobytes() for each in steps for array in arrays_of(each.steps))


def page_model(insight: Insight) -> PageModel:
    """Return a model as the page takes it."""
    model, run = insight.model, insight.model.run
    data, steps, path = run.data, steps_of_model(insight), _drawing_path(insight)
    temperature = model.calibrated_temperature or model.temperature
    shape = model.image_shape
    adds = sum(multiply_adds(network.steps, shape) for network in steps or ())
    checked = np.stack([check_image(seed, shape) for seed in CHECKED])
    probabilities = at_temperature(model.classifier.predict_proba(checked), temperature)
    name = public_name(run)
    draws = shape[2] == 1
    facts = [
        ("Network", variant_label(name, run.variant)),
        ("Trained on", f"{data.train:,} images of {data.name}, {shape[0]}x{shape[1]} pixels"),
        *_accuracy(insight),
        ("Confidence", _confidence(insight, temperature)),
        ("Computed by", "This page's own JavaScript" if steps else f"The server ({model.engine.name})"),
        *((("Drawings", path.rule),) if draws else ()),
        ("Pictures", picture_words(run, path)),
    ]
    return PageModel(
        name=model.name, noun=network_noun(name), class_names=model.class_names, shape=shape, fit=data.options.fit,
        drawing=path.to_dict(), temperature=temperature, networks=describe(steps or ()),
        occlusion=occlusion_squares(shape, adds), tolerance=TOLERANCE,
        check=[Check(seed, row) for seed, row in zip(CHECKED, probabilities.tolist(), strict=True)],
        maps=bool(insight.network.feature_maps(checked[0])), cover=cover_words(path),
        about=f"Inkling on {data.name}, {len(model.class_names)} classes", facts=facts,
    )  # fmt: skip


def _drawing_path(insight: Insight) -> DrawingPath:
    """As measured from the training images; where they are not there, by what the run remembers of them."""
    data = insight.model.run.data
    if data.image_shape[2] == 1 and insight.splits is not None:
        return measure_drawings(insight.splits.train.images)
    mean = 0.0 if data.appearance is None else 255 * data.appearance.brightness.mean
    return DrawingPath(FRAME, mean < 127.5, mean)


def _accuracy(insight: Insight) -> list[tuple[str, str]]:
    run = insight.model.run
    if run.results is None:
        return [("Accuracy", "The run is not finished")]
    n, accuracy = run.data.validation, float(run.results["validation_accuracy"])
    interval = percent_interval(wilson_interval(round(accuracy * n), n), n)
    chosen = "by which its epoch was chosen"
    return [("Accuracy", f"{percent(accuracy, n)} of {n:,} validation images, {chosen}; 95% interval {interval}")]


def _confidence(insight: Insight, temperature: float) -> str:
    if insight.model.calibrated_temperature is None:
        return "As the network gives it, not calibrated, because the run is not finished"
    return calibration_words(temperature, insight.model.run.data.validation)
