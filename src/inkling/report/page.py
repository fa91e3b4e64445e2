"""The report: one HTML page that needs nothing else, and its figures as files."""

from __future__ import annotations

import json
import re
from pathlib import Path

from matplotlib.figure import Figure

from inkling.figures.display import KINDS, figure_bytes
from inkling.figures.style import variables
from inkling.pages.glossary import link_once, link_terms, linked_terms
from inkling.pages.templating import environment, keep_hyphens
from inkling.report.drawing import Drawing, file_name
from inkling.report.gather import Report, ReportProgress, gather
from inkling.report.head import answers, headline
from inkling.report.script import script
from inkling.report.sections import sections
from inkling.storage.atomic import check_writable, make_folder, write_atomically


def write_report(
    folder: Path, out: Path | None = None, figures: Path | None = None, progress: ReportProgress | None = None
) -> Path:
    """Write the report of a run or study folder and return its path.

    Parameters
    ----------
    folder : Path
    out : Path, optional
        The file to write; report.html in the folder by default.
    figures : Path, optional
        A folder, made if need be, that gets every figure as a PNG and an SVG file.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    RunError
        If the folder holds no finished run, is damaged, or a file cannot be written.
    """
    path = Path(folder) / "report.html" if out is None else Path(out)
    # Before the work, which can take minutes.
    if figures is not None:
        make_folder(Path(figures))
    if out is not None or path.parent.is_dir():
        check_writable(path)
    report = gather(folder, progress)
    drawing = Drawing()
    write_atomically(path, _page(report, drawing))
    if figures is not None:
        _write_figures({**drawing.drawn, **_pictures(report)}, Path(figures), progress)
    return path


def build_report(folder: Path) -> str:
    """Return the report of a run or study folder as one HTML page.

    Raises
    ------
    RunError
        If the folder holds no finished run, or is damaged.
    """
    return render_report(gather(folder))


def render_report(report: Report) -> str:
    """Return the report as a self-contained HTML page: no request leaves it, and it is whole without its script."""
    return _page(report, Drawing())


def _page(report: Report, drawing: Drawing) -> str:
    templates = environment("inkling.report", beside="inkling.report.sections")
    shown = [section for section in sections() if section.id in report.contents]
    rendered = []
    for section in shown:
        content = report[section.id]
        values = section.draw(content, report.evidence, drawing) if section.draw else {}
        html = templates.get_template(section.template).render(content=content, evidence=report.evidence, **values)
        rendered.append((section, link_once(html)))
    # A break after "p <" or "p =" would leave the number alone on a line.
    linked: set[str] = set()
    lines = [
        (question, link_once(link_terms(re.sub(r"p ([<=]) ", "p\u00a0\\1\u00a0", answer)), linked))
        for question, answer in answers(report)
    ]
    return keep_hyphens(
        templates.get_template("report.html.j2").render(
            evidence=report.evidence,
            headline=headline(report.evidence),
            answers=lines,
            glossary=linked_terms([*(html for _, html in rendered), *(answer for _, answer in lines)]),
            sections=rendered,
            light=variables(dark=False),
            dark=variables(dark=True),
            script=script(),
            class_names=json.dumps(report.evidence.class_names, ensure_ascii=False, separators=(",", ":")),
        )
    )


def _pictures(report: Report) -> dict[str, Figure]:
    """Return, as figures, what the page shows as pictures of pixels."""
    figures: dict[str, Figure] = {}
    for section in sections():
        if section.pictures and section.id in report.contents:
            figures.update(section.pictures(report[section.id], report.evidence))
    return {file_name(name): figure for name, figure in figures.items()}


def _write_figures(figures: dict[str, Figure], folder: Path, progress: ReportProgress | None) -> None:
    for done, (name, figure) in enumerate(figures.items()):
        if progress:
            progress("figures", done, len(figures))
        for kind in KINDS:
            write_atomically(folder / f"{name}.{kind}", figure_bytes(figure, kind))
