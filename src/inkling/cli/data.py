"""`inkling data`: what images there are, what they look like, fetching them, and the cache of decoded ones."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkling.cli import choices, data_check
from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.diagnosis.duplicates import Duplicates

PAIRS_SHOWN = 10
"""Duplicates in the table, at most."""

app = typer.Typer(help="List, inspect and download data sets.", no_args_is_help=True, rich_markup_mode=None)
app.command("check")(data_check.check)


@app.command("list")
def list_sources(quiet: Quiet = False, json: Json = False) -> None:
    """List the data sets known by name, and whether they are downloaded."""
    from inkling.images.sources.downloads import NAMED_SETS, data_folder, find

    output = Output(quiet, json)
    rows = table("name", "available", "what", "licence", "source")
    for column in rows.columns:
        column.justify = "left"
    rows.add_row("digits", "bundled", "handwritten digits, 8x8 grey", "CC BY 4.0", "Alpaydin, Kaynak (1998), UCI")
    values: list[dict[str, Any]] = [{"name": "digits", "here": True}]
    for entry in NAMED_SETS.values():
        here = len(find(entry, data_folder() / entry.name, verify=False)) == len(entry.digests)
        rows.add_row(entry.name, "yes" if here else "no", entry.title, entry.licence, entry.source)
        values.append({"name": entry.name, "here": here})
    output.result({"folder": str(data_folder()), "sets": values}, rows, f"Named sets live in {data_folder()}")


@app.command()
def show(
    source: choices.Source,
    out: Annotated[
        Path | None, typer.Option("--out", "--contact-sheet", help="Also write a contact sheet, to this .png file.")
    ] = None,
    near: Annotated[
        bool,
        typer.Option(
            "--near",
            help="Also search for near and altered duplicates: 20 seconds for MNIST, a minute for 10,000 photos.",
        ),
    ] = False,
    image_size: choices.ImageSize = None,
    fit: choices.Fit = None,
    skip_unreadable: choices.SkipUnreadable = False,
    groups: choices.Groups = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Print what is wrong with the images, and what there is of them.

    What 'inkling data check' finds, shapes, class counts, pixel statistics, duplicates, and the fingerprint, which
    every run on these images records.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.images.statistics import pixel_statistics

    output = Output(quiet, json)
    options = choices.load_options(image_size, fit, skip_unreadable, groups)
    splits = load_with_progress(source, output, options=options)
    checked = data_check.check_with_progress(splits, source, output, near)
    duplicates = checked.duplicates
    if out:
        from inkling.figures.pictures import save_contact_sheet

        save_contact_sheet(splits.train, out, title=splits.name)
    values: dict[str, Any] = {"name": splits.name, "fingerprint": splits.fingerprint}
    values["contact_sheet"] = str(out) if out else None
    values["check"] = checked.to_dict()
    values["duplicates"] = values["check"]["duplicates"]
    rows = table("split", "images", "shape", "pixel mean", "pixel sd")
    counts = table("class", *(split for split, _ in splits.items()))
    for split, dataset in splits.items():
        with output.watch(f"measuring {split} pixels") as progress:
            mean, sd = pixel_statistics(dataset.images, progress)
        shape = "x".join(map(str, dataset.image_shape))
        rows.add_row(split, f"{len(dataset):,}", shape, f"{mean:.2f}", f"{sd:.2f}")
        values[split] = {
            "n": len(dataset), "image_shape": dataset.image_shape, "class_counts": dataset.class_counts,
            "pixel_mean": mean, "pixel_sd": sd, "fingerprint": dataset.fingerprint,
        }  # fmt: skip
    for name in splits.train.class_names:
        counts.add_row(name, *(f"{dataset.class_counts[name]:,}" for _, dataset in splits.items()))
    output.result(
        values,
        data_check.summary(checked),
        "",
        rows,
        "",
        counts,
        "",
        *_duplicates_table(duplicates),
        f"pixels are 0..255; fingerprint {splits.fingerprint[:16]}…" + (f"; contact sheet: {out}" if out else ""),
    )


def _duplicates_table(duplicates: Duplicates) -> list[str | Table]:
    """The verdict, and the first pairs."""
    if not duplicates.pairs:
        return [duplicates.verdict]
    rows = table("image", "duplicate of", "correlation")
    rows.columns[1].justify = "left"
    for pair in duplicates.pairs[:PAIRS_SHOWN]:
        correlation = "every pixel" if pair.exact else f"{pair.correlation:.4f}"
        correlation += f" ({pair.alteration})" * bool(pair.alteration)
        rows.add_row(pair.name, pair.earlier_name, correlation)
    more = len(duplicates.pairs) - PAIRS_SHOWN
    return [duplicates.verdict, rows, *([f"and {more:,} more: --json lists them"] if more > 0 else []), ""]


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="mnist, fashion-mnist or kmnist.")],
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Download a named data set and verify every byte of it."""
    from inkling.cli.downloads import load_meters
    from inkling.errors import UnknownSourceError, did_you_mean
    from inkling.images.sources.downloads import NAMED_SETS, data_folder
    from inkling.images.sources.downloads import fetch as fetch_files

    output = Output(quiet, json)
    if name not in NAMED_SETS:
        raise UnknownSourceError(
            f"no data set is called '{name}'{did_you_mean(name, NAMED_SETS)}: choose from {', '.join(NAMED_SETS)}"
        )
    with ExitStack() as stack:
        files = fetch_files(NAMED_SETS[name], data_folder() / name, load_meters(output, stack))
    output.result(
        {"name": name, "files": [str(path) for path in files.values()]},
        f"{name}: {len(files)} files in {data_folder() / name}, all checksums correct",
    )


@app.command("cache")
def show_cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove every entry: what is needed is made again.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show what is kept so that it is computed once, or remove it.

    Decoded pictures, features and pretrained weights live in INKLING_CACHE, or else in the user's cache folder.
    """
    from inkling.storage.cache import cache_entries, cache_folder, clear_cache

    output = Output(quiet, json)
    entries, folder = cache_entries(), cache_folder()
    rows = table("kind", "of", "MB")
    rows.columns[1].justify = "left"
    for entry in entries:
        rows.add_row(entry.kind, entry.about or "not finished", f"{entry.bytes / 1e6:,.1f}")
    freed = clear_cache() if clear else 0
    values = {
        "folder": str(folder),
        "entries": [
            {"kind": entry.kind, "folder": str(entry.folder), "bytes": entry.bytes, "about": entry.about}
            for entry in entries
        ],
        "freed": freed,
    }
    total = f"{sum(entry.bytes for entry in entries) / 1e6:,.1f} MB in {folder}"
    total = f"{total}, removed" if clear else total
    if entries:
        output.result(values, rows, "", total)
    else:
        output.result(values, total)
