"""What the check of a class found: each gradient, each Jacobian, and sentences on what is likely wrong."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from inkling.networks.numpy.gradient_faults import Explanation
from inkling.networks.numpy.jacobian_check import JacobianCheck
from inkling.networks.numpy.loss_faults import Loss


@dataclass(frozen=True)
class FirstWrong:
    """The first entry that differs, with both numbers."""

    index: tuple[int, ...]
    yours: float
    differences: float

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.index))}]: yours {self.yours:.6g}, by differences {self.differences:.6g}"


@dataclass(frozen=True)
class ArrayCheck:
    """How the gradient for one parameter compares with central differences."""

    name: str
    shape: tuple[int, ...]  # of the parameter
    entries: int  # compared
    kinks: int  # entries left out: the loss has a corner there, as at the 0 of a ReLU
    difference_error: float  # largest relative error; infinite where the shape is wrong or something is no number
    tolerance: float
    first_wrong: FirstWrong | None
    remark: str | None = None  # what is wrong beside the numbers

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.difference_error <= self.tolerance


@dataclass(frozen=True)
class ClassCheck:
    """What was compared, what is wrong, and what is likely the reason."""

    n: int  # images
    precision: str  # "float64", or "float32" where the class computes in that
    tolerance: float
    checks: tuple[ArrayCheck, ...]
    jacobians: tuple[JacobianCheck, ...]  # of what the class writes out
    notices: tuple[str, ...]  # what the class must not do, and does
    loss: Loss
    likely: tuple[Explanation, ...]
    engine: str = "gradients()"  # what gave the gradients: or torch.autograd
    steady: bool = True  # whether the same batch gives the same numbers, so that differences mean something

    @property
    def passed(self) -> bool:
        """Whether every gradient and every Jacobian is right, and nothing else was noticed."""
        gradients = all(check.passed for check in self.checks)
        jacobians = all(check.passed for check in self.jacobians)
        return gradients and jacobians and not self.notices and self.loss.passed

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.steady:
            return "NOT checked: the same batch gives other numbers each time, so differences mean nothing"
        wrong = [check.name for check in self.checks if not check.passed]
        right = [check.name for check in self.checks if check.passed]
        jacobians = [check.name for check in self.jacobians if not check.passed]
        how = (
            f"central differences ({self.precision}, {self.n} images, largest relative error allowed "
            f"{self.tolerance:g})"
        )
        if wrong:
            others = f"; {_listed(right)} agree{'s' * (len(right) == 1)}" * bool(right)
            return f"NOT right: {_listed(wrong)} differ{'s' * (len(wrong) == 1)} from {how}{others}"
        if jacobians:
            return (
                f"NOT right: {_listed(jacobians)} differ{'s' * (len(jacobians) == 1)} from {how}; the gradients agree"
            )
        agree = f"All {len(self.checks)} gradients agree with {how}"
        return agree if self.passed else f"{agree}, but NOT all is right"

    @property
    def likely_sentences(self) -> tuple[str, ...]:
        """What is likely wrong, a sentence a mistake, and what no known mistake explains."""
        if not self.steady:
            return ()
        errors = {check.name: check.difference_error for check in self.checks if not check.passed}
        either = len({name for found in self.likely for name in found.names}) < sum(
            len(found.names) for found in self.likely
        )
        sentences = []
        for place, found in enumerate(self.likely):
            largest = max(errors[name] for name in found.names)
            before = f"{largest:.1g}" if math.isfinite(largest) else "a wrong shape"
            sentences.append(
                f"Likely{', or' * (either and place > 0)}: {_listed(list(found.names))}: {found.text}. With that "
                f"mistake allowed for, the largest relative error falls from {before} to {found.error:.1g}."
            )
        left = [name for name in errors if not any(name in found.names for found in self.likely)]
        if left:
            sentences.append(f"No known mistake explains {_listed(left)}.{self._where(left)}")
        return tuple(sentences)

    def _where(self, left: list[str]) -> str:
        right = [check.name for check in self.checks if check.passed]
        if not right:
            return ""
        return (
            f" {_listed(right)} {'are' if len(right) > 1 else 'is'} right: look at the lines that only "
            f"{_listed(left)} {'depend' if len(left) > 1 else 'depends'} on."
        ) + self._between()

    def _between(self) -> str:
        """Between which parameters the mistake is, where all before some are wrong and all from them on right."""
        passed = [check.passed for check in self.checks]
        first = passed.index(True)
        if first < 2 or not all(passed[first:]):
            return ""
        before, after = self.checks[first - 1].name, self.checks[first].name
        return f" All up to {before} differ: look first at how the gradient is handed back from {after}'s layer to it."

    def to_dict(self) -> dict[str, Any]:
        """As plain values; an infinite error is None."""
        rows = [
            {**asdict(check), "shape": list(check.shape), "passed": check.passed, "torch_error": None,
             "difference_error": _finite(check.difference_error), "first_wrong": _entry(check.first_wrong)}
            for check in self.checks
        ]  # fmt: skip
        return {
            "passed": self.passed, "tolerance": self.tolerance, "precision": self.precision, "images": self.n,
            "engine": self.engine, "verdict": self.verdict, "checks": rows,
            "jacobians": [check.to_dict() for check in self.jacobians],
            "loss": self.loss.to_dict(), "notices": list(self.notices),
            "likely": [explanation.to_dict() for explanation in self.likely],
            "steady": self.steady, "sentences": list(self.likely_sentences),
        }  # fmt: skip


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None


def _entry(first: FirstWrong | None) -> dict[str, Any] | None:
    if first is None:
        return None
    yours = first.yours if math.isfinite(first.yours) else None
    return {"index": list(first.index), "yours": yours, "differences": first.differences}
