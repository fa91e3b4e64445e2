"""Runs sent to MLflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from inkling.integrations.tracking.protocol import KEPT, run_parameters
from inkling.runs.run import Run
from inkling.storage.atomic import write_atomically

_MEASURED = ("learning_rate", "running_loss", *KEPT, "train_seconds", "evaluation_seconds")
"""What is sent of every epoch, by its names in history.jsonl."""


class MlflowTracker:
    """A run of MLflow, where MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say, named like the run folder.

    RUN/mlflow.json remembers which, so that a run that is resumed goes on in it.
    """

    def __init__(self) -> None:
        import mlflow

        self._mlflow = mlflow
        self._has_kept = False

    def start(self, run: Run) -> None:
        """Begin a run or go on with it; epochs that it has already are not sent again."""
        note, uri = run.folder / "mlflow.json", self._mlflow.get_tracking_uri()
        known = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        run_id = known.get("run_id") if known.get("tracking_uri") == uri else None
        with redirect_stdout(sys.stderr):  # stdout is the command's own
            active = self._mlflow.start_run(run_id=run_id, run_name=None if run_id else run.folder.name)
            if run_id is None:
                self._mlflow.log_params(run_parameters(run))
                self._mlflow.set_tags({"inkling.run": str(run.folder), "inkling.command": run.info["command"]})
                info = {"run_id": active.info.run_id, "tracking_uri": uri}
                write_atomically(note, json.dumps(info) + "\n")
            self._has_kept = "kept/validation_accuracy" in active.data.metrics
            sent = self._mlflow.MlflowClient().get_metric_history(active.info.run_id, "validation_loss")
        steps = {metric.step for metric in sent}
        for epoch in run.history():
            if epoch["epoch"] not in steps:
                self.record(epoch)

    def record(self, epoch: Mapping[str, Any]) -> None:
        """Send an epoch."""
        with redirect_stdout(sys.stderr):
            self._mlflow.log_metrics({name: epoch[name] for name in _MEASURED}, step=epoch["epoch"])

    def finish(self, results: Mapping[str, Any] | None) -> None:
        """Send what the kept epoch reached, and end the run: finished, or killed."""
        with redirect_stdout(sys.stderr):
            if results and not self._has_kept:
                kept = {f"kept/{name}": results[name] for name in KEPT}
                self._mlflow.log_metrics(kept, step=results["best_epoch"])
            self._mlflow.end_run("FINISHED" if results else "KILLED")
