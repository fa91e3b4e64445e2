"""The study of `inkling demo`: small enough for a minute, and with every question in it."""

from __future__ import annotations

from dataclasses import replace

from inkling.studies.plan import StudyPlan


def demo_plan() -> StudyPlan:
    """Return the plan: perceptron and reference-cnn on 200 and 1,077 of the bundled digits, three seeds each.

    The digits are a fiftieth of MNIST: more epochs give the perceptron about as many steps as the study's own.
    """
    perceptron, cnn = (
        StudyPlan.from_recipe("digits", [network], (200, 1077), (0, 1, 2), epochs=epochs)
        for network, epochs in (("perceptron", 400), ("reference-cnn", None))
    )
    return replace(perceptron, settings={**perceptron.settings, **cnn.settings})
