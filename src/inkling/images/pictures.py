"""From one encoded picture to an image such as a network takes."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from inkling.errors import DataError
from inkling.images.options import CROP, DEPTHS, PAD, STRETCH

MAX_PIXELS = 64 * 10**6
"""Largest picture that is read: photos of phones have 50 megapixels, a few bytes can announce any number."""

_LARGE = 25 * 10**6
"""Pictures of more pixels are decoded one at a time, or every core would take half a gigabyte for its own."""

_one_large_at_a_time = threading.Lock()

_ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""

_REDUCING_GAP = 3.0
"""Large pictures are first averaged down to three times the size asked for: hardly another result, and faster."""

Open = Callable[[], BinaryIO]
"""Returns the bytes of an encoded picture as a binary file, at their beginning."""

Result = TypeVar("Result")

_OTHER_BYTE = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
}
"""Pillow's layouts of colour with 16 bits a channel, of which it takes the upper byte; and the one whose upper byte is
their lower."""

_SUFFIXES = {
    "JPEG": (".jfif", ".jpeg", ".jpg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".pbm", ".pgm", ".ppm"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
}


TO_READ = {
    ".heic": "pip install pillow-heif",
    ".heif": "pip install pillow-heif",
    ".avif": "pip install 'pillow>=11.3'",
}
"""What reads formats that are not read everywhere."""


class UnreadablePictureError(DataError):
    """A picture cannot be read; says why and not which.

    Attributes
    ----------
    lasting : bool
        It lies in the bytes. What lies in the system (permissions, a disk that fails) may be another the next time.
    """

    def __init__(self, reason: str, lasting: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting


class LargePictureError(UnreadablePictureError):
    """A picture has more pixels than are decoded."""


class Header(NamedTuple):
    """What a picture announces of itself."""

    width: int  # pixels, turned as its camera says
    height: int
    deep: bool  # 16 bits a pixel, of which fewer may hold what it shows


def read_picture(
    path: Path,
    image_shape: tuple[int, int, int],
    invert: bool = False,
    fit: str = PAD,
    bits_used: int | None = None,
) -> NDArray[np.uint8]:
    """Return the pixels of a picture file, in the shape asked for: what `decode` does with its bytes.

    Parameters
    ----------
    path : Path
        One of `readable_suffixes`, whatever its ending; of a moving picture the first frame is taken.
    image_shape : tuple of int
        (H, W, C), C being 1 or 3.
    invert : bool
        Invert the grey levels: for ink on paper, where the network was trained on light on dark.
    fit, bits_used
        As of `decode`.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)

    Raises
    ------
    DataError
        If it cannot be read as a picture.
    """
    with quiet():
        pixels = attempt(lambda file: decode(file, image_shape, fit, bits_used), partial(open_file, path))
    if isinstance(pixels, UnreadablePictureError):
        raise DataError(f"{path}: {pixels}")
    return 255 - pixels if invert else pixels


def open_file(path: Path | str) -> BinaryIO:
    """Open a picture file."""
    return open(path, "rb")


def why_no_file(path: Path | str) -> str:
    """Return why a path is no picture file, whatever its ending; an empty text where it is a file."""
    if not os.path.exists(path):
        return "expected a picture, found a link that leads nowhere" if os.path.islink(path) else "is not there"
    return "" if os.path.isfile(path) else "expected a picture, found a folder, a pipe or a device"


def attempt(work: Callable[[BinaryIO], Result], open_picture: Open) -> Result | UnreadablePictureError:
    """Return what `decode`, `read_header` or `brightest` makes of a picture, or why it cannot be read."""
    try:
        with open_picture() as file:
            return work(file)
    except UnreadablePictureError as error:
        return error
    except DataError as error:
        return UnreadablePictureError(str(error))
    except OSError as error:
        reason = error.strerror or error
        return UnreadablePictureError(f"expected a picture, which cannot be read ({reason})", lasting=False)


def decode(
    file: BinaryIO,
    image_shape: tuple[int, int, int],
    fit: str = PAD,
    bits_used: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Return the pixels of an encoded picture, in the shape asked for.

    It is turned as its camera says, laid on white where it is transparent, made grey or RGB, and shrunk or enlarged.
    JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that is still as large as what is asked for.

    Parameters
    ----------
    file : binary file
    image_shape : tuple of int
        (H, W, C), C being 1 or 3.
    fit : str
        What is done with a picture of another shape: "pad" adds borders that have the colour of its upper left corner,
        "crop" cuts off equally on both sides what stands over, "stretch" distorts.
    bits_used : int, optional
        8 to 16: how many of 16 bits a pixel hold what the picture shows. None: the fewest of 8, 10, 12, 14 and 16 that
        hold its brightest pixel.
    max_pixels : int
        Up to `MAX_PIXELS`: pictures that announce more are not decoded.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)

    Raises
    ------
    UnreadablePictureError
        If it cannot be read as a picture; LargePictureError if it has more pixels.
    """
    height, width, channels = image_shape
    with _opened(file, max_pixels) as picture:
        turned = _turned_size(picture)
        wanted = _scaled_size(turned, (width, height), fit)
        if 2 * wanted[0] <= turned[0]:
            picture.draft(None, wanted if turned == picture.size else wanted[::-1])
        with _one_large_at_a_time if picture.width * picture.height > _LARGE else nullcontext():
            flat = _flat(picture, file, "L" if channels == 1 else "RGB", bits_used)
            return np.asarray(_fitted(flat, (width, height), fit), np.uint8).reshape(image_shape)


def read_header(file: BinaryIO) -> Header:
    """Return what an encoded picture announces of itself; nothing is decoded.

    A picture that says behind its pixels that it is to be turned is given unturned.

    Raises
    ------
    UnreadablePictureError
        If it is no picture, or announces more than `MAX_PIXELS`.
    """
    with _opened(file) as picture:
        return Header(*_turned_size(picture), picture.mode.startswith("I;16") or _raw_mode(picture) in _OTHER_BYTE)


def brightest(file: BinaryIO) -> int:
    """Return the largest sample, 0..65535, of a picture of 16 bits a pixel.

    Raises
    ------
    UnreadablePictureError
        If it cannot be read as a picture.
    """
    with _opened(file) as picture:
        samples = _samples(picture, file)
        return 255 if samples is None else int(samples.max())


def bits_that_hold(sample: int) -> int:
    """Return the fewest of `options.DEPTHS` bits that hold a sample."""
    return next(bits for bits in DEPTHS if sample < 1 << bits)


@cache
def readable_suffixes() -> tuple[str, ...]:
    """Return the endings of picture files that can be read here, in lower case: HEIC and AVIF are not everywhere."""
    return tuple(suffix for name in _formats() for suffix in _SUFFIXES[name])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow from warning of what is no concern here; to be entered once, around all threads that decode.

    Which warnings are shown is a setting of the whole process: threads that each changed it would mix it up.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read: never others, some of which would start other programs."""
    if find_spec("pillow_heif"):
        import_module("pillow_heif").register_heif_opener()
    Image.init()
    missing = {
        name for name, there in (("AVIF", features.check("avif")), ("WEBP", features.check("webp"))) if not there
    }
    return tuple(name for name in _SUFFIXES if name in Image.OPEN and name not in missing)


@contextmanager
def _opened(file: BinaryIO, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an encoded picture; whatever is wrong with it is an UnreadablePictureError."""
    try:
        with Image.open(file, formats=_formats()) as picture:
            if picture.width * picture.height > max_pixels:
                raise LargePictureError(
                    f"expected a picture of at most {max_pixels / 10**6:.3g} megapixels, found "
                    f"{picture.width}x{picture.height}: make it smaller"
                )
            yield picture
    except UnreadablePictureError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, which is larger
        raise LargePictureError(
            f"expected a picture of at most {max_pixels / 10**6:.3g} megapixels, found a larger one: make it smaller"
        ) from None
    except UnidentifiedImageError:
        file.seek(0)
        raise UnreadablePictureError(f"expected a picture (PNG, JPEG, …), found {_kind(file.read(12))}") from None
    except Exception as error:  # of damaged files, Pillow raises whatever its readers stumble over
        reason = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
        lasting = getattr(error, "errno", None) is None
        raise UnreadablePictureError(f"expected a picture, which cannot be read ({reason})", lasting) from None


def _kind(beginning: bytes) -> str:
    """What a file holds that is no picture here, by its first 12 bytes."""
    if not beginning:
        return "an empty file"
    if beginning[4:8] == b"ftyp":  # ISO base media files name their kind behind it (ISO/IEC 23008-12)
        for suffix, brands in ((".avif", (b"avif", b"avis")), (".heic", (b"heic", b"heix", b"hevc", b"mif1", b"msf1"))):
            if beginning[8:] in brands and suffix not in readable_suffixes():
                return f"a {suffix} picture, which is not read here ({TO_READ[suffix]})"
    return "something else"


def _turned_size(picture: Image.Image) -> tuple[int, int]:
    """(width, height), turned as its camera says."""
    # Where it does not stand in front, Pillow would decode the whole picture to look for it.
    exif = picture.getexif() if "exif" in picture.info else {}
    on_its_side = exif.get(ExifTags.Base.Orientation) in _ON_ITS_SIDE
    return (picture.height, picture.width) if on_its_side else picture.size


def _flat(picture: Image.Image, file: BinaryIO, mode: str, bits_used: int | None) -> Image.Image:
    """Decode: turned as its camera says, laid on white where it is transparent, "L" or "RGB"."""
    picture = _eight_bits(picture, file, bits_used)
    if picture.mode in ("L", "RGB") and "transparency" not in picture.info:
        return picture if picture.mode == mode else picture.convert(mode)
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert(mode)


def _eight_bits(picture: Image.Image, file: BinaryIO, bits_used: int | None) -> Image.Image:
    """Decode, and scale 16 bits a sample to 8, which Pillow would cut off; refuse what has no range of its own."""
    samples = _samples(picture, file)
    if samples is not None:
        shift = (bits_used or bits_that_hold(int(samples.max()))) - 8
        return Image.fromarray(np.minimum(samples >> shift, 255).astype(np.uint8))
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode == "I" and picture.format == "PPM":  # Pillow has scaled it to 16 bits, by the range that it names
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise UnreadablePictureError("expected 8 or 16 bits per pixel, found 32: save it as 8-bit PNG")
    return picture


def _samples(picture: Image.Image, file: BinaryIO) -> NDArray[np.uint16] | None:
    """Decode a picture of 16 bits a sample, turned as its camera says; None where they have not 16 bits."""
    other_byte = _OTHER_BYTE.get(_raw_mode(picture))
    if other_byte is None and not picture.mode.startswith("I;16"):
        return None
    ImageOps.exif_transpose(picture, in_place=True)
    samples = np.asarray(picture).astype(np.uint16)
    if other_byte is not None:
        file.seek(0)
        with Image.open(file, formats=_formats()) as again:
            again.tile = [
                tile._replace(args=other_byte if isinstance(tile.args, str) else (other_byte, *(tile.args or ())[1:]))
                for tile in again.tile
            ]
            ImageOps.exif_transpose(again, in_place=True)
            samples = samples << 8 | np.asarray(again)
    return samples


def _raw_mode(picture: Image.Image) -> str:
    """Return how the pixels lie in the file, in Pillow's words; an empty string where it does not say."""
    args = next((tile.args for tile in getattr(picture, "tile", ())), None)
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _scaled_size(of: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[int, int]:
    """(width, height) that a picture is scaled to, before borders are added or what stands over is cut off."""
    if fit == STRETCH:
        return size
    ratios = (size[0] / of[0], size[1] / of[1])
    ratio = max(ratios) if fit == CROP else min(ratios)
    return max(1, round(of[0] * ratio)), max(1, round(of[1] * ratio))


def _fitted(picture: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    """Scale a picture to (width, height), and do about another shape what `fit` says."""
    if picture.size == size:
        return picture
    if fit == CROP:  # before it is scaled: a narrow strip would become gigabytes
        ratio = max(size[0] / picture.width, size[1] / picture.height)
        left = max(0.0, (picture.width - size[0] / ratio) / 2)
        top = max(0.0, (picture.height - size[1] / ratio) / 2)
        box = (left, top, picture.width - left, picture.height - top)
        return picture.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)
    inner = _scaled_size(picture.size, size, fit)
    scaled = picture.resize(inner, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    if inner == size:
        return scaled
    canvas = Image.new(picture.mode, size, picture.getpixel((0, 0)))
    canvas.paste(scaled, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas
