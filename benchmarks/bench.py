"""How fast it is: every comparison that docs/performance.md speaks of, each pair in turn in one run.

Prints a table and writes it to benchmarks/results.md; `--quick` runs the same code on a few of the bundled digits, and
writes nothing. Takes some 10 minutes, and means something only where no other program runs.

    INKLING_DATA=… python benchmarks/bench.py [--rounds 9] [--only WORD] [--quick]
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

from inkling.runs.environment import machine, versions
from inkling.storage.atomic import write_atomically
from speed import convolutional, perceptron, reporting, starting
from speed.compared import Compared, Effort

RESULTS = Path(__file__).with_name("results.md")
MEASURES: dict[str, Callable[[Effort], Iterator[Compared]]] = {
    "perceptron": perceptron.epoch,
    "command": perceptron.command,
    "start": starting.starting,
    "cnn": convolutional.epoch,
    "accuracy": convolutional.time_to_accuracy,
    "augmentation": convolutional.augmentation,
    "report": reporting.reporting,
}


def main() -> None:
    """Measure everything and print each row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=MEASURES, help="one of the measurements")
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    effort = Effort(options.quick, options.rounds)
    found = machine()
    lines = [
        "# How fast it is",
        "",
        f"`make bench`, {datetime.date.today().isoformat()}: {found['processor']}, {found['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in versions().items())
        + ". Medians of so many rounds, each pair in turn; of the ratio also the lowest and the highest.",
        "",
        "| what | time | against | time | measured | goal | reached | rounds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    print(*lines, sep="\n", flush=True)
    for name, measure in MEASURES.items():
        if options.only in (None, name):
            for compared in measure(effort):
                lines.append(compared.row())
                print(lines[-1], flush=True)
    if not (options.quick or options.only):
        write_atomically(RESULTS, "\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
