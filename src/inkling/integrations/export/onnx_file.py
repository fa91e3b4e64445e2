"""ONNX: one file that onnxruntime and many other programs run, on the web and on small devices too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from inkling.errors import MissingLibraryError, NetworkError
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Draft
from inkling.networks.protocols import Portable

OPSET = 18
"""Of ONNX's own operators: the oldest that PyTorch's exporter writes, read by onnxruntime 1.14 and later."""

_LIBRARIES = ("onnx", "onnxruntime", "onnxscript", "onnx_ir")


class OnnxFormat:
    """uint8 images (N, H, W, C) in, probabilities (N, K) out, for any N; facts and certificate in the metadata."""

    name, suffix = "onnx", ".onnx"
    summary = "one file for onnxruntime and other programs: images in, probabilities out"

    def draft(self, model: LeavingModel) -> Draft:
        """Return the model as ONNX, run by onnxruntime."""
        try:
            import onnx
            import onnxruntime

            proto = joined([_onnx_of(network) for network in model.networks], model.temperature)
        except ModuleNotFoundError as error:
            if error.name not in _LIBRARIES:
                raise
            raise MissingLibraryError(
                f"--format onnx needs {error.name}, which is not installed: run pip install 'inkling-ml[export]'"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # results then do not depend on the number of cores
        providers = ["CPUExecutionProvider"]
        try:
            onnx.checker.check_model(proto, full_check=True)
            session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=providers)
        except Exception as error:  # of the graph of a module of somebody's own; each library has its own errors
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            raise NetworkError(f"onnxruntime {onnxruntime.__version__} cannot run the network ({reason})") from error

        def files(parity: Parity) -> dict[str, bytes]:
            facts = {**model.facts(), "opset": OPSET, "parity": parity.to_dict()}
            texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
            onnx.helper.set_model_props(proto, texts)
            onnx.checker.check_model(proto)
            return {self.suffix: proto.SerializeToString()}

        return Draft(
            lambda images: session.run(["probabilities"], {"images": images})[0],
            f"onnxruntime {onnxruntime.__version__}",
            files,
            model.tolerance,
        )


def _onnx_of(network: Any) -> Any:
    if not isinstance(network, Portable):
        raise NetworkError(
            "this network is a NumPy class of somebody's own, which ONNX cannot express: "
            "use --format npz, which keeps its arrays"
        )
    return network.onnx_model(OPSET)


def joined(models: Sequence[Any], temperature: float) -> Any:
    """Return one `onnx.ModelProto`: the mean of the probabilities of several, at a temperature.

    Parameters
    ----------
    models : sequence of onnx.ModelProto
        One or more, each from "images" to "probabilities".
    temperature : float
        Probabilities become softmax(log p / T), as `metrics.temperature.at_temperature` has it.
    """
    from onnx import compose, helper, inliner, numpy_helper

    nodes, arrays, opsets = [], [], {}
    for number, model in enumerate(models, 1):
        plain = inliner.inline_local_functions(model) if model.functions else model
        opsets.update({opset.domain: opset.version for opset in plain.opset_import})
        prefix = f"network{number}/"
        graph = compose.add_prefix_graph(plain.graph, prefix)
        nodes += [helper.make_node("Identity", ["images"], [f"{prefix}images"]), *graph.node]
        arrays += graph.initializer
    answers = [f"network{number}/probabilities" for number in range(1, len(models) + 1)]
    if temperature == 1:
        nodes.append(helper.make_node("Mean", answers, ["probabilities"]))
    else:
        arrays += [
            numpy_helper.from_array(np.asarray(np.finfo(np.float32).tiny), "smallest"),
            numpy_helper.from_array(np.asarray(1 / temperature, np.float32), "inverse_temperature"),
        ]
        nodes += [
            helper.make_node("Mean", answers, ["uncalibrated"]),
            helper.make_node("Max", ["uncalibrated", "smallest"], ["above_zero"]),
            helper.make_node("Log", ["above_zero"], ["logits"]),
            helper.make_node("Mul", ["logits", "inverse_temperature"], ["calibrated_logits"]),
            helper.make_node("Softmax", ["calibrated_logits"], ["probabilities"], axis=1),
        ]
    for part in [*nodes, *arrays]:  # where it was exported, down to the paths of source files
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    inputs, outputs = [part for part in models[0].graph.input], [part for part in models[0].graph.output]  # noqa: C416
    for part in [*inputs, *outputs]:
        part.ClearField("metadata_props")
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(
        helper.make_graph(nodes, "inkling", inputs, outputs, arrays),
        opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports), producer_name="inkling",
    )  # fmt: skip
