"""Carrying out a study: every run of its grid that is not done yet, into one folder, and what all of them say."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from inkling.errors import SettingsError
from inkling.images.dataset import Splits
from inkling.images.sources.registry import load_images
from inkling.runs.execute import RunPlan
from inkling.runs.lock import folder_lock
from inkling.studies.folder import StudyFolder
from inkling.studies.plan import StudyPlan
from inkling.studies.pool import Observer, StudyProgress, UnderWay, carry_out
from inkling.studies.summary import Study, read_study
from inkling.training.progress import EpochProgressCallback


def run_study(
    plan: StudyPlan, folder: Path | str, jobs: int = 1, command: str = "", observer: Observer | None = None
) -> Study:
    """Do every run of a study that is not done yet, and return what all of them say.

    A run that diverges is recorded and the others go on: see `Study.failed`. Started again, it is tried again.

    Parameters
    ----------
    plan : StudyPlan
    folder : Path
        A new folder, or one where a study of the same source and settings was begun.
    jobs : int
        Runs at a time, each in a process of its own. The perceptron's results do not depend on it; those of PyTorch
        networks can, in their last bits, because the runs share the cores and rounding follows the number of threads.
    command : str
        The command line, for the record.
    observer : callable, optional
        Called with the records and folder of each run, in its process; it yields the records on. Such as
        `integrations.tracking.tracking.Tracking`.

    Raises
    ------
    InklingError
        If the plan does not fit the data, the folder holds something else or is in use by another process, or every
        run diverged.
    """
    for _ in study_progress(plan, folder, jobs, command, observer):
        pass
    return read_study(folder)


def study_progress(
    plan: StudyPlan,
    folder: Path | str,
    jobs: int = 1,
    command: str = "",
    observer: Observer | None = None,
    progress: EpochProgressCallback | None = None,
    under_way: UnderWay | None = None,
    splits: Splits | None = None,
) -> Generator[StudyProgress, None, None]:
    """Do what `run_study` does, reporting after every epoch (with several jobs: after every run).

    With one job, `progress` is told how far an epoch is; with several, `under_way` how far the runs under way are.
    `splits`, where the images of the plan are loaded already, saves doing it again.
    """
    if jobs < 1:
        raise SettingsError([f"jobs must be 1 or more, found {jobs}"])
    if splits is None:
        splits = load_images(plan.source, corrections=plan.corrections, options=plan.options)
    plan.check(splits)
    with folder_lock(Path(folder), "a study"):
        study = StudyFolder.open(plan, Path(folder), command)
        cells = [(cell, study.run_folder(*_key(cell), cell.variant)) for cell in plan.cells()]
        with closing(carry_out(cells, splits, jobs, observer, progress, under_way)) as states:
            for state in states:
                if state.record is None:
                    study.record(*_key(state.plan), state.failure, state.plan.variant)
                yield state


def _key(cell: RunPlan) -> tuple[str, int, int]:
    return cell.network, cell.train_size or 0, cell.settings.seed
