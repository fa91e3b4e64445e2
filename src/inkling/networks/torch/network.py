"""A PyTorch module made a Network: the same steps, predictions and named arrays as the perceptron's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkling.errors import NetworkError
from inkling.networks.checks import check_batch, check_images, check_parameters, check_sizes, check_state
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.protocols import BFLOAT16, FLOAT32, OPTIMIZER, PRECISIONS, Layer, State, Targets
from inkling.networks.steps import Steps
from inkling.networks.torch import inspection
from inkling.networks.torch.devices import exact_float32, find_device, seeded, to_device, to_numpy
from inkling.networks.torch.dropout import SeededDropout, seed_dropout
from inkling.networks.torch.modules import CONVOLUTIONAL
from inkling.networks.torch.plain_steps import plain_steps
from inkling.networks.torch.training_pass import training_pass

_STEPS = OPTIMIZER + "steps"  # the seed, and the steps taken: together they fix what is random in the next one
_PREDICTION_BATCH = 128
_NORM_MOMENTUM = 0.1


class TorchNetwork:
    """A network whose layers are a `torch.nn.Module`, made for any module that gives logits.

    Parameters
    ----------
    module : torch.nn.Module
        Takes float32 (N, C, H, W), pixels in 0..1, and returns logits (N, K). It is taken over: moved to the device,
        kept in channels-last order (NHWC images then need no transposition), each `nn.Dropout` in it replaced by one
        with a seed of its own, and the momentum of its batch normalisation set step by step.
    image_shape : tuple of int
        (H, W, C) of the images.
    n_classes : int
        K.
    name : str
        What it is called in results. Only the names of `networks.catalogue` can be built again from a run folder.
    seed : int
        Draws what is random in training steps (dropout). The module's initial weights are the caller's.
    device : str
        "auto" (the first GPU of CUDA where there is one, else the CPU), "cpu", "cuda", "cuda:1" and so on, or "mps".
    options : mapping, optional
        What its builder was given beside shape and classes, for `description`.

    Raises
    ------
    NetworkError
        If there are fewer than 2 classes, the device is not there, or the module fails on a blank image or does not
        return a logit for each class.

    Notes
    -----
    What is random in step t (dropout) is drawn from (seed, t), t being part of the state, so training goes on after a
    checkpoint as if it had never stopped. On the CPU, equal seeds give equal bits on one machine with one number of
    threads. On a GPU the same is seeded, but sums run in no fixed order: two runs agree to rounding, not in every bit.
    Float32 is computed in float32 there (TF32 is off during steps and predictions, and put back afterwards), and a
    step returns before its loss is known.

    Copies (`copy.deepcopy`, `pickle`) are networks of their own, with the optimiser's memory of the original.
    """

    def __init__(
        self,
        module: nn.Module,
        image_shape: tuple[int, int, int],
        n_classes: int,
        name: str = "custom",
        seed: int = 0,
        device: str = "auto",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._options = dict(options or {})
        self._image_shape, self._n_classes = check_sizes(image_shape, n_classes)
        self.name, self.seed = name, seed
        self._device = find_device(device)
        self.module = module.to(device=self._device)
        self.pixel_scale = np.float32(1 / 255)
        seed_dropout(self.module)
        self._check_module()
        self.module.to(memory_format=torch.channels_last)  # after it, when lazy layers have their weights
        self._bind_module()
        self.configure(OptimizerSettings())

    def _check_module(self) -> None:
        """Raise NetworkError unless the module gives (1, K) logits for one image: before training, not during it."""
        blank = np.zeros((1, *self.image_shape), np.uint8)
        self.module.eval()
        try:
            with torch.no_grad(), seeded(self._device, self.seed % 2**63):
                logits = self.module(self.inputs(blank))
        except Exception as error:  # a module of the caller's own, which can fail in any way
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise NetworkError(
                f"the module of '{self.name}' fails on a blank image of shape {self.image_shape}: {reason}"
            ) from error
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if shape != (1, self.n_classes) or not logits.is_floating_point():
            raise NetworkError(
                f"the module of '{self.name}' must give logits of shape (1, {self.n_classes}) for one image, "
                f"found {shape}"
            )
        if next(self.module.parameters(), None) is None:
            raise NetworkError(f"the module of '{self.name}' has no parameters to train")

    def _bind_module(self) -> None:
        """Find the parts of the module that a training step needs."""
        self._dropouts = [part for part in self.module.modules() if isinstance(part, SeededDropout)]
        self._norms = [part for part in self.module.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
        self._training_pass = training_pass(self.module)

    @classmethod
    def named(
        cls,
        name: str,
        image_shape: tuple[int, int, int],
        n_classes: int,
        seed: int = 0,
        device: str = "auto",
        **options: Any,
    ) -> TorchNetwork:
        """Return one of `modules.CONVOLUTIONAL` with fresh weights drawn from the seed, and with its own options.

        Raises
        ------
        NetworkError
            If it would have too many parameters, or the device is not there.
        """
        with torch.device("meta"):  # sizes without memory
            sizes = CONVOLUTIONAL[name](image_shape, n_classes, **options)
        check_parameters(sum(parameter.numel() for parameter in sizes.parameters()), name, image_shape, n_classes)
        with seeded(torch.device("cpu"), seed):
            module = CONVOLUTIONAL[name](image_shape, n_classes, **options)
        return cls(module, image_shape, n_classes, name, seed, device, options)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self._image_shape

    @property
    def n_classes(self) -> int:
        """K."""
        return self._n_classes

    @property
    def device(self) -> str:
        """Where it computes: "cpu", "cuda:0", "mps"."""
        return str(self._device)

    def __repr__(self) -> str:
        parameters = sum(parameter.numel() for parameter in self.module.parameters())
        return f"TorchNetwork({self.name}, {parameters:,} parameters, {self.device})"

    def description(self) -> dict[str, Any]:
        """Return the settings that build such a network again."""
        sizes = {"network": self.name, "image_shape": list(self.image_shape), "n_classes": self.n_classes}
        return {**sizes, **self._options}

    # --- learning ----------------------------------------------------------------------------------------------

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule and the arithmetic of training steps; the optimiser's memory is cleared.

        Precision "bfloat16" computes convolutions and products in bfloat16 (autocast); weights, their updates and
        predictions stay float32.

        Raises
        ------
        NetworkError
            If the precision is another.
        """
        if precision not in PRECISIONS:
            raise NetworkError(f"precision must be one of {', '.join(PRECISIONS)}, found '{precision}'")
        self._precision = precision
        self._optimizer_settings = optimizer
        groups = self._parameter_groups(optimizer)
        # One kernel for all parameters: on the CPU half the time of a step of Adam on three million of them.
        fused = self._device.type != "mps"
        if optimizer.name == "adam":
            betas = (optimizer.momentum, optimizer.beta2)
            self._optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=fused)
        else:
            self._optimizer = torch.optim.SGD(
                groups, lr=0.0, momentum=optimizer.momentum, nesterov=optimizer.nesterov, fused=fused
            )
        self._steps = 0

    def _parameter_groups(self, optimizer: OptimizerSettings) -> list[dict[str, Any]]:
        """The parameters that learn, by whether they are decayed and at which fraction of the rate they learn."""
        groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((parameter.ndim > 1, self._rate_of(name)), []).append(parameter)
        return [
            {"params": parameters, "weight_decay": optimizer.weight_decay if decayed else 0.0, "rate": rate}
            for (decayed, rate), parameters in sorted(groups.items(), key=lambda group: group[0], reverse=True)
        ]

    def _rate_of(self, name: str) -> float:  # noqa: ARG002 - of a kind of network with parts that learn more slowly
        """The fraction of the learning rate that a parameter learns at."""
        return 1.0

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step on a batch; return its mean loss before the step.

        On the CPU the loss is a float. On a GPU it is a tensor that waits for the step when `float` is called.

        Raises
        ------
        NetworkError
            If images, targets or weights do not fit, or there is no image.
        """
        check_batch(self, images, targets, weights)
        return self._step(lambda: self._training_pass(self.inputs(images)), targets, learning_rate, weights)

    def step_on_features(
        self,
        features: NDArray[np.floating[Any]],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step on rows of numbers (N, H * W * C) in the place of scaled pixels, in the order of an image's."""
        return self._step(lambda: self._training_pass(self._pixels(features)), targets, learning_rate, weights)

    def _step(
        self,
        forward: Callable[[], Tensor],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None,
    ) -> SupportsFloat:
        """Take one step on the batch whose logits `forward` computes."""
        # A batch of one has no spread to be normalised by: it is normalised as in prediction.
        self.module.train(len(targets) > 1)
        # Running statistics begin as the plain mean of the first batches: a short training else judges by their zeros.
        for norm in self._norms:
            norm.momentum = max(_NORM_MOMENTUM, 1 / (1 + self._steps))
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate * group["rate"]
        goal = to_device(targets, self._device, torch.int64 if targets.ndim == 1 else torch.float32)
        rng = np.random.default_rng((self.seed, self._steps))
        for dropout in self._dropouts:
            dropout.rng = rng
        drawn = np.random.SeedSequence((self.seed, self._steps)).generate_state(1, np.uint64)
        with exact_float32(self._device):
            with (
                seeded(self._device, int(drawn[0])),
                torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == BFLOAT16),
            ):
                logits = forward()
            if weights is None:
                loss = functional.cross_entropy(logits.float(), goal)
            else:
                share = to_device(weights, self._device, torch.float32) / len(weights)
                loss = functional.cross_entropy(logits.float(), goal, reduction="none") @ share
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
        self._steps += 1
        return float(loss.detach()) if self._device.type == "cpu" else loss.detach()

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        check_images(self, images)
        self.module.eval()
        probabilities = np.empty((len(images), self.n_classes), np.float32)
        with torch.inference_mode(), exact_float32(self._device):
            for start in range(0, len(images), _PREDICTION_BATCH):
                part = slice(start, start + _PREDICTION_BATCH)
                logits = self.module(self.inputs(images[part]))
                probabilities[part] = functional.softmax(logits.float(), dim=1).cpu().numpy()
        return probabilities

    def proba_on_features(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 (N, K), for rows of numbers in the place of scaled pixels."""
        self.module.eval()
        probabilities = np.empty((len(features), self.n_classes), np.float32)
        with torch.inference_mode(), exact_float32(self._device):
            for start in range(0, len(features), _PREDICTION_BATCH):
                part = slice(start, start + _PREDICTION_BATCH)
                logits = self.module(self._pixels(features[part]))
                probabilities[part] = functional.softmax(logits.float(), dim=1).cpu().numpy()
        return probabilities

    def _pixels(self, features: NDArray[np.floating[Any]]) -> Tensor:
        """Return rows of numbers (N, H * W * C) as what the module is given."""
        return to_device(features.reshape(-1, *self.image_shape), self._device, torch.float32).permute(0, 3, 1, 2)

    def inputs(self, images: NDArray[np.uint8]) -> Tensor:
        """Return what the module is given: pixels in 0..1, (N, C, H, W) over memory in the order of the images."""
        return to_device(images, self._device).permute(0, 3, 1, 2).to(torch.float32).mul_(float(self.pixel_scale))

    # --- for other programs ------------------------------------------------------------------------------------

    parity_tolerance = 1e-5
    """By which a probability may move when another program computes it; the order of sums moves it by a tenth of it."""

    def onnx_model(self, opset: int) -> Any:
        """Return the network as ONNX: see `inkling.networks.torch.portable.onnx_model`."""
        from inkling.networks.torch.portable import answering, onnx_model

        module = answering(self.module, self.pixel_scale, self.image_shape)
        return onnx_model(module, self.image_shape, self.name, opset)

    def steps(self) -> Steps:
        """Return what the module computes in plain steps, batch normalisation folded.

        Raises
        ------
        NetworkError
            If it has a layer that is none of them.
        """
        return Steps(float(self.pixel_scale), plain_steps(self.module, self.name))

    def torch_function(self) -> tuple[str, State]:
        """Return the body of a function of `w` and `images`, and its arrays: see `Portable`."""
        from inkling.networks.torch.portable import answering, torch_function

        return torch_function(answering(self.module, self.pixel_scale, self.image_shape), self.image_shape, self.name)

    # --- state -------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return copies of the module's arrays, the pixel scale, and the optimiser's memory with its step count."""
        arrays: State = {name: to_numpy(tensor) for name, tensor in self.module.state_dict().items()}
        arrays["pixel_scale"] = np.asarray([self.pixel_scale])
        return arrays | self._memory()

    def _memory(self) -> State:
        """Return copies of the optimiser's arrays, and the seed with the steps taken."""
        arrays: State = {_STEPS: np.asarray([self.seed, self._steps])} if self._steps else {}
        names = {id(parameter): name for name, parameter in self.module.named_parameters()}
        for parameter, memory in self._optimizer.state.items():
            for what, value in memory.items():
                if value is not None:
                    arrays[f"{OPTIMIZER}{names[id(parameter)]}.{what}"] = to_numpy(value)
        return arrays

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over the module's arrays, the pixel scale and, where present, the optimiser's memory.

        Raises
        ------
        NetworkError
            If a name is missing or unknown, a shape or dtype does not fit, or a number is not finite.
        """
        own: State = {name: to_numpy(tensor) for name, tensor in self.module.state_dict().items()}
        own["pixel_scale"] = np.asarray([self.pixel_scale])
        parameters = dict(self.module.named_parameters())
        remembered = ("momentum_buffer",) if self._optimizer_settings.name == "sgd" else ("exp_avg", "exp_avg_sq")
        memory: State = {_STEPS: np.asarray([0, 0])}
        for name in parameters:
            memory.update({f"{OPTIMIZER}{name}.{what}": own[name] for what in remembered})
            memory[f"{OPTIMIZER}{name}.step"] = np.zeros((), np.float32)
        check_state(state, own, memory)
        remembers = {name for name in state if name.startswith(OPTIMIZER)} - {_STEPS}
        if remembers and _STEPS not in state:
            raise NetworkError("weights hold an optimiser's memory without its steps: the file is damaged")
        for name in parameters:
            held = [what for what in remembered if f"{OPTIMIZER}{name}.{what}" in remembers]
            if held and len(held) < len(remembered):
                raise NetworkError(
                    f"weights hold only a part of the optimiser's memory of '{name}': the file is damaged"
                )
        with torch.no_grad():
            for name, tensor in self.module.state_dict().items():
                tensor.copy_(torch.tensor(state[name]))
        self.pixel_scale = state["pixel_scale"][0]
        self.seed, self._steps = (int(number) for number in state.get(_STEPS, (self.seed, 0)))
        self._load_memory(state)

    def _load_memory(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Give the optimiser the memory among named arrays, in place of its own."""
        parameters = dict(self.module.named_parameters())
        self._optimizer.state.clear()
        for name, array in state.items():
            if name.startswith(OPTIMIZER) and name != _STEPS:
                owner, what = name.removeprefix(OPTIMIZER).rsplit(".", 1)
                value = to_device(array, self._device)
                if value.ndim == 4:
                    value = value.contiguous(memory_format=torch.channels_last)
                self._optimizer.state[parameters[owner]][what] = value

    def __getstate__(self) -> dict[str, Any]:
        """What copies are made of. The optimiser and the lists of parts point into this network's own module."""
        parts = ("_optimizer", "_dropouts", "_norms", "_training_pass")
        kept = {name: value for name, value in self.__dict__.items() if name not in parts}
        return {**kept, "memory": self._memory()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        memory, steps = state.pop("memory"), state["_steps"]
        self.__dict__.update(state)
        self._bind_module()
        self.configure(self._optimizer_settings, self._precision)
        self._load_memory(memory)
        self._steps = steps

    # --- looking inside ----------------------------------------------------------------------------------------

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in the order in which one image passes them."""
        blank = np.zeros((1, *self.image_shape), np.uint8)
        scale = Layer("scale", "pixels / 255", self.image_shape, 0, 0)
        softmax = Layer("softmax", "softmax", (self.n_classes,), 0, 0)
        return (scale, *inspection.layers(self.module, self.inputs(blank)), softmax)

    def first_layer(self) -> NDArray[np.float32] | None:
        """Return the filters of the first layer as images, (filters, h, w, C); None if it is no convolution."""
        return inspection.first_filters(self.module)

    def feature_maps(self, image: NDArray[np.uint8]) -> list[tuple[Layer, NDArray[np.float32]]]:
        """Return what each layer makes of one image, where that is an image itself.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, C)

        Returns
        -------
        list of (Layer, ndarray of float32, shape (h, w, channels))
        """
        check_images(self, image[np.newaxis])
        return inspection.feature_maps(self.module, self.inputs(image[np.newaxis]))

    def hidden_layer(self, images: NDArray[np.uint8]) -> None:
        """Return None: no hidden layer of a module is known to be the only one."""
        check_images(self, images)

    def logit_gradients(self, pixels: NDArray[np.floating[Any]], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how each pixel moves its target's logit, by torch.autograd.

        Parameters
        ----------
        pixels : ndarray of float, shape (N, H, W, C)
            0..1.
        targets : ndarray of int64, shape (N,)
            The class whose logit is meant, one per image.

        Returns
        -------
        ndarray of float32, shape (N, H, W, C)
        """
        self.module.eval()
        gradients = np.empty(pixels.shape, np.float32)
        for start in range(0, len(pixels), _PREDICTION_BATCH):
            part = slice(start, start + _PREDICTION_BATCH)
            x = to_device(pixels[part], self._device, torch.float32)
            x = x.permute(0, 3, 1, 2).requires_grad_()  # (n, C, H, W)
            classes = to_device(targets[part], self._device, torch.int64)
            with exact_float32(self._device):
                logits = self.module(x).gather(1, classes[:, np.newaxis])  # (n, 1)
                (gradient,) = torch.autograd.grad(logits.sum(), x)
            gradients[part] = gradient.permute(0, 2, 3, 1).cpu().numpy()
        return gradients
