"""Loading a source with its progress on screen: pictures read, megabytes downloaded, files verified."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from inkling.cli.console import Output
from inkling.cli.progress import Meter
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.protocol import LoadObserver, LoadProgress
from inkling.images.sources.registry import load_images


def load_with_progress(
    source: str,
    output: Output,
    corrections: Path | None = None,
    options: LoadOptions = AS_THE_SOURCE_HAS_IT,
) -> Splits:
    """Return the splits of a source, their fingerprint computed, with a meter for each stage of it."""
    with ExitStack() as stack:
        splits = load_images(source, load_meters(output, stack), corrections, options)
    with output.watch("hashing images") as progress:
        splits.compute_fingerprint(progress)
    output.note(*splits.notes)
    return splits


def load_meters(output: Output, stack: ExitStack) -> LoadObserver:
    """Return what `load_images` and `fetch` call; each stage gets a meter of its own, in place of the one before."""
    meter: Meter | None = None

    def show(progress: LoadProgress) -> None:
        nonlocal meter
        name, (done, total, unit) = progress.stage, _in_units(progress)
        if not total:
            return
        if meter is None or meter.what != name:
            stack.close()
            meter = stack.enter_context(output.progress(total, name))
        meter.update(done, f"{done:,}/{total:,} {unit}")

    return show


def _in_units(progress: LoadProgress) -> tuple[int, int, str]:
    """Return done, total, and the unit that they are counted in; bytes become megabytes."""
    if progress.unit == "bytes":
        return progress.done // 10**6, -(-progress.total // 10**6), "MB"
    return progress.done, progress.total, progress.unit
