"""`inkling train`: one run, into a folder."""

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
from inkling.cli.training_meter import EPOCHS_BEYOND, TrainingMeter
from inkling.training.progress import FEATURES
from inkling.training.recipes.choice import AUTO

if TYPE_CHECKING:
    from inkling.training.progress import EpochProgress


def train(
    source: choices.Source,
    network: choices.Network = AUTO,
    train_size: choices.TrainSize = None,
    recipe: choices.Recipe = "reference",
    epochs: choices.Epochs = None,
    batch_size: choices.BatchSize = None,
    learning_rate: choices.LearningRate = None,
    momentum: choices.Momentum = None,
    weight_decay: choices.WeightDecay = None,
    patience: choices.Patience = None,
    balance_classes: choices.BalanceClasses = False,
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
    seed: choices.Seed = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other setting, as hidden=128 or augmentation=shift; repeatable.", metavar="NAME=VALUE"
        ),
    ] = None,
    dynamics: Annotated[
        bool,
        typer.Option(
            "--dynamics", help="Record how each training image is learnt: which are hard, ambiguous or mislabelled."
        ),
    ] = False,
    snapshots: Annotated[
        bool,
        typer.Option("--snapshots", help="Keep the weights of every epoch, for the page of inkling serve."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run.  [default: runs/SOURCE-NETWORK-RECIPE-SIZE-seedSEED]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in --out, if there is one.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a network and keep everything about it in a folder."""
    from inkling.cli.downloads import load_with_progress
    from inkling.integrations.tracking.registry import open_tracker
    from inkling.integrations.tracking.tracking import tracked
    from inkling.networks.custom import is_custom
    from inkling.runs.execute import RunPlan, summary, train_run
    from inkling.runs.run import Run
    from inkling.training.recipes.registry import plan_settings
    from inkling.training.variation import apply_variant

    output = Output(quiet, json)
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "patience": patience,
        "balance_classes": balance_classes,
        "precision": precision,
        "flip": flip,
        "seed": seed,
    }
    options = choices.load_options(image_size, fit, skip_unreadable, groups)
    choices.check_recipe(recipe, network)
    given = choices.varied(set_ or [])
    choices.check_varied(given, network)
    tracker = open_tracker(track) if track else None
    splits = load_with_progress(source, output, corrections, options)
    if train_size is not None:
        splits.train.check_size(train_size)
    if network == AUTO and resume and out and (out / "run.json").is_file():
        chosen = choices.ChosenNetwork(name := Run(out).network_name, f"{name}, which the run in {out} is of")
    else:
        chosen = choices.chosen_network(network, recipe, splits, train_size, finetune=finetune)
    settings, notes = plan_settings(recipe, chosen.name, train_size or len(splits.train), **changes)
    settings, network_options = apply_variant(settings, choices.one_value_each(given), chosen.name)
    plan = RunPlan(
        source, chosen.name, settings, train_size, device, teacher, corrections, options, network_options,
        dynamics=dynamics, snapshots=snapshots,
    )  # fmt: skip
    out = out or Path("runs") / "-".join(
        [splits.name, choices.file_name(chosen.name), recipe, str(train_size or "all"), *(set_ or []), f"seed{seed}"]
    )
    command = chosen.record(["inkling", *(word for word in sys.argv[1:] if word != "--resume")])
    told = iter((*chosen.notes, *notes))  # once, and after all checks
    try:
        with (
            output.progress(settings.epochs + EPOCHS_BEYOND, "training") as meter,
            output.watch("computing features") as computing,
        ):
            shown = TrainingMeter(meter, settings.epochs, len(splits.validation))

            def within(progress: EpochProgress) -> None:
                output.note(*told)
                if progress.stage == FEATURES:  # before the epochs, and perhaps longer than all of them
                    computing(progress.done, progress.total)
                    return
                if resume and meter.done == 0:
                    meter.start_at(progress.epoch - 1)
                shown.within(progress)

            records = train_run(plan, splits, out, resume, command, within)
            with closing(tracked(records, out, tracker) if tracker else records) as epochs_done:
                for record in epochs_done:
                    output.note(*told)
                    shown.after(record)
            shown.end()
    except KeyboardInterrupt:
        raise StoppedError(f"{saved_epochs(out)} Go on with:\n  {shlex.join([*command, '--resume'])}") from None
    run = Run(out)
    values = {**summary(run), **chosen.to_dict(), "notes": list(notes)}
    said = []
    if dynamics:
        from inkling.diagnosis.dynamics import diagnose_dynamics
        from inkling.runs.dynamics import read_dynamics

        learnt = diagnose_dynamics(read_dynamics(run))
        values["dynamics"] = learnt.to_dict()
        said.append(learnt.verdict)
    from inkling.metrics.formatting import percent, percent_interval
    from inkling.metrics.intervals import wilson_interval

    baseline = max(splits.validation.class_counts.values()) / run.data.validation
    kept = percent(values["validation_accuracy"], run.data.validation)
    rows = table("", "accuracy", "95% interval", "n")
    for split, n in (("train", values["train_measured"] or run.data.train), ("validation", run.data.validation)):
        accuracy = values[f"{split}_accuracy"]
        interval = wilson_interval(round(accuracy * n), n)
        rows.add_row(split, percent(accuracy, n), percent_interval(interval, n), f"{n:,}")
    trust = " --trust" * is_custom(run.network_name)
    output.result(
        values,
        f"{run.network_name} on {run.data.train:,} images of {run.data.name}: epoch {values['best_epoch']} of "
        f"{values['epochs']} is kept, validation accuracy {kept} "
        f"(majority baseline {percent(baseline, run.data.validation)}), "
        f"{values['train_seconds']:.1f} s of training",
        rows,
        *said,
        f"The run is in {out}. Next: inkling evaluate {shlex.quote(str(out))}{trust}",
    )


def saved_epochs(folder: Path) -> str:
    """Return what is saved of an interrupted run, in words that follow "interrupted"."""
    from inkling.runs.run import Run

    state = Run(folder).checkpoint() if (folder / "run.json").is_file() else None
    if state is None:
        return "before the first epoch ended; nothing is saved yet."
    if state.epoch == Run(folder).settings.epochs:
        return f"after epoch {state.epoch}, the last: it is saved; its predictions are not."
    return f"after epoch {state.epoch}: it is saved; epoch {state.epoch + 1} was not finished."
