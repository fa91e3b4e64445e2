"""Loading a source with its download, if there is one, on screen."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from inkling.cli.console import Meter, Output
from inkling.images.dataset import Splits
from inkling.images.sources.downloads import Progress
from inkling.images.sources.registry import load_images


def load_with_progress(source: str, output: Output, corrections: Path | None = None) -> Splits:
    """Return the splits of a source; a download shows how many megabytes have come."""
    with ExitStack() as stack:
        return load_images(source, download_meter(output, stack), corrections)


def download_meter(output: Output, stack: ExitStack) -> Progress:
    """Return what `load_images` and `fetch` call during a download; each file gets a meter of its own."""
    meters: dict[str, Meter] = {}

    def show(name: str, done: int, total: int) -> None:
        if name not in meters:
            meters[name] = stack.enter_context(output.progress(100, name))
        if total:
            meters[name].update(min(100, 100 * done // total), f"% of {total / 1e6:.1f} MB")

    return show
