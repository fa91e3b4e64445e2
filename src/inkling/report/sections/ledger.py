"""The ledger of the test images: how often they were looked at, by how many runs, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence
from inkling.report.section import Section
from inkling.studies.ledger import UseOfTestSet


@dataclass(frozen=True)
class LooksOfCommand:
    """The looks that one command took."""

    command: str
    looks: int
    runs: int  # different ones
    first: str  # date and time, UTC
    last: str


def looks_by_command(use: UseOfTestSet) -> list[LooksOfCommand]:
    """Return the looks of each command, in the order of the first."""
    found = []
    for command in use.by_command:
        looks = [look for look in use.looks if look.command == command]
        runs = {run.weights_sha256 for look in looks for run in look.runs}
        times = [look.time[:16].replace("T", " ") for look in looks]
        found.append(LooksOfCommand(command, len(looks), len(runs), times[0], times[-1]))
    return found


def _draw(content: UseOfTestSet, _evidence: Evidence, _drawing: Drawing) -> Mapping[str, Any]:
    return {"commands": looks_by_command(content)}


SECTION = Section(
    id="test-ledger",
    order=145,
    title="Use of the test images",
    template="ledger.html.j2",
    gather=lambda evidence: evidence.use_of_test_set,
    draw=_draw,
)
