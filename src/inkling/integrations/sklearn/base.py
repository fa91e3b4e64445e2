"""What all estimators share: fitting by the one training loop, predicting, and going on from where fitting stood."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import estimator_html_repr
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from inkling.integrations.sklearn.building import build, recipes_like, smallest_side, takes_floats
from inkling.integrations.sklearn.inputs import (
    ImageShape,
    InputError,
    InputForm,
    feature_form,
    flattened,
    image_shape_of,
)
from inkling.integrations.sklearn.layer_table import layer_table
from inkling.integrations.sklearn.printing import EpochPrinter
from inkling.integrations.sklearn.rows import LabelledRows, row_weights, seed_of
from inkling.integrations.sklearn.saving import SavedAsRun
from inkling.networks.on_features import OnFeatures
from inkling.networks.protocols import OPTIMIZER, Classifier, Network, State, weights_only
from inkling.training.examples import FeatureDataset
from inkling.training.loop import TrainingState, train_on
from inkling.training.recipes.registry import recipe
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings

_PART = 4096
"""Rows that are made into inputs at a time for a prediction."""

_DOUBLE = 2**18
"""Numbers up to which features of float64 are computed in float64: speed does not matter there, and a weight of two is
then the same as a row given twice to ten digits."""


class BaseNetworkClassifier(SavedAsRun, ClassifierMixin, BaseEstimator):  # type: ignore[misc] # of a library without types
    """The parts that do not depend on how a network is named. `NetworkClassifier` says what the parameters are."""

    recipe: str
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    momentum: float | None
    weight_decay: float | None
    image_shape: tuple[int, ...] | None
    channels_first: bool
    early_stopping: bool
    validation_fraction: float
    patience: int
    class_weight: Any
    warm_start: bool
    random_state: Any
    verbose: int

    @abstractmethod
    def _network(self) -> tuple[Any, dict[str, Any], str]:
        """Return what is to be built, its options, and the device."""

    # --- fitting -----------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:  # noqa: N803
        """Train the network.

        Parameters
        ----------
        X : array-like
            Images of shape (N, H, W), (N, H, W, C) or, with `channels_first`, (N, C, H, W): uint8, or floats in 0..1.
            Or rows (N, P), a pandas table or a sparse matrix (made dense): pixels with `image_shape`; rows of a square
            number of bytes are read as grey images, and a warning says so; all others are features, which are
            standardised.
        y : array-like of numbers or words, shape (N,)
        sample_weight : array-like of float, shape (N,), optional
            How much each row counts, 0 or more. 0 leaves it out.
        X_val, y_val : optional
            Validation rows, to choose the epoch by and for `validation_curve_`.

        Returns
        -------
        self

        Raises
        ------
        InputError, ValueError
            If X, y or weights do not fit together.
        SettingsError, NetworkError, TrainingError
            As the training loop.
        """
        again = bool(self.warm_start) and hasattr(self, "network_")
        if (X_val is None) != (y_val is None):
            raise InputError("X_val and y_val belong together: give both or neither")
        rows, shape, y = self._validated(X, y, reset=not again)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if again:
            labels = self._places(y)
        elif len(classes) < 2:
            raise InputError(f"a classifier needs two classes or more, found 1 class: {classes[0]!r}")
        else:
            self.classes_ = classes
        given = LabelledRows(rows, shape, labels.astype(np.int64), row_weights(sample_weight, self.class_weight, y))
        self._seed = seed_of(self.random_state)
        validation, self.validation_indices_ = None, None
        if X_val is not None:
            val_rows, val_shape, val_y = self._validated(X_val, y_val, reset=False)
            validation = LabelledRows(val_rows, val_shape, self._places(val_y), None)
        elif self.early_stopping:
            train, held_out = train_test_split(
                np.arange(len(labels)),
                test_size=self.validation_fraction,
                stratify=labels,
                random_state=self._seed % 2**32,
            )
            self.validation_indices_ = np.sort(held_out)
            validation, given = given.part(self.validation_indices_), given.part(np.sort(train))
        given = given.that_count()
        if not again:
            self._prepare(given)
        self._train(given, validation, self._settings(len(given.labels), validation is not None), None)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train for one epoch on these rows, from where the network stands; the learning rate stays constant.

        Features are standardised by the rows of the first call.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        classes : array-like, shape (K,)
            All that there will be; needed at the first call.

        Returns
        -------
        self
        """
        first = not hasattr(self, "network_")
        if first and classes is None:
            raise InputError("classes must be passed on the first call to partial_fit")
        rows, shape, y = self._validated(X, y, reset=first)
        check_classification_targets(y)
        if first:
            self.classes_ = unique_labels(classes)
            self._seed = seed_of(self.random_state)
            self.validation_indices_ = None
            if len(self.classes_) < 2:
                raise InputError(f"a classifier needs two classes or more, found 1 class: {self.classes_[0]!r}")
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise InputError(f"classes are not those of the first call: {self.classes_}, now {unique_labels(classes)}")
        given = LabelledRows(
            rows, shape, self._places(y), row_weights(sample_weight, self.class_weight, y)
        ).that_count()
        start = None
        if first:
            self._prepare(given)
        else:
            arrays: State = {**weights_only(self.network_.state()), **self._memory}
            start = TrainingState(self.n_iter_, arrays, weights_only(arrays), self.n_iter_, 0.0, 0.0)
        settings = self._settings(len(given.labels), validated=False)
        constant = ScheduleSettings("constant", settings.schedule.learning_rate)
        settings = replace(settings, epochs=(start.epoch if start else 0) + 1, schedule=constant)
        self._train(given, None, settings, start)
        return self

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[NDArray[Any], ImageShape | None, Any]:  # noqa: N803
        """Return rows (N, P), the shape of images where X has one, and y where there is one, checked."""
        rows, shape = flattened(X, self.channels_first)
        if y is None and reset:
            validate_data(self, rows, y)  # says what is missing
        options = {} if y is None else {"y": y}
        checked = validate_data(self, rows, accept_sparse="csr", dtype="numeric", reset=reset, **options)
        rows, y = (checked, None) if not options else checked
        if hasattr(rows, "toarray"):
            rows = rows.toarray()
        return rows, shape, y

    def _places(self, y: Any) -> NDArray[np.int64]:
        """Return the place of each label among the classes."""
        known = np.isin(y, self.classes_)
        if not known.all():
            raise InputError(f"expected labels among the classes {self.classes_}, found {np.asarray(y)[~known][0]!r}")
        places: NDArray[np.int64] = np.searchsorted(self.classes_, y).astype(np.int64)
        return places

    def _prepare(self, given: LabelledRows) -> None:
        """Decide what rows are made into, and build the network for it."""
        network, options, device = self._network()
        name, side = type(self).__name__, smallest_side(network)
        shape = image_shape_of(given.rows, self.image_shape, given.shape, side, name)
        if shape is not None:
            form = InputForm(shape, pictures=True, channels_first=bool(self.channels_first))
        else:
            double = given.rows.dtype == np.float64 and given.rows.size <= _DOUBLE and network == "perceptron"
            form = feature_form(given.rows, given.weights, side, np.float64 if double else np.float32, name)
            options = {**options, "dtype": "float64"} if double else options
        self.network_: Network = build(network, form.image_shape, len(self.classes_), self._seed, device, options)
        floats = takes_floats(self.network_)
        augments = bool(self._settings(len(given.labels), validated=False).augmentation)
        if not form.pictures and (augments or not floats):
            what = f"the recipe '{self.recipe}' alters pictures" if floats else f"{network} takes pictures"
            raise InputError(
                f"{what}, and rows of {given.rows.shape[1]:,} features are none: give image_shape, or images"
            )
        self._form = replace(form, rounded=augments or not floats)
        self.image_shape_ = shape

    def _settings(self, n: int, validated: bool) -> TrainingSettings:
        network, _, _ = self._network()
        return recipe(
            self.recipe,
            recipes_like(network),
            n,
            seed=self._seed,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            patience=self.patience if validated and self.early_stopping else None,
        )

    def _train(
        self,
        given: LabelledRows,
        validation: LabelledRows | None,
        settings: TrainingSettings,
        start: TrainingState | None,
    ) -> None:
        training = self._examples(given)
        network = self._on(training.images)
        weights = None if given.weights is None else given.weights * (len(given.weights) / given.weights.sum())
        name, held_out = type(self).__name__, None if validation is None else self._examples(validation)
        printer = EpochPrinter(self.verbose, name, settings.epochs, 0 if held_out is None else len(held_out))
        history, state = [], start
        told = printer.within if printer.verbose else None
        for record in train_on(network, training, held_out, settings, start, weights, progress=told):
            history.append(record.to_dict())
            printer.after(record)
            state = record.state if record.last else None
        if state is None:
            raise RuntimeError("the loop ended without a last epoch")
        before = self.history_ if start else ()
        self.history_ = (*before, *history)
        self.settings_ = settings
        self.n_iter_, self.best_epoch_ = state.epoch, state.best_epoch
        self._memory = {name: array for name, array in state.network.items() if name.startswith(OPTIMIZER)}

    def _examples(self, part: LabelledRows) -> FeatureDataset:
        return FeatureDataset(self._form.arrays(part.rows, part.shape), part.labels, len(self.classes_))

    def _on(self, arrays: NDArray[Any]) -> Any:
        """Return the network, as it takes such arrays."""
        return self.network_ if arrays.dtype == np.uint8 else OnFeatures(self.network_)  # type: ignore[arg-type]

    # --- predicting --------------------------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Return the probability of each class, float32 of shape (N, K), in the order of `classes_`.

        Parameters
        ----------
        X : array-like
            As of `fit`.
        """
        check_is_fitted(self)
        rows, shape, _ = self._validated(X, None, reset=False)
        probabilities = np.empty((len(rows), len(self.classes_)), np.float32)
        for start in range(0, len(rows), _PART):
            part = slice(start, start + _PART)
            arrays = self._form.arrays(rows[part], shape)
            network: Classifier = self._on(arrays)
            probabilities[part] = network.predict_proba(arrays)
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each row, shape (N,)."""
        places = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[places]
        return labels

    # --- what scikit-learn and notebooks ask -------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags

    def _repr_html_(self) -> str:
        html: str = estimator_html_repr(self)
        return html + layer_table(self.network_, self._form.pictures) if hasattr(self, "network_") else html

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/html": self._repr_html_()} if "text/html" in bundle else bundle
