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
from inkling.training.recipes.choice import AUTO

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.images.dataset import Splits
    from inkling.studies.plan import StudyPlan
    from inkling.studies.pool import Observer
    from inkling.studies.summary import Study


def study(
    source: choices.Source,
    train_sizes: Annotated[str, typer.Option(help="Training sizes, with commas between.")],
    networks: Annotated[str, typer.Option(help="Networks, with commas between; auto chooses one.")] = AUTO,
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
    from inkling.studies.plan import StudyPlan

    output = Output(quiet, json)
    observer = Tracking(track) if track else None
    sizes = choices.numbers(train_sizes, "--train-sizes")
    seed_numbers = choices.numbers(seeds, "--seeds")
    for network in networks.split(","):
        choices.check_recipe(recipe, network)
    # A download is shown here; the study itself then finds the files.
    splits = load_with_progress(source, output, corrections)
    out = out or Path("runs") / f"study-{splits.name}-{recipe}"
    chosen = _chosen_network(networks, recipe, splits, max(sizes), out)
    plan = StudyPlan.from_recipe(
        source,
        chosen.name.split(","),
        sizes,
        seed_numbers,
        recipe,
        device,
        teacher,
        corrections,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        precision=precision,
    )
    done = carry_out(plan, out, jobs, output, observer, chosen)
    output.result(
        {**done.to_dict(), **chosen.to_dict()},
        study_table(done),
        *([done.failures] if done.failures else []),
        f"Over {len(plan.seeds)} seeds: accuracy as mean ± standard deviation, seconds of training as mean.",
        f"The study is in {out}. Next: inkling report {shlex.quote(str(out))}",
    )


def _chosen_network(networks: str, recipe: str, splits: Splits, train_size: int, out: Path) -> choices.ChosenNetwork:
    """Return the networks to train, with commas between; a study that goes on keeps those it has."""
    if networks == AUTO and (out / "study.json").is_file():
        from inkling.studies.folder import StudyFolder

        there = ",".join(dict.fromkeys(str(cell["network"]) for cell in StudyFolder(out).info.get("cells", [])))
        if there:
            return choices.ChosenNetwork(there, f"{there}, as the study in {out} has")
    return choices.chosen_network(networks, recipe, splits, train_size)


def carry_out(
    plan: StudyPlan,
    out: Path,
    jobs: int,
    output: Output,
    observer: Observer | None = None,
    chosen: choices.ChosenNetwork | None = None,
) -> Study:
    """Do the missing runs with their progress on screen, and return the study."""
    from inkling.studies.study import study_progress
    from inkling.studies.summary import read_study

    words = ["inkling", *sys.argv[1:]]
    command = shlex.join(chosen.record(words, "--networks") if chosen else words)
    total, trained = len(list(plan.cells())), jobs > 1
    try:
        with (
            output.progress(total, "study") as meter,
            closing(study_progress(plan, out, jobs, command, observer)) as progress,
        ):
            for number, at in enumerate(progress):
                if chosen and number == 0:
                    output.note(*chosen.notes)
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
                    meter.update(at.done, f"{at.done}/{total} runs, {what}: {'diverged' if at.failure else 'done'}")
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
