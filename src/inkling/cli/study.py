"""`inkling study`: a grid of runs, and one table of what they say."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table
from inkling.cli.streams import StoppedError

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.studies.study import Observer, Study, StudyPlan


def study(
    source: choices.Source,
    train_sizes: Annotated[str, typer.Option(help="Training sizes, with commas between.")],
    networks: Annotated[str, typer.Option(help="Networks, with commas between.")] = "perceptron",
    seeds: Annotated[str, typer.Option(help="Seeds, with commas between.")] = "0,1,2",
    recipe: choices.Recipe = "reference",
    epochs: choices.Epochs = None,
    batch_size: choices.BatchSize = None,
    learning_rate: choices.LearningRate = None,
    precision: choices.Precision = None,
    teacher: choices.Teacher = None,
    corrections: choices.Corrections = None,
    device: choices.Device = "auto",
    track: choices.Track = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; started again, only what is missing is done.  [default: runs/study-SOURCE-RECIPE]"),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Runs at a time, sharing the cores.")] = 1,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train every network at every training size with every seed.

    Each cell of the grid gets the mean and the standard deviation of its accuracy over the seeds.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.integrations.tracking.tracking import Tracking
    from inkling.studies.study import StudyPlan

    output = Output(quiet, json)
    observer = Tracking(track) if track else None
    plan = StudyPlan.of_recipe(
        source,
        networks.split(","),
        choices.numbers(train_sizes, "--train-sizes"),
        choices.numbers(seeds, "--seeds"),
        recipe,
        device,
        teacher,
        corrections,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        precision=precision,
    )
    splits = load_with_progress(
        source, output, corrections
    )  # a download is shown; the study itself then finds the files
    out = out or Path("runs") / f"study-{splits.name}-{recipe}"
    done = carry_out(plan, out, jobs, output, observer)
    output.result(
        done.to_dict(),
        study_table(done),
        f"Over {len(plan.seeds)} seeds: accuracy as mean ± standard deviation, seconds of training as mean.",
        f"The study is in {out}. Next: inkling report {shlex.quote(str(out))}",
    )


def carry_out(plan: StudyPlan, out: Path, jobs: int, output: Output, observer: Observer | None = None) -> Study:
    """Do the missing runs with their progress on screen, and return the study."""
    from inkling.studies.study import read_study, study_progress

    command = shlex.join(["inkling", *sys.argv[1:]])
    total, trained = len(list(plan.cells())), jobs > 1
    try:
        with (
            output.progress(total, "study") as meter,
            closing(study_progress(plan, out, jobs, command, observer)) as progress,
        ):
            for at in progress:
                what = f"{at.plan.network}, {at.plan.train_size:,} images, seed {at.plan.settings.seed}"
                if at.record:
                    trained = True
                    part = at.record.epoch / at.plan.settings.epochs
                    meter.update(
                        at.done + min(part, 0.99),
                        f"{at.done}/{total} runs, {what}: epoch {at.record.epoch}, "
                        f"validation accuracy {at.record.validation_accuracy:.4f}",
                    )
                else:
                    if not trained:  # this run was done before
                        meter.start_at(at.done)
                    meter.update(at.done, f"{at.done}/{total} runs, {what}: done")
    except KeyboardInterrupt:
        raise StoppedError(f"; every finished epoch is saved. Go on with:\n  {command}") from None
    return read_study(out)


def study_table(done: Study) -> Table:
    """Return the table of a study, a row for each network and training size."""
    heading, *cells = done.table()
    rows = table(*heading)
    for cell in cells:
        rows.add_row(*cell)
    return rows
