"""The grid of a study: networks x training sizes x seeds, each a run, and what they say together."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import groupby, product
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.spread import Spread, spread
from inkling.errors import NetworkError, RunError, SettingsError, did_you_mean
from inkling.images.dataset import Splits
from inkling.images.sources import canonical, load
from inkling.networks.catalogue import NETWORKS
from inkling.runs.execute import Plan, execute
from inkling.runs.run import Run
from inkling.runs.study_folder import StudyFolder, load_runs
from inkling.training.recipes import RECIPES
from inkling.training.settings import TrainingSettings
from inkling.training.train import EpochRecord


@dataclass(frozen=True)
class StudyPlan:
    """A grid of runs on one source with one recipe."""

    source: str
    networks: tuple[str, ...]
    train_sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    settings: TrainingSettings  # the seed in it is replaced by each of `seeds`

    def cells(self) -> Iterator[Plan]:
        """Yield the plan of every run, small training sizes first."""
        for network, size, seed in product(self.networks, sorted(self.train_sizes), self.seeds):
            yield Plan(self.source, network, replace(self.settings, seed=seed), size)

    def check(self, splits: Splits) -> None:
        """Raise one error for all that cannot work, before anything is written."""
        problems = [*self.settings.problems()]
        for name in ("networks", "train_sizes", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                problems.append(f"{name.replace('_', ' ')} must be one or more different values, found {list(values)}")
        problems += [f"seed must be 0 or more, found {seed}" for seed in self.seeds if seed < 0]
        if problems:
            raise SettingsError(problems)
        for network in self.networks:
            if network not in NETWORKS:
                raise NetworkError(
                    f"no network is called '{network}'{did_you_mean(network, NETWORKS)}: "
                    f"there is {', '.join(sorted(NETWORKS))}"
                )
        for size in self.train_sizes:
            splits.train.check_size(size)


@dataclass(frozen=True)
class StudyProgress:
    """Where a study stands: after an epoch of a run, or (`record` None) at the end of a run."""

    done: int  # runs finished
    total: int
    plan: Plan
    record: EpochRecord | None


@dataclass(frozen=True)
class Cell:
    """The runs of one network and training size, over seeds."""

    network: str
    train_size: int
    seeds: tuple[int, ...]
    train_accuracy: Spread
    validation_accuracy: Spread
    test_accuracy: Spread
    n_validation: int
    n_test: int
    train_seconds: Spread


@dataclass(frozen=True)
class Study:
    """A study that is done."""

    folder: Path
    cells: tuple[Cell, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "study": str(self.folder),
            "cells": [asdict(cell) for cell in self.cells],
            "train_seconds": sum(cell.train_seconds.mean * cell.train_seconds.n for cell in self.cells),
        }


def run_study(plan: StudyPlan, folder: Path | str, jobs: int = 1, command: str = "") -> Study:
    """Do every run of a study that is not done yet, and return what all of them say.

    Parameters
    ----------
    plan : StudyPlan
    folder : Path
        A new folder, or one where a study of the same source and settings was begun.
    jobs : int
        Runs at a time, each in a process of its own. The results do not depend on it.
    command : str
        The command line, for the record.

    Raises
    ------
    InklingError
        If the plan does not fit the data, or the folder holds something else.
    """
    for _ in study_progress(plan, folder, jobs, command):
        pass
    return read_study(folder)


def study_progress(
    plan: StudyPlan, folder: Path | str, jobs: int = 1, command: str = ""
) -> Generator[StudyProgress, None, None]:
    """Do what `run_study` does, reporting after every epoch (with several jobs: after every run)."""
    if jobs < 1:
        raise SettingsError([f"jobs must be 1 or more, found {jobs}"])
    splits = load(plan.source)
    plan.check(splits)
    study = _open_study(plan, Path(folder), command)
    cells = list(plan.cells())
    folders = [study.run_folder(cell.network, cell.train_size or 0, cell.settings.seed) for cell in cells]
    if jobs == 1:
        for done, (cell, run_folder) in enumerate(zip(cells, folders, strict=True)):
            for record in execute(cell, splits, run_folder, resume=True, command=_command(cell)):
                yield StudyProgress(done, len(cells), cell, record)
            yield StudyProgress(done + 1, len(cells), cell, None)
        return
    context = get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(stop,)) as pool:
        futures = {
            pool.submit(_do_run, cell, run_folder): cell for cell, run_folder in zip(cells, folders, strict=True)
        }
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                yield StudyProgress(done, len(cells), futures[future], None)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def read_study(folder: Path | str) -> Study:
    """Return what the finished runs of a study folder say together."""
    cells = []
    for (network, size), group in groupby(load_runs(folder), key=lambda run: (run.network_name, run.train_size)):
        runs = list(group)
        cells.append(
            Cell(
                network=network,
                train_size=size,
                seeds=tuple(run.settings.seed for run in runs),
                train_accuracy=_over_runs(runs, "train_accuracy"),
                validation_accuracy=_over_runs(runs, "validation_accuracy"),
                test_accuracy=spread([_test_accuracy(run) for run in runs]),
                n_validation=runs[0].data.validation,
                n_test=runs[0].data.test,
                train_seconds=_over_runs(runs, "train_seconds"),
            )
        )
    return Study(Path(folder), tuple(cells))


def _over_runs(runs: Sequence[Run], result: str) -> Spread:
    return spread([float((run.results or {})[result]) for run in runs])


def _test_accuracy(run: Run) -> float:
    found = run.predictions("test")
    return evaluate_predictions(found.labels, found.probabilities, run.data.class_names).accuracy


def _start_worker(stop: Event) -> None:
    """Let a process leave Ctrl-C to its parent, which says by `stop` when it is time to end."""
    global _stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop = stop


_stop: Event | None = None


def _do_run(plan: Plan, folder: Path) -> None:
    """Do one run in a process of its own; told to stop, keep every finished epoch."""
    if _stop is None or _stop.is_set():
        return
    with closing(execute(plan, load(plan.source), folder, resume=True, command=_command(plan))) as records:
        for _ in records:
            if _stop.is_set():
                return


def _open_study(plan: StudyPlan, folder: Path, command: str) -> StudyFolder:
    """Make the study folder, or widen the grid of the one that is there."""
    asked: dict[str, list[Any]] = {name: list(getattr(plan, name)) for name in ("networks", "train_sizes", "seeds")}
    settings = {name: value for name, value in plan.settings.to_json().items() if name != "seed"}
    if (folder / "study.json").exists():
        old = StudyFolder(folder).info
        for name, new in (("source", canonical(plan.source)), ("settings", settings)):
            if old.get(name) != new:
                raise RunError(f"{folder}: holds a study with another {name}: choose another --out")
        asked = {
            name: old.get(name, []) + [v for v in new if v not in old.get(name, [])] for name, new in asked.items()
        }
    info = {"source": canonical(plan.source), "settings": settings, **asked, "command": command}
    return StudyFolder.write(folder, info)


def _command(plan: Plan) -> list[str]:
    """The command that repeats one run by itself; empty where the settings are not a recipe with options changed."""
    settings = plan.settings
    base = RECIPES.get(settings.recipe)
    if base is None:
        return []
    words = ["inkling", "train", plan.source, "--network", plan.network, "--train-size", str(plan.train_size)]
    words += ["--recipe", settings.recipe, "--epochs", str(settings.epochs)]
    changed = {
        "--batch-size": (settings.batch_size, base.batch_size),
        "--learning-rate": (settings.schedule.learning_rate, base.schedule.learning_rate),
    }
    for option, (value, usual) in changed.items():
        if value != usual:
            words += [option, str(value)]
    repeated = replace(
        base,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        schedule=replace(base.schedule, learning_rate=settings.schedule.learning_rate),
    )
    return [*words, "--seed", str(settings.seed), "--out", "RUN"] if repeated == settings else []
