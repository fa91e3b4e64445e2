"""What a network learns from: labelled images, or labelled features in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.images.dataset import ImageDataset


@dataclass(frozen=True, eq=False)
class FeatureDataset:
    """Labelled features, in the place of labelled images."""

    images: NDArray[Any]  # (N, D)
    labels: NDArray[np.int64]  # (N,)
    n_classes: int

    def __len__(self) -> int:
        return len(self.labels)


Examples = ImageDataset | FeatureDataset
