"""Loading a source with its progress on screen: pictures read, megabytes downloaded, files verified."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from inkling.cli.console import Meter, Output
from inkling.images.dataset import Splits
from inkling.images.sources.protocol import LoadObserver, LoadProgress
from inkling.images.sources.registry import load_images

PATIENCE = 1.0
"""Seconds that a stage of loading must have lasted before a meter of it is shown."""


def load_with_progress(source: str, output: Output, corrections: Path | None = None) -> Splits:
    """Return the splits of a source, with a meter for each stage that takes longer than a moment."""
    with ExitStack() as stack:
        return load_images(source, load_meters(output, stack), corrections)


def load_meters(output: Output, stack: ExitStack) -> LoadObserver:
    """Return what `load_images` and `fetch` call; each stage gets a meter of its own."""
    meters: dict[str, Meter] = {}
    began: dict[str, float] = {}

    def show(progress: LoadProgress) -> None:
        if not progress.total:
            return
        name, (done, total, detail) = progress.stage, _in_units(progress)
        if name not in meters:
            if time.monotonic() - began.setdefault(name, time.monotonic()) < PATIENCE:
                return
            meters[name] = stack.enter_context(output.progress(total, name))
        meters[name].update(done, detail)

    return show


def _in_units(progress: LoadProgress) -> tuple[int, int, str]:
    """Return done, total, and the unit that they are counted in; bytes become megabytes."""
    if progress.unit == "bytes":
        return progress.done // 10**6, -(-progress.total // 10**6), "MB"
    return progress.done, progress.total, progress.unit
