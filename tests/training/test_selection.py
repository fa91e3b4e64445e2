"""The best-epoch rule and patience: the loop, the history and plain arithmetic agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.diagnosis.early_stopping import stopped_early
from inkling.diagnosis.overfitting import diagnose_overfitting
from inkling.training.selection import EpochScore, epoch_scores, patience_is_over, select_epoch

HISTORIES = st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.7]), st.sampled_from([0.1, 0.2, 0.3])), min_size=1)


def scores(*pairs: tuple[float, float]) -> list[EpochScore]:
    return epoch_scores([{"validation_accuracy": accuracy, "validation_loss": loss} for accuracy, loss in pairs])


def test_the_highest_accuracy_wins_then_the_lowest_loss_then_the_first() -> None:
    assert select_epoch(scores((0.5, 0.1), (0.9, 0.4), (0.7, 0.2)))[0] == EpochScore(2, 0.9, 0.4)
    assert select_epoch(scores((0.9, 0.4), (0.9, 0.3), (0.9, 0.5)))[0].epoch == 2
    assert select_epoch(scores((0.9, 0.3), (0.9, 0.3)))[0].epoch == 1
    with pytest.raises(ValueError, match="found none"):
        select_epoch([])


def test_patience_ends_where_it_says() -> None:
    falling = scores((0.9, 0.1), (0.8, 0.1), (0.7, 0.1), (0.95, 0.1))
    assert [select_epoch(falling, patience)[1] for patience in (1, 2, 3, None)] == [2, 3, 4, 4]
    assert select_epoch(falling, 2)[0].epoch == 1
    assert not patience_is_over(1000, 1, None)


@given(HISTORIES, st.integers(1, 5))
def test_diagnoses_keep_the_epoch_that_training_keeps(pairs: list[tuple[float, float]], patience: int) -> None:
    history = [{"train_accuracy": 0.9, "validation_accuracy": a, "validation_loss": loss} for a, loss in pairs]
    by_hand = max(range(len(pairs)), key=lambda i: (pairs[i][0], -pairs[i][1], -i)) + 1
    assert select_epoch(epoch_scores(history))[0].epoch == by_hand
    assert diagnose_overfitting(history, 100, 100).kept_epoch == by_hand
    stopped = stopped_early(history, patience, 100)
    kept, last = select_epoch(epoch_scores(history), patience)
    assert (stopped.kept_epoch, stopped.stopped_at, stopped.whole_kept_epoch) == (kept.epoch, last, by_hand)
    assert last == len(history) or last - kept.epoch == patience
