"""A run's history sent to what people already watch: TensorBoard or MLflow (extra `track`).

history.jsonl is the truth and a tracker a copy of it: whatever a tracker does not know yet, because it was switched on
late or failed, it is told when the run goes on. A tracker that fails costs one line on stderr, never a run.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from inkling.errors import MissingLibraryError, TrackingError, did_you_mean
from inkling.runs.files import write_atomically
from inkling.runs.run import Run
from inkling.training.loop import EpochRecord

TRACKERS = ("tensorboard", "mlflow")

_KEPT = ("train_accuracy", "train_loss", "validation_accuracy", "validation_loss")
_MEASURED = ("learning_rate", "running_loss", *_KEPT, "train_seconds", "evaluation_seconds")
"""What is sent of every epoch, by its names in history.jsonl."""

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
"""The same for TensorBoard, which draws what stands before the slash together."""

_log = logging.getLogger(__name__)


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
        self._add(self._settings.hparams_pb(_parameters(run)), 0)
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
            for name in _KEPT:
                self._add(self._scalar(f"kept/{name}", results[name]), results["best_epoch"])
        self._writer.close()

    def _send(self, epoch: Mapping[str, Any], wall_time: float) -> None:
        for name, tag in _TAGS.items():
            self._add(self._scalar(tag, epoch[name]), epoch["epoch"], wall_time)

    def _add(self, summary: Any, step: int, wall_time: float | None = None) -> None:
        when = time.time() if wall_time is None else wall_time
        self._writer.add_event(self._events.Event(wall_time=when, step=step, summary=summary))


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
                self._mlflow.log_params(_parameters(run))
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
                kept = {f"kept/{name}": results[name] for name in _KEPT}
                self._mlflow.log_metrics(kept, step=results["best_epoch"])
            self._mlflow.end_run("FINISHED" if results else "KILLED")


_MAKERS: dict[str, Callable[[], Tracker]] = {"tensorboard": TensorBoardTracker, "mlflow": MlflowTracker}


def open_tracker(name: str) -> Tracker:
    """Return a tracker.

    Parameters
    ----------
    name : str
        One of `TRACKERS`.

    Raises
    ------
    TrackingError
        If there is none of that name.
    MissingLibraryError
        If its package is not installed.
    """
    if name not in TRACKERS:
        raise TrackingError(f"no tracker is called '{name}'{did_you_mean(name, TRACKERS)}: use {' or '.join(TRACKERS)}")
    try:
        return _MAKERS[name]()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        raise MissingLibraryError(
            f"tracking with {name} needs a package that is not installed: run pip install 'inkling-ml[track]'"
        ) from None


@dataclass(frozen=True)
class Tracking:
    """What `run_study` calls for each run, to send its history to a tracker that is opened for it.

    Parameters
    ----------
    name : str
        One of `TRACKERS`.

    Raises
    ------
    TrackingError, MissingLibraryError
        As `open_tracker`.
    """

    name: str

    def __post_init__(self) -> None:
        open_tracker(self.name)

    def __call__(self, records: Generator[EpochRecord, None, None], folder: Path) -> Generator[EpochRecord, None, None]:
        """Return the records, each of which is sent on."""
        return tracked(records, folder, open_tracker(self.name))


def tracked(
    records: Generator[EpochRecord, None, None], folder: Path, tracker: Tracker
) -> Generator[EpochRecord, None, None]:
    """Yield the records of a run as they come, each sent to a tracker first.

    The first failure of the tracker is logged, and it is left alone from then on.

    Parameters
    ----------
    records : generator of EpochRecord
        From `runs.execute.execute`.
    folder : Path
        The run folder that it writes.
    tracker : Tracker
    """
    started = failed = done = False

    def attempt(step: Callable[[], None]) -> None:
        nonlocal failed
        if failed:
            return
        with _interrupt_held():
            try:
                step()
            except Exception as error:  # whatever a tracker raises, its server included, the run comes first
                failed = True
                reason = " ".join(str(error).split()) or type(error).__name__
                _log.warning("inkling: tracking failed and is off for this run, which goes on (%s)", reason)

    def start() -> None:
        tracker.start(Run(folder))

    try:
        with closing(records):
            for record in records:
                if started:
                    epoch = record.to_dict()
                    attempt(lambda epoch=epoch: tracker.record(epoch))  # type: ignore[misc]
                else:
                    started = True
                    attempt(start)
                yield record
        if not started:  # a run that was finished already
            started = True
            attempt(start)
        done = True
    finally:
        if started:
            results = Run(folder).results if done else None
            attempt(lambda: tracker.finish(results))


@contextmanager
def _interrupt_held() -> Generator[None, None, None]:
    """Let a tracker end what it is doing when Ctrl-C comes: a database may be open. A second Ctrl-C comes through."""
    default = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not default:
        yield
        return
    interrupted = False

    def hold(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, default)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, default)
        if interrupted:
            raise KeyboardInterrupt


def _parameters(run: Run) -> dict[str, Any]:
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
    return flat


def _seconds(epoch: Mapping[str, Any]) -> float:
    return float(epoch["train_seconds"]) + float(epoch["evaluation_seconds"])
