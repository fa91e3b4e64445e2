"""The grid of a study: networks x training sizes x seeds, each a run, and what they say together."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from html import escape
from itertools import groupby, product
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.errors import RunError, SettingsError
from inkling.images.corrections import describe
from inkling.images.dataset import Splits
from inkling.images.sources.registry import canonical, load_images
from inkling.metrics.spread import Spread, spread
from inkling.networks.catalogue import build_network
from inkling.runs.execute import Plan, Teacher, execute
from inkling.runs.run import Run
from inkling.studies.folder import StudyFolder, load_runs
from inkling.training.loop import EpochRecord
from inkling.training.recipes.registry import recipe, recipes_of
from inkling.training.settings import TrainingSettings, seed_problems

Observer = Callable[[Generator[EpochRecord, None, None], Path], Generator[EpochRecord, None, None]]
"""What passes the records of a run on, and sees each: it must be picklable where there are several jobs."""


@dataclass(frozen=True)
class StudyPlan:
    """Runs on one source: every (network, training size) with its settings, each with every seed.

    Attributes
    ----------
    source : str
    settings : mapping of (str, int) to TrainingSettings
        By network and training size; the seed in them is replaced by each of `seeds`.
    seeds : tuple of int
    device : str
        Where PyTorch networks compute: "auto", "cpu" or "cuda".
    teacher : Path, optional
        Run to learn from, for the settings that ask for a teacher.
    corrections : Path, optional
        CSV file of corrected labels, as `load_images` takes it.
    """

    source: str
    settings: Mapping[tuple[str, int], TrainingSettings]
    seeds: tuple[int, ...]
    device: str = "auto"
    teacher: Path | None = None
    corrections: Path | None = None

    @classmethod
    def of_recipe(
        cls,
        source: str,
        networks: Sequence[str],
        train_sizes: Sequence[int],
        seeds: Sequence[int],
        recipe_name: str = "reference",
        device: str = "auto",
        teacher: Path | None = None,
        corrections: Path | None = None,
        **changes: Any,
    ) -> StudyPlan:
        """Make the grid networks x training sizes x seeds with one recipe and, for all of them, the same changes.

        Raises
        ------
        SettingsError, NetworkError
            If a value is there twice, or the recipe does not have the settings.
        """
        problems = []
        for name, values in (("networks", networks), ("training sizes", train_sizes), ("seeds", seeds)):
            if not values or len(set(values)) != len(values):
                problems.append(f"{name} must be one or more different values, found {list(values)}")
        problems += [problem for seed in seeds for problem in seed_problems(seed)]
        if problems:
            raise SettingsError(problems)
        settings = {
            (network, size): recipe(recipe_name, network, size, **changes)
            for network, size in product(networks, sorted(train_sizes))
        }
        return cls(source, settings, tuple(seeds), device, teacher, corrections)

    def cells(self) -> Iterator[Plan]:
        """Yield the plan of every run: network by network, small training sizes first."""
        for (network, size), settings in self.settings.items():
            teacher = self.teacher if settings.distillation.weight else None
            for seed in self.seeds:
                seeded = replace(settings, seed=seed)
                yield Plan(self.source, network, seeded, size, self.device, teacher, self.corrections)

    def check(self, splits: Splits) -> None:
        """Raise an error for what cannot work, before anything is written."""
        for (network, size), settings in self.settings.items():
            splits.train.check_size(size)
            settings.check()
            fresh = build_network(network, splits.train.image_shape, splits.train.n_classes, device=self.device)
            fresh.configure(settings.optimizer, settings.precision)
        taught = [cell.recipe for cell in self.settings.values() if cell.distillation.weight]
        if self.teacher and not taught:
            raise SettingsError(["a teacher needs a distillation weight above 0, found 0: use the recipe distil"])
        if taught and not self.teacher:
            raise SettingsError([f"the recipe {taught[0]} needs a teacher, found none: add --teacher RUN"])
        if self.teacher:
            Teacher(self.teacher, splits, self.device)


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

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "study": str(self.folder),
            "cells": [asdict(cell) for cell in self.cells],
            "train_seconds": sum(cell.train_seconds.mean * cell.train_seconds.n for cell in self.cells),
        }

    def table(self) -> list[tuple[str, ...]]:
        """Return the cells in words, a heading first: accuracies over seeds as mean ± standard deviation."""
        first = self.cells[0]
        heading = (
            "network", "training images", "train", f"validation (n = {first.n_validation:,})",
            f"test (n = {first.n_test:,})", "seconds",
        )  # fmt: skip
        rows = [
            (
                cell.network,
                f"{cell.train_size:,}",
                str(cell.train_accuracy),
                str(cell.validation_accuracy),
                str(cell.test_accuracy),
                f"{cell.train_seconds.mean:.2f}",
            )
            for cell in self.cells
        ]
        return [heading, *rows]

    def _repr_html_(self) -> str:
        heading, *rows = self.table()
        cells = [("th", heading), *(("td", row) for row in rows)]
        lines = ["".join(f"<{tag}>{escape(word)}</{tag}>" for word in row) for tag, row in cells]
        return f"<table><tr>{'</tr><tr>'.join(lines)}</tr></table>"


def run_study(
    plan: StudyPlan, folder: Path | str, jobs: int = 1, command: str = "", observer: Observer | None = None
) -> Study:
    """Do every run of a study that is not done yet, and return what all of them say.

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
        If the plan does not fit the data, or the folder holds something else.
    """
    for _ in study_progress(plan, folder, jobs, command, observer):
        pass
    return read_study(folder)


def study_progress(
    plan: StudyPlan, folder: Path | str, jobs: int = 1, command: str = "", observer: Observer | None = None
) -> Generator[StudyProgress, None, None]:
    """Do what `run_study` does, reporting after every epoch (with several jobs: after every run)."""
    if jobs < 1:
        raise SettingsError([f"jobs must be 1 or more, found {jobs}"])
    splits = load_images(plan.source, corrections=plan.corrections)
    plan.check(splits)
    study = _open_study(plan, Path(folder), command)
    cells = list(plan.cells())
    folders = [study.run_folder(cell.network, cell.train_size or 0, cell.settings.seed) for cell in cells]
    if jobs == 1:
        for done, (cell, run_folder) in enumerate(zip(cells, folders, strict=True)):
            for record in _records(cell, splits, run_folder, observer):
                yield StudyProgress(done, len(cells), cell, record)
            yield StudyProgress(done + 1, len(cells), cell, None)
        return
    context = get_context("spawn")
    stop = context.Event()
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))) // jobs)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(stop, threads)) as pool:
        futures = {
            pool.submit(_do_run, cell, run_folder, observer): cell
            for cell, run_folder in zip(cells, folders, strict=True)
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


def _start_worker(stop: Event, threads: int) -> None:
    """Let a process leave Ctrl-C to its parent, which says by `stop` when it is time to end.

    PyTorch, which the process has not imported yet, gets a fair share of the cores.
    """
    global _stop
    os.environ["OMP_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop = stop


_stop: Event | None = None


def _do_run(plan: Plan, folder: Path, observer: Observer | None) -> None:
    """Do one run in a process of its own; told to stop, keep every finished epoch."""
    if _stop is None or _stop.is_set():
        return
    splits = load_images(plan.source, corrections=plan.corrections)
    with closing(_records(plan, splits, folder, observer)) as records:
        for _ in records:
            if _stop.is_set():
                return


def _records(plan: Plan, splits: Splits, folder: Path, observer: Observer | None) -> Generator[EpochRecord, None, None]:
    records = execute(plan, splits, folder, resume=True, command=_command(plan))
    return observer(records, folder) if observer else records


def _open_study(plan: StudyPlan, folder: Path, command: str) -> StudyFolder:
    """Make the study folder, or widen the grid of the one that is there."""
    settings = {key: without_seed(of.to_dict()) for key, of in plan.settings.items()}
    seeds = list(plan.seeds)
    corrections = describe(plan.corrections) if plan.corrections else None
    if (folder / "study.json").exists():
        old = StudyFolder(folder).info
        if old.get("source") != canonical(plan.source):
            raise RunError(f"{folder}: holds a study with another source: choose another --out")
        if (old.get("corrections") or {}).get("sha256") != (corrections or {}).get("sha256"):
            raise RunError(f"{folder}: holds a study with other corrections of labels: choose another --out")
        for cell in old.get("cells", []):
            network, size = cell["network"], cell["train_size"]
            if settings.setdefault((network, size), cell["settings"]) != cell["settings"]:
                raise RunError(
                    f"{folder}: holds a study with other settings for {network} on {size:,} images: "
                    "choose another --out"
                )
        seeds = old.get("seeds", []) + [seed for seed in seeds if seed not in old.get("seeds", [])]
    cells = [{"network": network, "train_size": size, "settings": of} for (network, size), of in settings.items()]
    info = {"source": canonical(plan.source), "cells": cells, "seeds": seeds, "command": command}
    return StudyFolder.write(folder, {**info, "corrections": corrections} if corrections else info)


def without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values, but for the seed."""
    return {name: value for name, value in settings.items() if name != "seed"}


def _command(plan: Plan) -> list[str]:
    """The command that repeats one run by itself; empty where the settings are not a recipe with options changed."""
    settings = plan.settings
    recipes = recipes_of(plan.network)
    if settings.recipe not in recipes:
        return []
    base = recipes[settings.recipe].for_size(plan.train_size)
    options = {
        "epochs": (settings.epochs, base.epochs),
        "batch_size": (settings.batch_size, base.batch_size),
        "learning_rate": (settings.schedule.learning_rate, base.schedule.learning_rate),
        "precision": (settings.precision, base.precision),
    }
    changed = {name: value for name, (value, usual) in options.items() if value != usual}
    if recipe(settings.recipe, plan.network, plan.train_size, seed=settings.seed, **changed) != settings:
        return []
    words = ["inkling", "train", plan.source, "--network", plan.network, "--train-size", str(plan.train_size)]
    words += ["--recipe", settings.recipe]
    for name, value in changed.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    if plan.device != "auto":
        words += ["--device", plan.device]
    if plan.teacher:
        words += ["--teacher", str(plan.teacher)]
    if plan.corrections:
        words += ["--corrections", str(plan.corrections)]
    return [*words, "--seed", str(settings.seed), "--out", "RUN"]
