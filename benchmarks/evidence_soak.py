"""Do the sentences keep their promises? How often each claim holds where the truth is known, one row a claim.

Simulated predictions where the arithmetic is in question, networks trained again where reality is. `--share` does a
part of the repetitions; `--only` the claims whose module or name contains a word.

    python benchmarks/evidence_soak.py [--share 1.0] [--only WORD] [--no-training]
    python benchmarks/evidence_soak.py --quick
"""

from __future__ import annotations

import argparse
import time

from evidence import claims
from evidence.claim import Effort
from inkling.runs.environment import machine, versions


def main() -> None:
    """Measure every claim and print its row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the repetitions")
    parser.add_argument("--only", default="", help="claims whose module or name contains this")
    parser.add_argument("--no-training", action="store_true", help="leave out claims for which networks are trained")
    parser.add_argument("--quick", action="store_true", help="a few repetitions, to see that it runs")
    options = parser.parse_args()
    effort = Effort(0.005 if options.quick else options.share)
    print(f"{versions()}; {machine()['processor']}; share {effort.share:g}")
    print("| claim | reach | measured | reached | seconds |")
    print("|---|---|---|---|---|", flush=True)
    missed = 0
    for claim in claims():
        module = claim.measure.__module__.rpartition(".")[2]
        if options.only.lower() not in f"{module} {claim.name}".lower() or (claim.trains and options.no_training):
            continue
        began = time.perf_counter()
        measured = claim.measure(effort)
        missed += not measured.reached
        row = (claim.name, claim.reach, measured.shown, "yes" if measured.reached else "no")
        print(f"| {' | '.join(row)} | {time.perf_counter() - began:.0f} |", flush=True)
    if not options.quick:
        print(f"{missed} missed" if missed else "all reached")


if __name__ == "__main__":
    main()
