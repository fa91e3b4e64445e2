"""The network for photos: the places that its first layer leaves, and what it is made of."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from inkling.networks.torch.modules import photo_cnn  # noqa: E402


@pytest.mark.parametrize(
    ("height", "width", "stride"),
    [(8, 8, 1), (28, 20, 1), (47, 300, 1), (48, 64, 2), (95, 95, 2), (96, 128, 4), (128, 128, 4), (224, 256, 8)],
)
def test_the_first_layer_leaves_24_to_48_places_along_the_shorter_side(height: int, width: int, stride: int) -> None:
    first = photo_cnn((height, width, 3), 5)[0]
    assert first.stride == (stride, stride)
    assert first.kernel_size[0] >= max(stride, 3)
    places = first(torch.zeros(1, 3, height, width)).shape[2:]
    if min(height, width) >= 24:
        assert 24 <= min(places) <= 48
    # Rounded up: no row or column of the image is left out.
    assert tuple(places) == (-(-height // stride), -(-width // stride))


def test_the_size_is_what_its_description_says() -> None:
    module = photo_cnn((128, 128, 3), 5)
    assert round(sum(parameter.numel() for parameter in module.parameters()) / 1e6, 1) == 2.0
    multiply_adds = 0

    def count(part: torch.nn.Conv2d, _: object, output: torch.Tensor) -> None:
        nonlocal multiply_adds
        multiply_adds += part.weight.numel() * output[0, 0].numel()

    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.register_forward_hook(count)
    module(torch.zeros(2, 3, 128, 128))
    assert round(multiply_adds / 1e6) == 38
