"""Predictions as text, a batch at a time: a table, CSV, JSON lines, or one JSON list."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console

from inkling.cli.console import PIPE_WIDTH, table
from inkling.images.naming import shown, without_controls
from inkling.storage.spreadsheets import no_formula

if TYPE_CHECKING:
    from inkling.runs.pictures import PicturePrediction


@dataclass(frozen=True)
class Extras:
    """What is asked for beside label and probabilities."""

    sets: float | None = None  # level of the prediction sets
    unlike: bool = False


@dataclass(frozen=True)
class Row:
    """A prediction, and its JSON values with those of the extras."""

    prediction: PicturePrediction
    values: dict[str, Any]


class PredictionFormat(ABC):
    """How predictions are written.

    Parameters
    ----------
    extras : Extras
    class_names : sequence of str
    files : sequence of str
        All of them, for the width of a column.
    """

    def __init__(self, extras: Extras, class_names: Sequence[str], files: Sequence[str]) -> None:
        self.extras, self.class_names, self.files = extras, class_names, files
        self.begun = False

    def batch(self, rows: Sequence[Row]) -> str:
        """Return the text of some rows, behind what stands above the first."""
        first, self.begun = not self.begun, True
        return self.rows(rows, first)

    @abstractmethod
    def rows(self, rows: Sequence[Row], first: bool) -> str:
        """Return the text of some rows, the first or later ones."""

    def end(self) -> str:
        """Return what stands below the last."""
        return ""


class JsonLines(PredictionFormat):
    """One JSON object a line."""

    def rows(self, rows: Sequence[Row], first: bool) -> str:  # noqa: ARG002
        """Return a line a row."""
        return "".join(f"{_json(row)}\n" for row in rows)


class JsonList(PredictionFormat):
    """One JSON list in one line."""

    def rows(self, rows: Sequence[Row], first: bool) -> str:
        """Return the objects, with what separates them from those before."""
        return ("[" if first else ", ") + ", ".join(map(_json, rows))

    def end(self) -> str:
        """Close the list."""
        return "]\n"


class Csv(PredictionFormat):
    """CSV with a header, the probability of each class in a column of its own; no cell is a spreadsheet's formula."""

    def rows(self, rows: Sequence[Row], first: bool) -> str:
        """Return a line a row."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if first:
            writer.writerow(
                [
                    *("file", "label", "probability", "next", "next_probability", "inverted"),
                    *([] if self.extras.sets is None else ["set"]),
                    *(["unlike", "familiarity_p_value"] if self.extras.unlike else []),
                    *(f"p({without_controls(name)})" for name in self.class_names),
                ]
            )
        for row in rows:
            (label, first_probability), (other, second) = row.prediction.ranked[:2]
            writer.writerow(
                [
                    *(_cell(str(row.prediction.file)), _cell(label), _number(first_probability)),
                    *(_cell(other), _number(second), _truth(row.prediction.inverted)),
                    *([] if self.extras.sets is None else [no_formula(json.dumps(row.values["set"]))]),
                    *(
                        [_truth(row.values["unlike"]), _number(row.values["familiarity_p_value"])]
                        if self.extras.unlike
                        else []
                    ),
                    *map(_number, row.prediction.probabilities),
                ]
            )
        # A name that is no Unicode is written as Python does.
        return text.getvalue().encode("utf-8", "backslashreplace").decode()


class Table(PredictionFormat):
    """A table for people, a part for each batch; the columns of the parts stand below each other.

    Parameters
    ----------
    extras, class_names, files
        As of `PredictionFormat`.
    console : rich.console.Console, optional
        Whose width and colours it has; by default those of a pipe.
    """

    def __init__(
        self, extras: Extras, class_names: Sequence[str], files: Sequence[str], console: Console | None = None
    ) -> None:
        super().__init__(extras, class_names, files)
        self.console = console or Console(file=io.StringIO(), width=PIPE_WIDTH, highlight=False, soft_wrap=True)
        label = max(cell_len(shown(name)) for name in class_names)
        self.widths = (max(cell_len(shown(file)) for file in files), label, 0, label + len(" 0.0000"))

    def rows(self, rows: Sequence[Row], first: bool) -> str:
        """Return a part, with the headings above the first."""
        from inkling.metrics.rounding import rounded

        headings = ["file", "label", "probability", "next"]
        headings += [] if self.extras.sets is None else [f"set at {self.extras.sets:g}"]
        headings += ["like the run's images"] if self.extras.unlike else []
        part = table(*headings)
        part.show_header = first
        for column, heading, width in zip(part.columns, headings, self.widths, strict=False):
            if len(self.files) > len(rows):
                column.min_width = max(len(heading), width)
        for row in rows:
            (label, probability), (other, second) = row.prediction.ranked[:2]
            cells = [
                str(row.prediction.file),
                label,
                rounded(probability, 4, (0.0, 1.0)),
                f"{other} {rounded(second, 4, (0.0, 1.0))}",
            ]
            cells += [] if self.extras.sets is None else [", ".join(row.values["set"])]
            if self.extras.unlike:
                unlike, p_value = row.values["unlike"], row.values["familiarity_p_value"]
                cells.append(f"{'unlike' if unlike else 'like'} (p = {p_value:.3g})")
            part.add_row(*cells)
        with self.console.capture() as captured:
            self.console.print(part)
        return captured.get()


FORMATS: dict[str, type[PredictionFormat]] = {"table": Table, "csv": Csv, "jsonl": JsonLines, "json": JsonList}


def _json(row: Row) -> str:
    return json.dumps(row.values, allow_nan=False)


def _cell(text: str) -> str:
    """Return a text that neither a spreadsheet nor a terminal obeys."""
    return no_formula(without_controls(text))


def _number(value: Any) -> str:
    return f"{float(value):.6g}"


def _truth(value: bool) -> str:
    return "true" if value else "false"
