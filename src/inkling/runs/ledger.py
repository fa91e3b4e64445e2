"""The ledger of the test images: which command looked when at how runs predict them. A JSON line for each look.

A run's folder holds the looks at that run, of which its training is the first; a study's folder those at all of its
runs together. A folder that is copied takes its ledger along, and a look that two ledgers hold is one look.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from inkling.errors import RunError
from inkling.runs.run import Run
from inkling.runs.schema import Count, Sha256, check, parse
from inkling.storage.atomic import append_line

LEDGER = "test_ledger.jsonl"

TRAINING = "train"
"""Command of the first look at a run: it predicts the test images once training has ended."""


class LookedAt(msgspec.Struct, frozen=True):
    """A run that was looked at."""

    run: str  # name of its folder
    weights_sha256: Sha256


class Look(msgspec.Struct, frozen=True):
    """One line of the ledger."""

    id: str  # the same in every ledger that holds the look
    time: str  # ISO 8601, UTC
    command: str
    runs: list[LookedAt]
    split: str
    n: Count  # images of the split
    test_fingerprint: Sha256  # of the images and labels, as in run.json


@dataclass(frozen=True)
class Ledger:
    """The ledger of one folder."""

    looks: tuple[Look, ...] = ()
    damaged: tuple[str, ...] = ()  # lines that are none, each in words


def read_ledger(folder: Path) -> Ledger:
    """Return the ledger of a run or study folder; what is damaged in it is named, and the rest is read."""
    path = folder / LEDGER
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        return Ledger(damaged=(f"{path}: cannot be read ({error.strerror})",))
    looks, damaged = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            looks.append(check(parse(line), Look))
        except ValueError as error:
            damaged.append(f"{path}: line {number} is damaged ({error})")
    return Ledger(tuple(looks), tuple(damaged))


def record_look(command: str, runs: Sequence[Run], folder: Path | None = None) -> str | None:
    """Write down that a command looked at how runs predict their test images.

    Parameters
    ----------
    command : str
        Its name: "evaluate", "compare", …
    runs : sequence of Run
        One or more, on the same test images.
    folder : Path, optional
        Of the study or run that they all are of; without it, each run's own folder gets the line.

    Returns
    -------
    str or None
        Why the look could not be written down, in one line; None where it was. A look is no reason to fail.
    """
    data = runs[0].data
    look = Look(
        id=secrets.token_hex(8),
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        command=command,
        runs=[LookedAt(run.folder.resolve().name, weights_of(run)) for run in runs],
        split="test",
        n=data.test,
        test_fingerprint=data.test_fingerprint,
    )
    line = json.dumps(msgspec.to_builtins(look), ensure_ascii=False)
    for place in [run.folder for run in runs] if folder is None else [folder]:
        try:
            append_line(place / LEDGER, line)
        except RunError as error:
            return f"This look at the test images is not in the ledger: {error}"
    return None


def record_training(run: Run) -> None:
    """Write down the look that ends a training, once: a run that is stopped after it and resumed has it already."""
    if not any(look.command == TRAINING for look in read_ledger(run.folder).looks):
        record_look(TRAINING, [run])


def weights_of(run: Run) -> str:
    """Return the digest by which a run is told from others, whatever its folder is called."""
    return str((run.results or {}).get("weights_sha256") or run.weights_digest())
