"""A model of LitServe that is as the FastAPI handler of serving_load.py; its workers import it from here."""

from __future__ import annotations

import base64
import io
from typing import Any

import litserve
import numpy as np
import onnxruntime
from PIL import Image


class OnnxModel(litserve.LitAPI):  # type: ignore[misc]
    """An ONNX file, asked by JSON with a picture file in base64."""

    def __init__(self, model: str, names: list[str], shape: tuple[int, int]) -> None:
        super().__init__()
        self.model, self.names, self.shape = model, names, shape

    def setup(self, device: Any) -> None:  # noqa: ARG002
        """Load the file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: dict[str, str]) -> Any:
        """Return pixels (1, H, W, 1)."""
        picture = Image.open(io.BytesIO(base64.b64decode(request["image"]))).convert("L")
        return np.asarray(picture, np.uint8).reshape(1, *self.shape, 1)

    def predict(self, pixels: Any) -> Any:
        """Return probabilities (K,)."""
        return self.session.run(["probabilities"], {"images": pixels})[0][0]

    def encode_response(self, row: Any) -> dict[str, Any]:
        """Return the answer."""
        return {
            "label": self.names[int(row.argmax())],
            "probabilities": dict(zip(self.names, row.tolist(), strict=True)),
        }
