"""Images whose labels are in doubt, on one HTML page: most suspect first, each beside the images it looks like."""

from __future__ import annotations

from dataclasses import dataclass

from inkling.diagnosis.label_errors import LabelDiagnosis
from inkling.figures.style import variables
from inkling.pages.script import script
from inkling.pages.suspects import PicturedSuspect
from inkling.pages.templating import environment


@dataclass(frozen=True)
class LabelGallery:
    """Everything on the page."""

    data_name: str
    split: str
    class_names: tuple[str, ...]
    diagnosis: LabelDiagnosis
    suspects: tuple[PicturedSuspect, ...]  # most suspect first
    rated_by: str  # which network gave the probabilities, and how
    form: str  # `pages.suspects.review_form`
    corrections_file: str
    command: str  # that repeats it


def render_gallery(gallery: LabelGallery) -> str:
    """Return a self-contained HTML page: no request leaves it, and it is whole without its script."""
    template = environment("inkling.labels").get_template("labels.html.j2")
    return template.render(
        gallery=gallery,
        light=variables(dark=False),
        dark=variables(dark=True),
        script=script("pages/elements.js", "pages/review.js"),
    )
