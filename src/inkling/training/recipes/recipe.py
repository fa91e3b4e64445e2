"""What a recipe is: settings, and how they follow the number of training images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from inkling.training.settings import TrainingSettings


@dataclass(frozen=True)
class Recipe:
    """Settings for a family of networks, and how long they train.

    Where `images_seen` is given, training lasts until that many images were seen, counted anew in every epoch, but
    `settings.epochs` at least and `most_epochs` at most: a small set is then seen more often.
    """

    settings: TrainingSettings
    images_seen: int = 0
    most_epochs: int = 0
    whole_batches: bool = False  # needs one full batch of images at least, for its batch normalisation

    @property
    def name(self) -> str:
        """What it is called on the command line and in run folders."""
        return self.settings.recipe

    def for_size(self, train_size: int | None) -> TrainingSettings:
        """Return the settings for a number of training images; None: for as many as it was made for."""
        if not (self.images_seen and train_size):
            return self.settings
        epochs = min(max(ceil(self.images_seen / train_size), self.settings.epochs), self.most_epochs)
        return replace(self.settings, epochs=epochs)
