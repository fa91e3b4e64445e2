"""The perceptron for programs without Inkling: as an ONNX graph, and as Python for PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

TORCH_FUNCTION = """\
    x = images.reshape(len(images), -1).to(w["W1"].dtype) * w["pixel_scale"]  # (N, D)
    f1 = torch.sigmoid(x @ w["W1"] + w["b1"])  # (N, H)
    return torch.softmax(f1 @ w["W2"] + w["b2"], dim=1).float()  # (N, K)
"""
"""`Portable.torch_function` of every perceptron."""


def onnx_model(
    parameters: Mapping[str, NDArray[Any]], pixel_scale: NDArray[Any], image_shape: tuple[int, int, int], opset: int
) -> Any:
    """Return the `onnx.ModelProto` of a perceptron: "images" (N, H, W, C) uint8 -> "probabilities" (N, K) float32.

    Parameters
    ----------
    parameters : mapping
        "W1" (D, H), "b1" (1, H), "W2" (H, K), "b2" (1, K); the graph computes in their dtype.
    pixel_scale : ndarray, shape (1,)
        What pixels are multiplied by.
    image_shape : tuple of int
        (H, W, C).
    opset : int
        Of ONNX's own operators.
    """
    from onnx import TensorProto, helper, numpy_helper

    classes = parameters["W2"].shape[1]
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=helper.np_dtype_to_tensor_dtype(parameters["W1"].dtype)),
        helper.make_node("Mul", ["pixels", "pixel_scale"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["x"], axis=1),  # (N, D)
        helper.make_node("Gemm", ["x", "W1", "b1"], ["a1"]),  # (N, H)
        helper.make_node("Sigmoid", ["a1"], ["f1"]),
        helper.make_node("Gemm", ["f1", "W2", "b2"], ["a2"]),  # (N, K)
        helper.make_node("Softmax", ["a2"], ["p"], axis=1),
        helper.make_node("Cast", ["p"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *image_shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(array, name) for name, array in {**parameters, "pixel_scale": pixel_scale}.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
