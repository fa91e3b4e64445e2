"""The check of a data set: every diagnosis that needs no network, and what each found in one list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.data_check.picture_files import PictureFiles, measure_files, why_unreadable
from inkling.diagnosis.altered_copies import why_not_sought
from inkling.diagnosis.class_balance import UNEQUAL, ClassBalance
from inkling.diagnosis.duplicates import MOST_COMPARED, NEAR, Duplicate, Duplicates, find_duplicates
from inkling.diagnosis.picture_measures import measure_pictures
from inkling.diagnosis.picture_quality import PictureQuality, judge_quality
from inkling.diagnosis.picture_sizes import PictureSizes, judge_sizes
from inkling.diagnosis.shortcuts import Shortcuts, find_shortcuts
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.naming import and_list, some
from inkling.images.sources.protocol import LoadObserver, stage
from inkling.images.splitting import TornGroups

_WORDS = {"train": "training"}


@dataclass(frozen=True)
class Unreadable:
    """A picture file that was left out."""

    file: str
    reason: str


@dataclass(frozen=True)
class Finding:
    """What one part of the check found."""

    id: str
    topic: str
    count: int  # pictures, classes or quantities concerned; 0: nothing to do
    verdict: str
    advice: str  # what to do about it; empty where nothing was found


@dataclass(frozen=True, eq=False)
class DataCheck:
    """Everything that was found, and what was not looked at."""

    name: str
    n: Mapping[str, int]  # split -> images
    from_files: bool  # whether the images are made of picture files, in a folder or an archive
    unreadable: tuple[Unreadable, ...]
    duplicates: Duplicates
    conflicts: tuple[Duplicate, ...]  # pairs of duplicates that have two labels
    quality: PictureQuality
    sizes: PictureSizes | None
    balance: ClassBalance
    shortcuts: Shortcuts
    not_checked: tuple[str, ...]  # sentences
    grouped: bool = False  # whether it was said which images belong together
    torn: TornGroups | None = None  # groups that lie in two splits; None where there are none
    notes: tuple[str, ...] = ()  # what loading had to say: the size that was chosen, files that were passed over

    @property
    def leaks(self) -> tuple[Duplicate, ...]:
        """Pairs of duplicates in two splits."""
        return tuple(pair for pair in self.duplicates.pairs if pair.split != pair.of_split)

    @property
    def repeats(self) -> tuple[Duplicate, ...]:
        """Pairs of duplicates in one split."""
        return tuple(pair for pair in self.duplicates.pairs if pair.split == pair.of_split)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every part of the check that was made, in order of what it does to an evaluation."""
        found = (
            self._unreadable(), self._groups(), self._leaks(), self._conflicts(), self._repeats(), self._quality(),
            self._detail(), self._sizes(), self._balance(), self._shortcuts(),
        )  # fmt: skip
        return tuple(finding for finding in found if finding)

    @property
    def verdict(self) -> str:
        """One sentence: what there is to look at."""
        topics = [finding.topic.lower() for finding in self.findings if finding.count]
        if not topics:
            return f"Nothing to mend was found in {self.name}."
        return f"To look at in {self.name}: {', '.join(topics)}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "name": self.name,
            "n": dict(self.n),
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
            "not_checked": list(self.not_checked),
            "unreadable": [asdict(each) for each in self.unreadable],
            "duplicates": self.duplicates.to_dict(),
            "conflicts": [asdict(pair) for pair in self.conflicts],
            "quality": self.quality.to_dict(),
            "sizes": self.sizes and self.sizes.to_dict(),
            "class_balance": self.balance.to_dict(),
            "shortcuts": self.shortcuts.to_dict(),
            "groups": self.torn and asdict(self.torn),
        }

    def _unreadable(self) -> Finding | None:
        count = len(self.unreadable)
        if not self.from_files:
            return None
        total = sum(self.n.values()) + count
        return Finding(
            "unreadable", "Unreadable files", count,
            f"{_of(count, total, 'picture files')} cannot be read." if count else f"All {total:,} picture files can be "
            "read.",
            "Replace or remove them; --skip-unreadable goes on without them." if count else "",
        )  # fmt: skip

    def _groups(self) -> Finding | None:
        topic = "Groups across splits"
        if self.torn is None:
            return Finding("groups", topic, 0, "No group lies in two splits.", "") if self.grouped else None
        torn, count = self.torn, len(self.torn.groups)
        names = some([f"{group} in {and_list(within)}" for group, within in torn.groups.items()])
        parts = [f"{torn.trained[split]:,} {split} images" for split in ("test", "validation") if torn.trained[split]]
        verdict = f"{_of(count, torn.of, 'groups')} {'lies' if count == 1 else 'lie'} in more than one split ({names})"
        verdict += f": those of {and_list(parts)} have training images." if parts else "."
        advice = (
            "Put all pictures of a group into one split: accuracy on groups that a network was trained on does not "
            "measure performance on new ones. How much higher it is, 'inkling evaluate RUN --slices' measures."
        )
        return Finding("groups", topic, count, verdict, advice)

    def _leaks(self) -> Finding:
        count = _images(self.leaks)
        parts = [
            f"{_of(repeated, self.n[split], f'{_WORDS.get(split, split)} images')}"
            for split in self.n
            if (repeated := _images(tuple(pair for pair in self.leaks if pair.split == split)))
        ]
        verdict = (
            f"{' and '.join(parts)} {'occurs' if count == 1 else 'occur'} in an earlier split as well "
            f"({_how(self.leaks)})."
            if count
            else f"No picture {self._or_near}occurs in two splits."
        )
        advice = (
            "Remove the copies from one of the splits, or name what belongs together by --groups: accuracy on pictures "
            "that a network was trained on does not measure performance on new ones."
        )
        if any(not pair.exact for pair in self.leaks):
            advice = f"Look at those that are not exact: they may be other pictures of one scene. {advice}"
        return Finding("leaks", "Copies across splits", count, verdict, advice if count else "")

    def _conflicts(self) -> Finding:
        count = _images(self.conflicts)
        verdict = (
            f"{count:,} {'picture has' if count == 1 else 'pictures have'} a copy in another class."
            if count
            else "No picture has a copy in another class."
        )
        advice = "One of the two labels is wrong, or both are right and a network cannot know: keep one of the copies."
        return Finding("conflicts", "Copies in two classes", count, verdict, advice if count else "")

    def _repeats(self) -> Finding:
        count = _images(self.repeats)
        verdict = (
            f"{count:,} {'picture repeats' if count == 1 else 'pictures repeat'} an earlier one of the same split "
            f"({_how(self.repeats)})."
            if count
            else f"No picture {self._or_near}occurs twice in one split."
        )
        advice = "A picture that is there twice counts twice: delete the copies, unless that is meant."
        return Finding("repeats", "Copies within a split", count, verdict, advice if count else "")

    @property
    def _or_near(self) -> str:
        if self.duplicates.altered_sought:
            return "or near or altered copy of one "
        return "" if self.duplicates.near is None else "or near copy of one "

    def _quality(self) -> Finding:
        count = len(self.quality.pictures)
        advice = (
            "Look at each: remove those on which nobody could tell the class, and keep those of the kind that the "
            "network will meet."
        )
        return Finding("quality", "Poor pictures", count, self.quality.verdict, advice if count else "")

    def _detail(self) -> Finding | None:
        if not self.quality.soft:
            return None
        n = self.quality.n
        advice = "Try a smaller --image-size: training is faster, and may be as accurate."
        return Finding("detail", "Little detail", (n + 1) // 2, self.quality.detail, advice)

    def _sizes(self) -> Finding | None:
        if self.sizes is None:
            return None
        advice = "Look at each: crop it to what it shows, replace it by a larger one, or choose a smaller --image-size."
        count = len(self.sizes.odd)
        return Finding("sizes", "Odd sizes", count, self.sizes.verdict, advice if count else "")

    def _balance(self) -> Finding:
        balance = self.balance
        advice = []
        if balance.few or balance.unmeasured:
            advice.append("Add pictures of these classes, or leave the classes out: nothing said of them is reliable.")
        if balance.unequal:
            advice.append(
                f"Train with --balance-classes, which weights images so that all classes count equally (recommended "
                f"from a ratio of {UNEQUAL:g} on), and judge by balanced accuracy."
            )
        concerned = set(balance.few) | set(balance.unmeasured)
        return Finding(
            "balance", "Class balance", len(concerned) or int(balance.unequal), balance.verdict, " ".join(advice)
        )

    def _shortcuts(self) -> Finding:
        count = len(self.shortcuts.notable)
        advice = (
            "Find out why the classes differ in it, for example in camera, source or cropping. If that is not so where "
            "the network will be used, make the pictures of all classes alike in it, and test on pictures from there."
        )
        return Finding("shortcuts", "Shortcuts", count, self.shortcuts.verdict, advice if count else "")


def check_data(
    splits: Splits,
    folder: Path | str | None = None,
    near: bool = True,
    observer: LoadObserver | None = None,
    torn: TornGroups | None = None,
) -> DataCheck:
    """Look for what is wrong with a data set, before anything is trained on it.

    Unreadable files, copies within and across splits and in two classes, pictures that are blank, dark, bright or
    blurred, odd sizes, classes with few images or unequal ones, and shortcuts: quantities that predict the label
    without a look at what a picture shows. What was skipped as unreadable is known where the splits were loaded with
    `LoadOptions(skip_unreadable=True)`.

    Parameters
    ----------
    splits : Splits
    folder : Path or str, optional
        Where the picture files lie that the splits name (`ImageDataset.files`): the source, or the folder that a table
        is in. Without it, and where there are no such files, their sizes are not looked at, which the check says.
    near : bool
        Also look for near duplicates, among 100,000 images at most: 20 seconds for MNIST's 70,000; and for altered
        copies, among 10,000 images at most: a minute, or up to four where all show one scene.
    observer : callable, optional
        Told how far each stage is.
    torn : TornGroups, optional
        Groups that lie in two splits, from the `TornGroupsError` with which the splits could not be loaded.
    """
    folder = None if folder is None else Path(folder)
    near = near and sum(len(dataset) for _, dataset in splits.items()) <= MOST_COMPARED
    files = _files(splits, folder, observer)
    duplicates = find_duplicates(splits, NEAR if near else None, stage(observer, "looking for duplicates", "images"))
    measures = {
        split: measure_pictures(dataset.images, stage(observer, f"checking {split} pictures", "images"))
        for split, dataset in splits.items()
    }
    height, width, _ = splits.train.image_shape
    sizes = judge_sizes([(split, part.names, part.sizes) for split, part in files.items()], (width, height))
    quantities: dict[str, NDArray[np.floating[Any]]] = {
        "file size": files["train"].n_bytes,
        "aspect ratio": files["train"].aspect_ratios,
        "brightness": measures["train"].brightness,
        "border": measures["train"].border,
    }
    return DataCheck(
        name=splits.name,
        n={split: len(dataset) for split, dataset in splits.items()},
        from_files=any(dataset.files for _, dataset in splits.items()),
        unreadable=tuple(Unreadable(name, why_unreadable(folder, name)) for name in splits.skipped),
        duplicates=duplicates,
        conflicts=_conflicts(duplicates, dict(splits.items())),
        quality=judge_quality(measures, splits),
        sizes=sizes,
        balance=ClassBalance({split: dataset.class_counts for split, dataset in splits.items()}),
        shortcuts=_shortcuts(splits.train, quantities, duplicates, observer),
        not_checked=_not_checked(splits, sizes, near),
        grouped=torn is not None or splits.options.groups is not None,
        torn=torn,
        notes=splits.notes,
    )


def _files(splits: Splits, folder: Path | None, observer: LoadObserver | None) -> dict[str, PictureFiles]:
    return {
        split: measure_files(
            folder if dataset.files else None,
            dataset.files or ("",) * len(dataset),
            stage(observer, f"reading headers of {split} files", "files"),
        )
        for split, dataset in splits.items()
    }


def _conflicts(duplicates: Duplicates, datasets: Mapping[str, ImageDataset]) -> tuple[Duplicate, ...]:
    return tuple(
        pair
        for pair in duplicates.pairs
        if datasets[pair.split].labels[pair.index] != datasets[pair.of_split].labels[pair.of_index]
    )


def _shortcuts(
    train: ImageDataset,
    quantities: Mapping[str, NDArray[np.floating[Any]]],
    duplicates: Duplicates,
    observer: LoadObserver | None,
) -> Shortcuts:
    """Test the training images without copies: one picture that is there ten times is no evidence of ten."""
    first = np.ones(len(train), np.bool_)
    first[[pair.index for pair in duplicates.pairs if pair.split == pair.of_split == "train"]] = False
    return find_shortcuts(
        train.labels[first],
        {name: values[first] for name, values in quantities.items()},
        train.class_names,
        progress=stage(observer, "testing shortcuts", "permutations"),
    )


def _not_checked(splits: Splits, sizes: PictureSizes | None, near: bool) -> tuple[str, ...]:
    sentences = []
    n = sum(len(dataset) for _, dataset in splits.items())
    if sizes is None and splits.train.files:
        sentences.append("file sizes and aspect ratios (the pictures are in no folder that could be looked into).")
    elif sizes is None:
        sentences.append("unreadable files, file sizes and aspect ratios (the images are not made of picture files).")
    elif sizes.n < n:
        sentences.append(f"sizes of {n - sizes.n:,} pictures (their files could not be opened again).")
    if near and (why := why_not_sought(splits.train.image_shape, n)):
        sentences.append(f"shifted, rotated, cropped and mirrored copies ({why}).")
    if not near:
        sentences.append(
            f"near duplicates (of {n:,} images it would take long)." if n > MOST_COMPARED else "near duplicates."
        )
    return tuple(sentences)


def _images(pairs: tuple[Duplicate, ...]) -> int:
    """How many images have an earlier copy in these pairs."""
    return len({(pair.split, pair.index) for pair in pairs})


def _how(pairs: tuple[Duplicate, ...]) -> str:
    """Return in which ways the images of these pairs are copies: "1 exactly, the other nearly"."""
    exact = {(pair.split, pair.index) for pair in pairs if pair.exact}
    near = {(pair.split, pair.index) for pair in pairs if not pair.exact and not pair.alteration} - exact
    altered = {(pair.split, pair.index) for pair in pairs} - exact - near
    ways = [(len(exact), "exactly"), (len(near), "nearly the same"), (len(altered), "altered")]
    ways = [(count, way) for count, way in ways if count]
    if len(ways) == 1:
        return ways[0][1]
    if not altered:
        return f"{len(exact):,} exactly, the other{'s' if len(near) > 1 else ''} nearly"
    return ", ".join(f"{count:,} {way}" for count, way in ways)


def _of(count: int, total: int, what: str) -> str:
    return f"{count:,} of {total:,} {what}"
