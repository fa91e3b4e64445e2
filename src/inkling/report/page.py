"""The report: one HTML page that needs nothing else, from `ReportContent`, and its figures as files."""

from __future__ import annotations

import json

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from inkling.figures.style import WEIGHT_MAP, variables
from inkling.pages.templating import environment
from inkling.report import wording
from inkling.report.comparison_table import comparison_rows
from inkling.report.content import ReportContent
from inkling.report.figures import ReportFigures
from inkling.report.interaction import script


def render_report(content: ReportContent) -> str:
    """Return the report as a self-contained HTML page: no request leaves it, and it is whole without its script."""
    return _page(content, ReportFigures(content))


def report_figures(content: ReportContent) -> dict[str, Figure]:
    """Return every figure of the report, by a name that a file can have."""
    figures = ReportFigures(content)
    _page(content, figures)
    return {**figures.drawn, **figures.pictures()}


def _page(content: ReportContent, figures: ReportFigures) -> str:
    best_cells = [close_up.cell for close_up in content.close_ups]
    size = content.compared[0].train_size if content.compared else 0
    return environment("inkling.report").get_template("report.html.j2").render(
        content=content,
        words=wording,
        light=variables(dark=False),
        dark=variables(dark=True),
        compared=content.compared
        and comparison_rows(content.compared, content.n_validation, content.n_test, content.comparisons.get(size, ())),
        error_curves={name: figures.curves(name, "error") for name in content.networks},
        loss_curves={name: figures.curves(name, "loss") for name in content.networks},
        data_size=figures.data_size(),
        reliability=figures.reliability(),
        coverage=figures.coverage(),
        best_cells=best_cells,
        confusions=[figures.confusion(cell) for cell in best_cells],
        misses=figures.misses(),
        galleries=[of for of in content.close_ups if of.mistakes],
        attributions=[(of, figures.attributed(of), figures.deletion(of)) for of in content.close_ups],
        weights=figures.weights(),
        feature_maps=figures.feature_maps(),
        architectures=[(cell, *figures.architecture(cell)) for cell in best_cells],
        gradient=_gradient(),
        script=script(),
        class_names=json.dumps(content.class_names, ensure_ascii=False, separators=(",", ":")),
    )  # fmt: skip


def _gradient() -> str:
    stops = (to_hex(WEIGHT_MAP(x)) for x in np.linspace(0, 1, 9))
    return f"linear-gradient(to right, {', '.join(stops)})"
