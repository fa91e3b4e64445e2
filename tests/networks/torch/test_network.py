"""Convolutional networks behind the same face as the perceptron: steps, named arrays, layers, resuming."""

from __future__ import annotations

import builtins
import copy
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inkling.errors import NetworkError, SettingsError
from inkling.images.augment import Augmentation
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.registry import load_images
from inkling.networks.catalogue import NETWORKS, build_network, rebuild
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network, weights_only
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings

torch = pytest.importorskip("torch")

from inkling.networks.torch.network import TorchNetwork  # noqa: E402

CONVOLUTIONAL = tuple(name for name in NETWORKS if name != "perceptron")
SGD = OptimizerSettings(momentum=0.9, nesterov=True, weight_decay=1e-3)
ADAM = OptimizerSettings("adam", momentum=0.9, weight_decay=1e-3)


def pictures(n: int, shape: tuple[int, int, int] = (8, 8, 1), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


def splits_of(n: int, shape: tuple[int, int, int] = (8, 8, 1), classes: int = 3) -> Splits:
    def part(size: int, seed: int) -> ImageDataset:
        labels = np.arange(size) % classes
        images = pictures(size, shape, seed) // 4
        for k in range(classes):
            images[labels == k, k * 2 : k * 2 + 2] += 150
        return ImageDataset(images, labels, tuple("abc"[:classes]))

    return Splits(part(n, 1), part(30, 2), part(30, 3), "bars")


def same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def linear() -> Any:
    """A module whose gradient is known: softmax regression."""
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize(("shape", "classes"), [((8, 8, 1), 3), ((28, 28, 1), 10), ((17, 33, 3), 2)])
def test_any_size_colour_and_number_of_classes(name: str, shape: tuple[int, int, int], classes: int) -> None:
    network = build_network(name, shape, classes, seed=1)
    assert isinstance(network, Network)
    assert (network.image_shape, network.n_classes) == (shape, classes)
    images = pictures(5, shape)
    images.setflags(write=False)
    probabilities = network.predict_proba(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), np.ones(5), rtol=1e-5)
    network.configure(SGD)
    assert network.train_step(images, np.zeros(5, np.int64), 0.01) > 0
    again = rebuild(network.description())
    again.load_state(weights_only(network.state()))
    np.testing.assert_array_equal(again.predict_proba(images), network.predict_proba(images))


def test_the_reference_cnn_is_the_one_of_the_study() -> None:
    layers = build_network("reference-cnn", (28, 28, 1), 10).layers()
    kinds = "scale convolution relu max-pool convolution relu max-pool flatten dropout dense dense softmax"
    assert [layer.kind for layer in layers] == kinds.split()
    assert [layer.output_shape for layer in layers[1:7]] == [
        (28, 28, 32), (28, 28, 32), (14, 14, 32), (14, 14, 64), (14, 14, 64), (7, 7, 64),
    ]  # fmt: skip
    assert [layer.parameters for layer in layers if layer.parameters] == [832, 51_264, 3_137_000, 10_010]
    assert [layer.multiply_adds for layer in layers if layer.multiply_adds] == [627_200, 10_035_200, 3_136_000, 10_000]


def test_the_recommended_cnn_has_a_few_hundred_thousand_parameters() -> None:
    layers = build_network("cnn", (28, 28, 1), 10).layers()
    assert 100_000 < sum(layer.parameters for layer in layers) < 500_000
    assert "residual sum" in [layer.kind for layer in layers]
    assert layers[-2].output_shape == (10,)


def test_the_same_seed_gives_the_same_network_and_leaves_torch_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two, other = (build_network("reference-cnn", (8, 8, 1), 3, seed) for seed in (1, 1, 2))
    for network in (one, two, other):
        network.train_step(pictures(6), np.arange(6) % 3, 0.1)
    assert torch.equal(torch.rand(1), expected)
    assert same(one.state(), two.state())
    assert not same(one.state(), other.state())


@pytest.mark.parametrize("optimizer", [OptimizerSettings(), SGD, ADAM], ids=["sgd", "momentum", "adam"])
def test_a_step_is_the_perceptrons_step(optimizer: OptimizerSettings) -> None:
    ours = Perceptron((8, 8, 1), 3, hidden=5, seed=2)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 5), torch.nn.Sigmoid(), torch.nn.Linear(5, 3))
    w = ours.parameters
    with torch.no_grad():
        for layer, number in ((1, "1"), (3, "2")):
            module[layer].weight.copy_(torch.tensor(w[f"W{number}"].T.copy()))
            module[layer].bias.copy_(torch.tensor(w[f"b{number}"][0]))
    theirs = TorchNetwork(module, (8, 8, 1), 3)
    rng = np.random.default_rng(0)
    targets = rng.dirichlet(np.ones(3), 20).astype(np.float32)
    for network in (ours, theirs):
        network.configure(optimizer)
    for step in range(6):
        images, labels = pictures(20, seed=step), np.arange(20) % 3
        goal, weights = (labels, None) if step % 2 else (targets, rng.random(20))
        assert ours.train_step(images, goal, 0.05, weights) == pytest.approx(
            theirs.train_step(images, goal, 0.05, weights), rel=1e-5
        )
    np.testing.assert_allclose(ours.predict_proba(images), theirs.predict_proba(images), rtol=2e-4)


def test_a_last_batch_of_one_image_does_no_harm() -> None:
    network = build_network("cnn", (8, 8, 1), 3)
    for _ in range(3):
        assert np.isfinite(network.train_step(pictures(1), np.zeros(1, np.int64), 0.01))
    assert np.isfinite(network.predict_proba(pictures(2))).all()


EVERYTHING = TrainingSettings(
    epochs=4,
    batch_size=16,
    seed=4,
    label_smoothing=0.1,
    balance_classes=True,
    schedule=ScheduleSettings("linear", learning_rate=0.02, warmup=0.3),
    optimizer=SGD,
    augmentation=Augmentation(shift=0.5, rotation=5),
)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=["sgd", "adam"])
def test_resuming_gives_identical_bits(name: str, optimizer: OptimizerSettings) -> None:
    splits, settings = splits_of(40), replace(EVERYTHING, optimizer=optimizer)
    whole = build_network(name, (8, 8, 1), 3, 4)
    states = [record.state for record in train(whole, splits, settings)]
    for stopped in states[:-1]:
        resumed = build_network(name, (8, 8, 1), 3, 99)  # other weights, all replaced
        last = list(train(resumed, splits, settings, start=stopped))[-1].state
        assert same(last.network, states[-1].network)
        assert same(last.best, states[-1].best)


def test_any_seed_will_do() -> None:
    network = build_network("reference-cnn", (8, 8, 1), 3, 2**63 - 1)
    network.train_step(pictures(6), np.arange(6) % 3, 0.1)
    again = build_network("reference-cnn", (8, 8, 1), 3)
    again.load_state(network.state())
    assert same(again.state(), network.state())
    with pytest.raises(SettingsError, match=r"seed must be 0 or more and below 2\^63, found 9223372036854775808"):
        recipe("reference", "reference-cnn", seed=2**63)


def test_half_an_optimisers_memory_is_refused() -> None:
    network = build_network("small-cnn", (8, 8, 1), 3)
    network.configure(ADAM)
    network.train_step(pictures(6), np.arange(6) % 3, 0.1)
    state = network.state()
    for lost, message in (
        ("optimizer.0.weight.exp_avg_sq", "only a part of"),
        ("optimizer.steps", "without its steps"),
    ):
        with pytest.raises(NetworkError, match=message):
            network.load_state({name: array for name, array in state.items() if name != lost})


def test_views_and_narrow_labels_are_taken_as_they_are() -> None:
    one, two = (build_network("small-cnn", (8, 8, 1), 3) for _ in range(2))
    images, labels = pictures(6), np.arange(6, dtype=np.int32) % 3
    flipped = images[:, ::-1]
    assert one.train_step(flipped, labels, 0.1) == two.train_step(flipped.copy(), labels.astype(np.int64), 0.1)


def test_it_learns() -> None:
    splits = splits_of(60)
    network = build_network("cnn", (8, 8, 1), 3)
    records = list(train(network, splits, replace(EVERYTHING, epochs=8)))
    assert max(record.validation_accuracy for record in records) > 0.9
    assert network.state().keys() >= {"pixel_scale", "0.weight"}


def test_label_smoothing_is_the_one_of_torch() -> None:
    splits = splits_of(12)
    settings = TrainingSettings(
        epochs=1, batch_size=12, label_smoothing=0.2, schedule=ScheduleSettings("constant", 0.1)
    )
    network, module = TorchNetwork(linear(), (8, 8, 1), 3), linear()
    running = next(train(network, splits, settings)).running_loss
    x = torch.tensor(splits.train.images).permute(0, 3, 1, 2) / 255
    expected = torch.nn.functional.cross_entropy(
        module(x), torch.tensor(splits.train.labels.copy()), label_smoothing=0.2
    )
    assert running == pytest.approx(float(expected.detach()), rel=1e-5)


def test_bfloat16_trains_and_predicts_in_float32() -> None:
    splits = splits_of(60)
    settings = replace(EVERYTHING, epochs=8, precision="bfloat16")
    network, plain = build_network("cnn", (8, 8, 1), 3, 4), build_network("cnn", (8, 8, 1), 3, 4)
    records = list(train(network, splits, settings))
    assert max(record.validation_accuracy for record in records) > 0.9
    assert {array.dtype for array in weights_only(network.state()).values()} == {np.dtype("float32"), np.dtype("int64")}
    list(train(plain, splits, replace(settings, precision="float32")))
    assert not same(network.state(), plain.state())
    with pytest.raises(NetworkError, match="the perceptron computes in float32 only, found precision bfloat16"):
        next(train(Perceptron((8, 8, 1), 3), splits, settings))


def test_wrong_states_are_refused() -> None:
    network = build_network("small-cnn", (8, 8, 1), 3)
    state = weights_only(network.state())
    first = "0.weight"
    for change, message in (
        ({first: state[first][:1]}, "must be float32 of shape"),
        ({first: state[first].astype(np.float64)}, "found float64"),
        ({first: np.full_like(state[first], np.nan)}, "not finite"),
        ({"unknown": np.zeros(1)}, "'unknown' that this network does not have"),
    ):
        with pytest.raises(NetworkError, match=message):
            network.load_state({**state, **change})
    with pytest.raises(NetworkError, match=r"lack 0\.weight"):
        network.load_state({name: array for name, array in state.items() if name != first})
    assert same(weights_only(network.state()), state)


def test_what_does_not_fit_is_said_in_one_line() -> None:
    for name, size in (("reference-cnn", 3), ("cnn", 7), ("small-cnn", 7)):
        with pytest.raises(NetworkError, match=rf"{name} takes images of (4x4|8x8) pixels or more, found {size}x9"):
            build_network(name, (size, 9, 1), 3)
        with pytest.raises(NetworkError, match="at least 2 classes, found 1"):
            build_network(name, (8, 8, 1), 1)
    with pytest.raises(NetworkError, match="uint8 images of shape"):
        build_network("cnn", (8, 8, 1), 3).predict_proba(pictures(2, (9, 9, 1)))
    assert recipe("strong", "cnn", 100).batch_size == 100  # of 128, which batch normalisation cannot have


def test_small_sets_are_seen_more_often() -> None:
    epochs = [recipe("strong", "cnn", size).epochs for size in (500, 2000, 50_000, 2_000_000)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] == epochs[1]  # the most there are
    assert epochs[-1] >= 1
    assert recipe("strong", "cnn", 500, epochs=7).epochs == 7


def test_without_torch_the_perceptron_works_and_the_others_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_torch(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest, **more)

    for module in [
        name for name in sys.modules if name.startswith("inkling.networks.torch") or name.endswith("convolutional")
    ]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", no_torch)
    assert build_network("perceptron", (8, 8, 1), 3).n_classes == 3
    with pytest.raises(
        NetworkError, match=r"'cnn' needs PyTorch, which is not installed: run pip install 'inkling-ml\[torch\]'"
    ):
        build_network("cnn", (8, 8, 1), 3)


def test_the_perceptrons_commands_do_not_load_torch() -> None:
    code = (
        "import sys; from inkling import load_images, recipe, train, Perceptron, Run, run_study\n"
        "import inkling.cli.main\n"
        "s = load_images('digits'); next(train(Perceptron((8, 8, 1), 10), s, recipe('reference')))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_precision_that_there_is_not_is_refused() -> None:
    network = build_network("small-cnn", (8, 8, 1), 3)
    with pytest.raises(NetworkError, match="precision must be one of float32, bfloat16, found 'float16'"):
        network.configure(SGD, "float16")


class Unfit(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return {"logits": x}


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 13)),
            r"shape \(1, 3\) for one image, found \(1, 13\)",
        ),
        (torch.nn.Conv2d(1, 3, 3), r"found \(1, 3, 6, 6\)"),
        (torch.nn.Conv2d(3, 3, 3), r"'mine' fails on a blank image of shape \(8, 8, 1\): .*to have 3 channels"),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(60, 3)), "fails on a blank image"),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)).double(), "fails on a blank image"),
        (Unfit(), "found dict"),
        (torch.nn.Sequential(torch.nn.AdaptiveMaxPool2d((3, 1)), torch.nn.Flatten()), "has no parameters to train"),
    ],
)
def test_a_module_that_does_not_fit_is_refused_before_it_trains(module: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message) as refusal:
        TorchNetwork(module, (8, 8, 1), 3, "mine")
    assert "\n" not in str(refusal.value)


def test_making_a_network_of_a_module_changes_neither_its_arrays_nor_torchs_generator() -> None:
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.Dropout2d(0.5),
        torch.nn.Flatten(),
        torch.nn.LazyLinear(3),
    )
    before, generator = torch.clone(module[1].running_mean), torch.get_rng_state()
    network = TorchNetwork(module, (8, 8, 1), 3)
    assert torch.equal(module[1].running_mean, before)
    assert torch.equal(torch.get_rng_state(), generator)
    assert network.train_step(pictures(6), np.arange(6) % 3, 0.1) > 0


@pytest.mark.parametrize("optimizer", [OptimizerSettings(), SGD, ADAM], ids=["sgd", "momentum", "adam"])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_learns_what_the_original_would_and_leaves_it_alone(
    optimizer: OptimizerSettings, duplicate: Callable[[Network], Network]
) -> None:
    network, images, labels = build_network("reference-cnn", (8, 8, 1), 3, 1), pictures(12), np.arange(12) % 3
    network.configure(optimizer)
    for _ in range(2):
        network.train_step(images, labels, 0.05)
    before, twin = network.state(), duplicate(network)
    assert same(twin.state(), before)
    losses = [twin.train_step(images, labels, 0.05) for _ in range(3)]
    assert same(network.state(), before)
    assert not same(weights_only(twin.state()), weights_only(before))
    assert [network.train_step(images, labels, 0.05) for _ in range(3)] == losses  # dropout's masks too
    assert same(network.state(), twin.state())


def test_an_untrained_copy_has_its_own_random_numbers_and_arithmetic() -> None:
    network = build_network("reference-cnn", (8, 8, 1), 3, 1)
    network.configure(SGD, "bfloat16")
    twin = copy.deepcopy(network)
    assert [n.train_step(pictures(6), np.arange(6) % 3, 0.1) for n in (twin, twin)] == [
        n.train_step(pictures(6), np.arange(6) % 3, 0.1) for n in (network, network)
    ]
    assert same(network.state(), twin.state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_a_gpu_learns_as_well() -> None:
    splits = load_images("digits")
    accuracies = {}
    for device in ("cpu", "cuda"):
        network = build_network("reference-cnn", (8, 8, 1), 10, 0, device)
        records = list(train(network, splits, recipe("reference", "reference-cnn", 1077, epochs=15)))
        accuracies[device] = max(record.validation_accuracy for record in records)
    assert abs(accuracies["cpu"] - accuracies["cuda"]) < 0.03


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_a_step_on_a_gpu_returns_before_its_loss_is_known() -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        network = build_network("cnn", (8, 8, 1), 3, 0, device)
        losses[device] = network.train_step(pictures(32), np.arange(32) % 3, 0.1)
    assert isinstance(losses["cpu"], float)
    assert not isinstance(losses["cuda"], float)
    assert float(losses["cuda"]) == pytest.approx(losses["cpu"], rel=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_a_copy_of_a_network_on_a_gpu_is_on_that_gpu() -> None:
    network = build_network("cnn", (8, 8, 1), 3, 0, "cuda:0")
    network.train_step(pictures(32), np.arange(32) % 3, 0.1)
    twin = copy.deepcopy(network)
    assert twin.device == network.device == "cuda:0"
    assert same(twin.state(), network.state())
