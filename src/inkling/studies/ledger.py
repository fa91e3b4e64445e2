"""How often the test images of a run or study were looked at: by its ledgers, and those of the folders beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkling.diagnosis.best_of_runs import BestOfRuns, best_of_runs
from inkling.errors import InklingError
from inkling.runs.compatible import common_test_predictions
from inkling.runs.ledger import TRAINING, Look, read_ledger, weights_of
from inkling.runs.run import Run

WHERE = "Recorded in this folder and those beside it; looks from elsewhere are not counted."


@dataclass(frozen=True)
class UseOfTestSet:
    """How often a test split was looked at, as far as it is recorded.

    Attributes
    ----------
    n : int
        Test images.
    test_fingerprint : str
        Of the images and labels.
    looks : tuple of Look
        In the order of time.
    runs : int
        Trained networks that predicted them; equal weights are one.
    earlier : int or None
        Of a single run: how many of the others had predicted them when it first did; None where its training is not
        in the ledger, and for a study.
    unrecorded : tuple of str
        Finished runs whose training is in no ledger.
    damaged : tuple of str
        Lines of ledgers that could not be read, in words.
    best : BestOfRuns or None
        Where there are two runs or more.
    """

    n: int
    test_fingerprint: str
    looks: tuple[Look, ...]
    runs: int
    earlier: int | None
    unrecorded: tuple[str, ...]
    damaged: tuple[str, ...]
    best: BestOfRuns | None

    @property
    def by_command(self) -> dict[str, int]:
        """Looks of each command, in the order of the first."""
        return dict(Counter(look.command for look in self.looks))

    @property
    def count(self) -> str:
        """One sentence: how often, and by how many runs."""
        runs = "1 run" if self.runs == 1 else f"{self.runs:,} runs"
        if not self.looks:
            return f"No look at this test split (n = {self.n:,}) is recorded, by {runs}."
        times = "once" if len(self.looks) == 1 else f"{len(self.looks):,} times"
        earlier = "" if self.earlier is None or self.runs == 1 else f"; {self.earlier:,} of them before this one"
        return f"This test split (n = {self.n:,}) was used {times} by {runs}{earlier}."

    @property
    def where(self) -> str:
        """What is counted, and what is missing."""
        sentences = [WHERE]
        if self.unrecorded:
            names = len(self.unrecorded)
            sentences.append(f"The training of {names:,} run{'s' * (names > 1)} is in no ledger.")
        if self.damaged:
            lines = len(self.damaged)
            sentences.append(f"{lines:,} damaged line{'s' * (lines > 1)} could not be counted.")
        return " ".join(sentences)

    @property
    def verdict(self) -> str:
        """Some sentences: how often, where that is recorded, and what it means."""
        return " ".join([self.count, self.where, *([self.best.verdict] if self.best else [])])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "n": self.n,
            "test_fingerprint": self.test_fingerprint,
            "looks": len(self.looks),
            "by_command": self.by_command,
            "runs": self.runs,
            "earlier": self.earlier,
            "unrecorded": list(self.unrecorded),
            "damaged": list(self.damaged),
            "best_of_runs": self.best.to_dict() if self.best else None,
        }


def use_of_test_set(folder: Path | str, runs: Sequence[Run]) -> UseOfTestSet:
    """Return how often the test images of a run or study folder were looked at.

    Parameters
    ----------
    folder : Path
        Of the run or study. The folders beside it count too, where their runs were evaluated on the same images with
        the same labels.
    runs : sequence of Run
        Those in it that are finished: one or more, on the same test images.
    """
    data = runs[0].data
    looks: dict[str, Look] = {}
    damaged: list[str] = []
    networks = {weights_of(run) for run in runs}
    finished = {weights_of(run): run.folder.resolve().name for run in runs if run.finished}
    for place in dict.fromkeys(_folders(Path(folder).resolve())):
        ledger = read_ledger(place)
        damaged += ledger.damaged
        looks |= {look.id: look for look in ledger.looks if look.test_fingerprint == data.test_fingerprint}
        with suppress(InklingError):  # damaged, or no run: nothing is known of it but its ledger
            if (place / "run.json").is_file():
                run = Run(place)
                if run.finished and run.data.test_fingerprint == data.test_fingerprint:
                    finished.setdefault(weights_of(run), place.name)
    ordered = tuple(sorted(looks.values(), key=lambda look: (look.time, look.id)))
    trained: dict[str, str] = {}  # weights -> time of the first training that is recorded
    for look in ordered:
        for each in look.runs:
            networks.add(each.weights_sha256)
            if look.command == TRAINING:
                trained.setdefault(each.weights_sha256, look.time)
    networks |= finished.keys()
    return UseOfTestSet(
        n=data.test,
        test_fingerprint=data.test_fingerprint,
        looks=ordered,
        runs=len(networks),
        earlier=_earlier(runs, trained),
        unrecorded=tuple(sorted(name for weights, name in finished.items() if weights not in trained)),
        damaged=tuple(damaged),
        best=_best(runs, len(networks)),
    )


def _earlier(runs: Sequence[Run], trained: dict[str, str]) -> int | None:
    time = trained.get(weights_of(runs[0])) if len(runs) == 1 else None
    return None if time is None else sum(other < time for other in trained.values())


def _best(runs: Sequence[Run], networks: int) -> BestOfRuns | None:
    if networks < 2:
        return None
    try:
        labels, probabilities = common_test_predictions(list({weights_of(run): run for run in runs}.values()))
    except InklingError:  # predictions that are missing or of other images: the counts stand by themselves
        return None
    return best_of_runs(np.stack([of_run.argmax(axis=1) == labels for of_run in probabilities]), networks)


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folders whose ledgers may hold looks at the same images: its own, its study's, and those beside it."""
    yield folder
    yield from _within(folder)
    above = folder.parent
    if (above.parent / "study.json").is_file():  # a run of a study
        yield above.parent
    with suppress(OSError):
        for beside in sorted(above.iterdir()):
            if (beside / "run.json").is_file() or (beside / "study.json").is_file():
                yield beside
                yield from _within(beside)


def _within(folder: Path) -> Iterator[Path]:
    """Yield the runs of a study folder."""
    if (folder / "study.json").is_file():
        with suppress(OSError):
            yield from sorted(path for path in (folder / "runs").iterdir() if (path / "run.json").is_file())
