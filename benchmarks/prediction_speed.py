"""How fast networks predict from arrays, beside the libraries that people know, in one run and on one thread.

The perceptron beside scikit-learn's MLPClassifier with the same weights: from the same bytes divided by 255, which
makes float64 of them; from the same bytes scaled to float32, the fairest; and from float32 that was scaled before the
clock ran. And cnn beside onnxruntime with the model that `inkling export` writes. One image at a time, and 256. Each
pair of timings is taken one after the other, so that a busy machine slows both; what is given is the ratio of the two
medians, and the middle half of the ratios of single pairs.

    python benchmarks/prediction_speed.py [--quick]        (needs the extras torch and export)
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from inkling.networks.catalogue import build_network
from inkling.networks.numpy.perceptron import Perceptron
from inkling.runs.environment import machine, versions

try:
    import onnxruntime

    from inkling.integrations.export.onnx_file import OPSET, joined
except ModuleNotFoundError:
    onnxruntime = None

BATCHES = (1, 256)

Way = tuple[str, Callable[[Any], Any], NDArray[Any]]
"""A name, what predicts, and what it is given."""


def main() -> None:
    """Print a line for each pair and batch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few rounds: the numbers mean nothing")
    quick = parser.parse_args().quick
    print(f"{versions()}; {machine()['processor']}, one thread")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (max(BATCHES), 28, 28, 1), dtype=np.uint8)

    perceptron = Perceptron()
    single, double = like(perceptron, np.float32), like(perceptron, np.float64)
    pixels = perceptron.inputs(images)

    def from_bytes(part: NDArray[np.uint8]) -> Any:
        return double.predict_proba(part.reshape(len(part), -1) / 255)

    def from_bytes_to_float32(part: NDArray[np.uint8]) -> Any:
        return single.predict_proba(part.reshape(len(part), -1) * perceptron.pixel_scale)

    for n in BATCHES:
        rounds = 3 if quick else 300
        ours = ("perceptron", perceptron.predict_proba, images[:n])
        compare(ours, ("scikit-learn MLPClassifier, the same bytes / 255", from_bytes, images[:n]), rounds)
        fairest = ("scikit-learn MLPClassifier, the same bytes to float32", from_bytes_to_float32, images[:n])
        compare(ours, fairest, rounds)
        compare(ours, ("scikit-learn MLPClassifier, scaled float32", single.predict_proba, pixels[:n]), rounds)
    if onnxruntime is None:
        parser.exit(message="onnxruntime is not installed: pip install 'inkling-ml[export]'\n")

    cnn: Any = build_network("cnn", (28, 28, 1), 10, device="cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = joined([cnn.onnx_model(OPSET)], 1.0).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def by_onnxruntime(part: NDArray[np.uint8]) -> Any:
        return session.run(None, {"images": part})[0]

    for n in BATCHES:
        theirs = (f"onnxruntime {onnxruntime.__version__}", by_onnxruntime, images[:n])
        compare(("cnn", cnn.predict_proba, images[:n]), theirs, 2 if quick else 300 if n == 1 else 60)


def like(perceptron: Perceptron, dtype: type) -> MLPClassifier:
    """Return scikit-learn's classifier with the weights of a perceptron; it computes in the dtype of its input."""
    w = perceptron.parameters
    classes, inputs = perceptron.n_classes, len(w["W1"])
    model = MLPClassifier((perceptron.hidden,), activation="logistic")
    model.partial_fit(np.zeros((classes, inputs), dtype), np.arange(classes), classes=np.arange(classes))
    model.coefs_ = [w[name].astype(dtype) for name in ("W1", "W2")]
    model.intercepts_ = [w[name][0].astype(dtype) for name in ("b1", "b2")]
    return model


def compare(ours: Way, other: Way, rounds: int) -> None:
    """Print the median time of each, and how many times ours the other takes."""
    (name, predict, given), (other_name, other_predict, other_given) = ours, other
    if np.abs(predict(given) - other_predict(other_given)).max() > 1e-5:
        raise SystemExit(f"{name} and {other_name} do not agree")
    pairs = [(seconds(predict, given), seconds(other_predict, other_given)) for _ in range(rounds)]
    own, others = (median(times) for times in zip(*pairs, strict=True))
    low, _, high = quantiles(theirs / mine for mine, theirs in pairs)
    print(
        f"{name}, {len(given):3d} images: {1e3 * own:8.3f} ms; {other_name}: {1e3 * others:8.3f} ms; "
        f"{others / own:.2f}x inkling's time [{low:.2f}, {high:.2f}] (medians of {rounds} rounds in turn)"
    )


def seconds(work: Callable[[Any], Any], given: Any) -> float:
    """Return how long it takes."""
    began = time.perf_counter()
    work(given)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
