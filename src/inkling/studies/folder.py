"""One study folder: study.json (what was asked for) and one run folder for each cell of its grid.

study.json                          source; network, training size and settings of each cell; seeds; command
runs/NETWORK-TRAINSIZE-seedS/       one run each
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inkling.errors import RunError
from inkling.runs.files import cannot_write, is_temporary, write_atomically
from inkling.runs.run import Run

FORMAT = 1


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
        try:
            self.info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if self.info["format"] != FORMAT:
                raise ValueError(f"format {self.info['format']}, this version reads {FORMAT}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}: damaged ({error}): run the study again into another folder") from None

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
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from None
        write_atomically(folder / "study.json", json.dumps({"format": FORMAT, **info}, indent=2) + "\n")
        return cls(folder)

    def run_folder(self, network: str, train_size: int, seed: int) -> Path:
        """Return where a cell's run lives."""
        return self.folder / "runs" / f"{network}-{train_size}-seed{seed}"

    def finished_runs(self) -> list[Run]:
        """Return every finished run, ordered by network, training size and seed."""
        runs = [Run(path.parent) for path in sorted(self.folder.glob("runs/*/run.json"))]
        done = [run for run in runs if run.finished]
        return sorted(done, key=lambda run: (run.network_name, run.train_size, run.settings.seed))

    def unfinished_runs(self) -> list[str]:
        """Return the names of the run folders that the study asks for and that are not finished."""
        done = {run.folder.name for run in self.finished_runs()}
        cells = [(cell["network"], cell["train_size"]) for cell in self.info.get("cells", [])]
        folders = [self.run_folder(*cell, seed) for cell in cells for seed in self.info.get("seeds", [])]
        return [folder.name for folder in folders if folder.name not in done]


def load_runs(folder: Path | str) -> list[Run]:
    """Return the finished runs of a run folder (one) or a study folder (many).

    Raises
    ------
    RunError
        If the folder is neither, is damaged, or nothing in it is finished.
    """
    path = Path(folder)
    runs = StudyFolder(path).finished_runs() if (path / "study.json").is_file() else [Run(path)]
    if not runs or not runs[0].finished:
        raise RunError(f"{path}: no finished run in it: go on with the command that started it")
    return runs
