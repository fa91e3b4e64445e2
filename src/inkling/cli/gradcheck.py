"""`inkling gradcheck`: every Jacobian and gradient against arithmetic that knows nothing of their formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet, table


def gradcheck(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder of a perceptron.  [default: new random weights]")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Check Jacobians and gradients by central differences.

    They are also compared with torch.autograd, where PyTorch is installed.
    """
    import numpy as np

    from inkling.networks.numpy.gradcheck import TOLERANCE, TORCH_TOLERANCE, check_gradients
    from inkling.networks.numpy.perceptron import Perceptron
    from inkling.runs.run import Run

    output = Output(quiet, json)
    network = Run(run).network() if run else Perceptron()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, *network.image_shape), dtype=np.uint8)
    labels = rng.integers(0, network.n_classes, 8)
    with output.watch("checking gradients") as progress:
        checks = check_gradients(network, images, labels, progress)
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
    if not passed:
        raise typer.Exit(1)
