"""The built-in networks: one entry each, the choice among them, and sizes refused before anything is built."""

from __future__ import annotations

from typing import Any

import pytest

from inkling.errors import NetworkError
from inkling.networks.catalogue import CATALOGUE, NETWORKS, build_network, choose_network, network_noun, rebuild
from inkling.networks.numpy.perceptron import Perceptron


def test_an_entry_says_what_help_and_recipes_need() -> None:
    assert tuple(CATALOGUE) == NETWORKS == tuple(entry.name for entry in CATALOGUE.values())
    for entry in CATALOGUE.values():
        assert (entry.recipes != "perceptron") == entry.needs_torch
        assert (entry.recipes in ("pretrained", "finetuned")) == entry.pretrained
        assert entry.summary
        assert "\n" not in entry.summary


def test_every_network_of_pytorch_has_its_module_and_the_reverse() -> None:
    pytest.importorskip("torch")
    from inkling.networks.torch.modules import CONVOLUTIONAL

    from_scratch = [entry.name for entry in CATALOGUE.values() if entry.needs_torch and not entry.pretrained]
    assert from_scratch == list(CONVOLUTIONAL)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_images_are_taken_and_smaller_ones_refused(name: str) -> None:
    entry = CATALOGUE[name]
    if entry.needs_torch:
        pytest.importorskip("torch")
    side = entry.smallest_side
    assert build_network(name, (side, side, 1), 2).image_shape == (side, side, 1)
    if side > 1:
        message = f"{name} takes images of {side}x{side} pixels or more, found {side - 1}x20"
        with pytest.raises(NetworkError, match=message):
            build_network(name, (side - 1, 20, 1), 2)


@pytest.mark.parametrize(
    ("shape", "torch_available", "expected", "reason"),
    [
        ((28, 28, 1), True, "cnn", "PyTorch is installed, and the images are 8x8 or larger"),
        ((8, 8, 3), True, "cnn", "PyTorch is installed"),
        ((7, 28, 1), True, "perceptron", "cnn needs images of 8x8 or larger"),
        ((28, 28, 1), False, "perceptron", "PyTorch, which cnn needs, is not installed"),
    ],
)
def test_the_choice_follows_its_rule_and_says_why(
    shape: tuple[int, int, int], torch_available: bool, expected: str, reason: str
) -> None:
    name, words = choose_network(shape, 1077, torch_available)
    assert name == expected
    assert words.startswith(f"{expected} for 1,077 training images of {shape[0]}x{shape[1]} pixels: ")
    assert reason in words
    assert choose_network(shape, 1, torch_available)[1].startswith(f"{expected} for 1 training image of")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("shape", "n_classes", "message"),
    [
        ((10**9, 10**9, 1), 10, "1 to 134,217,728 numbers, found 1000000000 x 1000000000 x 1"),
        ((10**9, 28, 1), 10, "found 1000000000 x 28 x 1"),
        ((28, 0, 1), 10, "found 28 x 0 x 1"),
        ((28, 28, 1), 10**30, "at most, found 1,000,000,000,000"),
        ((28, 28, 1), 10**9, "268,435,456 classes at most, found 1,000,000,000"),
        ((28, 28, 1), 2 * 10**8, "parameters, more than 268,435,456: make the images smaller"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_built(
    name: str, shape: tuple[int, int, int], n_classes: int, message: str
) -> None:
    if CATALOGUE[name].needs_torch:
        pytest.importorskip("torch")
    with pytest.raises(NetworkError, match=message):
        build_network(name, shape, n_classes)


def test_a_perceptron_of_a_billion_hidden_units_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"a perceptron of 1,000,000,000 hidden units .* parameters, more than"):
        Perceptron(hidden=10**9)


@pytest.mark.parametrize(
    "damage", [{"image_shape": [28, 28]}, {"n_classes": float("inf")}, {"n_classes": "ten"}, {"hidden": "many"}]
)
def test_damaged_descriptions_are_refused(damage: dict[str, Any]) -> None:
    description = {**Perceptron().description(), **damage}
    with pytest.raises(NetworkError, match="description is damaged"):
        rebuild(description)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("perceptron", "perceptron"),
        ("photo-cnn", "photo-cnn"),
        ("pretrained", "pretrained network"),
        ("finetuned", "finetuned network"),
        ("timm:resnet18", "timm:resnet18 network"),
        ("finetuned:timm:resnet18", "finetuned:timm:resnet18 network"),
    ],
)
def test_a_name_that_is_an_adjective_gets_its_noun(name: str, said: str) -> None:
    assert network_noun(name) == said
