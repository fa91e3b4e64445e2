"""What splits are called in files and tables of many origins."""

from __future__ import annotations

import re

from inkling.errors import DataError, did_you_mean

SPLIT_WORDS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""The names that are understood, in small letters, and the split that each means."""

NOT_UNDERSTOOD = frozenset(
    {
        "dev", "devel", "development", "eval", "evaluation", "extra", "heldout", "holdout", "trainval", "unlabeled",
        "unlabelled", "unsup", "unsupervised",
    }
)  # fmt: skip
"""Words for parts of a data set that are neither training, validation nor test, or that may be one or the other."""

_ENDINGS = ("dataset", "data", "set", "images", "imgs", "photos", "pictures", "split")
"""What may follow the word for a split: training_set, Test Images."""

_BEGINNINGS = {"train": "train", "valid": "validation", "test": "test"}
"""How words for a split begin, in several languages: Trainingsdaten, testing."""

_OTHER_WORDS = {
    "trn": "train", "tst": "test", **dict.fromkeys(("fold", "gallery", "pred", "prediction", "query"), "other")
}  # fmt: skip
"""Words for parts of a data set that no one's class is likely to be called by beside another part."""


def split_word(folder: str) -> str:
    """Return the word for a split that a folder is called by: Training_Set -> training; or an empty string."""
    word = re.sub(r"[\s_.-]+", "", folder.lower())
    for candidate in (word, *(word.removesuffix(ending) for ending in _ENDINGS)):
        if candidate in SPLIT_WORDS or candidate in NOT_UNDERSTOOD:
            return candidate
    return ""


def part_named(folder: str) -> str:
    """Return the part of a data set that a word in a folder's name may mean: seg_train -> train; or an empty string.

    "other" stands for all that are neither training, validation nor test.
    """
    for word in (found.lower() for found in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", folder)):
        if word in SPLIT_WORDS:
            return SPLIT_WORDS[word]
        if word in NOT_UNDERSTOOD:
            return "other"
        if word in _OTHER_WORDS:
            return _OTHER_WORDS[word]
        for beginning, split in _BEGINNINGS.items():
            if word.startswith(beginning):
                return split
    return ""


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
