"""Why was it predicted as that? The training images that are most similar to an image, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from inkling.images.dataset import ImageDataset
from inkling.images.progress import Progress, paced

_BLOCK_BYTES = 64 * 1024**2
"""Images are searched in blocks of about so many bytes, as float32."""


@dataclass(frozen=True, eq=False)
class Neighbour:
    """An image that is similar to another one, and its label."""

    picture: NDArray[np.uint8]  # (H, W, C)
    label: int
    file: str = ""  # its picture file, where it has one


def labelled_neighbours(
    queries: NDArray[np.uint8],
    dataset: ImageDataset,
    count: int,
    own: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> list[tuple[Neighbour, ...]]:
    """Return, for each query, the images of a data set that are most similar to it, nearest first.

    Parameters
    ----------
    queries : ndarray of uint8, shape (Q, H, W, C)
    dataset : ImageDataset
    count : int
        Neighbours of each query; fewer where the data set has fewer images.
    own : sequence of int, optional
        Where each query is in the data set itself: it is then not its own neighbour.
    progress : callable, optional
        Called with (images searched, images) a few times a second at most.
    """
    with_own = count if own is None else count + 1
    nearest, _ = nearest_images(queries, dataset.images, min(with_own, len(dataset)), progress)
    places = [None] * len(queries) if own is None else own
    return [
        tuple(_neighbour(dataset, int(i)) for i in [i for i in near if i != place][:count])
        for place, near in zip(places, nearest, strict=True)
    ]


def _neighbour(dataset: ImageDataset, index: int) -> Neighbour:
    file = dataset.files[index] if dataset.files else ""
    return Neighbour(dataset.images[index], int(dataset.labels[index]), file)


def nearest_images(
    queries: NDArray[np.uint8], images: NDArray[np.uint8], count: int = 5, progress: Progress | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the images nearest to each query, pixel by pixel.

    Parameters
    ----------
    queries : ndarray of uint8, shape (Q, H, W, C)
    images : ndarray of uint8, shape (N, H, W, C)
        May be memory-mapped; they are searched in blocks.
    count : int
        Neighbours of each query, N at most.
    progress : callable, optional
        Called with (images searched, N) a few times a second at most.

    Returns
    -------
    indices : ndarray of int64, shape (Q, count)
        Into `images`, nearest first.
    distances : ndarray of float64, shape (Q, count)
        Root mean square difference of the pixels, in grey levels 0..255.
    """
    if not len(queries):
        return np.empty((0, count), np.int64), np.empty((0, count))
    vectors = queries.reshape(len(queries), -1).astype(np.float32)  # (Q, H * W * C)
    pixels = vectors.shape[1]
    report = paced(progress)
    block = max(count, _BLOCK_BYTES // (4 * pixels))
    indices, distances = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0))
    for start in range(0, len(images), block):
        part = np.asarray(images[start : start + block]).reshape(-1, pixels).astype(np.float32)
        search = NearestNeighbors(n_neighbors=min(count, len(part)), algorithm="brute").fit(part)
        part_distances, part_indices = search.kneighbors(vectors)
        indices = np.concatenate([indices, part_indices + start], axis=1)
        distances = np.concatenate([distances, part_distances / np.sqrt(pixels)], axis=1)
        # Among equals the first image comes first, whatever the blocks.
        order = np.lexsort((indices, distances))[:, :count]
        indices = np.take_along_axis(indices, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
        report(min(start + block, len(images)), len(images))
    return indices, distances
