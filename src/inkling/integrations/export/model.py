"""What leaves: the networks of one run or of several that are averaged, their temperature, and the facts about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling import __version__
from inkling.errors import RunError
from inkling.integrations.export.parity import TOLERANCE
from inkling.metrics.temperature import at_temperature
from inkling.networks.custom import is_custom
from inkling.networks.ensemble import Ensemble
from inkling.networks.protocols import Classifier, Portable
from inkling.runs.ensemble import classifier_of, temperature_of
from inkling.runs.ledger import weights_of
from inkling.runs.run import Run


@dataclass(frozen=True, eq=False)
class LeavingModel:
    """One run, or several whose probabilities are averaged.

    Parameters
    ----------
    runs : sequence of Run
        One or more.
    calibrated : bool
        With the temperature that was fitted on validation images.
    """

    runs: Sequence[Run]
    calibrated: bool = False

    def __post_init__(self) -> None:
        for run in self.runs:
            if not run.finished:
                raise RunError(f"{run.folder}: the run is not finished: go on with it by 'inkling train … --resume'")

    @cached_property
    def classifier(self) -> Classifier:
        """The network, or the ensemble of several, on the CPU.

        Raises
        ------
        RunError
            As `runs.ensemble.classifier_of`.
        """
        return classifier_of(self.runs, "cpu")

    @property
    def networks(self) -> tuple[Classifier, ...]:
        """One of each run."""
        return self.classifier.members if isinstance(self.classifier, Ensemble) else (self.classifier,)

    @cached_property
    def temperature(self) -> float:
        """1 unless calibrated.

        Raises
        ------
        RunError
            As `runs.ensemble.temperature_of`.
        """
        return temperature_of(self.runs) if self.calibrated else 1.0

    @property
    def tolerance(self) -> float:
        """By which a probability of the exported model may differ from the run's: the largest of its networks."""
        named = (network.parity_tolerance for network in self.networks if isinstance(network, Portable))
        return max(named, default=TOLERANCE)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.runs[0].data.image_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names."""
        return self.runs[0].data.class_names

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities (N, K) that the exported model must agree with."""
        return at_temperature(self.classifier.predict_proba(images), self.temperature)

    def facts(self) -> dict[str, Any]:
        """Return JSON values: what somebody with nothing but the exported file wants to know. No path is among them."""
        data = self.runs[0].data
        return {
            "class_names": list(self.class_names),
            "image_shape": list(self.image_shape),
            "input": "images: uint8 (N, H, W, C), pixels 0 to 255 as they are; scaling is inside",
            "output": "probabilities: float32 (N, K), in the order of class_names",
            "temperature": self.temperature,
            "data": {
                "name": data.name, "train": data.train, "validation": data.validation, "test": data.test,
                "fit": data.options.fit, "fingerprint": data.fingerprint, "test_fingerprint": data.test_fingerprint,
            },
            "runs": [_facts_of(run) for run in self.runs],
            "inkling": __version__,
        }  # fmt: skip


def public_name(run: Run) -> str:
    """Return the name of a run's network; of one from FILE.py:CLASS without the folders of the file."""
    name = run.network_name
    return re.split(r"[/\\\\]", name)[-1] if is_custom(name) else name


def _facts_of(run: Run) -> Mapping[str, Any]:
    results, settings = run.results or {}, run.settings
    return {
        "network": public_name(run), "recipe": settings.recipe, "seed": settings.seed,
        "epochs": results["epochs"], "best_epoch": results["best_epoch"],
        "validation_accuracy": results["validation_accuracy"], "weights_sha256": weights_of(run),
        "versions": run.info["versions"],
    }  # fmt: skip
