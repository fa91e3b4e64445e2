"""One study folder: study.json (what was asked for) and one run folder for each cell of its grid.

study.json                                  source; network, training size, settings and what is varied of each cell;
                                            seeds; command; runs that diverged
test_ledger.jsonl                           a line for each look at the test predictions of its runs (runs/ledger.py)
runs/NETWORK-TRAINSIZE-seedS/               one run each
runs/NETWORK-TRAINSIZE-NAME=VALUE-seedS/    one run each, where settings are varied

The grid in study.json says what belongs to the study. Other folders beside its runs, such as copies of them, do not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from inkling.errors import RunError
from inkling.images.corrections import describe
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.registry import canonical
from inkling.runs.run import Run, variant_label
from inkling.runs.schema import CorrectionsInfo, Count, check, read_json
from inkling.storage.atomic import is_temporary, make_folder, write_atomically
from inkling.studies.plan import StudyPlan
from inkling.training.settings import TrainingSettings

FORMAT = 1


_Key = tuple[str, int, tuple[tuple[str, str], ...]]
"""Network, training size, and the settings that are varied with their values."""


class GridCell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One network at one training size, with one combination of varied settings."""

    network: str
    train_size: Count
    settings: dict[str, Any]  # but for the seed
    variant: dict[str, str] = {}
    network_options: dict[str, Any] = {}


class FailedRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run that diverged: its loss was no longer a number."""

    network: str
    train_size: Count
    seed: int
    reason: str
    variant: dict[str, str] = {}

    @property
    def label(self) -> str:
        """The network, with what is varied in it."""
        return variant_label(self.network, self.variant)


class StudyInfo(msgspec.Struct, frozen=True):
    """study.json."""

    format: int
    source: str
    cells: list[GridCell]
    seeds: list[int]
    command: str
    corrections: CorrectionsInfo | None = None
    options: LoadOptions = AS_THE_SOURCE_HAS_IT
    failed: list[FailedRun] = []

    def __post_init__(self) -> None:
        names = [_key(cell.network, cell.train_size, cell.variant) for cell in self.cells]
        if len(set(names)) != len(names) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError("a network at a training size, or a seed, is there twice")


class StudyFolder:
    """A study folder that exists.

    Raises
    ------
    RunError
        If the folder is not a study, or study.json is damaged.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        path = self.folder / "study.json"
        if not path.is_file():
            raise RunError(f"{self.folder}: not a study folder (no study.json in it)")
        self.info = read_json(path)
        if self.info.get("format") != FORMAT:
            raise RunError(
                f"{path}: damaged (format {str(self.info.get('format'))[:20]}, this version reads {FORMAT}): "
                "run the study again into another folder"
            )
        try:
            self._grid = check(self.info, StudyInfo)
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}): run the study again into another folder") from None

    @classmethod
    def open(cls, plan: StudyPlan, folder: Path, command: str) -> StudyFolder:
        """Make the folder of a study, or widen the grid of the one that is there.

        Raises
        ------
        RunError
            If the folder holds something else, or cannot be written.
        """
        cells = {
            _key(cell.network, cell.train_size, cell.variant): GridCell(
                cell.network,
                cell.train_size,
                without_seed(cell.settings.to_dict()),
                dict(cell.variant),
                dict(cell.network_options),
            )
            for cell in plan.grid()
        }
        seeds = list(plan.seeds)
        corrections = describe(plan.corrections) if plan.corrections else None
        failed: list[FailedRun] = []
        if (folder / "study.json").exists():
            old = cls(folder)._grid
            if old.source != canonical(plan.source):
                raise RunError(f"{folder}: holds a study with another source: choose another --out")
            if (old.corrections.sha256 if old.corrections else None) != (corrections or {}).get("sha256"):
                raise RunError(f"{folder}: holds a study with other corrections of labels: choose another --out")
            if old.options != plan.options:
                raise RunError(f"{folder}: holds a study with pictures loaded in another way: choose another --out")
            there = {_key(cell.network, cell.train_size, cell.variant): cell for cell in old.cells}
            cells = {**{key: cells.get(key, cell) for key, cell in there.items()}, **cells}
            for key, cell in there.items():
                # As settings, not as they are written: a later version may have named more of them.
                same = TrainingSettings.from_dict(cells[key].settings) == TrainingSettings.from_dict(cell.settings)
                if not same or cells[key].network_options != cell.network_options:
                    raise RunError(
                        f"{folder}: holds a study with other settings for {variant_label(cell.network, cell.variant)} "
                        f"on {cell.train_size:,} images: choose another --out"
                    )
            seeds = old.seeds + [seed for seed in seeds if seed not in old.seeds]
            failed = old.failed
        info: dict[str, Any] = {
            "source": canonical(plan.source),
            "cells": msgspec.to_builtins(list(cells.values())),
            "seeds": seeds,
            "command": command,
            "options": asdict(plan.options),
        }
        if corrections:
            info["corrections"] = corrections
        if failed:
            info["failed"] = msgspec.to_builtins(failed)
        return cls.write(folder, info)

    @classmethod
    def write(cls, folder: Path, info: Mapping[str, Any]) -> StudyFolder:
        """Make or bring up to date a study folder.

        Raises
        ------
        RunError
            If the folder holds something else, or cannot be written.
        """
        foreign = folder.exists() and (not folder.is_dir() or any(not is_temporary(path) for path in folder.iterdir()))
        if foreign and not (folder / "study.json").exists():
            raise RunError(f"{folder}: is not empty and not a study: choose another --out")
        make_folder(folder)
        write_atomically(folder / "study.json", json.dumps({"format": FORMAT, **info}, indent=2) + "\n")
        return cls(folder)

    def run_folder(self, network: str, train_size: int, seed: int, variant: Mapping[str, str] | None = None) -> Path:
        """Return where a cell's run lives."""
        words = [network, str(train_size), *(f"{name}={value}" for name, value in (variant or {}).items())]
        plain = re.sub(r"[:/\\]", "-", "-".join(words)).lstrip(
            "-."
        )  # "timm:resnet18" is no name of a folder on every system
        return self.folder / "runs" / f"{plain}-seed{seed}"

    def record(
        self, network: str, train_size: int, seed: int, failure: str | None, variant: Mapping[str, str] | None = None
    ) -> None:
        """Write down that a run diverged, or (None) that it did not after all."""
        this = FailedRun(network, train_size, seed, failure or "", dict(variant or {}))
        failed = [run for run in self._grid.failed if msgspec.structs.replace(run, reason=this.reason) != this]
        if failure is not None:
            failed.append(this)
        if failed != self._grid.failed:
            info = {name: value for name, value in self.info.items() if name != "failed"}
            self.info = {**info, "failed": msgspec.to_builtins(failed)} if failed else info
            self._grid = check(self.info, StudyInfo)
            write_atomically(self.folder / "study.json", json.dumps(self.info, indent=2) + "\n")

    def finished_runs(self) -> list[Run]:
        """Return every finished run of the grid, ordered by network, variant as in the grid, training size and seed.

        Raises
        ------
        RunError
            If a run is damaged, or is not the one that belongs into its folder.
        """
        done = [run for run in self._runs() if run.finished]
        place = {label: at for at, label in enumerate(dict.fromkeys(run.label for run in done))}
        return sorted(done, key=lambda run: (run.network_name, place[run.label], run.train_size, run.settings.seed))

    def failed_runs(self) -> tuple[FailedRun, ...]:
        """Return the runs that diverged."""
        return tuple(self._grid.failed)

    def unfinished_runs(self) -> list[str]:
        """Return the names of the run folders that the study asks for and that are not finished, and which diverged."""
        done = {run.folder.name for run in self.finished_runs()}
        diverged = {self.failed_folder(run).name for run in self._grid.failed}
        names = [self.run_folder(cell.network, cell.train_size, seed, cell.variant).name for cell, seed in self._keys()]
        return [f"{name} (diverged)" if name in diverged else name for name in names if name not in done]

    def failed_folder(self, run: FailedRun) -> Path:
        """Return where a run that diverged lives."""
        return self.run_folder(run.network, run.train_size, run.seed, run.variant)

    def _keys(self) -> Iterator[tuple[GridCell, int]]:
        return product(self._grid.cells, self._grid.seeds)

    def _runs(self) -> Iterator[Run]:
        for cell, seed in self._keys():
            folder = self.run_folder(cell.network, cell.train_size, seed, cell.variant)
            if (folder / "run.json").is_file():
                run = Run(folder)
                label = variant_label(cell.network, cell.variant)
                if (run.label, run.train_size, run.settings.seed) != (label, cell.train_size, seed):
                    raise RunError(
                        f"{folder}: expected the run of {label} on {cell.train_size:,} images with seed {seed}, found "
                        f"{run.label} on {run.train_size:,} with seed {run.settings.seed}: "
                        "move it away, and start the study again"
                    )
                yield run


def _key(network: str, train_size: int, variant: Mapping[str, str]) -> _Key:
    return network, train_size, tuple(sorted(variant.items()))


def without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values, but for the seed."""
    return {name: value for name, value in settings.items() if name != "seed"}


def load_runs(folder: Path | str) -> list[Run]:
    """Return the finished runs of a run folder (one) or a study folder (many).

    Raises
    ------
    RunError
        If the folder is neither, is damaged, or nothing in it is finished.
    """
    path = Path(folder)
    if not (path / "study.json").is_file():
        run = Run(path)
        if not run.finished:
            raise RunError(f"{path}: no finished run in it: go on with the command that started it")
        return [run]
    study = StudyFolder(path)
    runs = study.finished_runs()
    if not runs:
        failed = study.failed_runs()
        why = f" ({len(failed)} diverged, the first because {failed[0].reason})" if failed else ""
        raise RunError(f"{path}: no finished run in it{why}: go on with the command that started it")
    return runs
