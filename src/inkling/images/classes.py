"""From labels of any kind, words or numbers, to class names and the places among them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, did_you_mean
from inkling.images.naming import one_form, shown, some


def number_labels(
    labels: Any, class_names: Sequence[str] | None = None, what: str = "labels"
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the place of each label's class among the class names, and those.

    Parameters
    ----------
    labels : array-like of integers, booleans or str, shape (N,) or (N, 1)
        Floats are good where each is a whole number.
    class_names : sequence of str, optional
        With names, integers are places among them, counted from 0, and words must be among them. Without, every
        different label is a class, called as it is written: whole numbers in their order (also where they are
        written as words, as in a table), else words in sorted order.
    what : str
        What the labels are called in a message, such as the name of their file.

    Returns
    -------
    labels : ndarray of int64, shape (N,)
    class_names : tuple of str, length K

    Raises
    ------
    DataError
        If labels are no such array, one is empty, or one is not among the class names.
    """
    values = label_vector(labels, what)
    if values.dtype.kind == "U":
        return _number_words(values.tolist(), class_names, what)
    if class_names is not None:
        names = tuple(map(str, class_names))
        if len(values) and (values.min() < 0 or values.max() >= len(names)):
            raise DataError(
                f"{what}: expected 0..{len(names) - 1} for {len(names)} class names, found "
                f"{values.min()}..{values.max()}: give the place of each image's class among the names"
            )
        return values, names
    different, places = np.unique(values, return_inverse=True)
    return places.astype(np.int64), tuple(map(str, different.tolist()))


def check_two(class_names: Sequence[str], where: str) -> None:
    """Raise DataError unless there are two classes or more."""
    if len(class_names) < 2:
        found = f"'{shown(class_names[0])}' alone" if class_names else "none"
        raise DataError(f"{where}: expected two classes or more, found {found}: add images of another class")


def alike_note(class_names: Sequence[str]) -> str:
    """Return a sentence about names of classes that are the same but for capitals, or as numbers, if there are any.

    Single letters are meant as they are written.
    """
    of_one: dict[object, list[str]] = {}
    for name in class_names:
        try:
            key: object = float(name)
        except ValueError:
            key = name.casefold()
        if len(name) > 1 or not name.isalpha():
            of_one.setdefault(key, []).append(name)
    alike = [" and ".join(map(shown, names)) for names in of_one.values() if len(names) > 1]
    return f"Classes of nearly the same name: {some(alike)}. Where they are one, call it by one name." if alike else ""


def label_vector(labels: Any, what: str = "labels") -> NDArray[Any]:
    """Return labels as int64 or words, shape (N,): what `number_labels` begins with, and raises.

    Where labels lie in several arrays, these are joined in between.
    """
    kinds = (str, Number)
    if isinstance(labels, (list, tuple)) and all(any(isinstance(each, kind) for each in labels) for kind in kinds):
        # NumPy would make words of the numbers, and of 1 and "1" one class.
        raise DataError(f"{what}: expected whole numbers or words, found both: write all labels in one way")
    try:
        values = np.asarray(labels)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of different lengths; a tensor on a GPU
        raise DataError(f"{what}: expected one label per image ({' '.join(str(error).split())})") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        raise DataError(
            f"{what}: expected one label per image, found shape {values.shape}: of one-hot rows take "
            "labels.argmax(axis=1)"
        )
    kind = values.dtype.kind
    if kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    elif kind == "b" or (kind == "O" and all(isinstance(value, str) for value in values.flat)):
        values = values.astype(np.str_)
    elif kind == "f" and bool(np.isfinite(values).all()) and bool((values == np.rint(values)).all()):
        values = values.astype(np.int64)
    if values.ndim != 1 or values.dtype.kind not in "iuU":
        raise DataError(
            f"{what}: expected whole numbers or words of shape (N,), found {values.dtype} of shape {values.shape}"
        )
    return values if values.dtype.kind == "U" else values.astype(np.int64)


def _number_words(
    words: list[str], class_names: Sequence[str] | None, what: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    words = [one_form(word.strip()) for word in words]
    if "" in words:
        raise DataError(f"{what}: label {words.index('') + 1:,} of {len(words):,} is empty: give every image its class")
    names = tuple(map(str, class_names)) if class_names is not None else _sorted_names(set(words))
    place = {name: k for k, name in enumerate(names)}
    unknown = next((word for word in words if word not in place), None)
    if unknown is not None:
        raise DataError(
            f"{what}: no class is called '{unknown}'{did_you_mean(unknown, names)}: expected {', '.join(names)[:200]}"
        )
    return np.array([place[word] for word in words], np.int64), names


def _sorted_names(words: set[str]) -> tuple[str, ...]:
    """Sort words; in the order of numbers, where all are whole numbers of different value."""
    try:
        numbers = {word: int(word) for word in words}
    except ValueError:
        return tuple(sorted(words))
    return tuple(sorted(words, key=lambda word: (numbers[word], word)))
