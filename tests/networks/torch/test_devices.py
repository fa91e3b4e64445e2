"""Devices by name, random numbers that stay where they are drawn, and float32 that is float32."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.errors import NetworkError
from inkling.networks.catalogue import build_network

torch = pytest.importorskip("torch")

from inkling.networks.torch.devices import exact_float32, find_device, seeded, to_device, to_numpy  # noqa: E402

CPU = torch.device("cpu")


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert [str(find_device(name)) for name in ("auto", "cpu", "cuda", "cuda:1")] == [
        "cuda:0",
        "cpu",
        "cuda:0",
        "cuda:1",
    ]
    with pytest.raises(NetworkError, match="there is no GPU cuda:2 here, but cuda:0 to cuda:1"):
        find_device("cuda:2")
    gpus(monkeypatch, 1)
    with pytest.raises(NetworkError, match="there is no GPU cuda:1 here, but cuda:0 alone"):
        find_device("cuda:1")
    gpus(monkeypatch, 0)
    assert find_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("auto") == CPU
    assert find_device("mps").type == "mps"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said() -> None:
    for name in ("cuda", "cuda:0", "cuda:1"):
        with pytest.raises(NetworkError, match="no GPU that PyTorch can use was found"):
            build_network("cnn", (8, 8, 1), 3, device=name)
    for name in ("gpu", "cuda:", "cuda:one", "cuda:-1", "cpu:0", ""):
        message = f"a device is one of auto, cpu, cuda, mps, or a certain GPU as cuda:1, found '{name}'"
        with pytest.raises(NetworkError, match=message):
            build_network("cnn", (8, 8, 1), 3, device=name)
    for name in ("cuda", "cuda:1", "mps"):
        with pytest.raises(NetworkError, match="the perceptron computes on the CPU"):
            build_network("perceptron", (8, 8, 1), 3, device=name)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an Apple GPU")
def test_an_apple_gpu_that_is_not_there_is_said() -> None:
    with pytest.raises(NetworkError, match="no Apple GPU that PyTorch can use was found"):
        find_device("mps")


def test_a_seed_draws_what_torch_would_and_leaves_its_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(5)
    before = torch.get_rng_state()
    with seeded(CPU, 7):
        assert torch.equal(torch.rand(5), expected)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ZeroDivisionError), seeded(CPU, 7):
        1 / 0  # noqa: B018
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which must not be asked for another's")
def test_a_step_on_the_cpu_touches_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 8)  # whoever reads or seeds one of these fails: there is none

    def touched(*_: object) -> None:
        raise AssertionError("a GPU was touched")

    for name in ("manual_seed", "manual_seed_all", "get_rng_state", "set_rng_state"):
        monkeypatch.setattr(torch.cuda, name, touched)
    network = build_network("reference-cnn", (8, 8, 1), 3, device="cpu")
    assert np.isfinite(network.train_step(np.zeros((4, 8, 8, 1), np.uint8), np.zeros(4, np.int64), 0.1))


def tf32_allowed() -> tuple[bool, bool]:
    """Whether products and convolutions may be computed in TF32. The settings exist on machines without a GPU, too."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(cudnn, "conv"):
        return matmul.fp32_precision == "tf32", cudnn.conv.fp32_precision == "tf32"
    return matmul.allow_tf32, cudnn.allow_tf32


@pytest.mark.parametrize("setting", [True, False])
def test_float32_is_float32_on_a_gpu_and_the_callers_settings_come_back(setting: bool) -> None:
    gpu, matmul, cudnn = torch.device("cuda", 0), torch.backends.cuda.matmul, torch.backends.cudnn
    original = (matmul.allow_tf32, cudnn.allow_tf32)
    matmul.allow_tf32 = cudnn.allow_tf32 = setting
    try:
        with exact_float32(gpu):
            assert tf32_allowed() == (False, False)
        assert (matmul.allow_tf32, cudnn.allow_tf32) == tf32_allowed() == (setting, setting)
        with pytest.raises(ZeroDivisionError), exact_float32(gpu):
            1 / 0  # noqa: B018
        assert (matmul.allow_tf32, cudnn.allow_tf32) == tf32_allowed() == (setting, setting)
        with exact_float32(CPU):
            assert tf32_allowed() == (setting, setting)
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = original


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_products_on_a_gpu_are_float32() -> None:
    device, rng = torch.device("cuda", 0), np.random.default_rng(0)
    a, b = (rng.standard_normal((512, 512), np.float32) for _ in range(2))
    with exact_float32(device):
        product = to_numpy(to_device(a, device) @ to_device(b, device))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    assert np.abs(product - exact).max() < 1e-4 * np.abs(exact).max()  # of TF32 about 1e-3


def test_arrays_go_there_and_back_as_copies() -> None:
    array = np.arange(6, dtype=np.float64).reshape(2, 3)[:, ::-1]
    tensor = to_device(array, CPU, torch.float32)
    tensor += 1
    returned = to_numpy(tensor)
    tensor += 1
    np.testing.assert_array_equal(returned, array + 1)
    assert array[0, 0] == 2
