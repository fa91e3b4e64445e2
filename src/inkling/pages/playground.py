"""The panels that compute in the page itself: one step of a perceptron traced, and a perceptron trained on digits.

A page includes `playground_trace.html.j2` and `playground_train.html.j2`, the style `playground.css` and the scripts
`SCRIPTS`, and calls `traceOneStep(mount, perceptron)` and `trainHere(mount, digits)`. A panel knows its mount alone.
Training runs in a worker made of the page's own script: its Content-Security-Policy needs `WORKER_SOURCE`.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from typing import Any

import numpy as np

from inkling.images.dataset import ImageDataset
from inkling.images.sources.digits import load_digits

SCRIPTS = tuple(f"pages/{name}.js" for name in ("pictures", "perceptron", "charts", "trace", "training_work", "train"))
"""What the panels need after "pages/elements.js", as `pages.script.script` takes it."""

WORKER_SOURCE = "worker-src blob:"
"""The directive of a Content-Security-Policy under which the page may train."""


@cache
def digits_for_training() -> dict[str, Any]:
    """Return the training and validation images of the source "digits" as JSON values.

    The 360 test images are left out: whoever turns knobs and watches a curve chooses by it.

    Returns
    -------
    dict
        "side": 8. "train" and "validation": how many images each class has. "pixels": grey levels 0 to 16, one byte
        each, training images before validation images and each sorted by class; first the first pixel of all, then
        the second and so on, compressed, in base64.
    """
    splits = load_digits()
    parts = (splits.train, splits.validation)
    levels = np.concatenate([_sorted_levels(part) for part in parts])  # (N, 64)
    packed = zlib.compress(np.ascontiguousarray(levels.T).tobytes(), 9)
    train, validation = (np.bincount(part.labels, minlength=10).tolist() for part in parts)
    return {
        "side": splits.train.images.shape[1],
        "train": train,
        "validation": validation,
        "pixels": base64.b64encode(packed).decode("ascii"),
    }


def _sorted_levels(part: ImageDataset) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rows = part.images[np.argsort(part.labels, kind="stable")].reshape(len(part), -1)
    levels: np.ndarray[Any, np.dtype[np.uint8]] = np.round(rows * (16 / 255)).astype(np.uint8)
    return levels
