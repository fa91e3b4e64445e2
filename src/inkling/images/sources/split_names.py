"""What splits are called in files and tables of many origins."""

from __future__ import annotations

from inkling.errors import DataError, did_you_mean

SPLIT_WORDS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""The names that are understood, in small letters, and the split that each means."""


def check_splits(words: list[str], where: str) -> list[str]:
    """Return "train", "validation" or "test" for each word of a column.

    Raises
    ------
    DataError
        If a word is none of SPLIT_WORDS.
    """
    unknown = next((word for word in words if word.strip().lower() not in SPLIT_WORDS), None)
    if unknown is not None:
        raise DataError(
            f"{where}: no split is called '{unknown[:50]}'{did_you_mean(unknown, SPLIT_WORDS)}: expected train, "
            "validation or test in the column 'split'"
        )
    return [SPLIT_WORDS[word.strip().lower()] for word in words]
