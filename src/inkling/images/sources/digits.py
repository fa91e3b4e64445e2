"""The bundled set: 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, no download.

UCI ML repository, "Optical recognition of handwritten digits" (Alpaydin and Kaynak, 1998), its test part.
"""

from __future__ import annotations

import numpy as np

from inkling.images.dataset import ImageDataset, Splits, split_stratified
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.protocol import LoadObserver


class Digits:
    """The source "digits"."""

    names = ("digits",)
    description = ""
    takes = ()

    def matches(self, source: str) -> bool:
        """Whether it is called so."""
        return source in self.names

    def load(
        self,
        source: str,  # noqa: ARG002 - the protocol's
        observer: LoadObserver | None = None,  # noqa: ARG002
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,  # noqa: ARG002 - the protocol's
    ) -> Splits:
        """Return the digits; it takes no time to speak of."""
        return load_digits()


def load_digits() -> Splits:
    """Return the digits as 1,077 training, 360 validation and 360 test images; the split is always the same.

    Their grey levels 0..16 become 0..255, so that 16 is white as in any other picture.
    """
    # Imported here because scikit-learn costs a second that no other source needs.
    from sklearn.datasets import load_digits as sklearn_digits

    bundle = sklearn_digits()
    pixels = np.round(bundle.images * (255 / 16)).astype(np.uint8)
    dataset = ImageDataset(pixels, bundle.target.astype(np.int64), tuple("0123456789"))
    train, validation, test = split_stratified(dataset, [1077, 360, 360])
    return Splits(train, validation, test, "digits")
