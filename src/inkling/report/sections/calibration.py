"""Calibration: confidence against accuracy, and the error that remains when unconfident images are rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.calibration import CalibrationDiagnosis, diagnose_calibration
from inkling.diagnosis.risk_coverage import RiskCoverage, risk_coverage
from inkling.figures.calibration import CoverageDisplay, ReliabilityDisplay
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence
from inkling.report.section import Answer, Section


@dataclass(frozen=True, eq=False)
class NetworkCalibration:
    """How far the probabilities of one network can be trusted, on the test images."""

    diagnosis: CalibrationDiagnosis
    rejection: RiskCoverage


Calibrations = Mapping[str, NetworkCalibration]
"""By network."""


def calibration_title(diagnosis: CalibrationDiagnosis, network: str) -> str:
    """Return whether a network is shown to be miscalibrated."""
    measured = diagnosis.before
    if measured.level == "none shown":
        # Not "is well calibrated": on a few images hardly anything could be shown.
        return (
            f"No miscalibration of the {network_noun(network)} is shown on {measured.n:,} images: {measured.rates}; "
            f"{measured.detectable_said}"
        )
    off = measured.level
    if off == "off in both directions":
        off = "overconfident on some images and underconfident on others"
    return f"The {network_noun(network)} is {off}: {measured.rates}"


def _gather(evidence: Evidence) -> Calibrations:
    calibrations = {}
    for cell in evidence.best_cells:
        predictions = cell.first.run.predictions("test")
        calibrations[cell.network] = NetworkCalibration(
            diagnose_calibration(predictions.labels, predictions.probabilities, cell.first.run.temperature()),
            risk_coverage(predictions.labels, predictions.probabilities),
        )
    return calibrations


def _draw(content: Calibrations, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    reliability, coverage = [], []
    for name, result in content.items():
        display = ReliabilityDisplay.from_diagnosis(result.diagnosis, evidence.colour(name))
        label = f"Reliability diagram of the {network_noun(name)} on {evidence.n_test:,} test images"
        reliability.append(drawing.svg(f"reliability-{name}", display.plot(title=name), label))
    displays = {
        name: CoverageDisplay.from_risk_coverage(result.rejection, evidence.colour(name))
        for name, result in content.items()
    }
    limits = (
        min(display.limits[0] for display in displays.values()),
        max(display.limits[1] for display in displays.values()),
    )
    reach = max(display.reach for display in displays.values())
    for name, risk in displays.items():
        figure = risk.plot(title=name, limits=limits, reach=reach)
        label = f"Test error of the {network_noun(name)} when the images of lowest confidence are rejected"
        coverage.append(drawing.svg(f"risk-coverage-{name}", figure, label))
    titles = {name: calibration_title(result.diagnosis, name) for name, result in content.items()}
    return {"reliability": reliability, "coverage": coverage, "titles": titles}


def _answer(content: Calibrations | None, evidence: Evidence) -> Answer | None:
    if content is None:
        return None
    return Answer(5, "Calibration", content[evidence.chosen.network].diagnosis.verdict)


SECTION = Section(
    id="calibration",
    order=50,
    title="Calibration",
    template="calibration.html.j2",
    gather=_gather,
    draw=_draw,
    answer=_answer,
)
