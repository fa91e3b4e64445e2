"""`inkling gradcheck`: every Jacobian and gradient against arithmetic that knows nothing of their formulas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table
from inkling.errors import NetworkError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inkling.networks.numpy.class_check_result import ClassCheck

_IMAGES = 8  # of a perceptron's check
_BATCHES = (7, 11, 13, 17)  # images of a class's check: a number that is no size of its arrays, so factors tell apart
_SHAPES = ((28, 28, 1), (8, 8, 1))  # tried where none is given: MNIST's and the bundled digits'


def gradcheck(
    run: Annotated[
        str | None,
        typer.Argument(
            help="FILE.py:CLASS, a network of your own, or the run folder of a perceptron.  "
            "[default: a perceptron of new random weights]",
            metavar="[RUN | FILE.py:CLASS]",
        ),
    ] = None,
    image_shape: Annotated[
        str | None,
        typer.Option(help="Of FILE.py:CLASS: HxWxC, as 32x32x3.  [default: 28x28x1, else 8x8x1]", metavar="HxWxC"),
    ] = None,
    classes: Annotated[int, typer.Option(help="Of FILE.py:CLASS.", min=2)] = 10,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="An option of FILE.py:CLASS, as hidden=128; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Check Jacobians and gradients by central differences.

    Those of a perceptron are also compared with torch.autograd, where PyTorch is installed. Of a network of your own,
    FILE.py:CLASS, every gradient is checked, and known mistakes are tried on wrong ones: it says what is likely wrong.
    """
    from inkling.networks.custom import is_custom
    from inkling.runs.run import Run

    output = Output(quiet, json)
    if run is not None and is_custom(run):
        passed = _check_class(output, run, image_shape, classes, _options(run, set_ or []))
    else:
        if set_:
            raise SettingsError([f"--set chooses options of FILE.py:CLASS, found {run or 'no class'}: leave it out"])
        opened = None if run is None else Run(run)
        if opened is not None and is_custom(opened.network_name):
            raise NetworkError(
                f"{run} is a run of {opened.network_name}: check the class itself, "
                f"inkling gradcheck {opened.network_name}"
            )
        passed = _check_perceptron(output, None if run is None else Path(run))
    if not passed:
        raise typer.Exit(1)


def _check_perceptron(output: Output, run: Path | None) -> bool:
    import numpy as np

    from inkling.networks.numpy.gradcheck import TOLERANCE, TORCH_TOLERANCE, check_gradients
    from inkling.networks.numpy.perceptron import Perceptron
    from inkling.runs.run import Run

    network = Run(run).network() if run else Perceptron()
    images, labels = _batch(network.image_shape, network.n_classes, _IMAGES)
    with output.watch("checking gradients") as progress:
        checks = check_gradients(network, images, np.asarray(labels), progress)
    rows = table("", "shape", "entries", "against differences", "against torch", "")
    for check in checks:
        against_torch = "not installed" if check.torch_error is None else f"{check.torch_error:.1e}"
        rows.add_row(
            check.name, "x".join(map(str, check.shape)), f"{check.entries:,}", f"{check.difference_error:.1e}",
            against_torch, "ok" if check.passed else "MISSED",
        )  # fmt: skip
    passed = all(check.passed for check in checks)
    verdict = (
        f"{'All' if passed else 'NOT all'} {len(checks)} arrays are correct: largest relative error allowed "
        f"{TOLERANCE:g} against central differences, {TORCH_TOLERANCE:g} against torch.autograd (float64)"
    )
    output.result(
        {"passed": passed, "tolerance": TOLERANCE, "torch_tolerance": TORCH_TOLERANCE,
         "checks": [{**check.__dict__, "passed": check.passed} for check in checks]},
        verdict,
        rows,
    )  # fmt: skip
    return passed


def _options(name: str, words: list[str]) -> dict[str, object]:
    """Return the options of a class that were chosen, whose names are checked where it is made."""
    from inkling.networks.custom import custom_options
    from inkling.training.variation import Setting, read_value

    there, given = custom_options(name), choices.one_value_each(choices.varied(words))
    return {
        what: read_value(Setting(what, (what,), there[what], of_network=True), word) if what in there else word
        for what, word in given.items()
    }


def _check_class(output: Output, name: str, image_shape: str | None, classes: int, options: dict[str, object]) -> bool:
    from inkling.networks.custom import build_custom
    from inkling.networks.numpy.class_check import check_class
    from inkling.networks.numpy.subject import UncheckedNetwork

    shapes = _SHAPES if image_shape is None else (_shape(image_shape),)
    errors = []
    for shape in shapes:
        try:
            network = build_custom(name, shape, classes, device="cpu", numpy_network=UncheckedNetwork, options=options)
            break
        except NetworkError as error:
            errors.append(error)
    else:
        raise errors[0]
    with output.watch("checking gradients") as progress:
        if isinstance(network, UncheckedNetwork):
            sizes = {size for array in network.parameters.values() for size in array.shape} | {classes}
            n = next((n for n in _BATCHES if n not in sizes), _BATCHES[0])
            check = check_class(network, *_batch(shape, classes, n), progress)
        else:
            from inkling.networks.torch.module_check import check_module

            check = check_module(network, *_batch(shape, classes, _BATCHES[0]), progress)  # type: ignore[arg-type]
    _print(output, check)
    return check.passed


def _print(output: Output, check: ClassCheck) -> None:
    rows = table("", "shape", "entries", "against differences", "")
    for part in check.checks:
        rows.add_row(
            part.name, "x".join(map(str, part.shape)), f"{part.entries:,}", f"{part.difference_error:.1e}",
            "ok" if part.passed else "WRONG",
        )  # fmt: skip
    for jacobian in check.jacobians:
        error = "" if jacobian.difference_error is None else f"{jacobian.difference_error:.1e}"
        rows.add_row(
            jacobian.name, "x".join(map(str, jacobian.shape)), "", error,
            "not checked" if not error else "ok" if jacobian.passed else "WRONG",
        )  # fmt: skip
    lines = list(check.notices)
    if check.loss.sentence:
        lines.append(check.loss.sentence)
    for part in check.checks:
        if part.remark:
            lines.append(f"{part.name}: {part.remark}")
        if part.first_wrong:
            lines.append(f"{part.name}{part.first_wrong}")
        if part.kinks:
            lines.append(f"{part.name}: entries left out, where the loss has a corner: {part.kinks}")
    for jacobian in check.jacobians:
        if jacobian.first_wrong:
            lines.append(f"{jacobian.name}{jacobian.first_wrong}")
        said = [said for said in (jacobian.remark, jacobian.likely and f"likely: {jacobian.likely}") if said]
        lines += [f"{jacobian.name}: {'; '.join(said)}"] if said else []
    lines += check.likely_sentences
    output.result(check.to_dict(), check.verdict, rows, *lines)


def _shape(text: str) -> tuple[int, int, int]:
    import re

    sizes = re.fullmatch(r"(\d{1,6})x(\d{1,6})x(\d{1,6})", text)
    if sizes is None:
        raise SettingsError([f"--image-shape must be HxWxC, as 28x28x1, found '{text}'"])
    height, width, channels = map(int, sizes.groups())
    return height, width, channels


def _batch(shape: tuple[int, int, int], classes: int, n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return random images, with labels of two classes or more."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    labels = rng.integers(0, classes, n)
    labels[0], labels[-1] = 0, classes - 1
    return images, labels
