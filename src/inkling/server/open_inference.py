"""The Open Inference Protocol v2, which clients of KServe and Triton speak.

https://github.com/kserve/open-inference-protocol, and of Triton its extension for binary data.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from inkling import __version__
from inkling.server.limits import read_body
from inkling.server.openapi import answers, reference
from inkling.server.refusals import JSON, RefusedError
from inkling.server.served_model import ServedModel
from inkling.server.service import Service, new_router
from inkling.server.tensors import (
    INPUT,
    LENGTH_HEADER,
    OUTPUTS,
    InferenceRequest,
    InferenceResponse,
    read_images_of,
    split_body,
    wanted_outputs,
    write_outputs,
)


class ServerMetadata(msgspec.Struct):
    """The answer of /v2."""

    name: str
    version: str
    extensions: tuple[str, ...]


class TensorMetadata(msgspec.Struct):
    """An input or output of a model; -1 is any number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """The answer of /v2/models/NAME."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Live(msgspec.Struct):
    """The answer of /v2/health/live."""

    live: bool


class Ready(msgspec.Struct):
    """The answer of /v2/health/ready."""

    ready: bool


class ModelReady(msgspec.Struct):
    """The answer of /v2/models/NAME/ready."""

    name: str
    ready: bool


TYPES = (ServerMetadata, ModelMetadata, Live, Ready, ModelReady, InferenceRequest, InferenceResponse)

_BINARY = "application/octet-stream"


def router(service: Service) -> APIRouter:
    """Return the addresses below /v2."""
    routes = new_router("/v2", "Open Inference Protocol v2")

    @routes.get("", summary="Describe the server", responses=answers(ServerMetadata, "Name, version, extensions"))
    async def server(request: Request) -> Response:  # noqa: ARG001
        return JSON(ServerMetadata("inkling", __version__, ("binary_tensor_data",)))

    @routes.get("/health/live", summary="Is the server live", responses=answers(Live, "It is"))
    async def live(request: Request) -> Response:  # noqa: ARG001
        return JSON(Live(True))

    @routes.get("/health/ready", summary="Are all models ready", responses=answers(Ready, "They are", 400))
    async def ready(request: Request) -> Response:  # noqa: ARG001
        if not service.ready:
            raise RefusedError(400, "the server is stopping")
        return JSON(Ready(True))

    for prefix in ("/models/{name}", "/models/{name}/versions/{version}"):
        _add_model(routes, service, prefix)
    return routes


def _add_model(routes: APIRouter, service: Service, prefix: str) -> None:
    extra = {"parameters": [_path_parameter(part) for part in ("name", "version") if f"{{{part}}}" in prefix]}

    @routes.get(
        prefix, summary="Describe a model", responses=answers(ModelMetadata, "Its tensors", 404), openapi_extra=extra
    )
    async def metadata(request: Request) -> Response:
        return JSON(_metadata(_model(request, service)))

    @routes.get(
        f"{prefix}/ready",
        summary="Is a model ready",
        responses=answers(ModelReady, "It is", 400, 404),
        openapi_extra=extra,
    )
    async def ready(request: Request) -> Response:
        model = _model(request, service)
        if not service.ready:
            raise RefusedError(400, "the server is stopping")
        return JSON(ModelReady(model.name, True))

    content = {"application/json": reference(InferenceResponse), _BINARY: {"type": "string", "format": "binary"}}
    body = {
        "required": True,
        "description": "JSON; or with the header Inference-Header-Content-Length JSON and raw tensors behind it",
        "content": {
            "application/json": {"schema": reference(InferenceRequest)},
            _BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    header = {
        "name": LENGTH_HEADER, "in": "header", "description": "Bytes of JSON before the raw tensors",
        "schema": {"type": "integer", "minimum": 0},
    }  # fmt: skip
    with_header = {"parameters": [*extra["parameters"], header], "requestBody": body}

    @routes.post(
        f"{prefix}/infer",
        summary="Classify images",
        responses=answers(content, "Probabilities, labels and their names", body=True),
        openapi_extra=with_header,
    )
    async def infer(request: Request) -> Response:
        model = _model(request, service)
        length = request.headers.get(LENGTH_HEADER)
        limits = service.limits
        most = limits.body if length is not None else limits.json(int(np.prod(model.image_shape)))
        asked, binary = split_body(await read_body(request, most), length)
        images = read_images_of(asked, binary, model.image_shape, limits)
        wanted = wanted_outputs(asked)
        probabilities = await service.predict(request, model, images, model.temperature)
        names = model.class_names
        service.metrics.predictions(model.name, [names[label] for label in probabilities.argmax(axis=1)])
        tensors, tail = write_outputs(wanted, probabilities, names)
        answer = InferenceResponse(model.name, model.version, tensors, asked.id)
        if not tail:
            return JSON(answer)
        beginning = msgspec.json.encode(answer)
        return Response(b"".join([beginning, *tail]), media_type=_BINARY, headers={LENGTH_HEADER: str(len(beginning))})


def _model(request: Request, service: Service) -> ServedModel:
    model = service.model(request.path_params["name"])
    version = request.path_params.get("version", model.version)
    if version != model.version:
        raise RefusedError(404, f"{model.name} has the version {model.version}, found {version[:40]!r}")
    return model


def _metadata(model: ServedModel) -> ModelMetadata:
    classes = len(model.class_names)
    outputs = [
        TensorMetadata(name, kind, [-1, classes] if name == "probabilities" else [-1]) for name, kind in OUTPUTS.items()
    ]
    inputs = [TensorMetadata(INPUT, "UINT8", [-1, *model.image_shape])]
    return ModelMetadata(model.name, [model.version], f"inkling_{model.run.network_name}", inputs, outputs)


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
