"""POST /v1/predict: pictures in, predictions out; GET /v1/models: what there is to ask."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from inkling.metrics.temperature import RANGE
from inkling.server.bodies import PICTURE_TYPES, read_images
from inkling.server.openapi import answers
from inkling.server.refusals import JSON, RefusedError
from inkling.server.served_model import ServedModel
from inkling.server.service import Service, new_router


class Prediction(msgspec.Struct, omit_defaults=True):
    """What a network predicts for one image."""

    label: str | None  # None: abstained, its probability is below reject_below
    probability: float  # of the most probable class
    probabilities: dict[str, float]  # class name -> probability, of the top_k most probable where that is asked for
    file: str | None = None  # of a form


class Predictions(msgspec.Struct):
    """The answer of /v1/predict."""

    model: str
    temperature: float
    predictions: list[Prediction]


class Model(msgspec.Struct):
    """One entry of /v1/models."""

    name: str
    network: str
    version: str  # the beginning of the SHA-256 of its weights
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]  # (height, width, channels)
    temperature: float
    calibrated_temperature: float | None  # None: the run is not finished
    computed_by: str


class Models(msgspec.Struct):
    """The answer of /v1/models."""

    models: list[Model]


class Options(msgspec.Struct, frozen=True):
    """The query parameters of /v1/predict."""

    temperature: float
    top_k: int | None
    reject_below: float


TYPES = (Predictions, Models)

_NUMBER: dict[str, Any] = {"type": "number"}
_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "model": ("Name of the model; the first one without it", {"type": "string"}),
    "top_k": (
        "How many of the most probable classes are listed, most probable first",
        {"type": "integer", "minimum": 1},
    ),
    "reject_below": (
        "Abstain (label null) where the most probable class is less probable than this",
        {**_NUMBER, "minimum": 0, "maximum": 1},
    ),
    "temperature": (
        "The logits are divided by it: above 1 lowers the confidence",
        {**_NUMBER, "minimum": RANGE[0], "maximum": RANGE[1]},
    ),
    "calibrated": ("Take the temperature that was fitted on validation images", {"type": "boolean"}),
}


def _body() -> dict[str, Any]:
    picture = {"schema": {"type": "string", "format": "binary"}}
    files = {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string", "format": "binary"}},
    }
    pixels: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 255}
    nested: dict[str, Any] = pixels
    shapes: list[dict[str, Any]] = []
    for depth in range(1, 5):
        nested = {"type": "array", "items": nested, "minItems": 1}
        if depth > 1:
            shapes.append(nested)
    content: dict[str, Any] = {kind: picture for kind in ("image/*", *PICTURE_TYPES) if kind}
    content["multipart/form-data"] = {"schema": files}
    content["application/json"] = {"schema": {"anyOf": shapes}}
    return {
        "required": True,
        "description": "A picture file, a form of several, or pixels 0 to 255",
        "content": content,
    }


def options_of(query: QueryParams, model: ServedModel) -> Options:
    """Return the options of a request.

    Raises
    ------
    RefusedError
        If one is unknown or out of range.
    """
    if not query:
        return Options(model.temperature, None, 0.0)
    unknown = next((name for name in query if name not in _PARAMETERS), None)
    if unknown is not None:
        raise RefusedError(400, f"expected the parameters {', '.join(_PARAMETERS)}, found {unknown[:40]!r}")
    temperature = model.temperature
    if query.get("calibrated", "false").lower() not in ("true", "false"):
        raise RefusedError(400, f"expected calibrated to be true or false, found {query['calibrated'][:40]!r}")
    if query.get("calibrated", "false").lower() == "true":
        if "temperature" in query:
            raise RefusedError(400, "calibrated and temperature contradict each other: give one of the two")
        if model.calibrated_temperature is None:
            raise RefusedError(400, f"the run of {model.name} is not finished, so no temperature was fitted")
        temperature = model.calibrated_temperature
    elif "temperature" in query:
        temperature = _number(query, "temperature", *RANGE)
    top_k = None if "top_k" not in query else int(_number(query, "top_k", 1, 10**6, whole=True))
    reject_below = _number(query, "reject_below", 0, 1) if "reject_below" in query else 0.0
    return Options(temperature, top_k, reject_below)


def _number(query: QueryParams, name: str, least: float, most: float, whole: bool = False) -> float:
    text = query[name]
    try:
        value = float(int(text) if whole else text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise RefusedError(400, f"expected {name} to be {kind} from {least:g} to {most:g}, found {text[:40]!r}")
    return value


def router(service: Service) -> APIRouter:
    """Return the addresses below /v1."""
    routes = new_router("/v1", "Inkling")
    extra: dict[str, Any] = {
        "requestBody": _body(),
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": schema}
            for name, (text, schema) in _PARAMETERS.items()
        ],
    }
    described = answers(Predictions, "The predictions, in the order of the pictures", body=True)

    @routes.post("/predict", summary="Classify pictures", responses=described, openapi_extra=extra)
    async def predict(request: Request) -> Response:
        """Send one picture as the body, several as a form, or pixels as nested arrays of JSON."""
        asked = request.query_params if request.scope["query_string"] else QueryParams()
        model = service.model(asked.get("model"))
        options = options_of(asked, model)
        bodies = await read_images(request, model, service)
        probabilities = await service.predict(request, model, bodies.images, options.temperature)
        names, found = model.class_names, []
        files = bodies.files or (None,) * len(probabilities)
        for row, file in zip(probabilities.tolist(), files, strict=True):
            highest = max(row)
            label = names[row.index(highest)] if highest >= options.reject_below else None
            if options.top_k is None:
                by_class = dict(zip(names, row, strict=True))
            else:
                order = np.argsort(-np.asarray(row), kind="stable")[: options.top_k]
                by_class = {names[place]: row[place] for place in order}
            found.append(Prediction(label, highest, by_class, file))
        service.metrics.predictions(model.name, [prediction.label for prediction in found])
        return JSON(Predictions(model.name, options.temperature, found))

    @routes.get("/models", summary="List the models", responses=answers(Models, "All models"))
    async def models(request: Request) -> Response:  # noqa: ARG001
        """Names, classes and image shapes of what is served."""
        return JSON(Models([_described(model) for model in service.models.values()]))

    return routes


def _described(model: ServedModel) -> Model:
    return Model(
        model.name, model.run.label, model.version, model.class_names, model.image_shape, model.temperature,
        model.calibrated_temperature, model.engine.name,
    )  # fmt: skip
