"""A run's history sent to what people already watch: TensorBoard or MLflow (extra `track`).

history.jsonl is the truth and a tracker a copy of it: whatever a tracker does not know yet, because it was switched on
late or failed, it is told when the run goes on. A tracker that fails costs one line on stderr, never a run.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from inkling.integrations.tracking.protocol import Tracker
from inkling.integrations.tracking.registry import open_tracker
from inkling.runs.run import Run
from inkling.training.loop import EpochRecord

_log = logging.getLogger(__name__)


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
        From `runs.execute.train_run`.
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
    """Let a tracker end what it is doing when Ctrl-C or SIGTERM comes: a database may be open. A second one counts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    held = {number: handler for number, handler in handlers.items() if callable(handler)}
    came: list[tuple[signal.Signals, FrameType | None]] = []

    def restore() -> None:
        for number, handler in held.items():
            signal.signal(number, handler)

    def hold(number: int, frame: FrameType | None) -> None:
        came.append((signal.Signals(number), frame))
        restore()

    for number in held:
        signal.signal(number, hold)
    try:
        yield
    finally:
        restore()
        for number, frame in came:
            held[number](number, frame)
