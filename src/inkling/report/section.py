"""What a section of the report is: which evidence it gathers, what it draws, and what it answers at the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from matplotlib.figure import Figure

from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence

Content = TypeVar("Content")


@dataclass(frozen=True)
class Answer:
    """One line at the head of the report.

    Of several answers for one place, the head shows that of the first section.
    """

    place: int  # among the answers
    question: str
    sentence: str


@dataclass(frozen=True)
class Section(Generic[Content]):
    """One section of the report, in a module of its own beside its template.

    Attributes
    ----------
    id : str
        Names the section in addresses and in `Report.contents`.
    order : int
        Its place in the page: small numbers first.
    title : str
        In the list of sections and above the section's headings.
    template : str
        File beside the module, which sees `content`, `evidence` and what `draw` returns.
    gather : callable
        Returns what the section is about, or None where it has nothing to say; the report then leaves it out.
    draw : callable, optional
        Returns values for the template, such as drawn figures.
    pictures : callable, optional
        Returns, as figures by name, what the page shows as pictures of pixels: for files only.
    answer : callable, optional
        Returns the section's line at the head; its content is None where there is none.
    """

    id: str
    order: int
    title: str
    template: str
    gather: Callable[[Evidence], Content | None]
    draw: Callable[[Content, Evidence, Drawing], Mapping[str, Any]] | None = None
    pictures: Callable[[Content, Evidence], Mapping[str, Figure]] | None = None
    answer: Callable[[Content | None, Evidence], Answer | None] | None = None
