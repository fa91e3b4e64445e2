"""What `verbose` prints: a line an epoch, and with 2 how far the epoch is."""

from __future__ import annotations

import sys
import time

from inkling.metrics.formatting import percent
from inkling.training.loop import EpochRecord
from inkling.training.progress import EpochProgress


class EpochPrinter:
    """Prints to standard output.

    Parameters
    ----------
    verbose : int
        0: nothing, 1: a line an epoch with the time left, 2: the part of an epoch that is done too.
    name : str
        Of the estimator.
    epochs : int
        At most.
    n_validation : int
        Rows behind a validation accuracy, for its digits.
    """

    def __init__(self, verbose: int, name: str, epochs: int, n_validation: int) -> None:
        self.verbose, self.name, self.epochs, self.n_validation = int(verbose), name, epochs, n_validation
        self._began, self._width = time.monotonic(), 0

    def within(self, progress: EpochProgress) -> None:
        """Show how far an epoch is, on one line that the next replaces."""
        if self.verbose >= 2:
            line = f"{self.name}: epoch {progress.epoch}/{progress.epochs}, {progress.stage}"
            line += f" {progress.done:,} of {progress.total:,}"
            sys.stdout.write("\r" + line.ljust(self._width))
            sys.stdout.flush()
            self._width = len(line)

    def after(self, record: EpochRecord) -> None:
        """Print what an epoch did."""
        if self.verbose < 1:
            return
        words = [f"{self.name}: epoch {record.epoch}/{self.epochs}", f"loss {record.train_loss:.4f}"]
        if self.n_validation:
            words.append(f"validation accuracy {percent(record.validation_accuracy, self.n_validation)}")
        seconds = time.monotonic() - self._began
        left = seconds / record.epoch * (self.epochs - record.epoch)
        words.append(f"{seconds:.1f} s in all" if record.last else f"{left:.0f} s left")
        line = ", ".join(words)
        sys.stdout.write(("\r" if self._width else "") + line.ljust(self._width) + "\n")
        self._width = 0
