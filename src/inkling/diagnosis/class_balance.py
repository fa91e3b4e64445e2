"""Are there enough images of each class, and about as many of each? Counts, and when to weight the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FEW = 10
"""A class with fewer training images is near-empty."""
UNEQUAL = 3.0
"""From this ratio of the largest class to the smallest on, `--balance-classes` is recommended.

Half of the classes of MNIST were cut to a part of their 500 training images (perceptron, recipe strong, four seeds).
Weighting gained on the test images, in the cut classes alone and in all classes equally counted: at a ratio of 2
1.3 and 0.2 points, at 3 3.3 and 0.7, at 5 4.2 and 1.2, at 10 11.9 and 3.5, at 30 51 and 17. On photos of flowers
(small-cnn, 300 images a class, 15 epochs) the cut classes gained 9, 13, 15, 23 and 33 points, and the others lost as
much: weighting decides which classes are served, and only more images serve all.
"""


@dataclass(frozen=True)
class ClassBalance:
    """Images of each class, by split."""

    counts: Mapping[str, Mapping[str, int]]  # split -> class -> images

    @property
    def few(self) -> tuple[str, ...]:
        """Classes with fewer than `FEW` training images."""
        return tuple(name for name, count in self.counts["train"].items() if count < FEW)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Classes with no image to choose by or to evaluate on."""
        return tuple(name for name in self.counts["train"] if any(name in of for of in self._without().values()))

    def _without(self) -> dict[str, tuple[str, ...]]:
        """Return, by each split but that for training, the classes that it has no image of."""
        held_out = {split: counts for split, counts in self.counts.items() if split != "train"}
        return {split: tuple(name for name, count in of.items() if not count) for split, of in held_out.items()}

    @property
    def ratio(self) -> float:
        """Training images of the largest class for each of the smallest that has any."""
        present = [count for count in self.counts["train"].values() if count]
        return max(present) / min(present)

    @property
    def unequal(self) -> bool:
        """Whether the classes should be weighted."""
        return self.ratio >= UNEQUAL

    @property
    def verdict(self) -> str:
        """What was found, in sentences."""
        train = self.counts["train"]
        largest, smallest = (choose(train, key=train.__getitem__) for choose in (max, min))
        sentences = [
            f"Every class has {train[largest]:,} training images."
            if train[largest] == train[smallest]
            else f"The {len(train):,} classes have {train[smallest]:,} ({smallest}) to {train[largest]:,} ({largest}) "
            f"training images, a ratio of {self.ratio:.3g}."
        ]
        if self.few:
            sentences.append(f"Fewer than {FEW} training images: {_list(self.few)}.")
        sentences += [f"No {split} image: {_list(names)}." for split, names in self._without().items() if names]
        return " ".join(sentences)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "counts": {split: dict(counts) for split, counts in self.counts.items()},
            "few": list(self.few),
            "unmeasured": list(self.unmeasured),
            "ratio": self.ratio,
            "balance_classes": self.unequal,
        }


def _list(names: tuple[str, ...], most: int = 5) -> str:
    """Name the first, and say how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
