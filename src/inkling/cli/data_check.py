"""`inkling data check`: what is wrong with a data set, as one HTML page."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.data_check.findings import DataCheck
    from inkling.images.dataset import Splits
    from inkling.images.splitting import TornGroups


def check(
    source: choices.Source,
    out: Annotated[
        Path | None, typer.Option(help="HTML page with the pictures.  [default: data-check/SOURCE.html]")
    ] = None,
    image_size: choices.ImageSize = None,
    fit: choices.Fit = None,
    groups: choices.Groups = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Look for what is wrong with the images before training on them.

    Unreadable files, copies within and across splits, pictures that are blank, dark, bright or blurred, odd sizes,
    classes with few images, shortcuts (whether file size, shape, brightness or border alone tell the class), and with
    --groups, groups that lie in two splits.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.data_check.page import write_data_page
    from inkling.errors import SettingsError
    from inkling.images.options import LoadOptions
    from inkling.images.sources.registry import only_taken
    from inkling.images.splitting import TornGroupsError

    output = Output(quiet, json)
    if out and (out.is_dir() or out.suffix.lower() != ".html"):
        raise SettingsError([f"the page must be an .html file, found {out}"])
    chosen = choices.load_options(image_size, fit, False, groups)
    # Files that cannot be read are a finding here, where the source has files.
    skipping = only_taken(LoadOptions(skip_unreadable=True), source).skip_unreadable
    chosen, torn = replace(chosen, skip_unreadable=skipping), None
    try:
        splits = load_with_progress(source, output, options=chosen)
    except TornGroupsError as error:  # here a finding
        torn = error.torn
        splits = load_with_progress(source, output, options=replace(chosen, groups=None))
    found = check_with_progress(splits, source, output, torn=torn)
    out = out or Path("data-check") / f"{splits.name}.html"
    write_data_page(found, splits, out, shlex.join(["inkling", *sys.argv[1:]]))
    output.result(
        {**found.to_dict(), "page": str(out)},
        found.verdict,
        "",
        summary(found),
        "",
        *(f"Not looked at: {sentence}" for sentence in found.not_checked),
        f"The pictures, and what to do about each: {out}",
    )


def check_with_progress(
    splits: Splits, source: str, output: Output, near: bool = True, torn: TornGroups | None = None
) -> DataCheck:
    """Return the check of a source that was loaded, with a meter for each stage of it."""
    from inkling.cli.downloads import load_meters
    from inkling.data_check.check import check_data
    from inkling.images.sources.folder import folder_and_size

    path, _ = folder_and_size(source)
    # A table names files relative to its own folder.
    folder = path if path.is_dir() else path.parent if path.is_file() else None
    with ExitStack() as stack:
        return check_data(splits, folder, near, load_meters(output, stack), torn)


def summary(check: DataCheck) -> Table:
    """Return the verdicts, what there is to look at first."""
    rows = table("checked", "found")
    rows.columns[1].justify = "left"
    for finding in sorted(check.findings, key=lambda finding: not finding.count):
        rows.add_row(finding.topic, finding.verdict)
    return rows
