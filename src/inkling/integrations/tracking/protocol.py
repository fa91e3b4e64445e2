"""What a tracker is asked to do, and what is sent to every one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from inkling.runs.run import Run

KEPT = ("train_accuracy", "train_loss", "validation_accuracy", "validation_loss")
"""What is sent of the best epoch, by its names in the results of a run."""


class Tracker(Protocol):
    """What takes in a run, epoch by epoch."""

    def start(self, run: Run) -> None:
        """Begin or go on: settings, and all of the history so far that it does not know."""
        ...

    def record(self, epoch: Mapping[str, Any]) -> None:
        """Take in one more line of the history."""
        ...

    def finish(self, results: Mapping[str, Any] | None) -> None:
        """End: with the results of the run, or None where it was stopped."""
        ...


def run_parameters(run: Run) -> dict[str, Any]:
    """Settings and data of a run as a flat mapping to numbers, texts and booleans."""
    flat: dict[str, Any] = {
        "network": run.network_name, "source": run.data.source, "data": run.data.name, "train_size": run.train_size,
        "fingerprint": run.data.fingerprint,
    }  # fmt: skip

    def add(values: Mapping[str, Any], before: str) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                add(value, f"{before}{name}.")
            else:
                flat[before + name] = value if isinstance(value, bool | int | float | str) else json.dumps(value)

    add(run.info["settings"], "")
    add(run.variant, "varied.")
    return flat
