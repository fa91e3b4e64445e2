"""Networks of a person's own: from FILE.py:CLASS to a run, with nothing executed that was not named or trusted."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import assert_refused, inkling, last_json
from inkling.errors import NetworkError
from inkling.networks import custom
from inkling.networks.catalogue import build_network, find_network, options_of_network, rebuild
from inkling.networks.custom import trust_custom_networks
from inkling.networks.numpy.custom_network import NumpyNetwork
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network
from inkling.runs.run import Run

SHAPE = (8, 8, 1)


class OwnPerceptron:
    """The perceptron's mathematics behind the three things that a class offers."""

    def __init__(self, shape: tuple[int, int, int] = SHAPE, n_classes: int = 3) -> None:
        self.perceptron = Perceptron(shape, n_classes, hidden=5, dtype=np.float64)
        self.parameters = self.perceptron.parameters

    def forward(self, x: Any) -> Any:
        return self.perceptron.forward(x)[1]

    def gradients(self, x: Any, targets: Any) -> Any:
        return self.perceptron._gradients(x, targets, None)


@pytest.fixture(autouse=True)
def nothing_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "_trusted", set())


@pytest.fixture
def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, *SHAPE), dtype=np.uint8), rng.integers(0, 3, 12)


@pytest.mark.parametrize("kind", ["labels", "smooth", "weights", "smooth and weights"])
def test_gradients_of_any_targets_are_those_of_the_perceptron(kind: str, batch: Any) -> None:
    images, labels = batch
    own = OwnPerceptron()
    targets = 0.9 * np.eye(3)[labels] + 0.1 / 3 if "smooth" in kind else labels
    weights = np.where(labels == 1, 2.5, 0.5) if "weights" in kind else None
    loss, gradients = NumpyNetwork(own, SHAPE, 3).gradients(images, targets, weights)
    expected, exact = own.perceptron.gradients(images, targets, weights)
    assert loss == pytest.approx(expected, rel=1e-12)
    for name, gradient in exact.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-10, atol=1e-14)


def test_gradients_for_pixels_are_found_by_differences(batch: Any) -> None:
    images, labels = batch
    own = OwnPerceptron()
    network = NumpyNetwork(own, SHAPE, 3)
    assert isinstance(network, Network)
    pixels = images[:3] / 255
    expected = own.perceptron.logit_gradients(pixels, labels[:3])
    np.testing.assert_allclose(network.logit_gradients(pixels, labels[:3]), expected, atol=1e-7)
    first = network.first_layer()
    assert first is not None
    np.testing.assert_array_equal(first, own.perceptron.first_layer())
    twin = copy.deepcopy(network)
    twin.train_step(images, labels, 1.0)
    assert not np.array_equal(twin.predict_proba(images), network.predict_proba(images))


def test_a_starting_point_trains_resumes_and_is_evaluated(tmp_path: Path) -> None:
    for kind in ("numpy", "torch"):
        if kind == "torch":
            pytest.importorskip("torch")
        file, name = tmp_path / f"{kind}_net.py", f"{tmp_path / f'{kind}_net.py'}:MyNetwork"
        assert inkling("new", "network", file, f"--{kind}").returncode == 0
        assert_refused(inkling("new", "network", file), "is there already")
        train = ("train", "digits", "--network", name)
        whole, parts = tmp_path / f"{kind}-whole", tmp_path / f"{kind}-parts"
        values = last_json(inkling(*train, "--epochs", 3, "--out", whole, "--json"))
        assert values["validation_accuracy"] > 0.5
        assert inkling(*train, "--epochs", 3, "--out", parts).returncode == 0
        assert Run(whole).weights_digest() == Run(parts).weights_digest(), "the seed decides"
        kept = json.loads((whole / "run.json").read_text())["network"]
        assert (whole / "network.py").read_text() == kept["source"] == file.read_text()
        file.unlink()
        custom._trusted.clear()
        assert_refused(inkling("evaluate", whole, "--device", "cpu"), "executes that code", "--trust")
        done = inkling("evaluate", whole, "--device", "cpu", "--trust", "--json")
        assert last_json(done)["accuracy"] == last_json(inkling("evaluate", whole, "--trust", "--json"))["accuracy"]
        assert inkling("report", whole, "--trust").returncode == 0


def test_studies_and_comparisons_take_them(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    assert inkling("new", "network", file).returncode == 0
    study = tmp_path / "study"
    done = inkling(
        "study", "digits", "--networks", f"perceptron,{file}:MyNetwork", "--train-sizes", 200, "--seeds", "0,1",
        "--epochs", 2, "--out", study,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{file}:MyNetwork" in done.stdout
    assert inkling("compare", study).returncode == 0


OPTIONS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, image_shape, n_classes, width: "int | None" = None, leak=0.1, bias: bool = True, sizes=(1, 2)):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, width or 8), nn.LeakyReLU(leak), nn.Linear(width or 8, n_classes, bias)
        )

    def forward(self, x):
        return self.layers(x)
"""


def test_options_of_a_class_are_chosen_kept_and_varied(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    assert inkling("new", "network", file).returncode == 0
    name, run = f"{file}:MyNetwork", tmp_path / "run"
    train = ("train", "digits", "--network", name, "--epochs", 1, "--out", run)
    assert inkling(*train, "--set", "hidden=5").returncode == 0
    assert json.loads((run / "run.json").read_text())["network"]["options"] == {"hidden": 5}
    trust_custom_networks()
    parameters: Any = Run(run).network(device="cpu")
    assert parameters.parameters["W1"].shape == (64, 5)
    assert inkling(*train, "--set", "hidden=5", "--resume").returncode == 0
    assert_refused(inkling(*train, "--set", "hidden=6", "--resume"), "different in network")
    assert_refused(inkling(*train, "--set", "hiden=6"), "did you mean 'hidden'", "MyNetwork has hidden")
    assert_refused(inkling(*train, "--set", "hidden=many"), "hidden must be a whole number, found 'many'")
    assert_refused(inkling(*train, "--set", "image_shape=2"), "unknown setting 'image_shape'")
    study = tmp_path / "study"
    done = inkling(
        "study", "digits", "--networks", f"perceptron,{name}", "--train-sizes", 100, "--seeds", "0", "--epochs", 1,
        "--vary", "hidden=4,6", "--out", study,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = [json.loads(path.read_text())["network"] for path in study.glob("runs/*net*/run.json")]
    assert sorted(network["options"]["hidden"] for network in kept) == [4, 6]
    with pytest.raises(
        NetworkError, match=r"line \d+: the option 'hidden' of MyNetwork must be of type int, found str"
    ):
        build_network(name, SHAPE, 3, hidden="5")
    with pytest.raises(NetworkError, match="MyNetwork has no option 'width': it has hidden"):
        build_network(name, SHAPE, 3, width=5)


def test_options_are_typed_by_annotation_or_default(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "net.py"
    file.write_text(OPTIONS)
    assert options_of_network(f"{file}:Net") == {"width": int, "leak": float, "bias": bool}
    network = build_network(f"{file}:Net", SHAPE, 3, width=5, leak=0, bias=False)
    assert network.description()["options"] == {"width": 5, "leak": 0.0, "bias": False}
    assert rebuild(network.description()).state().keys() == network.state().keys()
    file.write_text(OPTIONS.replace(', width: "int | None" = None', ", width: int"))
    with pytest.raises(NetworkError, match=r"asks for 'width', .* or choose it by --set width=VALUE"):
        build_network(f"{file}:Net", SHAPE, 3)


def test_nothing_runs_unasked(tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    text = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nclass Net:\n    pass\n"
    file = tmp_path / "net.py"
    file.write_text(text)
    assert find_network(f"{file}:Net").recipes == "custom"
    description = {
        "network": f"{file}:Net", "image_shape": list(SHAPE), "n_classes": 3, "source": text, "source_sha256": "0" * 64
    }  # fmt: skip
    with pytest.raises(NetworkError, match="SHA-256"):
        rebuild(description)
    description["source_sha256"] = custom._digest(text)
    with pytest.raises(NetworkError, match="--trust"):
        rebuild(description)
    assert not mark.exists()
    trust_custom_networks()
    with pytest.raises(NetworkError, match="lacks forward and gradients"):
        rebuild(description)
    assert mark.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Net:\n  def", r"net.py, line 2: SyntaxError"),
        ("import math\n\nimport nowhere_at_all\nclass Net: pass", r"net.py, line 3: ModuleNotFoundError"),
        ("class Nett: pass", r"no class is called 'Net' \(did you mean 'Nett'\?\): the file has Nett"),
        ("", r"net.py: no class is called 'Net': the file has none; 'inkling new network FILE' writes one"),
        ("x = 1\nNet = 3", r"net.py, line 2: 'Net' is an object of type int, expected a class: the file has none"),
        (
            "class Other: pass\n\ndef Net(x):\n  return x",
            r"net.py, line 3: 'Net' is a function, expected a class: the file has Other \(line 1\)",
        ),
        ("import math, random as Net", r"net.py, line 1: 'Net' is a module"),
        ("for Net in range(2):\n  pass", r"net.py, line 1: 'Net' is an object of type int"),
        ("globals()['Net'] = 3", r"net.py: 'Net' is an object of type int"),
        ("raise SystemExit(3)", r"net.py, line 1: SystemExit"),
        ("class Net:\n  def __init__(self):\n    exit()\n  forward = gradients = print", r"line 3: SystemExit"),
        ("\nclass Net:\n  parameters = {}\n  def forward(self, x): return x", r"line 2: Net lacks gradients"),
        (
            "class Net:\n  def __init__(self, width): pass\n  forward = gradients = print",
            r"line 1: Net asks for 'width'",
        ),
        ("class Net:\n  def __init__(self):\n    1 / 0\n  forward = gradients = print", r"line 3: ZeroDivisionError"),
        (
            "class Net:\n  parameters = {}\n  forward = gradients = print",
            r"line 1: .*parameters must be arrays by name",
        ),
        (
            "import numpy as np\nclass Net:\n  parameters = {'W': np.ones((64, 3))}\n"
            "  def forward(self, x):\n    return x @ np.ones((5, 3))\n  gradients = print",
            r"net.py, line 5: ValueError",
        ),
        (
            "import numpy as np\nclass Net:\n  parameters = {'W': np.ones((64, 2))}\n"
            "  def forward(self, x):\n    return x @ self.parameters['W']\n  gradients = print",
            r"line 2: .*must give logits of shape \(2, 3\)",
        ),
        (
            "import numpy as np\nclass Net:\n  parameters = {'W': np.ones((64, 3))}\n"
            "  def forward(self, x):\n    return x @ self.parameters['W']\n"
            "  def gradients(self, x, targets):\n    return 0.0, {'W': np.ones((3, 64))}",
            r"line 2: .*'W' of shape \(64, 3\), that of the parameter, found \(3, 64\)",
        ),
        (
            "import numpy as np\nclass Net:\n  parameters = {'W': np.ones((64, 3))}\n"
            "  def forward(self, x):\n    return x @ self.parameters['W']\n"
            "  def gradients(self, x, targets):\n    return 0.0, {'V': np.ones((64, 3))}",
            r"line 2: .*V is no parameter",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "net.py").write_text(text)
    with pytest.raises(NetworkError, match=message):
        build_network(f"{tmp_path / 'net.py'}:Net", SHAPE, 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return 0.5,", "return 'low',", "line 1: .* must return a number as the loss, found str"),
        ("return 0.5,", "return None,", "line 1: .* must return a number as the loss, found NoneType"),
        ("{'W': self.parameters['W']}", "{'W': [[1], [2, 3]]}", "line 1: .* must return arrays by name"),
        ("return x @", "raise ValueError('no')\n        return x @", r"^[^:]*, line 5: ValueError: no$"),
        ("class Net:", "class Other:", r"no class is called 'Net': the file has Other \(line 1\)"),
    ],
)
def test_what_a_class_returns_is_refused_with_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (
        "class Net:\n    def __init__(self):\n        self.parameters = {'W': __import__('numpy').zeros((64, 3))}\n"
        "    def forward(self, x):\n        return x @ self.parameters['W']\n"
        "    def gradients(self, x, t):\n        return 0.5, {'W': self.parameters['W']}\n"
    )
    file = tmp_path / "net.py"
    file.write_text(text)
    build_network(f"{file}:Net", SHAPE, 3)
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(NetworkError, match=message):
        build_network(f"{file}:Net", SHAPE, 3)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    done = inkling("train", "digits", "--network", tmp_path / "none.py:Net", "--out", tmp_path / "run")
    assert_refused(done, "no such file")
    assert not (tmp_path / "run").exists()


def test_a_network_that_takes_images_gets_them(batch: Any) -> None:
    images, labels = batch

    class Rows:
        takes_images = True

        def __init__(self) -> None:
            self.parameters = {"W": np.ones((8, 3), np.float32)}

        def forward(self, x: Any) -> Any:
            return x.mean(axis=(2, 3)) @ self.parameters["W"]

        def gradients(self, x: Any, targets: Any) -> Any:
            assert x.shape[1:] == SHAPE
            return 0.0, {"W": np.zeros((8, 3))}

    network = NumpyNetwork(Rows(), SHAPE, 3)
    assert network.predict_proba(images).shape == (12, 3)
    network.train_step(images, labels, 0.1)


def test_a_module_that_fails_in_training_only_is_refused_before_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Linear):\n    def __init__(self, n_classes):\n"
        "        super().__init__(8, n_classes)\n\n    def forward(self, x):\n        if self.training:\n"
        "            raise ValueError('not now')\n        return super().forward(x[:, 0, 0])\n"
    )
    with pytest.raises(NetworkError, match=r"net.py, line 10: ValueError: not now"):
        build_network(f"{tmp_path / 'net.py'}:Net", SHAPE, 3)
    with pytest.raises(NetworkError, match="expected the class in the file as well"):
        find_network("net.py")
