"""The review of labels: what a page writes down is what is read back, whatever classes and files are called."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from evidence.claim import Claim, Effort, Measured, rate
from inkling.images.corrections import Suspect, pieces, read_corrections, to_csv

_CHARACTERS = [*"=+-@'\",;\t\r\n <>/ab0é＝", "</script>"]


def read_back(effort: Effort) -> Measured:
    """How often a file joined from the pieces that a page has is what `to_csv` writes, and is read back as meant."""
    rng, times, held = np.random.default_rng(0), effort.times(1000), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corrections.csv"
        for _ in range(times):
            names = ["".join(rng.choice(_CHARACTERS, rng.integers(1, 6))) + str(i) for i in range(4)]
            rows = [Suspect("train", i, name, name, names[i - 1], 0.5, names[i - 2]) for i, name in enumerate(names)]
            text = pieces(rows, names)
            lines = [text.header, *(row + text.cells[i - 2] for i, row in enumerate(text.rows))]
            path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
            held += read_corrections(path) == tuple(rows) and path.read_bytes().decode() == to_csv(rows)
    return rate(held, times, low=1.0)


CLAIMS = (
    Claim("corrections joined by a page, of names with quotes, line ends and formulas: read back", "always", read_back),
)
