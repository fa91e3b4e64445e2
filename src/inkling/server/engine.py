"""What computes a served network: the network itself, or onnxruntime where that is installed, agrees and is faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.errors import InklingError
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.onnx_file import OnnxFormat
from inkling.integrations.export.parity import measure_parity
from inkling.networks.protocols import Classifier
from inkling.runs.run import Run
from inkling.server.batching import Cost, Predict, measure_cost

FAST = 0.0002
"""Seconds for one image below which another engine is not tried: starting it takes longer than it could ever save."""

_CHECKED = 64
"""Random images on which the engines must agree."""


@dataclass(frozen=True)
class Engine:
    """A way to compute probabilities at temperature 1, and what it costs."""

    predict: Predict
    name: str
    cost: Cost


def fastest_engine(run: Run, classifier: Classifier) -> Engine:
    """Return the engine that answers one image of a run soonest.

    Parameters
    ----------
    run : Run
    classifier : Classifier
        Its network.
    """
    shape = run.data.image_shape
    own = Engine(classifier.predict_proba, "inkling", measure_cost(classifier.predict_proba, shape))
    if own.cost.seconds(1) <= FAST or getattr(classifier, "device", "cpu") != "cpu" or not run.finished:
        return own
    try:
        model = LeavingModel((run,))
        draft = OnnxFormat().draft(model)
        predict = _in_any_layout(draft.predict)
        images = np.random.default_rng(0).integers(0, 256, (_CHECKED, *shape), dtype=np.uint8)
        parity = measure_parity(predict, classifier.predict_proba, images, draft.computed_by, draft.tolerance)
        other = Engine(predict, draft.computed_by, measure_cost(predict, shape))
    except (InklingError, RuntimeError):  # a library is missing, or ONNX cannot express the network
        return own
    return other if parity.agrees and other.cost.seconds(1) < own.cost.seconds(1) else own


def _in_any_layout(predict: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Predict:
    return lambda images: predict(np.ascontiguousarray(images))
