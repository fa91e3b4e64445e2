"""`inkling study`: a grid of runs, and one table of what they say."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table
from inkling.cli.progress import Meter
from inkling.cli.streams import StoppedError
from inkling.cli.training_meter import EPOCHS_BEYOND, TrainingMeter
from inkling.networks.catalogue import finetuned
from inkling.networks.custom import is_custom
from inkling.runs.run import variant_label
from inkling.training.recipes.choice import AUTO

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.images.dataset import Splits
    from inkling.runs.execute import RunPlan
    from inkling.studies.plan import StudyPlan
    from inkling.studies.pool import Observer, StudyProgress
    from inkling.studies.summary import Study
    from inkling.training.progress import EpochProgress


def study(
    source: choices.Source,
    train_sizes: Annotated[str, typer.Option(help="Training sizes, separated by commas.")],
    networks: Annotated[str, typer.Option(help="Networks, separated by commas; auto chooses one.")] = AUTO,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    recipe: choices.Recipe = "reference",
    recipes: Annotated[str | None, typer.Option(help="Several recipes to vary, separated by commas.")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="Setting to vary and its values, as weight_decay=0,1e-4 or hidden=16,64 or "
            "augmentation=none,shift,affine; repeatable: every combination is trained. The first value is what the "
            "others are compared with.",
            metavar="NAME=VALUES",
        ),
    ] = None,
    epochs: choices.Epochs = None,
    batch_size: choices.BatchSize = None,
    learning_rate: choices.LearningRate = None,
    precision: choices.Precision = None,
    teacher: choices.Teacher = None,
    corrections: choices.Corrections = None,
    image_size: choices.ImageSize = None,
    fit: choices.Fit = None,
    skip_unreadable: choices.SkipUnreadable = False,
    groups: choices.Groups = None,
    flip: choices.Flip = None,
    finetune: choices.Finetune = False,
    device: choices.Device = "auto",
    track: choices.Track = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the study; a second start does only what is missing.  [default: runs/study-SOURCE-RECIPE]"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Runs to train in parallel, sharing the cores.")] = 1,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train every network at every training size with every seed.

    Each cell of the grid gets the mean and the standard deviation of its accuracy over the seeds. With --recipes or
    --vary the grid has the settings too, and the report says which of them changed accuracy and overfitting.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.integrations.tracking.tracking import Tracking
    from inkling.studies.plan import StudyPlan
    from inkling.training.recipes.registry import plan_settings

    output = Output(quiet, json)
    observer = Tracking(track) if track else None
    options = choices.load_options(image_size, fit, skip_unreadable, groups)
    sizes = choices.numbers(train_sizes, "--train-sizes")
    seed_numbers = choices.numbers(seeds, "--seeds")
    recipe_names = recipes.split(",") if recipes else [recipe]
    varied = choices.varied(vary or [])
    for network, name in product(networks.split(","), recipe_names):
        choices.check_recipe(name, network)
        choices.check_varied(varied, network)
    # A download is shown here; the study itself then finds the files.
    splits = load_with_progress(source, output, corrections, options)
    out = out or Path("runs") / "-".join(["study", splits.name, *recipe_names, *varied])
    chosen = _chosen_network(networks, recipe_names[0], splits, max(sizes), out, finetune)
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "precision": precision,
        "flip": flip,
    }
    plan = StudyPlan.from_recipe(
        source,
        chosen.name.split(","),
        sizes,
        seed_numbers,
        recipe,
        device,
        teacher,
        corrections,
        options,
        recipes=recipe_names,
        vary=varied,
        **changes,
    )
    plan_notes = [
        note
        for name, size, named in product(chosen.name.split(","), sizes, recipe_names)
        for note in plan_settings(named, name, size, **changes).notes
    ]
    notes = [*chosen.notes, *dict.fromkeys(plan_notes)]
    command = shlex.join(chosen.record(["inkling", *sys.argv[1:]], "--networks"))
    done = carry_out(plan, splits, out, jobs, output, command, notes, observer)
    trust = " --trust" * any(map(is_custom, networks.split(",")))
    output.result(
        {**done.to_dict(), **chosen.to_dict(), "notes": list(dict.fromkeys(plan_notes))},
        study_table(done),
        *([done.failures] if done.failures else []),
        _what_is_averaged(len(plan.seeds)),
        _baseline(done),
        f"The study is in {out}. Next: inkling report {shlex.quote(str(out))}{trust}",
    )


def _what_is_averaged(n_seeds: int) -> str:
    """Return what the table of a study gives."""
    if n_seeds == 1:
        return "One seed: accuracy, and seconds of training."
    return f"Over {n_seeds} seeds: accuracy as mean ± standard deviation, seconds of training as mean."


def _baseline(done: Study) -> str:
    """Return what a test accuracy is to be held against."""
    from inkling.metrics.formatting import percent

    cell = done.cells[0]
    baseline = percent(cell.majority_baseline or 0.0, cell.n_test)
    return (
        f"Balanced: every class counts equally, on test. Always answering the most frequent class: {baseline} of test."
    )


def _chosen_network(
    networks: str, recipe: str, splits: Splits, train_size: int, out: Path, finetune: bool
) -> choices.ChosenNetwork:
    """Return the networks to train, separated by commas; a study that goes on keeps those it has."""
    if networks == AUTO and (out / "study.json").is_file():
        from inkling.studies.folder import StudyFolder

        there = ",".join(dict.fromkeys(str(cell["network"]) for cell in StudyFolder(out).info.get("cells", [])))
        if there:
            return choices.ChosenNetwork(there, f"{there}, as the study in {out} has")
    if networks != AUTO and finetune:
        return choices.ChosenNetwork(",".join(finetuned(network) for network in networks.split(",")), None)
    return choices.chosen_network(networks, recipe, splits, train_size, finetune=finetune)


def carry_out(
    plan: StudyPlan,
    splits: Splits,
    out: Path,
    jobs: int,
    output: Output,
    command: str,
    notes: Sequence[str] = (),
    observer: Observer | None = None,
) -> Study:
    """Do the missing runs with their progress on screen, and return the study, whose test accuracies are then seen."""
    from inkling.cli.looks import looked_at_test
    from inkling.studies.folder import load_runs
    from inkling.studies.study import study_progress
    from inkling.studies.summary import read_study

    told = iter(notes)  # once, and after all checks
    try:
        with output.progress(len(list(plan.cells())), "study") as meter:
            shown = _StudyMeter(meter, plan, len(splits.validation))
            states = study_progress(plan, out, jobs, command, observer, shown.within, shown.several, splits)
            with closing(states):
                for state in states:
                    output.note(*told)
                    shown.after(state)
    except KeyboardInterrupt:
        raise StoppedError(f"; every finished epoch is saved. Go on with:\n  {command}") from None
    done = read_study(out)
    looked_at_test(output, "study", load_runs(out), out)
    return done


class _StudyMeter:
    """Puts the runs of a study on a meter, the ones under way by their epochs."""

    def __init__(self, meter: Meter, plan: StudyPlan, n_validation: int) -> None:
        self.meter, self.cells, self.n_validation = meter, list(plan.cells()), n_validation
        self.done = 0
        self._run: TrainingMeter | None = None
        self._trained = False

    def within(self, progress: EpochProgress) -> None:
        self._under_way.within(progress)

    def several(self, runs_under_way: float) -> None:
        self._trained = True
        self.meter.update(self.done + runs_under_way, f"{self.done}/{len(self.cells)} runs")

    def after(self, state: StudyProgress) -> None:
        if state.record:
            self._under_way.after(state.record)
            return
        if not self._trained:  # this run was done before
            self.meter.start_at(state.done)
        self.done, self._run = state.done, None
        end = "diverged" if state.failure else "done"
        # Other runs may be under way, and count for what they have done.
        self.meter.update(
            max(self.meter.done, self.done), f"{self.done}/{len(self.cells)} runs, {_run_name(state.plan)}: {end}"
        )

    @property
    def _under_way(self) -> TrainingMeter:
        if self._run is None:
            self._trained = True
            cell = self.cells[self.done]
            prefix = f"{self.done}/{len(self.cells)} runs, {_run_name(cell)}: "
            epochs = cell.settings.epochs
            self._run = TrainingMeter(
                self.meter, epochs, self.n_validation, self.done, 1 / (epochs + EPOCHS_BEYOND), prefix
            )
        return self._run


def _run_name(cell: RunPlan) -> str:
    return f"{variant_label(cell.network, cell.variant)}, {cell.train_size:,} images, seed {cell.settings.seed}"


def study_table(done: Study) -> Table:
    """Return the table of a study, a row for each network and training size."""
    heading, *cells = done.table()
    rows = table(*heading)
    for cell in cells:
        rows.add_row(*cell)
    return rows
