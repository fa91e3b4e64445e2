"""`inkling labels`: which labels look wrong, as a gallery and a file to correct them in."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table
from inkling.training.recipes.choice import AUTO

if TYPE_CHECKING:
    from inkling.images.dataset import Splits
    from inkling.labels.review import Judged
    from inkling.training.settings import TrainingSettings


def labels(
    source: choices.Source,
    split: Annotated[str, typer.Option(help="Whose labels: train, validation or test.")] = "train",
    network: choices.Network = AUTO,
    recipe: choices.Recipe = "strong",
    epochs: choices.Epochs = None,
    train_size: choices.TrainSize = None,
    folds: Annotated[
        int, typer.Option(help="Parts of the training images, each judged by what the others taught.")
    ] = 5,
    run: Annotated[
        Path | None, typer.Option(help="Judge validation or test images by this run; nothing is trained.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Images in the gallery and the file, at most.")] = 100,
    device: choices.Device = "auto",
    seed: choices.Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for both.  [default: labels/SOURCE-SPLIT]")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Rank labels by how likely they are wrong, for correction.

    Each is rated by networks that were not trained on its image.
    Write the right classes into the file, and give it to 'inkling train' as --corrections. Ten epochs are enough for
    10,000 MNIST images: some 80 seconds.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.diagnosis.label_errors import check_cleanlab
    from inkling.errors import DataError, SettingsError, did_you_mean
    from inkling.labels.review import check_folder, write_review
    from inkling.training.recipes.registry import recipe as make_settings

    output = Output(quiet, json)
    # What cannot work is said before a download and minutes of training.
    found, splits_there = choices.check_recipe(recipe, network), ("train", "validation", "test")
    if split not in splits_there:
        raise DataError(
            f"no split is called '{split}'{did_you_mean(split, splits_there)}: use train, validation or test"
        )
    if run and split == "train":
        raise SettingsError(
            ["a run knows its own training images by heart: leave out --run, or choose another --split"]
        )
    if found.settings.distillation.weight:
        raise SettingsError([f"labels has no teacher for the recipe {recipe}: use strong"])
    if limit < 1:
        raise SettingsError([f"limit must be 1 image or more, found {limit}"])
    check_cleanlab()
    if out:
        check_folder(out)
    whole = load_with_progress(source, output)
    out = out or Path("labels") / f"{whole.name}-{split}"
    check_folder(out)
    if run:
        judged = _by_run(run, source, whole, split, device)
    else:
        size = train_size or len(whole.train)
        chosen = choices.chosen_network(network, recipe, whole, size, preferred="small-cnn")
        network = chosen.name
        per_network = size - -(-size // max(2, folds)) if split == "train" else size
        settings = make_settings(recipe, network, per_network, epochs=epochs, seed=seed)
        judged = _by_training(whole, split, train_size, network, settings, folds, device, output)
        chosen.say(output)
    command = shlex.join(["inkling", *sys.argv[1:]])
    review = write_review(whole, judged, out, limit, dict(whole.items())[split].files, command)
    rows = table("image", "label", "its probability", "rather")
    for suspect in review.suspects[:20]:
        rows.add_row(suspect.file or str(suspect.index), suspect.label, f"{suspect.score:.5f}", suspect.suggested)
    shown = len(review.suspects)
    output.result(
        {
            "split": split, "n": review.n, "flagged": review.flagged, "judged_by": judged.by,
            "corrections": str(review.corrections), "gallery": str(review.gallery),
            "suspects": [suspect.__dict__ for suspect in review.suspects],
        },
        f"{review.flagged:,} of {review.n:,} {split} labels look wrong (confident learning); the {shown:,} least "
        f"probable are in {review.gallery}",
        rows,
        f"Write the right classes into the column correct_label of {review.corrections}. "
        f"Next: inkling train {shlex.quote(source)} --corrections {shlex.quote(str(review.corrections))}",
    )  # fmt: skip


def _by_training(
    whole: Splits,
    split: str,
    train_size: int | None,
    network: str,
    settings: TrainingSettings,
    folds: int,
    device: str,
    output: Output,
) -> Judged:
    import numpy as np

    from inkling.labels.out_of_fold import out_of_fold, train_to_the_end
    from inkling.labels.review import Judged
    from inkling.training.loop import EpochRecord

    size = train_size or len(whole.train)
    indices = whole.train.stratified_indices(size, settings.seed)
    splits = whole.with_train_size(size, settings.seed)
    how = f"{network}, recipe {settings.recipe}, {settings.epochs} epochs, seed {settings.seed}"
    total = settings.epochs * (folds if split == "train" else 1)
    with output.progress(total, "training") as meter:

        def show(done: int, record: EpochRecord) -> None:
            at = done * settings.epochs + record.epoch
            meter.update(at, f"epoch {at}/{total}, loss {record.train_loss:.4f}")

        if split == "train":
            probabilities = out_of_fold(splits, network, settings, folds, device, show)
            return Judged(split, indices, probabilities, f"{how}, trained on the other {folds - 1} of {folds} folds")
        trained = train_to_the_end(splits, network, settings, device, progress=show)
    images = dict(whole.items())[split].images
    return Judged(split, np.arange(len(images)), trained.predict_proba(images), f"{how}, on {size:,} training images")


def _by_run(folder: Path, source: str, whole: Splits, split: str, device: str) -> Judged:
    """Judge by a run of the same source, so that it was not trained on these images."""
    import numpy as np

    from inkling.images.sources.registry import load_images
    from inkling.labels.review import Judged
    from inkling.runs.run import Run

    run = Run(folder)
    run.subset(whole if run.corrections is None else load_images(source, corrections=run.corrections))
    images = dict(whole.items())[split].images
    by = f"{run.network_name} of the run {folder}, trained on {run.train_size:,} images"
    return Judged(split, np.arange(len(images)), run.network(device).predict_proba(images), by)
