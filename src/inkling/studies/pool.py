"""Runs carried out on this machine: one after the other here, or several at a time in processes of their own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType

from inkling.errors import RunError, TrainingError
from inkling.images.dataset import Splits
from inkling.images.parallel import cores
from inkling.runs.execute import RunPlan, train_run
from inkling.studies.plan import train_command
from inkling.training.loop import EpochRecord
from inkling.training.progress import EpochProgress, EpochProgressCallback

Observer = Callable[[Generator[EpochRecord, None, None], Path], Generator[EpochRecord, None, None]]
"""What passes the records of a run on, and sees each: it must be picklable where there are several jobs."""

UnderWay = Callable[[float], None]
"""Called with how many runs those under way amount to: 1.5 for one of which all and one of which half is done."""

SECONDS_BETWEEN_LOOKS = 1.0

MOST_JOBS_ON_WINDOWS = 61
"""Processes that Python can wait for there."""


@dataclass(frozen=True)
class StudyProgress:
    """Where a study stands: after an epoch of a run, or (`record` None) at the end of a run."""

    done: int  # runs finished or diverged
    total: int
    plan: RunPlan
    record: EpochRecord | None
    failure: str | None = None  # why the run diverged, at its end


def carry_out(
    cells: Sequence[tuple[RunPlan, Path]],
    splits: Splits,
    jobs: int = 1,
    observer: Observer | None = None,
    progress: EpochProgressCallback | None = None,
    under_way: UnderWay | None = None,
) -> Generator[StudyProgress, None, None]:
    """Do runs that are not done yet. One that diverges is reported, and the others go on.

    Parameters
    ----------
    cells : sequence of (RunPlan, Path)
        Each with its run folder.
    splits : Splits
        All images of the source.
    jobs : int
        Runs at a time; from 2 on in processes that load the source themselves and end with this one.
    observer : callable, optional
        Called with the records and folder of each run, in its process; it yields the records on.
    progress : callable, optional
        Told how far an epoch is, where there is one job.
    under_way : callable, optional
        Told every second how much of the runs under way is done, where there are several jobs.

    Yields
    ------
    StudyProgress
        After every epoch; with several jobs, after every run.

    Raises
    ------
    RunError
        If a run folder holds something else or is in use, or a process was killed.
    """
    if jobs == 1:
        return _one_after_the_other(cells, splits, observer, progress)
    return _several_at_a_time(cells, jobs, observer, under_way)


def _one_after_the_other(
    cells: Sequence[tuple[RunPlan, Path]],
    splits: Splits,
    observer: Observer | None,
    progress: EpochProgressCallback | None,
) -> Generator[StudyProgress, None, None]:
    for done, (plan, folder) in enumerate(cells):
        failure = None
        with closing(_records(plan, splits, folder, observer, progress)) as records:
            try:
                for record in records:
                    yield StudyProgress(done, len(cells), plan, record)
            except TrainingError as error:
                failure = str(error)
        yield StudyProgress(done + 1, len(cells), plan, None, failure)


def _several_at_a_time(
    cells: Sequence[tuple[RunPlan, Path]], jobs: int, observer: Observer | None, under_way: UnderWay | None
) -> Generator[StudyProgress, None, None]:
    context = get_context("spawn")
    stop = context.Event()
    jobs = min(jobs, len(cells), MOST_JOBS_ON_WINDOWS if os.name == "nt" else len(cells))
    threads = max(1, torch_threads() // jobs)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(stop, threads)) as pool:
        futures = {pool.submit(_do_run, plan, folder, observer): (plan, folder) for plan, folder in cells}
        try:
            for done, future in enumerate(_completed(futures, under_way), 1):
                failure = None
                try:
                    future.result()
                except TrainingError as error:
                    failure = str(error)
                except BrokenProcessPool:
                    raise RunError(
                        "a process of the study was killed, perhaps for want of memory: every epoch up to its last "
                        "checkpoint is kept; go on with the same command, with fewer --jobs"
                    ) from None
                yield StudyProgress(done, len(cells), futures[future][0], None, failure)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _completed(
    futures: Mapping[Future[None], tuple[RunPlan, Path]], under_way: UnderWay | None
) -> Iterator[Future[None]]:
    """Yield futures as they are completed, telling every second how far the others are."""
    waiting = set(futures)
    while waiting:
        completed, waiting = wait(waiting, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
        yield from completed
        if under_way and waiting:
            under_way(sum(_part_done(*futures[future]) for future in waiting))


def _part_done(plan: RunPlan, folder: Path) -> float:
    """Return how much of a run that another process does is done, by its history: below 1."""
    try:
        epochs = (folder / "history.jsonl").read_bytes().count(b"\n")
    except OSError:  # not begun
        return 0.0
    return min(0.99, epochs / plan.settings.epochs)


def torch_threads() -> int:
    """Return how many threads the processes of a study may share: what OMP_NUM_THREADS says, or the cores there are.

    Of a list, which OpenMP takes for nested loops, the first counts. What is no such list is passed over, as OpenMP
    does it.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else cores()


def _records(
    plan: RunPlan,
    splits: Splits,
    folder: Path,
    observer: Observer | None,
    progress: EpochProgressCallback | None = None,
) -> Generator[EpochRecord, None, None]:
    records = train_run(plan, splits, folder, resume=True, command=train_command(plan), progress=progress)
    return observer(records, folder) if observer else records


# --- in a process of the pool --------------------------------------------------------------------------------------

_stop: Event | None = None
_busy = _terminated = False

TERMINATED = 143
"""Exit status of a process that SIGTERM ended: 128 + 15, as shells have it."""


def _start_worker(stop: Event, threads: int) -> None:
    """Let a process leave Ctrl-C to its parent, which says by `stop` when it is time to end, and end with its parent.

    PyTorch, which the process has not imported yet, gets a fair share of the cores.
    """
    global _stop
    os.environ["OMP_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _stop = stop


def _end_with_parent() -> None:
    """End at once when the parent is gone, killed for example; what was saved is as good as after any kill."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _StopRequestedError(Exception):
    """It is time to end, in the middle of an epoch: what was finished before is saved."""


def _stop_within_epoch(_progress: EpochProgress) -> None:
    if _terminated or (_stop is not None and _stop.is_set()):
        raise _StopRequestedError


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """End within the epoch under way, saving those before it, or at once where there is none."""
    global _terminated
    _terminated = True
    if not _busy:
        os._exit(TERMINATED)


def _do_run(plan: RunPlan, folder: Path, observer: Observer | None) -> None:
    """Do one run in a process of its own; told to stop, keep every finished epoch."""
    global _busy
    if _stop is None or _stop.is_set():
        return
    _busy = True
    try:
        splits = plan.load_images()
        with closing(_records(plan, splits, folder, observer, _stop_within_epoch)) as records:
            for _ in records:
                if _stop.is_set() or _terminated:
                    return
    except _StopRequestedError:
        return
    finally:
        _busy = False
        if _terminated:
            os._exit(TERMINATED)
