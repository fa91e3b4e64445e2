"""The three estimators: the perceptron, the convolutional networks, and any network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inkling.errors import NetworkError, did_you_mean
from inkling.integrations.sklearn.base import BaseNetworkClassifier
from inkling.networks.catalogue import CATALOGUE, find_network

CONVOLUTIONAL = tuple(name for name, entry in CATALOGUE.items() if entry.needs_torch and not entry.pretrained)
"""The networks of `ConvNetClassifier`."""


class NetworkClassifier(BaseNetworkClassifier):
    """Any network of Inkling, or one of your own, as a classifier of scikit-learn.

    Parameters
    ----------
    network : str, or class or object of torch.nn.Module, default "perceptron"
        A name as `inkling train --network` takes it, FILE.py:CLASS included; or a module that takes float32
        (N, C, H, W) and gives logits (N, K): its class, which is given `image_shape` and `n_classes` where it takes
        them, or an object, of which a copy is trained.
    options : dict, optional
        Further arguments of the network, such as ``{"hidden": 32}``.
    device : str, default "auto"
        Where a PyTorch network computes: "auto", "cpu", "cuda", "mps".
    recipe : str, default "reference"
        Settings of training by name; what follows takes the place of the recipe's own.
    epochs, batch_size : int, optional
    learning_rate, momentum, weight_decay : float, optional
    image_shape : tuple of int, optional
        (H, W) or (H, W, C) of images that are given as rows.
    channels_first : bool, default False
        Images are (N, C, H, W), and rows of pixels in that order.
    early_stopping : bool, default False
        Hold out a part of the rows, keep the epoch that is best on it, and stop when none was better for `patience`
        epochs. Rows that `fit` is given as X_val stand in for the part.
    validation_fraction : float, default 0.1
        The part that is held out, stratified by class.
    patience : int, default 10
    class_weight : dict, "balanced" or None
        As of scikit-learn.
    warm_start : bool, default False
        A further `fit` starts from the weights of the last.
    random_state : int, RandomState or None
        An integer is the seed, as of `inkling train --seed`.
    verbose : int, default 0
        1: print a line an epoch; 2: and how far the epoch is.

    Attributes
    ----------
    network_ : Network
        Trained; every diagnosis that takes a network takes it.
    classes_ : ndarray, shape (K,)
    n_features_in_ : int
        Numbers in a row, or in an image.
    feature_names_in_ : ndarray of str
        Of a table.
    image_shape_ : tuple of int or None
        (H, W, C) of the images; None: the rows were plain features.
    n_iter_, best_epoch_ : int
        Epochs trained, and the one whose weights are kept: without validation the last.
    loss_curve_ : list of float
    validation_curve_ : list of float or None
    validation_indices_ : ndarray of int or None
        The rows that were held out.
    history_ : tuple of dict
        What each epoch did, as `EpochRecord` names it.
    settings_ : TrainingSettings
    """

    def __init__(
        self,
        network: Any = "perceptron",
        *,
        options: Mapping[str, Any] | None = None,
        device: str = "auto",
        recipe: str = "reference",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        momentum: float | None = None,
        weight_decay: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        channels_first: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.options = options
        self.device = device
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.image_shape = image_shape
        self.channels_first = channels_first
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _network(self) -> tuple[Any, dict[str, Any], str]:
        return self.network, dict(self.options or {}), self.device

    @classmethod
    def _named(cls, description: Mapping[str, Any]) -> dict[str, Any]:
        name = description["network"]
        options = {what: value for what, value in description.items() if what in find_network(name).options}
        options |= description.get("options", {})  # of a class of the user's own
        return {"network": name, "options": options or None}


class PerceptronClassifier(BaseNetworkClassifier):
    """The perceptron with one hidden layer of sigmoid units, written out in NumPy, as a classifier of scikit-learn.

    It takes images of any size, and plain features.

    Parameters
    ----------
    hidden : int, default 64
        Number of hidden units.
    recipe, epochs, batch_size, learning_rate, momentum, weight_decay, image_shape, channels_first, early_stopping, \
validation_fraction, patience, class_weight, warm_start, random_state, verbose
        As of `NetworkClassifier`, and so are the attributes.
    """

    def __init__(
        self,
        hidden: int = 64,
        *,
        recipe: str = "reference",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        momentum: float | None = None,
        weight_decay: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        channels_first: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden = hidden
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.image_shape = image_shape
        self.channels_first = channels_first
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _network(self) -> tuple[Any, dict[str, Any], str]:
        return "perceptron", {"hidden": self.hidden}, "cpu"

    @classmethod
    def _named(cls, description: Mapping[str, Any]) -> dict[str, Any]:
        if description["network"] != "perceptron":
            raise _other(description["network"])
        return {"hidden": description["hidden"]}


class ConvNetClassifier(BaseNetworkClassifier):
    """A convolutional network, in PyTorch, as a classifier of scikit-learn.

    It needs pictures of 8x8 pixels or more (`reference-cnn`: 4x4). Plain features are laid into a square, which a
    warning says.

    Parameters
    ----------
    network : str, default "cnn"
        "cnn", "small-cnn", "reference-cnn" or "photo-cnn".
    device, recipe, epochs, batch_size, learning_rate, momentum, weight_decay, image_shape, channels_first, \
early_stopping, validation_fraction, patience, class_weight, warm_start, random_state, verbose
        As of `NetworkClassifier`, and so are the attributes.
    """

    def __init__(
        self,
        network: str = "cnn",
        *,
        device: str = "auto",
        recipe: str = "reference",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        momentum: float | None = None,
        weight_decay: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        channels_first: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.device = device
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.image_shape = image_shape
        self.channels_first = channels_first
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _network(self) -> tuple[Any, dict[str, Any], str]:
        if self.network not in CONVOLUTIONAL:
            near = did_you_mean(str(self.network), CONVOLUTIONAL)
            raise NetworkError(
                f"no convolutional network is called '{self.network}'{near}: choose from {', '.join(CONVOLUTIONAL)}, "
                "or use NetworkClassifier, which takes any"
            )
        return self.network, {}, self.device

    @classmethod
    def _named(cls, description: Mapping[str, Any]) -> dict[str, Any]:
        if description["network"] not in CONVOLUTIONAL:
            raise _other(description["network"])
        return {"network": description["network"]}


def _other(name: str) -> NetworkError:
    return NetworkError(f"the network of the run is {name}: use NetworkClassifier.from_run, which takes any")
