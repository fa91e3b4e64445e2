"""Training steps compute the module's own function, by fewer operations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from inkling.networks.torch.modules import CONVOLUTIONAL
from inkling.networks.torch.training_pass import training_pass


def gradients(module: nn.Module, of_logits: Tensor) -> list[Tensor]:
    module.zero_grad()
    of_logits.square().sum().backward()
    return [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("name", list(CONVOLUTIONAL))
@pytest.mark.parametrize("n", [2, 40])
def test_the_function_and_its_gradients_are_the_modules_own(name: str, n: int) -> None:
    torch.manual_seed(0)
    module = CONVOLUTIONAL[name]((12, 12, 1), 3).double()
    x = torch.rand(n, 1, 12, 12, dtype=torch.float64)
    torch.manual_seed(1)  # dropout draws the same
    expected = module(x)
    wanted = gradients(module, expected)
    torch.manual_seed(1)
    found = training_pass(module)(x)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    got = gradients(module, found)
    assert len(got) == len(wanted) == len(list(module.parameters()))
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_relu_after_pooling_is_the_same_bits() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    seen: list[tuple[int, ...]] = []
    module[1].register_forward_hook(lambda *of: seen.append(tuple(of[2].shape)))
    x = torch.rand(5, 1, 8, 8)
    expected, found = module(x), training_pass(module)(x)
    assert seen == [(5, 4, 8, 8), (5, 4, 4, 4)]
    assert torch.equal(found, expected)
    for one, other in zip(gradients(module, found), gradients(module, expected), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("first_bias", "second_bias"), [(True, True), (True, False), (False, True), (False, False)])
def test_dense_layers_are_multiplied_where_that_is_less_work(first_bias: bool, second_bias: bool) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(30, 20, first_bias), nn.Linear(20, 4, second_bias)).double()
    calls: list[int] = []
    module[0].register_forward_hook(lambda *of: calls.append(len(of[2])))
    forward = training_pass(module)
    for n in (2, 50):
        x = torch.rand(n, 30, dtype=torch.float64)
        torch.testing.assert_close(forward(x), module(x), rtol=1e-12, atol=1e-12)
    # The module itself was called both times; of the other way, the few images went through one by one.
    assert calls == [2, 2, 50]


def test_other_modules_are_left_as_they_are() -> None:
    class Own(nn.Sequential):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    module = Own(nn.ReLU(), nn.MaxPool2d(2))
    assert training_pass(module) is module
