"""A run as a model that answers: its network, its classes, and how pictures become images like those of the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.errors import RunError
from inkling.images.pictures import decode
from inkling.networks.protocols import Classifier
from inkling.runs.ensemble import classifier_of
from inkling.runs.run import Run
from inkling.server.engine import Engine, fastest_engine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Names stand in addresses, as they are."""


@dataclass(frozen=True, eq=False)
class ServedModel:
    """One run, loaded.

    Attributes
    ----------
    name : str
        In addresses and answers.
    run : Run
    classifier : Classifier
        Its network, which several threads may ask.
    engine : Engine
        What computes its answers.
    temperature : float
        Of answers, where a request names no other.
    """

    name: str
    run: Run
    classifier: Classifier
    engine: Engine
    temperature: float = 1.0

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names."""
        return self.run.data.class_names

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.run.data.image_shape

    @cached_property
    def version(self) -> str:
        """The beginning of the SHA-256 of its weights, which other weights do not share."""
        return self.run.weights_digest()[:12]

    @cached_property
    def calibrated_temperature(self) -> float | None:
        """The one fitted on validation images; None of a run that is not finished."""
        return self.run.temperature() if self.run.finished else None

    def image(self, picture: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """Return an encoded picture as an image (H, W, C) like those of the run.

        Raises
        ------
        UnreadablePictureError
            If it is no picture; a LargePictureError if it has more pixels than allowed.
        """
        data = self.run.data
        return decode(BytesIO(picture), data.image_shape, data.options.fit, data.bits_used, max_pixels)


def load_models(
    named: Mapping[str, Run],
    calibrated: bool = False,
    device: str = "auto",
    loaded: Callable[[str], None] | None = None,
) -> dict[str, ServedModel]:
    """Load the networks of runs.

    Parameters
    ----------
    named : mapping of str to Run
    calibrated : bool
        Answer at the temperature that was fitted on validation images.
    device : str
        Where PyTorch networks compute: "auto", "cpu" or "cuda".
    loaded : callable, optional
        Called with the name of each once it is there.

    Raises
    ------
    RunError
        If a run is damaged or, with `calibrated`, not finished.
    """
    models = {}
    for name, run in named.items():
        temperature = run.temperature() if calibrated else 1.0
        classifier = classifier_of([run], device)
        models[name] = ServedModel(name, run, classifier, fastest_engine(run, classifier), temperature)
        if loaded is not None:
            loaded(name)
    return models


def name_runs(words: Iterable[str]) -> dict[str, Run]:
    """Return runs by the names they are served by: those of their folders, or what stands before a "=".

    Raises
    ------
    RunError
        If a folder is no run, two have one name, or a name cannot stand in an address.
    """
    named: dict[str, Run] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or not _NAME.fullmatch(name) or Path(word).is_dir():
            folder, name = word, Path(word).resolve().name
        run = Run(folder)
        if not _NAME.fullmatch(name):
            raise RunError(
                f"{folder}: expected a name of letters, digits, '.', '_' and '-' to serve it by, found '{name}': "
                "give NAME=RUN"
            )
        if name in named:
            raise RunError(f"{folder}: another run is served as '{name}': give one of them another name by NAME=RUN")
        named[name] = run
    return named
