"""What can go wrong that a user can mend, as one tree of exceptions.

Every message is one line: what was expected, what was found, what to do. The command line prints it and exits
with status 2; anything else that escapes is a bug of ours.

    InklingError
    ├── DataError             images, labels or files that hold them
    │   ├── UnknownSourceError    no such data set, folder or file
    │   └── DownloadError         no mirror answered with the right bytes
    ├── NetworkError          a network that is unknown, does not fit the images, or weights that do not fit it
    ├── SettingsError         training settings out of range; all of them at once
    ├── TrainingError         training that cannot go on: it diverged, or its state is gone
    ├── RunError              a run or study folder: missing, damaged, or in use by another run
    ├── ExportError           a format of models that is unknown, or an exported model that is not the run's
    ├── TrackingError         a tracker that is unknown
    └── MissingLibraryError   a library that an optional part needs is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InklingError(Exception):
    """Base class of every error that a user can mend."""


class DataError(InklingError):
    """Images, labels, or the files that hold them are not what was expected."""


class UnknownSourceError(DataError):
    """No data set of that name, and no such folder or file."""


class DownloadError(DataError):
    """No mirror answered with the right bytes."""


class NetworkError(InklingError):
    """A network is unknown, does not fit the images, or is given weights that do not fit it."""


class SettingsError(InklingError):
    """Settings are out of range; the message lists every one of them.

    Parameters
    ----------
    problems : iterable of str
        One sentence a setting.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("settings out of range: " + "; ".join(self.problems))

    def __reduce__(self) -> tuple[type[SettingsError], tuple[tuple[str, ...]]]:
        return SettingsError, (self.problems,)


class TrainingError(InklingError):
    """Training cannot go on."""


class MissingLibraryError(InklingError):
    """A library that an optional part needs is not installed."""


class RunError(InklingError):
    """A run or study folder is missing, damaged, or belongs to another run."""


class ExportError(InklingError):
    """A format of models is unknown, or an exported model does not agree with its run."""


class TrackingError(InklingError):
    """A tracker is unknown."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known word, or an empty string."""
    words = list(known)
    near = [other for other in words if other.casefold() == word.casefold()]
    near = near or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
