"""A run, or several averaged, written as a model file: checked on all test images first, or not written at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import ExportError, RunError
from inkling.images.progress import Progress
from inkling.images.sources.protocol import LoadObserver
from inkling.integrations.export.card import model_card
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.page import PageFormat
from inkling.integrations.export.parity import Parity, measure_parity
from inkling.integrations.export.protocol import Draft, Predict
from inkling.integrations.export.registry import find_format
from inkling.runs.run import Run
from inkling.storage.atomic import check_writable, write_atomically

CARD = "_card.md"
"""Ending of the name of the model card beside an exported file."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    format: str
    files: dict[Path, str]  # each with its SHA-256; the model first, the card last
    temperature: float
    parity: Parity

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "format": self.format,
            "files": [{"file": str(path), "sha256": digest} for path, digest in self.files.items()],
            "temperature": self.temperature,
            "parity": self.parity.to_dict(),
        }


def export_runs(
    runs: Sequence[Run],
    format_name: str,
    out: Path | str | None = None,
    calibrated: bool = False,
    progress: Progress | None = None,
    load_progress: LoadObserver | None = None,
    runtime: Path | str | None = None,
) -> Exported:
    """Write the model of a run, or of several averaged, with a model card beside it.

    Parameters
    ----------
    runs : sequence of Run
        One or more, finished.
    format_name : str
        One of `registry.FORMATS`.
    out : Path, optional
        The file; its suffix must be the format's. Without it, named like the first run, in the current folder.
    calibrated : bool
        With the temperature that was fitted on validation images.
    progress : callable, optional
        Called with (test images checked, test images in all).
    load_progress : callable, optional
        Called with a `LoadProgress` while images are loaded.
    runtime : Path, optional
        Of the format "page": onnxruntime-web, which then computes every network: see `web_runtime.find_runtime`.

    Raises
    ------
    ExportError
        If there is no such format, the file has another suffix, the exported model does not agree with the run, or
        `runtime` is not onnxruntime-web or not for this format.
    RunError
        If a run is not finished or damaged, the runs do not fit together, or the file cannot be written.
    DataError
        If the test images are not those of the run any more.
    NetworkError, MissingLibraryError
        As `Format.draft`.
    """
    kind = find_format(format_name)
    if runtime is not None:
        if not isinstance(kind, PageFormat):
            raise ExportError(f"--runtime is for --format page alone, which holds it: leave it out for {kind.name}")
        kind = PageFormat(Path(runtime))
    path = Path(out) if out is not None else Path(runs[0].folder.resolve().name + kind.suffix)
    if path.suffix.lower() != kind.suffix:
        raise ExportError(f"{path}: a file of format {kind.name} must be called *{kind.suffix}: give another --out")
    check_writable(path)
    model = LeavingModel(tuple(runs), calibrated)
    draft = kind.draft(model)
    test = runs[0].subset(runs[0].load_images(load_progress)).test
    exported = _failing_in_one_line(draft, path)
    parity = measure_parity(exported, model.predict, test.images, draft.computed_by, draft.tolerance, progress)
    if not parity.agrees:
        raise ExportError(f"{path}: not written, because the exported model is not the run's: {parity.verdict}")
    contents = {path.with_name(path.stem + ending): content for ending, content in draft.files(parity).items()}
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    card = model_card(runs, calibrated, {file.name: digest for file, digest in digests.items()}, parity).encode()
    contents[path.with_name(path.stem + CARD)] = card
    _write_all(contents)
    return Exported(kind.name, {file: hashlib.sha256(text).hexdigest() for file, text in contents.items()},
                    model.temperature, parity)  # fmt: skip


def _failing_in_one_line(draft: Draft, path: Path) -> Predict:
    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            return draft.predict(images)
        except Exception as error:  # of a module of somebody's own, in a program that is not ours
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            raise ExportError(
                f"{path}: not written, because {draft.computed_by} fails on {len(images)} test images ({reason})"
            ) from error

    return predict


def _write_all(contents: dict[Path, bytes]) -> None:
    """Write files, or none of those that are not there yet."""
    new = [file for file in contents if not file.exists()]
    try:
        for file, content in contents.items():
            write_atomically(file, content)
    except RunError:
        for file in new:
            file.unlink(missing_ok=True)
        raise
