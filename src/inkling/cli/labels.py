"""`inkling labels`: which labels look wrong, as a gallery and a file to correct them in."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table
from inkling.cli.training_meter import epochs_done
from inkling.training.recipes.choice import AUTO

if TYPE_CHECKING:
    from inkling.training.progress import EpochProgress


def labels(
    source: choices.Source,
    split: Annotated[str, typer.Option(help="Split to check: train, validation or test.")] = "train",
    network: choices.Network = AUTO,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe.  [default: strong where the network has it, else reference]")
    ] = None,
    epochs: choices.Epochs = None,
    train_size: choices.TrainSize = None,
    folds: Annotated[
        int, typer.Option(help="Folds of cross-validation: each is rated by a network trained on the others.")
    ] = 5,
    run: Annotated[
        Path | None,
        typer.Option(help="Rate by this run; nothing is trained. Training labels need one of train --dynamics."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Most images to put in the gallery and the file.")] = 100,
    image_size: choices.ImageSize = None,
    fit: choices.Fit = None,
    skip_unreadable: choices.SkipUnreadable = False,
    groups: choices.Groups = None,
    device: choices.Device = "auto",
    seed: choices.Seed = 0,
    seeds: Annotated[
        str | None,
        typer.Option(help="Train with each of these seeds, as 0,1,2, average, and say how many of them agree."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the gallery and the file.  [default: labels/SOURCE-SPLIT]")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Rank labels by how likely they are wrong, for correction.

    Each label is rated by networks that were not trained on its image. Write the correct classes into the file, and
    give it to 'inkling train' as --corrections. For 10,000 MNIST images ten epochs are enough: about 80 seconds.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.cli.looks import looked_at_test
    from inkling.diagnosis.label_errors import check_cleanlab
    from inkling.errors import SettingsError
    from inkling.labels.rating import check_review, rate_by_run, rate_by_training
    from inkling.labels.review import check_folder, write_review
    from inkling.runs.dynamics import keeps_dynamics
    from inkling.runs.run import Run
    from inkling.training.recipes.registry import plan_settings, recipes_of

    output = Output(quiet, json)
    # What cannot work is said before a download and minutes of training.
    if recipe and choices.check_recipe(recipe, network).settings.distillation.weight:
        raise SettingsError([f"labels has no teacher for the recipe {recipe}: use strong"])
    check_review(
        split, by_run=run is not None, dynamics=split == "train" and run is not None and keeps_dynamics(Run(run))
    )
    if limit < 1:
        raise SettingsError([f"limit must be 1 image or more, found {limit}"])
    each_seed = choices.numbers(seeds, "--seeds") if seeds else (seed,)
    if len(set(each_seed)) < len(each_seed):
        raise SettingsError([f"each seed must be given once, found {seeds}"])
    if seeds and run:
        raise SettingsError(["--seeds trains networks, and --run is one that is trained: leave out one of them"])
    check_cleanlab()
    if out:
        check_folder(out)
    options = choices.load_options(image_size, fit, skip_unreadable, groups)
    splits = load_with_progress(source, output, options=options)
    out = out or Path("labels") / f"{splits.name}-{split}"
    check_folder(out)
    chosen = None
    if run:
        with output.watch(f"predicting {split} images") as progress:
            rated = rate_by_run(Run(run), splits, split, device, progress)
        if split == "test":
            looked_at_test(output, "labels", [Run(run)])
    else:
        size = train_size or len(splits.train)
        chosen = choices.chosen_network(network, recipe or "reference", splits, size, preferred="small-cnn")
        recipe = recipe or ("strong" if "strong" in recipes_of(chosen.name) else "reference")
        per_network = size - -(-size // max(2, folds)) if split == "train" else size
        settings, notes = plan_settings(recipe, chosen.name, per_network, epochs=epochs, seed=each_seed[0])
        total = settings.epochs * (folds if split == "train" else 1) * len(each_seed)
        with output.progress(total, "training") as meter:
            unsaid = [*chosen.notes, *notes]

            def show(trained: int, progress: EpochProgress) -> None:
                # Not before: a mistake that is found before training is to be the only line.
                output.note(*unsaid)
                unsaid.clear()
                epoch = trained * settings.epochs + progress.epoch
                images = f"{progress.stage} {progress.done:,}/{progress.total:,} images"
                meter.update(trained * settings.epochs + epochs_done(progress), f"epoch {epoch}/{total}, {images}")

            def search(done: int, total: int) -> None:
                meter.update(0, f"looking for copies, {done:,}/{total:,} images")

            rated = rate_by_training(
                splits, chosen.name, settings, split, train_size, folds, device, show, search, each_seed
            )
        output.note(*unsaid)
    command = shlex.join(["inkling", *sys.argv[1:]])
    files = dict(splits.items())[split].files
    review = write_review(splits, rated, out, limit, files, command)
    agreed = [{"networks": rated.networks, "predicted_otherwise": count} for count in review.otherwise]
    agreed = agreed or [{}] * len(review.suspects)
    rows = table(
        "image", "label", "its probability", "suggested", *(["predicted otherwise"] if review.otherwise else [])
    )
    for suspect, by in list(zip(review.suspects, agreed, strict=True))[:20]:
        said = [f"by {by['predicted_otherwise']} of {by['networks']}"] if by else []
        rows.add_row(
            suspect.file or str(suspect.index), suspect.label, f"{suspect.score:.5f}", suspect.suggested, *said
        )
    shown = len(review.suspects)
    output.result(
        {
            "split": split, **review.diagnosis.to_dict(),
            "rated_by": rated.by, "judged_by": rated.by,  # its earlier name
            "corrections": str(review.corrections), "gallery": str(review.gallery),
            "suspects": [{**suspect.__dict__, **by} for suspect, by in zip(review.suspects, agreed, strict=True)],
            **(chosen.to_dict() if chosen else {}),
        },
        f"{review.diagnosis.verdict} The {shown:,} most suspect of split {split} are in {review.gallery}",
        rows,
        f"Write the right classes into the column correct_label of {review.corrections}. "
        f"Next: inkling train {shlex.quote(source)} --corrections {shlex.quote(str(review.corrections))}",
    )  # fmt: skip
