"""NumPy: plain arrays that any program reads, and where the network is of plain steps, what to compute with them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import ExportError, NetworkError
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Draft, Predict
from inkling.metrics.temperature import at_temperature
from inkling.networks.protocols import State, weights_only
from inkling.networks.steps import Step, Steps, Stepwise

ARRAYS = "weights."
"""What stands before the names of a network's own arrays, where it is not of plain steps."""


class NpzFormat:
    """The steps as JSON with their arrays, which docs/export.md computes; or the network's own arrays by name."""

    name, suffix = "npz", ".npz"
    summary = "plain NumPy arrays, with the steps that a few lines compute"

    def draft(self, model: LeavingModel) -> Draft:
        """Return the model as arrays, read back from the file as it will be."""
        if len(model.networks) > 1:
            raise ExportError("--format npz holds one network: give one run, or average several by onnx or torch")
        steps = _steps_of(model.networks[0])
        own = {} if steps else weights_only(model.runs[0].network("cpu").state())
        arrays = _written(steps, model.temperature) if steps else {ARRAYS + name: own[name] for name in own}
        with np.load(io.BytesIO(_file(arrays)), allow_pickle=False) as opened:
            read = dict(opened)
        by = f"NumPy {np.__version__}" if steps else "the run's network, given the arrays of the file,"

        def files(parity: Parity) -> dict[str, bytes]:
            facts = json.dumps({**model.facts(), "parity": parity.to_dict()})
            return {self.suffix: _file({**arrays, "facts": np.asarray(facts)})}

        return Draft(_computing(read) if steps else _given_back(read, model), by, files, model.tolerance)


def _steps_of(network: Any) -> Steps | None:
    try:
        return network.steps() if isinstance(network, Stepwise) else None
    except NetworkError:  # a layer of another kind: its arrays leave by their names
        return None


def _written(network: Steps, temperature: float) -> State:
    """Return a network of steps as named arrays; "steps" says in JSON which of them each step takes."""
    arrays: State = {
        "pixel_scale": np.asarray(network.pixel_scale, np.float32), "temperature": np.asarray(temperature)
    }  # fmt: skip

    def described(steps: Sequence[Step], before: str) -> list[dict[str, Any]]:
        values = []
        for number, step in enumerate(steps):
            names = [f"{before}{number}.{name}" for name in step.arrays]
            arrays.update(zip(names, step.arrays.values(), strict=True))
            inside = described(step.inside, f"{before}{number}.")
            values.append({"kind": step.kind, "sizes": dict(step.sizes), "arrays": names, "inside": inside})
        return values

    return {"steps": np.asarray(json.dumps(described(network.steps, ""))), **arrays}


def _computing(arrays: State) -> Predict:
    """Return what the arrays of a file compute."""

    def read(values: Sequence[Mapping[str, Any]]) -> list[Step]:
        return [
            Step(
                step["kind"],
                step["sizes"],
                {name.rpartition(".")[2]: arrays[name] for name in step["arrays"]},
                read(step["inside"]),
            )
            for step in values
        ]

    network = Steps(float(arrays["pixel_scale"]), read(json.loads(str(arrays["steps"]))))
    temperature = float(arrays["temperature"])
    return lambda images: at_temperature(network.predict_proba(images), temperature)


def _given_back(arrays: State, model: LeavingModel) -> Predict:
    """Return what the run's network computes with the arrays of a file in the place of its own."""
    network: Any = model.runs[0].network("cpu")
    network.load_state({name.removeprefix(ARRAYS): array for name, array in arrays.items()})

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return at_temperature(network.predict_proba(images), model.temperature)

    return predict


def _file(arrays: State) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # its second parameter is no array
    return content.getvalue()
