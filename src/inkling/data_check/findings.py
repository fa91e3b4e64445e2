"""What the check of a data set found, in one list: a sentence on each part of it, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from inkling.diagnosis.class_balance import UNEQUAL, ClassBalance
from inkling.diagnosis.duplicates import Duplicate, Duplicates
from inkling.diagnosis.picture_quality import PictureQuality
from inkling.diagnosis.picture_sizes import PictureSizes
from inkling.diagnosis.shortcuts import Shortcuts
from inkling.images.naming import and_list, some
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
            return f"Nothing to mend was found in {self.name}{' by what was looked at' if self.not_checked else ''}."
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
