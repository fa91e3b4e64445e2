"""A fitted estimator as a run folder, and a run as a fitted estimator."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from inkling.images.dataset import ImageDataset, Splits
from inkling.integrations.sklearn.building import check_rebuilt, takes_floats
from inkling.integrations.sklearn.inputs import InputError, InputForm
from inkling.networks.protocols import Network, State
from inkling.runs.run import Run
from inkling.runs.trained_elsewhere import record_run
from inkling.training.recipes.registry import recipes_of
from inkling.training.settings import TrainingSettings


class SavedAsRun(ABC):
    """The part of an estimator that writes and reads run folders. The attributes are those of `NetworkClassifier`."""

    classes_: NDArray[Any]
    history_: tuple[dict[str, Any], ...]
    image_shape_: tuple[int, int, int] | None
    n_features_in_: int
    n_iter_: int
    best_epoch_: int
    network_: Network
    settings_: TrainingSettings
    validation_indices_: NDArray[Any] | None
    _form: InputForm
    _memory: State
    _seed: int
    _validated: Callable[..., Any]
    _places: Callable[..., Any]

    @property
    def validation_curve_(self) -> list[float] | None:
        """Accuracy (fraction) on the validation rows at the end of each epoch; None where there were none."""
        curve = [epoch["validation_accuracy"] for epoch in self.history_]
        return None if np.isnan(curve).any() else curve

    @property
    def loss_curve_(self) -> list[float]:
        """Mean cross-entropy (nats) of the training rows at the end of each epoch."""
        return [epoch["train_loss"] for epoch in self.history_]

    @classmethod
    @abstractmethod
    def _named(cls, description: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that name the network of a run, from its description."""

    def save(
        self,
        folder: Path | str,
        X: Any,  # noqa: N803
        y: Any,
        X_test: Any,  # noqa: N803
        y_test: Any,
        *,
        X_val: Any = None,  # noqa: N803
        y_val: Any = None,
    ) -> Run:
        """Write a run folder, on which `inkling evaluate`, `report`, `compare` and every other command work.

        Its images are kept in it (data.npz), floats rounded to 8 bits; the network predicts the validation and test
        images anew.

        Parameters
        ----------
        folder : Path
            New or empty.
        X, y
            What `fit` was given.
        X_test, y_test
            Rows that had no part in fitting.
        X_val, y_val
            Where `fit` was given them.

        Returns
        -------
        Run

        Raises
        ------
        InputError
            If it was fitted on plain features, or without validation; or rows are not those of `fit`.
        NetworkError
            If the network cannot be built again from a run folder.
        RunError
            If the folder holds something, or cannot be written.
        """
        check_is_fitted(self)
        held_out = self.validation_indices_
        if not self._form.pictures:
            raise InputError("was fitted on plain features, and a run holds images: fit with image_shape, or images")
        if self.validation_curve_ is None or (held_out is None) == (X_val is None):
            raise InputError(
                "a run has validation images, of which the history is known: fit with early_stopping=True, or give "
                "X_val and y_val to fit and to save"
            )
        if held_out is None:
            train, validation = self._dataset(X, y), self._dataset(X_val, y_val)
        else:
            whole = self._dataset(X, y)
            if len(whole) <= held_out[-1]:
                raise InputError(f"expected the rows that fit was given, found {len(whole):,} of them: give them all")
            train, validation = whole.subset(np.delete(np.arange(len(whole)), held_out)), whole.subset(held_out)
        splits = Splits(train, validation, self._dataset(X_test, y_test), Path(folder).name)
        check_rebuilt(self.network_)
        return record_run(Path(folder), splits, self.network_, self.settings_, self.history_)

    def _dataset(self, X: Any, y: Any) -> ImageDataset:  # noqa: N803
        rows, shape, y = self._validated(X, y, reset=False)
        images = replace(self._form, rounded=True).arrays(rows, shape)
        return ImageDataset(images, self._places(y), tuple(str(name) for name in self.classes_))

    @classmethod
    def from_run(cls, run: Run | Path | str, device: str = "auto") -> Self:
        """Return a fitted estimator of a run: its network, and parameters that train such a network again.

        Parameters
        ----------
        run : Run or Path
            Finished.
        device : str

        Raises
        ------
        RunError, NetworkError
            As `Run.network`, or if it is a network of another estimator.
        """
        run = run if isinstance(run, Run) else Run(run)
        description, settings = run.info["network"], run.settings
        make: Any = cls  # whose parameters are those of each estimator
        estimator: Self = make(
            **cls._named(description),
            recipe=settings.recipe if settings.recipe in recipes_of(run.network_name) else "reference",
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.schedule.learning_rate,
            momentum=settings.optimizer.momentum,
            weight_decay=settings.optimizer.weight_decay,
            early_stopping=settings.patience is not None,
            patience=settings.patience or 10,
            random_state=settings.seed,
        )
        estimator.network_ = run.network(device)
        names = run.data.class_names
        numbers = all(name == str(int(name)) for name in names if name.isdecimal()) and all(map(str.isdecimal, names))
        estimator.classes_ = np.array([int(name) for name in names] if numbers else names)
        estimator.image_shape_ = run.data.image_shape
        estimator.n_features_in_ = math.prod(run.data.image_shape)
        estimator.history_, estimator.settings_ = tuple(run.history()), settings
        estimator.n_iter_, estimator.best_epoch_ = len(estimator.history_), (run.results or {})["best_epoch"]
        estimator.validation_indices_, estimator._memory, estimator._seed = None, {}, settings.seed
        rounded = not takes_floats(estimator.network_)
        estimator._form = InputForm(run.data.image_shape, pictures=True, rounded=rounded)
        return estimator
