"""From the body of a request to images such as the network takes: a picture, a form of several, or arrays of JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from inkling.images.naming import shown
from inkling.images.pictures import LargePictureError, UnreadablePictureError
from inkling.server.limits import Limits, read_body
from inkling.server.refusals import RefusedError
from inkling.server.served_model import ServedModel
from inkling.server.service import Service

SMALL_PICTURE = 2**16
"""Pixels of a picture that takes less time to decode than a thread takes to be asked for it."""

PICTURE_TYPES = ("application/octet-stream", "application/x-www-form-urlencoded", "")
"""Media types beside image/* whose body is one picture: the second is what curl says of --data-binary."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """The images of one request."""

    images: NDArray[np.uint8]  # (N, H, W, C)
    files: tuple[str | None, ...] = ()  # N names, of a form


async def read_images(request: Request, model: ServedModel, service: Service) -> Bodies:
    """Return the images of a request, prepared for a model.

    Raises
    ------
    RefusedError
        If the body is too large, is of another kind, or holds no such images.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    limits = service.limits
    if media_type in PICTURE_TYPES or media_type.startswith("image/"):
        body = await read_body(request, limits.body)
        return Bodies((await _picture(body, model, service))[None])
    if media_type == "application/json":
        numbers = int(np.prod(model.image_shape))
        body = await read_body(request, limits.json(numbers))
        return Bodies(pixels_of_json(body, model.image_shape, limits))
    if media_type == "multipart/form-data":
        return await _form(request, await read_body(request, limits.body), model, service)
    raise RefusedError(
        415, f"expected a picture, multipart/form-data or application/json, found Content-Type {media_type[:60]!r}"
    )


async def _picture(body: bytes, model: ServedModel, service: Service, name: str = "") -> NDArray[np.uint8]:
    try:
        try:
            return model.image(body, min(SMALL_PICTURE, service.limits.pixels))
        except LargePictureError:
            loop, most = asyncio.get_running_loop(), service.limits.pixels
            return await loop.run_in_executor(service.decoding, model.image, body, most)
    except UnreadablePictureError as error:
        status = 413 if isinstance(error, LargePictureError) else 400
        raise RefusedError(status, f"{name}: {error}" if name else str(error)) from None


async def _form(request: Request, body: bytes, model: ServedModel, service: Service) -> Bodies:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    limits = service.limits
    parser = MultiPartParser(
        request.headers, stream(), max_files=limits.images + 1, max_fields=0, max_part_size=limits.body
    )
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, KeyError, UnicodeDecodeError) as error:
        reason = getattr(error, "message", "") or str(error) or "its boundary is missing"
        status = 413 if reason.startswith("Too many files") else 400
        raise RefusedError(status, f"expected a form of picture files ({reason})") from None
    try:
        uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        limits.check_images(len(uploads))
        names = [shown((upload.filename or "")[:200]) for upload in uploads]
        images = [
            await _picture(await upload.read(), model, service, name or f"file {number}")
            for number, (upload, name) in enumerate(zip(uploads, names, strict=True), 1)
        ]
    finally:
        await form.close()
    return Bodies(np.stack(images), tuple(name or None for name in names))


def pixels_of_json(body: bytes, image_shape: tuple[int, int, int], limits: Limits) -> NDArray[np.uint8]:
    """Return the pixels of nested arrays of JSON, one image or several, as (N, H, W, C).

    Parameters
    ----------
    body : bytes
        Whole numbers 0 to 255 as (H, W, C) or (N, H, W, C); of grey images also as (H, W) or (N, H, W).
    image_shape : tuple of int
        (H, W, C)
    limits : Limits

    Raises
    ------
    RefusedError
        If it is anything else.
    """
    depth = _depth(body)
    problem = ""
    for decoder in _decoders(image_shape, depth):
        try:
            pixels = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problem = problem or str(error)
            continue
        if depth == 4 or (depth == 3 and decoder is _decoders(image_shape, depth)[0] and image_shape[2] == 1):
            limits.check_images(len(pixels))
        return np.array(pixels, np.uint8).reshape(-1, *image_shape)
    height, width, channels = image_shape
    shapes = f"({height}, {width}, {channels}) or (N, {height}, {width}, {channels})"
    if channels == 1:
        shapes = f"({height}, {width}), (N, {height}, {width}), {shapes}"
    raise RefusedError(
        400,
        f"expected pixels as whole numbers 0 to 255 in nested arrays of the shape {shapes}: {problem or 'found none'}",
    )


def _depth(body: bytes) -> int:
    """How many arrays open before the first number."""
    beginning = bytes(body[:100].translate(None, b" \t\r\n"))
    return len(beginning) - len(beginning.lstrip(b"["))


@lru_cache(64)
def _decoders(image_shape: tuple[int, int, int], depth: int) -> tuple[msgspec.json.Decoder[Any], ...]:
    """Decoders that stop at the first array of another length, so that no body becomes many times its size."""
    shapes: dict[int, list[tuple[int | None, ...]]] = {3: [image_shape], 4: [(None, *image_shape)]}
    if image_shape[2] == 1:
        shapes[2] = [image_shape[:2]]
        shapes[3].insert(0, (None, *image_shape[:2]))
    return tuple(nested_decoder(shape, int) for shape in shapes.get(depth, ()))


def nested_decoder(
    shape: tuple[int | None, ...], kind: type, least: int = 0, most: int = 255
) -> msgspec.json.Decoder[Any]:
    """Return a decoder of nested arrays of numbers, whose lengths are given from the outermost on; None is any."""
    leaf: Any = Annotated[kind, msgspec.Meta(ge=least, le=most)]

    def around(inner: Any, length: int | None) -> Any:
        size = msgspec.Meta(min_length=1) if length is None else msgspec.Meta(min_length=length, max_length=length)
        return Annotated[list[inner], size]

    return msgspec.json.Decoder(reduce(around, reversed(shape), leaf))
