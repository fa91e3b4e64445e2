"""Networks on a pretrained backbone: its features and a linear head, or all of it trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, SupportsFloat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from inkling.errors import NetworkError
from inkling.images.progress import Progress, paced, part_of
from inkling.networks.checks import check_batch, check_images, check_parameters, check_sizes
from inkling.networks.feature_store import FeatureStore, store_key
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.on_features import OnFeatures
from inkling.networks.protocols import FLOAT32, Layer, Targets, Trainable
from inkling.networks.torch import inspection
from inkling.networks.torch.backbones import build_backbone
from inkling.networks.torch.devices import exact_float32, to_device, to_numpy
from inkling.networks.torch.fused import fused_copy
from inkling.networks.torch.network import TorchNetwork
from inkling.networks.torch.pretrained_module import PretrainedModule

_AT_A_TIME = 4
"""Images that a backbone is given on the CPU: their layers fit into the processor's caches. Each thread has its own."""

_AT_A_TIME_ON_GPU = 64

_HEAD_DECAY = 0.03
"""Weight decay of the head with which a network that is trained on begins, see `_fit_head`."""

_HEAD_STEPS = 40


class PretrainedNetwork(TorchNetwork):
    """A `TorchNetwork` on a pretrained backbone.

    With `backbone_rate` 0 (`OptimizerSettings`) the backbone stays as it is and only the head learns: features are
    computed once an image and kept in the cache (`networks.feature_store`). Else the backbone learns too, at that
    fraction of the learning rate, but for its first layers.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C). Images are resized to what the backbone was trained on, inside the network.
    n_classes : int
        K.
    name : str
        "pretrained", "timm:NAME" or "torchvision:NAME"; "finetuned" or "finetuned:" before one of them for a network
        whose backbone is to be trained on, which then sees images in one size only.
    seed : int
    device : str
    weights : bool
        Load the published weights; False where those of a run follow.

    Raises
    ------
    MissingLibraryError
        If the package with the weights or the network is not installed.
    NetworkError
        As `TorchNetwork`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_classes: int,
        name: str = "pretrained",
        seed: int = 0,
        device: str = "auto",
        weights: bool = True,
    ) -> None:
        shape, n_classes = check_sizes(image_shape, n_classes)
        if shape[2] not in (1, 3):
            raise NetworkError(f"{name} takes grey or RGB images, found {shape[2]} channels")
        backbone = build_backbone(name, weights)
        check_parameters(sum(backbone.widths) * len(backbone.sides) * n_classes, name, shape, n_classes)
        self._first_layers = backbone.first_layers
        self._features: FeatureStore | None = None  # of the backbone as it is now
        super().__init__(PretrainedModule(backbone, n_classes), shape, n_classes, name, seed, device)

    # --- learning ----------------------------------------------------------------------------------------------

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule, and whether the backbone learns; the optimiser's memory is cleared."""
        self._frozen = optimizer.backbone_rate == 0
        for name, parameter in self.module.backbone.named_parameters():
            parameter.requires_grad_(not self._frozen and not name.startswith(self._first_layers))
        super().configure(optimizer, precision)

    def _rate_of(self, name: str) -> float:
        """The fraction of the learning rate that a parameter learns at."""
        return self._optimizer_settings.backbone_rate if name.startswith("backbone.") else 1.0

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step on a batch; return its mean loss before the step.

        Raises
        ------
        NetworkError
            If images, targets or weights do not fit, or there is no image.
        """
        check_batch(self, images, targets, weights)
        if self._frozen:
            x = self.module.head.standardised(torch.from_numpy(self._compute(images, paced(None))))
            return self.step_on_features(to_numpy(x), targets, learning_rate, weights)
        self._features = None
        return super().train_step(images, targets, learning_rate, weights)

    def prepare(
        self, images: Sequence[NDArray[np.uint8]], labels: NDArray[np.int64], progress: Progress
    ) -> tuple[Trainable, list[NDArray[np.float32]]] | None:
        """Make ready to learn from the first of several sets of images, whose labels these are.

        A network that has not learnt yet standardises its features by those of these images from now on; where the
        backbone learns too, the head begins as it is best without that.
        """
        fresh = not bool(self.module.head.linear.weight.any())
        if not (fresh or self._frozen):
            return None
        total, done, features = sum(map(len, images)), 0, []
        for part in images if self._frozen else images[:1]:
            features.append(torch.from_numpy(self.features(part, part_of(progress, done, total))))
            done += len(part)
        head = self.module.head
        if fresh:
            head.fit(features[0].to(self._device))
        standardised = [to_numpy(head.standardised(part.to(self._device))) for part in features]
        if self._frozen:
            return OnFeatures(self), standardised
        if fresh:
            self._fit_head(standardised[0], labels)
        return None

    def _fit_head(self, standardised: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Give the linear map the weights of a multinomial regression with an L2 penalty, by L-BFGS."""
        x, goal = to_device(standardised, self._device), to_device(labels, self._device)
        linear = self.module.head.linear
        optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=_HEAD_STEPS, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            penalty = _HEAD_DECAY / 2 * linear.weight.square().sum()
            loss: torch.Tensor = functional.cross_entropy(linear(x), goal) + penalty
            loss.backward()
            return loss

        optimizer.step(closure)
        optimizer.zero_grad()

    def step_on_features(
        self,
        features: NDArray[np.floating[Any]],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step of the linear map on standardised features (N, D)."""
        x = to_device(features, self._device, torch.float32)
        return self._step(lambda: self.module.head.linear(x), targets, learning_rate, weights)

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over the module's arrays, the pixel scale and, where present, the optimiser's memory."""
        super().load_state(state)
        self._features = None

    # --- features ----------------------------------------------------------------------------------------------

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        check_images(self, images)
        # Features of a backbone that changes with every step are of no use later.
        learning = self._features is None and not self._frozen and self._steps > 0
        features = torch.from_numpy(self._compute(images, paced(None)) if learning else self.features(images))
        with torch.inference_mode():
            return self.proba_on_features(to_numpy(self.module.head.standardised(features.to(self._device))))

    def proba_on_features(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K), of standardised features (N, D)."""
        with torch.inference_mode(), exact_float32(self._device):
            logits = self.module.head.linear(to_device(features, self._device, torch.float32))
            probabilities: NDArray[np.float32] = functional.softmax(logits.float(), dim=1).cpu().numpy()
        return probabilities

    def features(self, images: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.float32]:
        """Return what the backbone makes of images; what it made of them before is in the cache.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        progress : callable, optional
            Called with (images done, images to compute) a few times a second at most.

        Returns
        -------
        ndarray of float32, shape (N, D)
        """
        check_images(self, images)
        return self._store().features(images, self._compute, progress)

    def _store(self) -> FeatureStore:
        """The features of the backbone as it is now."""
        if self._features is None:
            arrays = [to_numpy(tensor).tobytes() for tensor in self.module.backbone.state_dict().values()]
            sides = [preparation.side for preparation in self.module.preparations]
            # The arithmetic is part of it: a GPU and another version of torch round in their own ways.
            name, device = self.name.removeprefix("finetuned:"), self._device.type
            how = (name, sides, self.image_shape, device, torch.__version__, FLOAT32)
            height, width, channels = self.image_shape
            about = f"features of {self.name}, {height}x{width} {'RGB' if channels == 3 else 'grey'} images"
            width = self.module.head.linear.in_features
            self._features = FeatureStore(store_key(repr(how), *arrays), about, width)
        return self._features

    def _compute(self, images: NDArray[np.uint8], progress: Progress) -> NDArray[np.float32]:
        """Return the features (N, D) of images; equal images have equal bits, whatever their companions and threads."""
        on_cpu = self._device.type == "cpu"
        self.module.eval()
        backbone = fused_copy(self.module.backbone) if on_cpu else self.module.backbone
        at_a_time = _AT_A_TIME if on_cpu else _AT_A_TIME_ON_GPU
        features = np.empty((len(images), self.module.head.linear.in_features), np.float32)
        starts = range(0, len(images), at_a_time)
        compute = partial(self._features_of, backbone=backbone, at_a_time=at_a_time)
        with ThreadPoolExecutor(torch.get_num_threads() if on_cpu else 1) as threads:
            parts = threads.map(compute, (images[start : start + at_a_time] for start in starts))
            for start, part in zip(starts, parts, strict=True):
                features[start : start + at_a_time] = part
                progress(min(start + at_a_time, len(images)), len(images))
        return features

    def _features_of(self, images: NDArray[np.uint8], backbone: nn.Module, at_a_time: int) -> NDArray[np.float32]:
        """Return the features of `at_a_time` images or fewer, computed as of so many in any case."""
        torch.set_num_threads(1)  # of this thread: the threads share the images instead
        filled = np.zeros((at_a_time, *self.image_shape), np.uint8)
        filled[: len(images)] = images
        with torch.inference_mode(), exact_float32(self._device):
            features = self.module.features(self.inputs(filled), backbone)
        return to_numpy(features[: len(images)])

    def logit_gradients(self, pixels: NDArray[np.floating[Any]], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how each pixel moves its target's logit, by torch.autograd, few images at a time."""
        gradients = np.empty(pixels.shape, np.float32)
        for start in range(0, len(pixels), _AT_A_TIME):
            part = slice(start, start + _AT_A_TIME)
            gradients[part] = super().logit_gradients(pixels[part], targets[part])
        return gradients

    # --- looking inside ----------------------------------------------------------------------------------------

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers, the backbone as one that is applied to the image in each size."""
        height, width, channels = self.image_shape
        made = [Layer("scale", "pixels / 255", self.image_shape, 0, 0)]
        parameters = sum(parameter.numel() for parameter in self.module.backbone.parameters())
        for preparation in self.module.preparations:
            x = preparation(torch.zeros(1, channels, height, width, device=self._device))
            inside = inspection.layers(self.module.backbone, x)
            (features,) = {self.module.head.linear.in_features // len(self.module.preparations)}
            size = f"{preparation.side}x{preparation.side}"
            made += [
                Layer("resize", f"resized to {size}, normalised", (preparation.side, preparation.side, 3), 0, 0),
                Layer(
                    "backbone",
                    self._backbone_name(),
                    (features,),
                    parameters,
                    sum(part.multiply_adds for part in inside),
                ),
            ]
            parameters = 0  # the same weights in every size
        linear = self.module.head.linear
        weights = linear.in_features * linear.out_features
        return (
            *made,
            Layer("standardise", "standardised features", (linear.in_features,), 0, 0),
            Layer("dense", "dense", (self.n_classes,), weights + self.n_classes, weights),
            Layer("softmax", "softmax", (self.n_classes,), 0, 0),
        )

    def _backbone_name(self) -> str:
        name = self.name.removeprefix("finetuned").removeprefix(":")
        return name if ":" in name else "EfficientNet-Lite0"

    def first_layer(self) -> NDArray[np.float32] | None:
        """Return the filters of the backbone's first layer as images, (filters, h, w, C); None for other layers."""
        return inspection.first_filters(self.module.backbone)

    def feature_maps(self, image: NDArray[np.uint8]) -> list[tuple[Layer, NDArray[np.float32]]]:
        """Return what each layer of the backbone makes of one image (H, W, C) in the smallest size."""
        check_images(self, image[np.newaxis])
        with torch.inference_mode():
            x = self.module.preparations[0](self.inputs(image[np.newaxis]))
        return inspection.feature_maps(self.module.backbone, x)

    def __getstate__(self) -> dict[str, Any]:
        """What copies are made of; each finds its features in the cache by itself."""
        return {**super().__getstate__(), "_features": None}
