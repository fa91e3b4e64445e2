"""The weights of every epoch, where they were asked for: what shows how a network learnt.

snapshots/epoch-0000.safetensors    the weights that training began with
snapshots/epoch-0001.safetensors    those after the first epoch, and so on
"""

from __future__ import annotations

import re
from pathlib import Path

from inkling.errors import RunError
from inkling.networks.protocols import Network, State, weights_only
from inkling.runs.arrays import load_arrays
from inkling.runs.network_file import save_weights, with_weights
from inkling.runs.run import Run
from inkling.storage.atomic import cannot_write, make_folder

_NAME = re.compile(r"epoch-(\d{4,})\.safetensors")


class SnapshotKeeper:
    """Writes the weights of each epoch into a run folder.

    Parameters
    ----------
    run : Run
    epochs : int
        Those of the checkpoint that training goes on from; later ones are removed and will be trained again.

    Raises
    ------
    RunError
        If the folder cannot be written.
    """

    def __init__(self, run: Run, epochs: int) -> None:
        self._run = run
        make_folder(_folder(run))
        for epoch in snapshot_epochs(run):
            if epoch > epochs:
                try:
                    _file(run, epoch).unlink()
                except OSError as error:
                    raise cannot_write(_file(run, epoch), error) from None

    def keep(self, epoch: int, state: State) -> None:
        """Write the weights of an epoch, 0 for those before the first; what the optimiser remembers is left out."""
        run = self._run
        named = {"epoch": str(epoch)}
        save_weights(_file(run, epoch), weights_only(state), run.info["network"], run.data.class_names, named)


def snapshot_epochs(run: Run) -> list[int]:
    """Return the epochs whose weights a run has kept, in their order; none where `--snapshots` was not given."""
    folder = _folder(run)
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted(int(match[1]) for match in found if match)


def snapshot_network(run: Run, epoch: int, device: str = "auto") -> Network:
    """Return the network with the weights of an epoch.

    Parameters
    ----------
    run : Run
    epoch : int
        One of `snapshot_epochs`.
    device : str
        Where a PyTorch network shall compute: "auto", "cpu", "cuda", …

    Raises
    ------
    RunError
        If the run has not kept them, or the file is damaged or of another network.
    """
    path = _file(run, epoch)
    if not path.is_file():
        raise RunError(f"{run.folder}: has kept no weights of epoch {epoch}: train with --snapshots")
    arrays, metadata = load_arrays(path)
    if metadata.get("epoch") != str(epoch):
        raise RunError(f"{path}: holds the weights of another epoch: train again into another folder")
    return with_weights(run.info["network"], arrays, path, device)


def _folder(run: Run) -> Path:
    return run.folder / "snapshots"


def _file(run: Run, epoch: int) -> Path:
    return _folder(run) / f"epoch-{epoch:04d}.safetensors"
