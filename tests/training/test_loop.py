"""The training loop: exact, resumable, blind to the test split, and honest about what went wrong."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling.errors import TrainingError
from inkling.images.augment import Augmentation
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.ordering import epoch_batches
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.on_features import OnFeatures
from inkling.networks.protocols import State, Trainable, weights_only
from inkling.training.examples import FeatureDataset
from inkling.training.loop import EpochRecord, train, train_on
from inkling.training.measuring import measure
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings

EPOCHS = 5
EVERYTHING = TrainingSettings(
    epochs=EPOCHS,
    batch_size=16,
    seed=4,
    balance_classes=True,
    schedule=ScheduleSettings("cosine", learning_rate=0.4, warmup=0.2),
    label_smoothing=0.1,
    optimizer=OptimizerSettings(momentum=0.9, nesterov=True, weight_decay=1e-4),
    augmentation=Augmentation(shift=0.5, rotation=5, scale=0.1, shear=5),
)


def fresh(seed: int = 0) -> Perceptron:
    return Perceptron(image_shape=(4, 4, 1), n_classes=3, hidden=6, seed=seed)


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_same_seed_same_bits(tiny_splits: Splits) -> None:
    runs = [[record.state.network for record in train(fresh(), tiny_splits, EVERYTHING)] for _ in range(2)]
    assert all(same(a, b) for a, b in zip(*runs, strict=True))
    other = list(train(fresh(), tiny_splits, replace(EVERYTHING, seed=5)))[-1]
    assert not same(runs[0][-1], other.state.network)


@settings(max_examples=12)
@given(stop=st.integers(1, EPOCHS - 1), seed=st.integers(0, 3))
def test_resume_is_exact(tiny_splits: Splits, stop: int, seed: int) -> None:
    chosen = replace(EVERYTHING, seed=seed)
    whole = fresh(seed)
    records = [(record, record.state) for record in train(whole, tiny_splits, chosen)]
    resumed = fresh(99)  # nothing of a fresh network may survive
    start = records[stop - 1][1]
    rest = [(record, record.state) for record in train(resumed, tiny_splits, chosen, start=start)]
    assert [record.epoch for record, _ in rest] == list(range(stop + 1, EPOCHS + 1))
    for (late, late_state), (early, early_state) in zip(rest, records[stop:], strict=True):
        assert same(late_state.network, early_state.network)
        assert any(name.startswith("optimizer.") for name in late_state.network)
        timed = {"train_seconds", "evaluation_seconds"}
        assert {k: v for k, v in late.to_dict().items() if k not in timed} == {
            k: v for k, v in early.to_dict().items() if k not in timed
        }
        assert late_state.best_epoch == early_state.best_epoch
    assert same(weights_only(whole.state()), weights_only(resumed.state()))


def test_records_keep_no_arrays(tiny_splits: Splits) -> None:
    class Heavy(Perceptron):
        """A network with a million numbers, which counts how often they are copied."""

        copies = 0

        def state(self) -> State:
            self.copies += 1
            return super().state()

    chosen = replace(EVERYTHING, epochs=12)
    network = Heavy((4, 4, 1), 3, hidden=50_000)
    size = sum(array.nbytes for array in network.state().values())
    list(train(network, tiny_splits, replace(chosen, epochs=1)))  # the optimiser's memory, and buffers
    network.copies = 0
    tracemalloc.start()
    try:
        records = list(train(network, tiny_splits, chosen))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # At the end the last state, and once more where the best weights are checked against the network's own.
    assert network.copies <= sum(record.best for record in records) + 2, "copied where nobody asked"
    # The best weights, the last state with its optimiser's memory, and the network's own arrays, loaded anew.
    assert kept < 6 * size, f"{kept / size:.1f} times the network is kept after {len(records)} epochs"


def test_the_state_of_an_epoch_can_be_taken_until_the_next(tiny_splits: Splits) -> None:
    network = fresh()
    records = train(network, tiny_splits, EVERYTHING)
    first = next(records)
    state = first.state
    assert first.state.network is state.network, "copied twice"
    assert same(state.network, network.state())
    second = next(records)
    with pytest.raises(TrainingError, match=r"the state after epoch 1 is gone.*before the next epoch"):
        _ = first.state
    assert not same(second.state.network, state.network)
    *_, last = records
    ended = last.state
    assert ended.epoch == EPOCHS
    assert not same(ended.network, network.state()), "the network holds the best epoch, the state the last"
    with pytest.raises(TrainingError, match="the state after epoch 2 is gone"):
        _ = second.state


def test_no_state_is_given_from_the_middle_of_an_epoch(tiny_splits: Splits) -> None:
    class Interrupted(Perceptron):
        steps = 0

        def train_step(self, *arguments: Any) -> float:
            self.steps += 1
            if self.steps == 6:  # 4 steps an epoch
                raise KeyboardInterrupt
            return super().train_step(*arguments)

    records = train(Interrupted((4, 4, 1), 3), tiny_splits, EVERYTHING)
    first = next(records)
    with pytest.raises(KeyboardInterrupt):
        next(records)
    with pytest.raises(TrainingError, match="the state after epoch 1 is gone"):
        _ = first.state


def test_a_finished_state_only_restores_the_best(tiny_splits: Splits) -> None:
    network = fresh()
    last = list(train(network, tiny_splits, EVERYTHING))[-1]
    again = fresh(7)
    assert list(train(again, tiny_splits, EVERYTHING, start=last.state)) == []
    assert same(weights_only(again.state()), weights_only(network.state()))


class Scripted:
    """A network whose validation accuracies are decided beforehand, epoch by epoch."""

    image_shape, n_classes, device = (4, 4, 1), 3, "cpu"

    def __init__(self, accuracies: list[float], validation: ImageDataset, loss: float = 1.0) -> None:
        self.accuracies, self.validation, self.loss = accuracies, validation, loss
        self.steps = 0
        self.seen: list[float] = []

    def configure(self, optimizer: OptimizerSettings, precision: str = "float32") -> None:
        pass

    def train_step(self, images: Any, labels: Any, learning_rate: float, weights: Any = None) -> float:
        self.steps += 1
        return self.loss

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        labels = self.validation.labels if len(images) == len(self.validation) else np.zeros(len(images), np.int64)
        right = round(self.accuracies[self.steps - 1] * len(images))
        shown = np.where(np.arange(len(images)) < right, labels, (labels + 1) % 3)
        return np.where(np.eye(3, dtype=bool)[shown], np.float32(0.8), np.float32(0.1))

    def state(self) -> State:
        return {"steps": np.array([self.steps])}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.steps = int(state["steps"][0])

    def description(self) -> dict[str, Any]:
        return {"network": "scripted"}


def scripted(accuracies: list[float], splits: Splits, **changes: Any) -> tuple[Scripted, list[EpochRecord]]:
    network = Scripted(accuracies, splits.validation)
    assert isinstance(network, Trainable)
    chosen = TrainingSettings(epochs=len(accuracies), batch_size=60, **changes)
    return network, list(train(network, splits, chosen))


def test_the_best_epoch_is_loaded_at_the_end(tiny_splits: Splits) -> None:
    network, records = scripted([0.5, 0.9, 0.7, 0.9, 0.8], tiny_splits)
    assert [record.best for record in records] == [True, True, False, False, False]
    assert [record.last for record in records] == [False] * 4 + [True]
    assert network.steps == 2, "not the weights of epoch 2, the first of the two best"
    assert records[-1].state.best_epoch == 2
    assert records[-1].state.best_accuracy == pytest.approx(0.9)
    assert int(records[-1].state.network["steps"][0]) == 5


def test_patience_stops(tiny_splits: Splits) -> None:
    network, records = scripted([0.5, 0.6, 0.6, 0.6, 0.9], tiny_splits, patience=2)
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    assert records[-1].last
    assert network.steps == 2


def test_the_test_split_is_never_read(tiny_splits: Splits) -> None:
    class Untouchable:
        train, validation = tiny_splits.train, tiny_splits.validation

        @property
        def test(self) -> ImageDataset:
            raise AssertionError("training read the test split")

        def items(self) -> Iterator[tuple[str, ImageDataset]]:
            raise AssertionError("training read every split")

    with pytest.raises(AssertionError):
        _ = Untouchable().test
    records = list(train(fresh(), Untouchable(), EVERYTHING))  # type: ignore[arg-type]
    assert len(records) == EPOCHS


def test_a_test_split_that_cannot_be_read_changes_nothing(tiny_splits: Splits) -> None:
    class Unreadable(ImageDataset):
        """Test images that whoever touches them is told about."""

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"training read {name} of the test split")

    unreadable = object.__new__(Unreadable)
    with pytest.raises(AssertionError):
        _ = unreadable.images
    real = object.__new__(Splits)
    for name, value in {**tiny_splits.__dict__, "test": unreadable}.items():
        object.__setattr__(real, name, value)
    losses = [
        [record.validation_loss for record in train(fresh(), splits, EVERYTHING)]  # type: ignore[arg-type]
        for splits in (tiny_splits, real)
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) == EPOCHS


def test_the_loop_is_given_no_test_split(tiny_splits: Splits) -> None:
    records = train(fresh(), tiny_splits, EVERYTHING)
    next(records)
    held = records.gi_frame.f_locals.values()
    assert not any(value is tiny_splits or value is tiny_splits.test for value in held)


def test_records_tell_the_truth(tiny_splits: Splits) -> None:
    network = fresh()
    for record in train(network, tiny_splits, replace(EVERYTHING, epochs=3)):
        assert (record.train_loss, record.train_accuracy) == measure(network, tiny_splits.train)
        assert (record.validation_loss, record.validation_accuracy) == measure(network, tiny_splits.validation)
        assert record.train_seconds > 0
        assert json.loads(json.dumps(record.to_dict()))["epoch"] == record.epoch


def test_it_learns(tiny_splits: Splits) -> None:
    chosen = TrainingSettings(epochs=40, batch_size=16, schedule=ScheduleSettings(learning_rate=0.5))
    last = list(train(fresh(), tiny_splits, chosen))[-1]
    assert last.train_loss < 0.3
    assert last.state.best_accuracy >= 0.9


def test_running_loss_is_the_mean_over_images(tiny_splits: Splits) -> None:
    network, twin = fresh(), fresh()
    chosen = TrainingSettings(epochs=1, batch_size=25, seed=3)  # 60 images: 25, 25, 10
    (record,) = train(network, tiny_splits, chosen)
    images, labels, total, sizes = tiny_splits.train.images, tiny_splits.train.labels, 0.0, []
    for batch in epoch_batches(60, 25, 3, 1):
        total += twin.train_step(images[batch], labels[batch], 0.5) * len(batch)
        sizes.append(len(batch))
    assert sizes == [25, 25, 10]
    assert record.running_loss == pytest.approx(total / 60, rel=1e-6)


def test_a_loss_that_is_not_finite_stops_training(tiny_splits: Splits) -> None:
    network = Scripted([0.5] * 3, tiny_splits.validation, loss=float("nan"))
    message = (
        r"^training diverged in epoch 1, step 1: the loss is not finite at learning rate 0\.25: "
        r"try a lower learning rate; no epoch was finished$"
    )
    with pytest.raises(TrainingError, match=message):
        list(train(network, tiny_splits, TrainingSettings(schedule=ScheduleSettings(learning_rate=0.25))))


def test_a_training_that_diverges_later_says_where_and_what_is_kept(tiny_splits: Splits) -> None:
    class Diverging(Scripted):
        def train_step(self, *arguments: Any) -> float:
            self.steps += 1
            return float("inf") if self.steps == 7 else 1.0  # 4 steps an epoch

    chosen = TrainingSettings(epochs=3, batch_size=16)
    records = train(Diverging([0.5] * 12, tiny_splits.validation), tiny_splits, chosen)
    assert next(records).epoch == 1
    with pytest.raises(TrainingError, match=r"diverged in epoch 2, step 3: .*; every epoch before it is kept$"):
        next(records)


def test_weights_that_diverge_in_the_last_step_are_found_at_the_end_of_the_epoch(tiny_splits: Splits) -> None:
    class Overflowing(Scripted):
        def predict_proba(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 3), np.nan, np.float32)

    with pytest.raises(TrainingError, match="diverged in epoch 1, at its end: the loss is not finite"):
        next(train(Overflowing([0.5], tiny_splits.validation), tiny_splits, TrainingSettings(epochs=1)))


class Pending:
    """A loss that a GPU would still be computing: `float` waits for it."""

    waited: ClassVar[list[int]] = []

    def __init__(self, loss: float, step: int) -> None:
        self.loss, self.step = loss, step

    def __float__(self) -> float:
        self.waited.append(self.step)
        return self.loss


class Lazy(Perceptron):
    """A network whose losses must be waited for."""

    steps, not_finite = 0, 0

    def train_step(self, *arguments: Any) -> Pending:  # type: ignore[override]
        assert len(Pending.waited) == self.steps // 4 * 4, "waited for in the middle of an epoch"
        self.steps += 1
        loss = super().train_step(*arguments)
        return Pending(float("nan") if self.steps == self.not_finite else loss, self.steps)


def test_losses_are_waited_for_once_an_epoch(tiny_splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pending, "waited", [])
    chosen = replace(EVERYTHING, epochs=2)
    lazy = [record.running_loss for record in train(Lazy((4, 4, 1), 3, hidden=6), tiny_splits, chosen)]
    assert lazy == [record.running_loss for record in train(fresh(), tiny_splits, chosen)]
    assert Pending.waited == list(range(1, 9))


def test_a_pending_loss_that_is_not_finite_is_found_with_its_step(
    tiny_splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pending, "waited", [])
    network = Lazy((4, 4, 1), 3)
    network.not_finite = 6
    records = train(network, tiny_splits, replace(EVERYTHING, epochs=2))
    next(records)
    with pytest.raises(TrainingError, match="diverged in epoch 2, step 2: the loss is not finite"):
        next(records)


def test_image_weights_count(tiny_splits: Splits) -> None:
    plain, ones, zeros = fresh(), fresh(), fresh()
    chosen = TrainingSettings(epochs=2, batch_size=16)
    list(train(plain, tiny_splits, chosen))
    list(train(ones, tiny_splits, chosen, image_weights=np.ones(60)))
    list(train(zeros, tiny_splits, chosen, image_weights=np.zeros(60)))
    for name, array in weights_only(plain.state()).items():
        np.testing.assert_allclose(array, ones.state()[name], rtol=1e-4, atol=1e-6)
    assert same(weights_only(zeros.state()), weights_only(fresh().state()))


def test_without_validation_the_last_epoch_is_kept(tiny_splits: Splits) -> None:
    network = fresh()
    chosen = TrainingSettings(epochs=4, patience=1)
    records = list(train_on(network, tiny_splits.train, None, chosen))
    assert len(records) == 4
    assert all(record.best for record in records)
    assert all(np.isnan([record.validation_loss, record.validation_accuracy]).all() for record in records)
    assert records[-1].state.best_epoch == 4
    loss, accuracy = measure(network, tiny_splits.train)
    assert (loss, accuracy) == (records[-1].train_loss, records[-1].train_accuracy)


def test_features_are_learnt_from_as_images_are(tiny_splits: Splits) -> None:
    pixels = [
        part.images.reshape(len(part), -1) * np.float32(1 / 255) for part in (tiny_splits.train, tiny_splits.validation)
    ]
    datasets = [
        FeatureDataset(x, part.labels, part.n_classes)
        for x, part in zip(pixels, (tiny_splits.train, tiny_splits.validation), strict=True)
    ]
    chosen = TrainingSettings(epochs=3)
    on_images, on_features = fresh(), fresh()
    expected = list(train(on_images, tiny_splits, chosen))
    found = list(train_on(OnFeatures(on_features), *datasets, chosen))
    assert [record.train_loss for record in found] == pytest.approx([record.train_loss for record in expected])
    np.testing.assert_allclose(on_features.parameters["W1"], on_images.parameters["W1"], atol=1e-6)
