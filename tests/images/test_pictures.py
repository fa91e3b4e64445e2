"""Pictures read as images: the same pixels whatever the file, and sizes known from headers."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps, features

from inkling.errors import DataError
from inkling.images import pictures
from inkling.images.options import CROP, FITS, PAD, STRETCH
from inkling.images.pictures import (
    Header,
    UnreadablePictureError,
    attempt,
    bits_that_hold,
    decode,
    read_header,
    read_picture,
    readable_suffixes,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PHOTO = np.asarray(Image.fromarray(PIXELS).resize((640, 480), Image.Resampling.BICUBIC))  # smooth, and full of colours


def encoded(pixels: np.ndarray, kind: str, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("saved", ["L", "RGB"])
def test_opaque_pictures_are_the_same_with_and_without_an_alpha_channel(
    tmp_path: Path, channels: int, saved: str
) -> None:
    picture = Image.fromarray(PIXELS).convert(saved)
    picture.save(tmp_path / "plain.png")
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    plain, alpha = (read_picture(tmp_path / f"{name}.png", (5, 7, channels)) for name in ("plain", "alpha"))
    assert np.array_equal(plain, alpha)
    assert np.array_equal(plain.squeeze(), np.asarray(picture.convert("L" if channels == 1 else "RGB")))


def test_one_colour_can_stand_for_transparency(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[9, 9, 9], [1, 2, 3]]], np.uint8)).save(tmp_path / "key.png", transparency=(9, 9, 9))
    assert read_picture(tmp_path / "key.png", (1, 2, 3)).tolist() == [[[255, 255, 255], [1, 2, 3]]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tif", "avif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_headers_tell_the_size_of_the_picture(suffix: str, orientation: int) -> None:
    if f".{suffix}" not in readable_suffixes():
        pytest.skip(f"this Pillow reads no {suffix}")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    turns = suffix in ("jpg", "png", "webp", "tif", "avif")
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix)
    file = encoded(PIXELS, kind, **({"exif": exif} if turns else {}))
    lies = turns and orientation == 6
    assert read_header(file) == Header(*((5, 7) if lies else (7, 5)), False)
    file.seek(0)
    turned = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    file.seek(0)
    assert np.array_equal(decode(file, (*turned.size[::-1], 3)), np.asarray(turned))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("L", "GIF"), ("P", "PNG"), ("LA", "PNG"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("RGBA", "WEBP")],
)
def test_every_kind_of_pixel_becomes_grey_or_rgb(mode: str, kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(PHOTO).convert(mode).save(file, kind)
    for channels in (1, 3):
        file.seek(0)
        pixels = decode(file, (24, 32, channels))
        assert (pixels.shape, pixels.dtype) == ((24, 32, channels), np.uint8)
        grey = np.asarray(Image.fromarray(PHOTO).convert("L").resize((32, 24), Image.Resampling.LANCZOS), float)
        seen = np.asarray(Image.fromarray(pixels.squeeze()).convert("L"), float)
        assert np.corrcoef(seen.ravel(), grey.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("size", "fit", "expected"),
    [
        ((40, 20), PAD, [[0] * 4, [0, 0, 9, 9], [0, 0, 9, 9], [0] * 4]),
        ((40, 20), CROP, [[0, 0, 9, 9]] * 4),
        ((40, 20), STRETCH, [[0, 0, 9, 9]] * 4),
        ((20, 40), PAD, [[0, 0, 9, 0]] * 4),
        ((20, 40), CROP, [[0, 0, 9, 9]] * 4),
    ],
)
def test_fitting_pads_crops_or_stretches(size: tuple[int, int], fit: str, expected: list[list[int]]) -> None:
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[:, size[0] // 2 :] = 90
    fitted = decode(encoded(pixels, "PNG"), (4, 4, 1), fit)
    assert (np.abs(fitted[..., 0].astype(int) - np.array(expected) * 10) < 25).all()


def test_cropping_takes_the_middle() -> None:
    stripes = np.repeat(np.array([10, 100, 200], np.uint8), 30)[np.newaxis].repeat(30, axis=0)
    assert (decode(encoded(stripes, "PNG"), (30, 30, 1), CROP) == 100).all()


@given(
    width=st.integers(1, 300), height=st.integers(1, 300), side=st.integers(1, 40), fit=st.sampled_from(FITS),
    kind=st.sampled_from(["PNG", "JPEG"]), orientation=st.integers(1, 8),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_any_shape_fits_in_any_way(width: int, height: int, side: int, fit: str, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = np.full((height, width, 3), 77, np.uint8)
    assert (abs(decode(encoded(pixels, kind, exif=exif), (side, side, 3), fit).astype(int) - 77) <= 1).all()


def test_a_narrow_strip_is_cropped_without_being_enlarged() -> None:
    strip = np.zeros((1, 60_000), np.uint8)
    assert decode(encoded(strip, "PNG"), (224, 224, 3), CROP).shape == (224, 224, 3)


def test_jpeg_is_decoded_at_a_fraction_that_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    flat = pictures._flat

    def watched(picture: Image.Image, *rest: Any) -> Image.Image:
        result = flat(picture, *rest)
        decoded.append(result.size)
        return result

    monkeypatch.setattr(pictures, "_flat", watched)
    for side, fit in ((60, PAD), (60, CROP), (61, CROP), (300, PAD), (640, PAD)):
        decode(encoded(PHOTO, "JPEG", quality=95), (side, side, 3), fit)
    assert decoded == [(80, 60), (80, 60), (160, 120), (320, 240), (640, 480)]
    lying = Image.Exif()
    lying[ExifTags.Base.Orientation] = 6
    decode(encoded(PHOTO, "JPEG", exif=lying), (160, 80, 3), STRETCH)
    assert decoded[-1] == (120, 160), "turned, at a quarter"


def test_a_fraction_of_a_jpeg_is_what_the_whole_would_have_become() -> None:
    for fit in FITS:
        fast = decode(encoded(PHOTO, "JPEG", quality=95), (64, 64, 3), fit).astype(int)
        whole = decode(encoded(PHOTO, "PNG"), (64, 64, 3), fit).astype(int)
        assert np.abs(fast - whole).mean() < 3


@pytest.mark.parametrize(("top", "bits"), [(200, 8), (1000, 10), (4095, 12), (4096, 14), (65_535, 16)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_the_range_that_they_use(kind: str, top: int, bits: int) -> None:
    ramp = np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8)
    expected = ramp >> (bits - 8)
    assert bits_that_hold(top) == bits
    assert np.array_equal(decode(encoded(ramp, kind), (8, 8, 1))[..., 0], expected)
    assert np.array_equal(decode(encoded(ramp, kind), (8, 8, 1), bits_used=16)[..., 0], ramp >> 8)
    assert decode(encoded(ramp, kind), (8, 8, 1), bits_used=8).max() == min(top, 255), "what is brighter is white"


def colour_of_16_bits(samples: np.ndarray, kind: str) -> io.BytesIO:
    """Return a PNG or TIFF file (by its byte order) of RGB samples of 16 bits, which Pillow itself does not write."""
    height, width, _ = samples.shape
    if kind == "PNG":
        lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
        header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
        body = b"".join(
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
            for name, content in chunks
        )
        return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)
    order = "<" if kind == "II" else ">"
    content = samples.astype(f"{order}u2").tobytes()
    tags = [(256, 4, width), (257, 4, height), (258, 3, 0), (259, 4, 1), (262, 4, 2), (273, 4, 0), (277, 4, 3),
            (278, 4, height), (279, 4, len(content))]  # fmt: skip
    bits = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack(f"{order}HHII", tag, kind, 3 if tag == 258 else 1, {258: bits, 273: bits + 6}.get(tag, value))
        for tag, kind, value in tags
    )
    start = kind.encode() + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return io.BytesIO(start + entries + struct.pack(f"{order}I3H", 0, 16, 16, 16) + content)


@pytest.mark.parametrize("kind", ["PNG", "II", "MM"])
@pytest.mark.parametrize(("top", "bits"), [(255, 8), (4095, 12), (65_535, 16)])
def test_colours_of_sixteen_bits_keep_the_range_that_they_use(kind: str, top: int, bits: int) -> None:
    samples = np.random.default_rng(0).integers(0, top + 1, (9, 7, 3)).astype(np.uint16)
    samples[0, 0] = top
    assert read_header(colour_of_16_bits(samples, kind)) == Header(7, 9, True)
    assert pictures.brightest(colour_of_16_bits(samples, kind)) == top
    assert np.array_equal(decode(colour_of_16_bits(samples, kind), (9, 7, 3)), samples >> (bits - 8))
    assert np.array_equal(decode(colour_of_16_bits(samples, kind), (9, 7, 3), bits_used=16), samples >> 8)


def test_a_portable_greymap_names_its_own_range() -> None:
    file = io.BytesIO(b"P5 2 1 4095\n" + np.array([4095, 2048], ">u2").tobytes())
    assert decode(file, (1, 2, 1)).tolist() == [[[255], [128]]]


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    for content, reason in (
        (b"", "found an empty file"),
        (b"not a picture", "found something else"),
        (encoded(PHOTO, "JPEG").getvalue()[:2000], "truncated"),
        (encoded(PHOTO, "PNG").getvalue()[:2000], "cannot be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "something else"),  # would start another program
    ):
        (tmp_path / "broken.png").write_bytes(content)
        with pytest.raises(DataError, match=rf"broken\.png: expected a picture.*{reason}"):
            read_picture(tmp_path / "broken.png", (8, 8, 3))
    with pytest.raises(DataError, match="No such file"):
        read_picture(tmp_path / "missing.png", (8, 8, 3))
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path, (8, 8, 3))


@given(cut=st.integers(0, 1000), place=st.integers(0, 1000), value=st.integers(0, 255), kind=st.sampled_from(
    ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]
))  # fmt: skip
@settings(deadline=None, max_examples=200)
def test_damaged_bytes_are_a_picture_or_say_why_not(cut: int, place: int, value: int, kind: str) -> None:
    content = bytearray(encoded(PIXELS, kind).getvalue())
    content[place % len(content)] = value
    content = content[: len(content) - cut % len(content)]
    with pictures.quiet():
        for work in (read_header, lambda file: decode(file, (8, 8, 3))):
            found = attempt(work, lambda: io.BytesIO(bytes(content)))
            assert isinstance(found, Header | np.ndarray | UnreadablePictureError)


def test_bombs_are_refused_by_their_header_and_phone_photos_are_not(tmp_path: Path) -> None:
    def png(width: int, height: int) -> io.BytesIO:
        content = bytearray(encoded(PIXELS, "PNG").getvalue())
        content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        return io.BytesIO(bytes(content))

    assert read_header(png(8160, 6120)) == Header(8160, 6120, False)
    for size in ((9000, 8000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)):
        with pictures.quiet(), pytest.raises(UnreadablePictureError, match="at most 64 megapixels"):
            read_header(png(*size))


@pytest.mark.usefixtures("without_heif")
def test_a_heic_file_says_what_reads_it() -> None:
    beginning = b"\0\0\0\x18ftypheic"
    with pytest.raises(UnreadablePictureError, match="pip install pillow-heif"):
        read_header(io.BytesIO(beginning + bytes(99)))


def test_modern_formats_are_read_where_pillow_can() -> None:
    assert (".avif" in readable_suffixes()) == features.check("avif")
    assert {".jfif", ".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"} <= set(readable_suffixes())
