"""Early stopping: histories whose right answer is known, and the rule of the loop itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.diagnosis.early_stopping import stopped_early
from inkling.errors import DataError
from inkling.images.sources.digits import load_digits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe


def history(accuracies: list[float], seconds: list[float] | None = None) -> list[dict[str, float]]:
    epochs = [{"validation_accuracy": a, "validation_loss": 1 - a} for a in accuracies]
    if seconds:
        epochs = [{**epoch, "train_seconds": s} for epoch, s in zip(epochs, seconds, strict=True)]
    return epochs


def test_a_peak_is_kept_and_what_follows_is_saved() -> None:
    found = stopped_early(history([0.5, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], [1, 1, 1, 1, 1, 1, 1, 3]), 3, 10_000)
    assert (found.stopped_at, found.kept_epoch, found.kept_accuracy) == (5, 2, 0.9)
    assert (found.epochs, found.whole_kept_epoch, found.cost) == (8, 2, 0)
    assert found.seconds_saved == pytest.approx(0.5)
    assert found.verdict == (
        "Stopping when validation accuracy had not improved for 3 epochs would have kept 90.00% (epoch 2) and saved "
        "50% of the training time; the whole run kept the same epoch."
    )


def test_a_late_rise_is_lost() -> None:
    found = stopped_early(history([0.5, 0.9, 0.8, 0.8, 0.8, 0.972, 0.9, 0.9]), 2, 10_000)
    assert (found.stopped_at, found.kept_epoch, found.whole_kept_epoch) == (4, 2, 6)
    assert found.cost == pytest.approx(0.072)
    assert found.seconds_saved is None
    assert "saved 50% of the epochs; the whole run kept 97.20% (epoch 6)." in found.verdict


def test_a_run_that_keeps_improving_is_never_stopped() -> None:
    found = stopped_early(history([0.5, 0.6, 0.7]), 1, 10_000)
    assert not found.stops
    assert "not improved for 1 epoch would have saved none of the 3 epochs." in found.verdict
    at_the_end = stopped_early(history([0.5, 0.7, 0.6, 0.6]), 2, 10_000)
    assert not at_the_end.stops  # the rule fires at the last epoch: nothing was left to save


def test_equal_accuracies_are_decided_by_the_loss() -> None:
    epochs = [{"validation_accuracy": 0.9, "validation_loss": loss} for loss in (0.5, 0.4, 0.4, 0.4)]
    assert stopped_early(epochs, 1, 100).kept_epoch == 2
    assert stopped_early(epochs, 1, 100).stopped_at == 3


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(1, 12))
def test_more_patience_never_keeps_less(values: list[int], patience: int) -> None:
    epochs = history([value / 20 for value in values])
    less, more = stopped_early(epochs, patience, 20), stopped_early(epochs, patience + 1, 20)
    assert less.kept_accuracy <= more.kept_accuracy <= more.whole_kept_accuracy == max(values) / 20
    assert less.kept_epoch <= less.stopped_at <= more.stopped_at <= less.epochs
    assert less.stopped_at in (less.epochs, less.kept_epoch + patience)


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_it_says_what_training_with_that_patience_does(patience: int) -> None:
    splits = load_digits().with_train_size(60, seed=0)

    def run(patience: int | None) -> list[dict[str, Any]]:
        settings = recipe("reference", "perceptron", 60, epochs=40, patience=patience, learning_rate=3.0)
        network = Perceptron(splits.train.image_shape, splits.train.n_classes)
        return [record.to_dict() for record in train(network, splits, settings)]

    stopped, found = run(patience), stopped_early(run(None), patience, len(splits.validation))
    assert found.stops
    assert found.stopped_at == len(stopped)
    assert found.kept_epoch == max(epoch["epoch"] for epoch in stopped if epoch["best"])
    assert found.kept_accuracy == max(epoch["validation_accuracy"] for epoch in stopped)


def test_no_history_and_no_patience_are_refused() -> None:
    for epochs, patience in (([], 3), (history([0.5]), 0)):
        with pytest.raises(DataError, match="1 epoch or more"):
            stopped_early(epochs, patience, 100)
