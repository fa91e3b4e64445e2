"""Why did a run predict this class for a picture? Attribution map, deletion test and hidden units together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.attribution.baselines import baseline_images, baseline_of
from inkling.diagnosis.attribution.maps import attribute, check_method
from inkling.diagnosis.deletion import DeletionTest, deletion_test
from inkling.diagnosis.hidden_units import HiddenUnits, contributions_of_units
from inkling.errors import DataError, did_you_mean
from inkling.networks.protocols import Inspectable
from inkling.runs.pictures import PicturePrediction, prepared_picture
from inkling.runs.run import Run


@dataclass(frozen=True, eq=False)
class PictureExplanation:
    """Evidence in one picture for and against a class."""

    prediction: PicturePrediction
    pixels: NDArray[np.uint8]  # (H, W, C), as the network was given them
    target: int  # index of the class that is asked about
    method: str  # of the map
    attribution: NDArray[np.float64]  # (H, W), positive for the class
    deletion: DeletionTest
    hidden_units: HiddenUnits | None  # None for a network without a single hidden layer
    first_layer: NDArray[np.floating[Any]] | None  # weights of the hidden units as pictures

    @property
    def class_name(self) -> str:
        """The class that is asked about."""
        return self.prediction.class_names[self.target]

    @property
    def class_probability(self) -> float:
        """Its probability."""
        return float(self.prediction.probabilities[self.target])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        values = {
            **self.prediction.to_dict(),
            "class": self.class_name, "class_probability": self.class_probability, "method": self.method,
            "deletion": self.deletion.to_dict(),
        }  # fmt: skip
        return values if self.hidden_units is None else {**values, **self._units_to_dict(self.hidden_units)}

    def _units_to_dict(self, units: HiddenUnits) -> dict[str, Any]:
        names, every = self.prediction.class_names, len(units.mean_absolute)
        return {
            "hidden_units": [
                {
                    "unit": unit, "contribution": float(units.contributions[0, unit]),
                    "evidence_for": names[units.evidence_for[unit]],
                    "evidence_against": names[units.evidence_against[unit]],
                    # Earlier names of the two.
                    "speaks_for": names[units.evidence_for[unit]],
                    "speaks_against": names[units.evidence_against[unit]],
                }
                for unit in units.top(0, every)
            ],
            "rival": names[units.rivals[0]], "lead": float(units.leads[0]), "bias": float(units.bias[0]),
        }  # fmt: skip


def explain_picture(
    run: Run,
    picture: Path | str,
    class_name: str | None = None,
    method: str = "integrated-gradients",
    invert: bool = False,
    device: str = "auto",
) -> PictureExplanation:
    """Return which pixels of a picture are evidence for and against a class, and how much that can be trusted.

    Parameters
    ----------
    run : Run
    picture : Path
        It is fitted to the image shape of the run.
    class_name : str, optional
        The class to ask about; the predicted one by default.
    method : str
        "integrated-gradients", "input-x-gradient" or "saliency".
    invert : bool
        Turn dark into light first.
    device : str
        Where a PyTorch network computes.

    Raises
    ------
    DataError
        If there is no such class, or the file is no picture.
    RunError
        If the run is damaged.
    SettingsError
        If there is no such method.
    """
    check_method(method)
    network, names = run.network(device), run.data.class_names
    if class_name is not None and class_name not in names:
        raise DataError(
            f"no class is called '{class_name}'{did_you_mean(class_name, names)}: choose from {', '.join(names[:12])}"
        )
    images = prepared_picture(run, Path(picture), invert)[np.newaxis]
    probabilities = network.predict_proba(images)[0]
    target = int(probabilities.argmax()) if class_name is None else names.index(class_name)
    targets = np.array([target])
    maps = attribute(network, images, targets, method, baseline_images(images, baseline_of(images)))
    return PictureExplanation(
        prediction=PicturePrediction(Path(picture), names, probabilities),
        pixels=images[0],
        target=target,
        method=method,
        attribution=maps[0],
        deletion=deletion_test(network.predict_proba, images, maps, None if class_name is None else targets),
        hidden_units=_hidden_units(network, images, targets),
        first_layer=network.first_layer(),
    )


def _hidden_units(network: Inspectable, images: NDArray[np.uint8], targets: NDArray[np.int64]) -> HiddenUnits | None:
    hidden = network.hidden_layer(images)
    if hidden is None:
        return None
    return contributions_of_units(hidden.activations, hidden.weights, hidden.bias, targets)
