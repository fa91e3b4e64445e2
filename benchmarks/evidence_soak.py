"""Do the sentences keep their promises? How often each claim holds where the truth is known, one row a claim.

Simulated predictions where the arithmetic is in question, networks trained again where reality is. `--share` does a
part of the repetitions; `--only` the claims whose module or name contains a word; `--jobs` so many modules at a time,
in processes of their own; `--out` also writes the table to a file, when all of it is there.

    python benchmarks/evidence_soak.py [--share 1.0] [--only WORD] [--no-training] [--jobs N] [--out FILE.md]
    python benchmarks/evidence_soak.py --quick
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

from evidence import claims
from evidence.claim import Claim, Effort
from inkling.runs.environment import machine, versions
from inkling.storage.atomic import write_atomically


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    text: str
    reached: bool


def main() -> None:
    """Measure every claim and print its row as soon as it, and with `--jobs` its module, is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the repetitions")
    parser.add_argument("--only", default="", help="claims whose module or name contains this")
    parser.add_argument("--no-training", action="store_true", help="leave out claims for which networks are trained")
    parser.add_argument("--quick", action="store_true", help="a few repetitions, to see that it runs")
    parser.add_argument("--jobs", type=int, default=1, help="modules at a time, in processes of their own")
    parser.add_argument("--out", type=Path, help="the table as a file")
    options = parser.parse_args()
    effort = Effort(0.005 if options.quick else options.share)
    places = [
        place
        for place, claim in enumerate(claims())
        if options.only.lower() in f"{_module(claim)} {claim.name}".lower()
        and not (claim.trains and options.no_training)
    ]
    lines = [
        f"{versions()}; {machine()['processor']}; share {effort.share:g}",
        "",
        "| claim | reach | measured | reached | seconds |",
        "|---|---|---|---|---|",
    ]
    print(*lines, sep="\n", flush=True)
    missed = 0
    for row in _rows(places, effort, options.jobs):
        missed += not row.reached
        lines.append(row.text)
        print(row.text, flush=True)
    if not options.quick:
        lines += ["", f"{missed} missed" if missed else "all reached"]
        print(*lines[-2:], sep="\n")
    if options.out:
        write_atomically(options.out, "\n".join([*lines, ""]))


def _module(claim: Claim) -> str:
    return claim.measure.__module__.rpartition(".")[2]


def _rows(places: list[int], effort: Effort, jobs: int) -> Iterator[Row]:
    """Yield rows in order. The claims of a module share its networks, so each module stays in one process."""
    every = claims()
    if jobs == 1:
        yield from (_row(every[place], effort) for place in places)
        return
    modules = [list(group) for _, group in groupby(places, lambda place: _module(every[place]))]
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))  # read when a process starts
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for rows in pool.map(partial(_rows_of_one_process, effort=effort), modules):
            yield from rows


def _rows_of_one_process(places: list[int], effort: Effort) -> list[Row]:
    return list(_rows(places, effort, jobs=1))


def _row(claim: Claim, effort: Effort) -> Row:
    began = time.perf_counter()
    measured = claim.measure(effort)
    cells = (claim.name, claim.reach, measured.shown, "yes" if measured.reached else "no")
    return Row(f"| {' | '.join(cells)} | {time.perf_counter() - began:.0f} |", measured.reached)


if __name__ == "__main__":
    main()
