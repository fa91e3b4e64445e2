"""`inkling find-lr`: the learning-rate range test, its plot and a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet
from inkling.training.recipes.choice import AUTO


def find_lr(
    source: choices.Source,
    network: choices.Network = AUTO,
    recipe: choices.Recipe = "reference",
    train_size: choices.TrainSize = None,
    batch_size: choices.BatchSize = None,
    lowest: Annotated[float, typer.Option(help="Learning rate of the first step.")] = 1e-5,
    highest: Annotated[float, typer.Option(help="Learning rate of the last step.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Number of steps from the lowest to the highest rate.")] = 200,
    precision: choices.Precision = None,
    image_size: choices.ImageSize = None,
    fit: choices.Fit = None,
    skip_unreadable: choices.SkipUnreadable = False,
    groups: choices.Groups = None,
    device: choices.Device = "auto",
    seed: choices.Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="File for the plot.  [default: SOURCE-NETWORK-learning-rates.png]")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Suggest a learning rate by a learning-rate range test.

    The rate rises step by step; the one at which the loss falls fastest is suggested (Smith, 2017). Batches,
    optimiser and augmentation are those of the recipe. No validation or test image is used.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.errors import SettingsError
    from inkling.figures.learning_rates import save_learning_rates
    from inkling.networks.catalogue import build_network
    from inkling.training.learning_rate_range import learning_rate_range
    from inkling.training.recipes.registry import plan_settings

    output = Output(quiet, json)
    # What cannot work is said before a download and a test that may take minutes.
    if choices.check_recipe(recipe, network).settings.distillation.weight:
        raise SettingsError([f"find-lr has no teacher for the recipe {recipe}: use strong, which has the same rates"])
    if out:
        choices.figure_file(out)
    options = choices.load_options(image_size, fit, skip_unreadable, groups)
    splits = load_with_progress(source, output, options=options)
    if train_size is not None:
        splits = splits.with_train_size(train_size, seed)
    chosen = choices.chosen_network(network, recipe, splits)
    network = chosen.name
    settings, notes = plan_settings(
        recipe, network, len(splits.train), batch_size=batch_size, precision=precision, seed=seed
    )
    fresh = build_network(network, splits.train.image_shape, splits.train.n_classes, seed, device)
    with output.watch("range test") as progress:
        rates = learning_rate_range(fresh, splits.train, settings, lowest, highest, steps, progress)
    output.note(*chosen.notes, *notes)
    plot = out or Path(f"{splits.name}-{choices.file_name(network)}-learning-rates.png")
    optimizer = settings.optimizer.name
    save_learning_rates(rates, plot, f"{network} on {splits.name}, {optimizer}, batches of {settings.batch_size}")
    diverged = "" if rates.diverged_at is None else f", and diverges at {rates.diverged_at:.2g}"
    output.result(
        {
            **rates.to_dict(),
            "network": network,
            **chosen.to_dict(),
            "recipe": recipe,
            "optimizer": optimizer,
            "plot": str(plot),
            "notes": list(notes),
        },
        f"try --learning-rate {rates.suggestion:.2g}: there the loss falls fastest; "
        f"it is lowest at {rates.lowest_loss_at:.2g}{diverged}",
        f"{len(rates.rates)} steps of {optimizer} with batches of {settings.batch_size}; the recipe {recipe} uses a "
        f"learning rate of {settings.schedule.learning_rate:g}",
        f"The plot is {plot}",
    )
