"""The gradient check of one's own classes: each known mistake is named, and right gradients are never accused."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from command_line import assert_refused, inkling
from inkling.networks.custom import build_custom
from inkling.networks.numpy.class_check import check_class
from inkling.networks.numpy.class_check_result import ClassCheck
from inkling.networks.numpy.subject import UncheckedNetwork

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from evidence import gradient_check as evidence
from evidence.claim import Effort

SHAPE, CLASSES, HIDDEN = (3, 2, 1), 4, 6
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (7, *SHAPE), dtype=np.uint8)
LABELS = np.array([0, 2, 1, 3, 2, 2, 0])
START = files("inkling.networks").joinpath("numpy", "starting_point.py").read_text(encoding="utf-8")
SIGMOID = (
    ("np.tanh(x @ self.parameters[\"W1\"] + self.parameters[\"b1\"])",
     "1 / (1 + np.exp(-(x @ self.parameters[\"W1\"] + self.parameters[\"b1\"])))"),
    ("(1 - hidden**2)", "hidden * (1 - hidden)"),
)  # fmt: skip
ONE_HOT = "np.eye(4)[targets]"
P = "np.exp(log_probabilities)"


def written(*changes: tuple[str, str]) -> Any:
    """Return an object of the starting point with parts of its text changed."""
    text = START
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    module = ModuleType("student")
    exec(compile(text, "student.py", "exec"), module.__dict__)
    return module.MyNetwork(SHAPE, CLASSES, hidden=HIDDEN)


def checked(network: Any, shape: tuple[int, int, int] = SHAPE) -> ClassCheck:
    images = np.random.default_rng(0).integers(0, 256, (7, *shape), dtype=np.uint8)
    before = {name: array.copy() for name, array in network.parameters.items()}
    check = check_class(UncheckedNetwork(network, shape, CLASSES), images, LABELS)
    for name, array in network.parameters.items():
        np.testing.assert_array_equal(array, before[name])
    json.dumps(check.to_dict(), allow_nan=False)
    assert check.verdict
    return check


@pytest.mark.parametrize("changes", [(), SIGMOID], ids=["tanh", "sigmoid"])
def test_right_gradients_pass(changes: Any) -> None:
    check = checked(written(*changes))
    assert check.passed
    assert check.precision == "float64", "the arrays of float32 are followed into float64"
    assert not check.likely
    assert not check.likely_sentences
    assert check.verdict.startswith("All 4 gradients agree")


D = "d_logits /= n  # the loss is a mean"
HOT = "d_logits[np.arange(n), targets] -= 1  # probabilities minus the one-hot target"

MISTAKES: dict[str, tuple[tuple[tuple[str, str], ...], str, str]] = {
    "sum": (((D, ""),), "sum-for-mean", "W1, b1, W2 and b2: the gradient is that of the sum over the batch"),
    "twice": (((D, "d_logits /= n**2"),), "divided-twice", "by the number of images N twice"),
    "classes": (((D, "d_logits /= d_logits.size"),), "mean-over-classes", "number of classes K too"),
    "sign": (((D, "d_logits /= -n"),), "sign", "the sign is the opposite"),
    "hot forgotten": (((HOT, ""),), "one-hot-forgotten", "the one-hot target is forgotten"),
    "label - 1": (((HOT, "d_logits[np.arange(n), targets - 1] -= 1"),), "label-one-less", "off by one"),
    "label + 1": (((HOT, "d_logits[np.arange(n), (targets + 1) % 4] -= 1"),), "label-one-more", "off by one"),
    "all rows": (((HOT, "d_logits[:, np.unique(targets)[:2]] -= 0\n        d_logits[:, targets] -= 1"),),
                 "one-hot-of-the-whole-batch", "of the whole batch"),
    "numbers": (((HOT, "d_logits -= targets[:, None]"),), "labels-as-numbers", "subtracted as numbers"),
    "only hot": (((HOT, f"d_logits = -{ONE_HOT}"),), "probabilities-forgotten", "only the one-hot target"),
    "no softmax": (((HOT, f"d_logits = logits0 - {ONE_HOT}"),
                    ("logits = logits - logits.max", "logits0 = logits; logits = logits - logits.max")),
                   "softmax-forgotten", "the logits stand in the place of the probabilities"),
    "diagonal": (((HOT, f"p = {P}; d_logits = -{ONE_HOT} / p * p * (1 - p)"),), "softmax-diagonal", "as diagonal"),
    "no Jacobian": (((HOT, f"d_logits = -{ONE_HOT} / {P}"),), "softmax-jacobian-forgotten", "Jacobian is forgotten"),
    "softmax twice": (((D, f"d_logits *= {P} * (1 - {P}) / n"),), "softmax-twice", "is in p - one-hot already"),
    "squares": (((HOT, f"p = {P}; g = 2 * (p - {ONE_HOT}); d_logits = p * (g - (g * p).sum(1, keepdims=True))"),),
                "squared-error", "squared error"),
    "first": (((D, "d_logits[1:] = 0; d_logits /= n"),), "first-image", "only the first image"),
    "last": (((D, "d_logits[:-1] = 0; d_logits /= n"),), "last-image", "only the last image"),
    "transposed": ((("x.T @ d_sum", "(x.T @ d_sum).T"),), "transposed", "W1: it is transposed"),
    "transposed, not square": ((("hidden.T @ d_logits", "d_logits.T @ hidden"),), "transposed", "W2: it is transposed"),
    "reshaped": ((("hidden.T @ d_logits", "(d_logits.T @ hidden).reshape(6, 4)"),), "reshaped", "reshaped"),
    "bias rows": ((("d_sum.sum(axis=0)", "d_sum"),), "not-summed", "b1: it is not summed over the batch"),
    "bias first": ((("d_sum.sum(axis=0)", "d_sum[0]"),), "bias-not-summed", "not summed over the batch"),
    "bias last": ((("d_logits.sum(axis=0)", "d_logits[-1]"),), "bias-not-summed", "only the last image"),
    "bias mean": ((("d_sum.sum(axis=0)", "d_sum.mean(axis=0)"),), "divided-twice", "b1: it is N times too small"),
    "bias number": ((("d_sum.sum(axis=0)", "d_sum.sum() * np.ones(6)"),), "bias-one-number", "over the units too"),
    "bias shape": ((("d_sum.sum(axis=0)", "d_sum.sum(axis=0, keepdims=True)"),), "shape", "(1, 6) instead of (6,)"),
    "no derivative": ((("d_hidden * (1 - hidden**2)", "d_hidden"),), "derivative-forgotten", "1 - f^2, is forgotten"),
    "of the value": ((("(1 - hidden**2)", "(1 - np.tanh(hidden)**2)"),), "derivative-of-the-wrong-quantity",
                     "1 - tanh(f)^2, of the value"),
    "of the sum": ((("(1 - hidden**2)", "(1 - (x @ self.parameters['W1'] + self.parameters['b1'])**2)"),),
                   "derivative-of-the-wrong-quantity", "1 - a^2, with the sum a"),
    "of sigmoid": ((("(1 - hidden**2)", "hidden * (1 - hidden)"),), "derivative-of-another-function", "of sigmoid"),
    "slip": ((("(1 - hidden**2)", "(1 + hidden**2)"),), "derivative-wrong", "1 + f^2"),
    "not squared": ((("(1 - hidden**2)", "(1 - hidden)"),), "derivative-wrong", "written wrong: 1 - f."),
    "opposite": ((("(1 - hidden**2)", "(hidden**2 - 1)"),), "derivative-opposite", "has the opposite sign"),
    "value": ((("(1 - hidden**2)", "hidden"),), "value-for-derivative", "its value f"),
    "derivative twice": ((("(1 - hidden**2)", "(1 - hidden**2)**2"),), "derivative-twice", "twice"),
    "at the logits": (((D, "d_logits *= (1 - np.tanh(self.forward(x))**2) / n"),), "derivative-at-the-logits",
                      "at the logits"),
    "confused": ((("x.T @ d_sum", "hidden.T @ d_sum"),), "input-and-output-confused",
                 "W1 is multiplied with x, but its gradient is made of f1"),
    "sums": ((("hidden.T @ d_logits", "np.arctanh(hidden).T @ d_logits"),), "input-and-output-confused",
             "made of a1, its sums before the activation"),
    "before the derivative": ((("x.T @ d_sum", "x.T @ d_hidden"),), "derivative-forgotten", "W1: the derivative"),
    "decay": ((("x.T @ d_sum", "x.T @ d_sum + 0.01 * self.parameters['W1']"),), "weight-decay",
              "it holds 0.01 times the parameter itself"),
    "factor": ((("x.T @ d_sum", "2 * (x.T @ d_sum)"),), "factor", "it is 2 times the right one"),
    "zero": ((("x.T @ d_sum", "0 * (x.T @ d_sum)"),), "ignored", "it is zero"),
    "exchanged": ((("d_logits.sum(axis=0)", "np.zeros(4)"), ("d_sum.sum(axis=0)", "-d_sum.sum(axis=0)")), "ignored",
                  "b2: it is zero"),
    "two at once": (((D, ""), ("d_hidden * (1 - hidden**2)", "d_hidden")), "sum-for-mean", "besides, the derivative"),
    "sigmoid of the value": ((*SIGMOID, ("hidden * (1 - hidden)", "0.25 / np.cosh(hidden / 2) ** 2")),
                             "derivative-of-the-wrong-quantity", "of the value f = s(a)"),
    "sigmoid forgotten": ((*SIGMOID, ("d_hidden * hidden * (1 - hidden)", "d_hidden")), "derivative-forgotten",
                          "sigmoid, f (1 - f), is forgotten"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_mistake_is_named(kind: str) -> None:
    changes, mistake, words = MISTAKES[kind]
    check = checked(written(*changes))
    assert not check.passed
    assert check.verdict.startswith("NOT right")
    assert mistake in {found.mistake for found in check.likely}, check.likely_sentences
    assert words in " ".join(check.likely_sentences)
    assert "largest relative error falls from" in check.likely_sentences[0]
    assert all(found.error < 1e-5 for found in check.likely)


class Residual:
    """Three layers, the second with a way past it; the gradient takes it or not."""

    def __init__(self, past: float, another: bool = False, elsewhere: bool = False) -> None:
        rng = np.random.default_rng(0)
        self.past, self.another, self.elsewhere = past, another, elsewhere
        sizes = {"W1": (6, 5), "b1": (1, 5), "W2": (5, 5), "b2": (1, 5), "W3": (5, 4), "b3": (1, 4)}
        self.parameters = {name: rng.standard_normal(shape) for name, shape in sizes.items()}

    def _run(self, x: Any) -> tuple[Any, ...]:
        w = self.parameters
        one = np.tanh(x @ w["W1"] + w["b1"])
        inner = np.tanh(one @ w["W2"] + w["b2"])
        two = inner + one
        return one, inner, two, two @ w["W3"] + w["b3"]

    def forward(self, x: Any) -> Any:
        return self._run(x)[-1]

    def gradients(self, x: Any, targets: Any) -> Any:
        w = self.parameters
        one, inner, two, logits = self._run(x)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(x)), targets]).mean()
        p[np.arange(len(x)), targets] -= 1
        d = p / len(x)
        found = {"W3": two.T @ d, "b3": d.sum(0, keepdims=True)}
        d_two = d @ w["W3"].T
        d_a2 = d_two * (1 - inner**2)
        found |= {"W2": one.T @ d_a2, "b2": d_a2.sum(0, keepdims=True)}
        d_one = d_a2 @ (w["W2"] if self.another else w["W2"].T) + self.past * d_two
        d_a1 = d_one * (1 - (two if self.elsewhere else one) ** 2)
        return loss, {**found, "W1": x.T @ d_a1, "b1": d_a1.sum(0, keepdims=True)}


def test_mistakes_between_layers_are_named() -> None:
    assert checked(Residual(1.0)).passed
    check = checked(Residual(0.0))
    assert [found.mistake for found in check.likely] == ["skip-ignored"]
    assert check.likely[0].names == ("W1", "b1")
    check = checked(Residual(1.0, another=True))
    assert [found.mistake for found in check.likely] == ["handed-back-untransposed"]
    check = checked(Residual(1.0, elsewhere=True))
    assert [found.mistake for found in check.likely] == ["derivative-of-another-layer"]


def test_what_no_mistake_explains_is_said_to_be_so() -> None:
    check = checked(written(("x.T @ d_sum", "x.T @ np.sin(17 * d_sum)")))
    assert check.likely == ()
    (sentence,) = check.likely_sentences
    assert sentence.startswith("No known mistake explains W1. b1, W2 and b2 are right")
    both = checked(written(("d_hidden * (1 - hidden**2)", "d_hidden * np.sin(17 * hidden)")))
    assert "All up to b1 differ: look first at how the gradient is handed back from W2's layer to it." in str(
        both.likely_sentences
    )
    assert check.checks[0].first_wrong is not None
    assert str(check.checks[0].first_wrong).startswith("[0, 0]: yours ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((("n = len(x)", "n = len(x); x *= 0.5"),), "gradients changes x in place"),
        ((("n = len(x)", "n = len(x); targets += 0 * targets + 1; targets %= 4"),), "changes the labels in place"),
        ((("d_hidden = ", "self.parameters['W2'] -= 0.1 * hidden.T @ d_logits; d_hidden = "),), "changes W2 in place"),
        ((("return self._hidden(x) @", "x /= 2; return self._hidden(x) @"),), "forward changes x in place"),
        ((('"b2": d_logits.sum(axis=0)', '"b2": self.add(d_logits.sum(axis=0))'),
          ("    def _hidden", "    total = 0\n\n    def add(self, d):\n        self.total = self.total + d\n"
           "        return self.total\n\n    def _hidden")), "adds up from call to call"),
        ((("return np.tanh(x @", "return (np.random.random(6) > 0.5) * np.tanh(x @"),), "draws at random"),
        ((("return np.tanh(x @", "return np.random.default_rng().random(6) * np.tanh(x @"),), "other numbers"),
        ((('x @ self.parameters["W1"] + self.parameters["b1"])', 'x @ self.copy["W1"] + self.copy["b1"])'),
          ("    def _hidden", "    @property\n    def copy(self):\n        return self.kept\n\n    def _hidden"),
          ("self.parameters = {", "self.parameters = self.kept = {"),
          ('"b2": np.zeros(n_classes, np.float32),\n        }', '"b2": np.zeros(n_classes, np.float32),\n        }\n'
           "        self.kept = {name: array.copy() for name, array in self.kept.items()}"),
          ('@ self.parameters["W2"] + self.parameters["b2"]', '@ self.kept["W2"] + self.kept["b2"]')),
         "not copies"),
    ],
)  # fmt: skip
def test_what_a_class_must_not_do_is_said(changes: Any, words: str) -> None:
    check = checked(written(*changes))
    assert not check.passed
    assert words in " ".join(check.notices)
    assert check.steady is ("other numbers each time for the same batch:" not in " ".join(check.notices))
    assert check.steady or not check.likely_sentences


LOSS = "loss = -log_probabilities[np.arange(n), targets].mean()"


@pytest.mark.parametrize(
    ("changes", "words", "passed"),
    [
        (((".mean()\n", ".sum()\n"),), "sum over the batch, not its mean. The gradients are right for cross-", False),
        (((LOSS, LOSS + " / np.log(2)"),), "to the base 2", False),
        (((LOSS, LOSS.replace("= -", "= ")),), "its sign is the opposite", False),
        (((LOSS, LOSS.replace("targets]", "targets - 1]")),), "class label - 1", False),
        (((LOSS, LOSS + " * np.nan"),), "no finite number", False),
        (((LOSS, LOSS + " + 0.05 * (self.parameters['W1']**2).sum()"),),
         "decay of W1 (0.05 times the sum of its squares), which the gradients do not hold", False),
        (((LOSS, LOSS + " + 0.05 * (self.parameters['W1']**2).sum()"),
          ("x.T @ d_sum", "x.T @ d_sum + 0.1 * self.parameters['W1']")), "The gradients are right for that sum", True),
        ((('return self._hidden(x) @ self.parameters["W2"] + self.parameters["b2"]',
           'z = np.exp(self._hidden(x) @ self.parameters["W2"] + self.parameters["b2"]); '
           "return z / z.sum(1)[:, None]"),),
         "forward returns probabilities", False),
    ],
)  # fmt: skip
def test_a_loss_that_is_not_cross_entropy_is_said(changes: Any, words: str, passed: bool) -> None:
    check = checked(written(*changes))
    assert check.passed is passed
    assert words in str(check.loss.sentence)


def test_float32_within_is_noticed() -> None:
    check = checked(written(("return np.tanh(x @", "x = x.astype(np.float32)\n        return np.tanh(x @"),
                            ('+ self.parameters["b1"])', '+ self.parameters["b1"]).astype(np.float32)')))  # fmt: skip
    assert check.precision == "float32"
    assert check.passed
    assert "float32" in check.verdict
    check = checked(written(("x.T @ d_sum", "-x.T @ d_sum"),
                            ('+ self.parameters["b1"])', '+ self.parameters["b1"]).astype(np.float32)')))  # fmt: skip
    assert [found.mistake for found in check.likely] == ["sign"]


def test_no_number_is_wrong_and_said() -> None:
    check = checked(written(("x.T @ d_sum", "x.T @ d_sum * np.nan")))
    assert not check.passed
    assert "no finite numbers" in str(check.checks[0].remark)


JACOBIANS = """
    def jacobians(self, x):
        f1 = self._hidden(x)[0]
        h, k = self.parameters["W2"].shape
        return {
            "da2_db2": np.eye(k),
            "da2_dW2": np.einsum("h,kj->khj", f1, np.eye(k)),
            "da2_df1": self.parameters["W2"].T,
            "df1_da1": np.diag(1 - f1**2),
            "da1_db1": np.eye(h),
            "da1_dW1": np.einsum("d,hj->hdj", x[0], np.eye(h)),
            "dsomething_delse": np.eye(2),
        }
"""


@pytest.mark.parametrize(
    ("old", "new", "name", "words"),
    [
        ("np.diag(1 - f1**2)", "np.diag(1 - np.tanh(f1)**2)", "df1_da1", "1 - tanh(f)^2, of the value"),
        ("np.diag(1 - f1**2)", "1 - f1**2", "df1_da1", "the diagonal alone"),
        ('self.parameters["W2"].T', 'self.parameters["W2"]', "da2_df1", "it is transposed"),
        ("np.eye(h),\n            \"da1_dW1", "-np.eye(h),\n            \"da1_dW1", "da1_db1", "sign is the opposite"),
        ('"d,hj->hdj"', '"d,hj->hjd"', "da1_dW1", "two axes"),
    ],
)  # fmt: skip
def test_jacobians_are_checked_one_by_one(old: str, new: str, name: str, words: str) -> None:
    check = checked(written(("\n    def _hidden", JACOBIANS + "\n    def _hidden")))
    assert check.passed
    assert len(check.jacobians) == 7
    assert [part.name for part in check.jacobians if part.difference_error is None] == ["dsomething_delse"]
    check = checked(written(("\n    def _hidden", JACOBIANS.replace(old, new) + "\n    def _hidden")))
    assert [part.name for part in check.jacobians if not part.passed] == [name]
    (wrong,) = (part for part in check.jacobians if not part.passed)
    assert words in str(wrong.likely)
    assert wrong.first_wrong is None or "yours" in wrong.first_wrong


@pytest.mark.parametrize("claim", evidence.CLAIMS, ids=lambda claim: claim.name)
def test_claims_hold_on_a_few(claim: Any) -> None:
    assert claim.measure(Effort(0.03)).reached


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    assert inkling("new", "network", file).returncode == 0
    done = inkling("gradcheck", f"{file}:MyNetwork")
    assert done.returncode == 0, done.stderr
    assert "All 4 gradients agree" in done.stdout
    file.write_text(file.read_text().replace("d_hidden * (1 - hidden**2)", "d_hidden"))
    done = inkling("gradcheck", f"{file}:MyNetwork", "--image-shape", "8x8x1", "--classes", 3)
    assert done.returncode == 1
    assert "Likely: W1 and b1: the derivative of tanh, 1 - f^2, is forgotten" in done.stdout
    values = json.loads(inkling("gradcheck", f"{file}:MyNetwork", "--image-shape", "3x2x1", "--json").stdout)
    assert not values["passed"]
    assert values["likely"][0]["mistake"] == "derivative-forgotten"
    assert values["checks"][0]["name"] == "W1"
    assert_refused(inkling("gradcheck", f"{file}:MyNetwork", "--image-shape", "8"), "HxWxC")
    run = tmp_path / "run"
    assert inkling("train", "digits", "--network", f"{file}:MyNetwork", "--epochs", 1, "--out", run).returncode == 0
    assert_refused(inkling("gradcheck", run), "check the class itself")
    assert_refused(inkling("gradcheck", f"{file}:YourNetwork"), "no class is called 'YourNetwork'")


def test_options_of_the_class_are_chosen(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    text = START.replace("hidden=64", "hidden: int, momentum=0.5")
    assert text != START
    file.write_text(text)
    small = (f"{file}:MyNetwork", "--image-shape", "3x2x1")
    assert_refused(inkling("gradcheck", *small), "choose it by --set hidden=VALUE")
    chosen = inkling("gradcheck", *small, "--set", "hidden=4", "--set", "momentum=1", "--json")
    assert json.loads(chosen.stdout)["checks"][0]["shape"] == [6, 4]
    assert_refused(inkling("gradcheck", *small, "--set", "hidden=many"), "hidden must be a whole number, found 'many'")
    assert_refused(inkling("gradcheck", *small, "--set", "hiden=4"), "did you mean 'hidden'", "it has hidden, momentum")
    assert_refused(inkling("gradcheck", *small, "--set", "hidden=4,5"), "hidden has several values: give one")
    assert_refused(inkling("gradcheck", "--set", "hidden=4"), "--set chooses options of FILE.py:CLASS, found no class")


FUNCTION = """
import torch
from torch import nn


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, d):
        (x,) = ctx.saved_tensors
        return FACTOR * x * d


class Net(nn.Module):
    def __init__(self, image_shape, n_classes):
        super().__init__()
        height, width, channels = image_shape
        self.one, self.two = nn.Linear(height * width * channels, 6), nn.Linear(6, n_classes)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.two(self.drop(Square.apply(self.one(x.flatten(1)))))
"""


def test_modules_are_checked_with_autograd(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from inkling.networks.torch.module_check import check_module

    def module_checked(text: str) -> ClassCheck:
        file = tmp_path / "net.py"
        file.write_text(text)
        network: Any = build_custom(f"{file}:Net", SHAPE, 4, device="cpu")
        images = np.random.default_rng(0).integers(0, 256, (7, *SHAPE), dtype=np.uint8)
        return check_module(network, images, LABELS)

    assert module_checked(FUNCTION.replace("FACTOR", "2")).passed
    check = module_checked(FUNCTION.replace("FACTOR", "1"))
    assert check.engine == "torch.autograd"
    assert not check.passed
    assert [found.text for found in check.likely] == ["it is 0.5 times the right one"]
    assert check.likely[0].names == ("one.weight", "one.bias")
    cut = FUNCTION.replace("FACTOR", "2").replace("self.one(x.flatten(1))", "self.one(x.flatten(1)).detach()")
    assert "cut off by detach()" in module_checked(cut).notices[0]
    done = inkling("gradcheck", f"{tmp_path / 'net.py'}:Net", "--image-shape", "3x2x1", "--classes", 4, "--quiet")
    assert done.returncode == 1
