"""Runs sent to TensorBoard, as event files in their own folders."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from inkling.integrations.tracking.protocol import KEPT, run_parameters
from inkling.runs.run import Run

_TAGS = {
    "learning_rate": "learning_rate",
    "running_loss": "loss/running",
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "train_seconds": "seconds/train",
    "evaluation_seconds": "seconds/evaluation",
}
"""What is sent of every epoch, by its names in history.jsonl; what stands before the slash is drawn together."""


class TensorBoardTracker:
    """Event files in RUN/tensorboard, for `tensorboard --logdir RUN`. Neither PyTorch nor TensorFlow is needed."""

    def __init__(self) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.plugins.hparams import summary_v2  # `api` would want TensorFlow
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.plugins.text.summary_v2 import text_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._events, self._scalar, self._text, self._open = event_pb2, scalar_pb, text_pb, EventFileWriter
        self._settings = summary_v2
        self._writer: Any = None

    def start(self, run: Run) -> None:
        """Write the whole history anew; what older files of the run say is dropped, and no step is there twice."""
        folder = run.folder / "tensorboard"
        older = list(folder.glob("events.out.tfevents.*"))
        self._writer = self._open(str(folder), flush_secs=5)
        for path in older:
            path.unlink()
        # A TensorBoard that has read the older files forgets them at this mark.
        mark = self._events.SessionLog(status=self._events.SessionLog.START)
        self._writer.add_event(self._events.Event(wall_time=time.time(), step=1, session_log=mark))
        metric = self._settings.Metric("kept/validation_accuracy")
        self._add(self._settings.hparams_config_pb(hparams=[], metrics=[metric]), 0)
        self._add(self._settings.hparams_pb(run_parameters(run)), 0)
        facts = {name: run.info[name] for name in ("data", "network", "settings", "versions", "machine", "command")}
        lines = json.dumps(facts, indent=2, ensure_ascii=False).splitlines()
        self._add(self._text("run", "\n".join("    " + line for line in lines)), 0)
        history = run.history()
        now, left = time.time(), sum(_seconds(epoch) for epoch in history)
        for epoch in history:
            left -= _seconds(epoch)
            self._send(epoch, now - left)
        self._writer.flush()

    def record(self, epoch: Mapping[str, Any]) -> None:
        """Write an epoch."""
        self._send(epoch, time.time())

    def finish(self, results: Mapping[str, Any] | None) -> None:
        """Write what the kept epoch reached, and close the file."""
        if results:
            for name in KEPT:
                self._add(self._scalar(f"kept/{name}", results[name]), results["best_epoch"])
        self._writer.close()

    def _send(self, epoch: Mapping[str, Any], wall_time: float) -> None:
        for name, tag in _TAGS.items():
            self._add(self._scalar(tag, epoch[name]), epoch["epoch"], wall_time)

    def _add(self, summary: Any, step: int, wall_time: float | None = None) -> None:
        when = time.time() if wall_time is None else wall_time
        self._writer.add_event(self._events.Event(wall_time=when, step=step, summary=summary))


def _seconds(epoch: Mapping[str, Any]) -> float:
    return float(epoch["train_seconds"]) + float(epoch["evaluation_seconds"])
