"""The formats there are, by name."""

from __future__ import annotations

from collections.abc import Mapping

from inkling.errors import ExportError, did_you_mean
from inkling.integrations.export.npz_file import NpzFormat
from inkling.integrations.export.onnx_file import OnnxFormat
from inkling.integrations.export.page import PageFormat
from inkling.integrations.export.protocol import Format
from inkling.integrations.export.torch_file import TorchFormat

FORMATS: Mapping[str, Format] = {each.name: each for each in (OnnxFormat(), TorchFormat(), NpzFormat(), PageFormat())}
"""Name -> format."""


def find_format(name: str) -> Format:
    """Return a format, or raise ExportError with those that there are."""
    if name not in FORMATS:
        there = ", ".join(f"{each.name} ({each.summary})" for each in FORMATS.values())
        raise ExportError(f"no format is called '{name}'{did_you_mean(name, FORMATS)}: choose from {there}")
    return FORMATS[name]
