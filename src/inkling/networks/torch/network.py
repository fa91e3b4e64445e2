"""A PyTorch module made a Network: the same steps, predictions and named arrays as the perceptron's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkling.errors import NetworkError
from inkling.networks.checks import check_device, check_images, check_parameters, check_state
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.protocols import (
    BFLOAT16,
    FLOAT32,
    OPTIMIZER,
    Layer,
    State,
    Targets,
)
from inkling.networks.torch.modules import CONVOLUTIONAL, MeanPool, Residual
from inkling.networks.torch.training_pass import training_pass

_STEPS = OPTIMIZER + "steps"  # the seed, and the steps taken: together they fix what is random in the next one
_PREDICTION_BATCH = 128
_NORM_MOMENTUM = 0.1
_KINDS = {
    nn.Conv2d: "convolution", nn.BatchNorm2d: "batch normalisation", nn.ReLU: "relu", nn.MaxPool2d: "max-pool",
    MeanPool: "mean-pool", nn.Linear: "dense", nn.Flatten: "flatten", Residual: "residual sum",
}  # fmt: skip


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
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Raises
    ------
    NetworkError
        If there are fewer than 2 classes, or the device is not there.

    Notes
    -----
    Equal seeds give equal bits on one machine with one number of threads, on the CPU. What is random in step t is drawn
    from (seed, t), t being part of the state, so training goes on after a checkpoint as if it had never stopped.
    """

    def __init__(
        self,
        module: nn.Module,
        image_shape: tuple[int, int, int],
        n_classes: int,
        name: str = "custom",
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        if n_classes < 2:
            raise NetworkError(f"a classifier needs at least 2 classes, found {n_classes}")
        self._image_shape = (int(image_shape[0]), int(image_shape[1]), int(image_shape[2]))
        self._n_classes, self.name, self.seed = int(n_classes), name, seed
        self._device = _device(device)
        self.module = module.to(device=self._device, memory_format=torch.channels_last)
        self.pixel_scale = np.float32(1 / 255)
        self._dropouts = list(_seed_dropout(self.module))
        self._training_pass = training_pass(self.module)
        self._norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
        self.configure(OptimizerSettings())

    @classmethod
    def named(
        cls, name: str, image_shape: tuple[int, int, int], n_classes: int, seed: int = 0, device: str = "auto"
    ) -> TorchNetwork:
        """Return one of `convolutional.CONVOLUTIONAL` with fresh weights drawn from the seed."""
        with torch.device("meta"):  # sizes without memory
            sizes = CONVOLUTIONAL[name](image_shape, n_classes)
        check_parameters(sum(parameter.numel() for parameter in sizes.parameters()), name, image_shape, n_classes)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            module = CONVOLUTIONAL[name](image_shape, n_classes)
        return cls(module, image_shape, n_classes, name, seed, device)

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
        return {"network": self.name, "image_shape": list(self.image_shape), "n_classes": self.n_classes}

    # --- learning ----------------------------------------------------------------------------------------------

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule and the arithmetic of training steps; the optimiser's memory is cleared.

        Precision "bfloat16" computes convolutions and products in bfloat16 (autocast); weights, their updates and
        predictions stay float32.
        """
        self._autocast = precision == BFLOAT16
        self._optimizer_settings = optimizer
        decayed = [parameter for parameter in self.module.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.module.parameters() if parameter.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": optimizer.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        # One kernel for all parameters: on the CPU half the time of a step of Adam on three million of them.
        if optimizer.name == "adam":
            betas = (optimizer.momentum, optimizer.beta2)
            self._optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)
        else:
            self._optimizer = torch.optim.SGD(
                groups, lr=0.0, momentum=optimizer.momentum, nesterov=optimizer.nesterov, fused=True
            )
        self._steps = 0

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step on a batch; return its mean loss before the step."""
        check_images(self, images)
        # A batch of one has no spread to be normalised by: it is normalised as in prediction.
        self.module.train(len(images) > 1)
        # Running statistics begin as the plain mean of the first batches: a short training else judges by their zeros.
        for norm in self._norms:
            norm.momentum = max(_NORM_MOMENTUM, 1 / (1 + self._steps))
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        goal = torch.tensor(targets, dtype=torch.int64 if targets.ndim == 1 else torch.float32, device=self._device)
        rng = np.random.default_rng((self.seed, self._steps))
        for dropout in self._dropouts:
            dropout.rng = rng
        with self._repeatable(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._autocast):
            logits = self._training_pass(self.inputs(images))
        if weights is None:
            loss = functional.cross_entropy(logits.float(), goal)
        else:
            share = torch.tensor(weights, dtype=torch.float32, device=self._device) / len(weights)
            loss = functional.cross_entropy(logits.float(), goal, reduction="none") @ share
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self._steps += 1
        return float(loss.detach())

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        check_images(self, images)
        self.module.eval()
        probabilities = np.empty((len(images), self.n_classes), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), _PREDICTION_BATCH):
                part = slice(start, start + _PREDICTION_BATCH)
                logits = self.module(self.inputs(images[part]))
                probabilities[part] = functional.softmax(logits.float(), dim=1).cpu().numpy()
        return probabilities

    def inputs(self, images: NDArray[np.uint8]) -> Tensor:
        """Return what the module is given: pixels in 0..1, (N, C, H, W) over memory in the order of the images."""
        pixels = torch.tensor(np.ascontiguousarray(images), device=self._device)
        return pixels.permute(0, 3, 1, 2).to(torch.float32).mul_(float(self.pixel_scale))

    @contextmanager
    def _repeatable(self) -> Iterator[None]:
        """Draw random numbers from (seed, step), and leave torch's own generators as they were."""
        drawn = np.random.SeedSequence((self.seed, self._steps)).generate_state(1, np.uint64)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(int(drawn[0]))
            yield

    # --- state -------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return copies of the module's arrays, the pixel scale, and the optimiser's memory with its step count."""
        arrays: State = {name: _array(tensor) for name, tensor in self.module.state_dict().items()}
        arrays["pixel_scale"] = np.asarray([self.pixel_scale])
        if self._steps:
            arrays[_STEPS] = np.asarray([self.seed, self._steps])
        names = {id(parameter): name for name, parameter in self.module.named_parameters()}
        for parameter, memory in self._optimizer.state.items():
            for what, value in memory.items():
                if value is not None:
                    arrays[f"{OPTIMIZER}{names[id(parameter)]}.{what}"] = _array(value)
        return arrays

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over the module's arrays, the pixel scale and, where present, the optimiser's memory.

        Raises
        ------
        NetworkError
            If a name is missing or unknown, a shape or dtype does not fit, or a number is not finite.
        """
        own: State = {name: _array(tensor) for name, tensor in self.module.state_dict().items()}
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
        self._optimizer.state.clear()
        for name, array in state.items():
            if name.startswith(OPTIMIZER) and name != _STEPS:
                owner, what = name.removeprefix(OPTIMIZER).rsplit(".", 1)
                value = torch.tensor(array, device=self._device)
                if value.ndim == 4:
                    value = value.contiguous(memory_format=torch.channels_last)
                self._optimizer.state[parameters[owner]][what] = value

    # --- looking inside ----------------------------------------------------------------------------------------

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in the order in which one image passes them."""
        height, width, channels = self.image_shape
        scale = Layer("scale", "pixels / 255", (height, width, channels), 0, 0)
        blank = np.zeros((1, *self.image_shape), np.uint8)
        found = [_layer(module, output) for module, output in self._passed(blank)]
        return (scale, *found, Layer("softmax", "softmax", (self.n_classes,), 0, 0))

    def first_layer(self) -> NDArray[np.float32] | None:
        """Return the filters of the first layer as pictures, (filters, h, w, C); None if it is no convolution."""
        first = next((module for module in self.module.modules() if not list(module.children())), None)
        return _array(first.weight.permute(0, 2, 3, 1)) if isinstance(first, nn.Conv2d) else None

    def feature_maps(self, image: NDArray[np.uint8]) -> list[tuple[Layer, NDArray[np.float32]]]:
        """Return what each layer makes of one image, as long as it is a picture.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, C)

        Returns
        -------
        list of (Layer, ndarray of float32, shape (h, w, channels))
        """
        check_images(self, image[np.newaxis])
        return [
            (_layer(module, output), _array(output[0].permute(1, 2, 0)))
            for module, output in self._passed(image[np.newaxis])
            if output.ndim == 4
        ]

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
            x = torch.tensor(np.ascontiguousarray(pixels[part]), dtype=torch.float32, device=self._device)
            x = x.permute(0, 3, 1, 2).requires_grad_()  # (n, C, H, W)
            classes = torch.tensor(targets[part], dtype=torch.int64, device=self._device)
            logits = self.module(x).gather(1, classes[:, np.newaxis])  # (n, 1)
            (gradient,) = torch.autograd.grad(logits.sum(), x)
            gradients[part] = gradient.permute(0, 2, 3, 1).cpu().numpy()
        return gradients

    def _passed(self, images: NDArray[np.uint8]) -> list[tuple[nn.Module, Tensor]]:
        """The innermost modules in the order in which they ran, with copies of their outputs."""
        passed: list[tuple[nn.Module, Tensor]] = []
        modules = [m for m in self.module.modules() if not list(m.children()) or isinstance(m, Residual)]
        hooks = [
            module.register_forward_hook(lambda of, _, output: passed.append((of, output.clone())))
            for module in modules
        ]
        self.module.eval()
        try:
            with torch.inference_mode():
                self.module(self.inputs(images))
        finally:
            for hook in hooks:
                hook.remove()
        return passed


class _Dropout(nn.Module):  # type: ignore[misc]
    """`nn.Dropout` with a generator of its own: NumPy draws its masks in a tenth of torch's time."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.rng = np.random.default_rng(0)

    def forward(self, x: Tensor) -> Tensor:
        """Return x in prediction; in training, x with parts set to zero and the others enlarged."""
        if not self.training:
            return x
        drawn = np.frombuffer(self.rng.bytes(2 * x.numel()), np.uint16)
        kept = torch.from_numpy(drawn >= round(self.p * (1 << 16))).to(x.device).view(x.shape)
        return x * kept * (1 / (1 - self.p))


def _seed_dropout(module: nn.Module) -> Iterator[_Dropout]:
    """Put `_Dropout` in the place of every `nn.Dropout` inside a module, and yield them."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout and child.p < 1:
                setattr(parent, name, _Dropout(child.p))
                yield getattr(parent, name)


def _layer(module: nn.Module, output: Tensor) -> Layer:
    kind = "dropout" if isinstance(module, nn.Dropout | _Dropout) else _KINDS.get(type(module), type(module).__name__)
    shape = (*output.shape[2:], output.shape[1]) if output.ndim == 4 else tuple(output.shape[1:])
    detail, multiply_adds = kind, 0
    if isinstance(module, nn.Conv2d):
        detail = f"convolution {module.kernel_size[0]}x{module.kernel_size[1]}, {module.out_channels} filters"
        detail += f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        multiply_adds = module.weight.numel() * output.shape[2] * output.shape[3]
    elif isinstance(module, nn.Linear):
        multiply_adds = module.weight.numel()
    elif isinstance(module, nn.MaxPool2d):
        detail = f"max-pool {module.kernel_size}x{module.kernel_size}"
    elif isinstance(module, nn.Dropout | _Dropout):
        detail = f"dropout {module.p:g}"
    around, parameters = 0, sum(p.numel() for p in module.parameters())
    if isinstance(module, Residual):
        # Its layers speak for themselves; they are the ones that ran just before.
        around, parameters = len(module.inside), 0
    return Layer(kind, detail, tuple(int(length) for length in shape), parameters, multiply_adds, around)


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = np.array(tensor.detach().cpu().numpy(), order="C")
    return array


def _device(name: str) -> torch.device:
    check_device(name)
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise NetworkError("no GPU that PyTorch can use was found: leave out --device, or give --device cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")
