"""Which known mistakes lead to the gradients that a class returned: all tried, and only what fits is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from inkling.networks.numpy.convolution_chain import ConvolutionChain
from inkling.networks.numpy.convolution_faults import wrong_convolutions
from inkling.networks.numpy.dense_faults import wrong_gradients
from inkling.networks.numpy.gradient_faults import (
    OUTPUT_MISTAKES,
    REPAIRS,
    Array,
    Evidence,
    Explanation,
    of_logits,
    repair_error,
    zero,
)

_SLACK = 3  # times the check's tolerance: a spoiled gradient is known no better than the right one
_FITTED = ("factor", "weight-decay")

Candidate = tuple[str, str, dict[str, Array]]  # mistake, what it means, gradients at the sampled entries by name


def explain(evidence: Evidence, wrong: Iterable[str]) -> list[Explanation]:
    """Return the mistakes that explain wrong gradients, simplest first; none for gradients that no mistake explains.

    One mistake that leads to every returned gradient comes before one for each array, and those before pairs of a
    mistake at the logits and one further back. A number that is fitted (a factor, a decay) is tried last.

    Parameters
    ----------
    evidence : Evidence
    wrong : iterable of str
        Names of the parameters whose gradients are wrong.
    """
    wrong = tuple(wrong)
    shaped = [name for name in evidence.returned if evidence.returned[name].shape == evidence.parameters[name].shape]
    if len(shaped) == len(evidence.returned) > 0:
        one = _of_all(evidence, wrong)
        if one:
            return one
    found = dict.fromkeys(wrong, None) | {name: _of_one(evidence, name) for name in wrong}
    if any(explanation is None or explanation.mistake in _FITTED for explanation in found.values()):
        pair = _of_pair(evidence, [name for name in wrong if name in shaped])
        if len(pair) == len(wrong):
            return _grouped(pair.values())
        for name, explanation in pair.items():
            known = found[name]
            if known is None or known.mistake in _FITTED:
                found[name] = explanation
    return _grouped(found[name] for name in wrong)


def _of_all(evidence: Evidence, wrong: tuple[str, ...]) -> list[Explanation]:
    """The mistakes that lead to every gradient returned, right ones included; the first two where several do."""
    explanations: dict[str, Explanation] = {}
    for mistake, text, gradients in (*_at_the_logits(evidence), *_within(evidence)):
        error = max(_error(evidence, name, gradients[name]) for name in evidence.returned)
        if error <= _SLACK * evidence.tolerance:
            explanations.setdefault(mistake, Explanation(mistake, text, wrong, error))
    return list(explanations.values())[:2]


def _of_one(evidence: Evidence, name: str) -> Explanation | None:
    """The first mistake that explains one array."""
    bound, fitted = _SLACK * evidence.tolerance, None
    for repair in REPAIRS:
        for mistake, text, repaired in repair(evidence, name, evidence.returned[name]):
            error = repair_error(evidence, name, repaired)
            if error <= bound:
                explanation = Explanation(mistake, text, (name,), error)
                if mistake not in _FITTED:
                    return explanation
                fitted = fitted or explanation
    if evidence.returned[name].shape != evidence.parameters[name].shape:
        return None
    for mistake, text, gradient in (*zero(evidence, name), *of_logits(evidence, name)):
        error = _error(evidence, name, gradient)
        if error <= bound:
            return Explanation(mistake, text, (name,), error)
    for mistake, text, gradients in _within(evidence):
        error = _error(evidence, name, gradients[name])
        if error <= bound:
            return Explanation(mistake, text, (name,), error)
    return fitted


def _of_pair(evidence: Evidence, names: list[str]) -> dict[str, Explanation]:
    """A mistake at the logits that explains some arrays, and one further back that explains the others with it."""
    best: dict[str, Explanation] = {}
    bound = _SLACK * evidence.tolerance
    for mistake, text, gradients in _at_the_logits(evidence):
        errors = {name: _error(evidence, name, gradients[name]) for name in names}
        found = {name: Explanation(mistake, text, (name,), error) for name, error in errors.items() if error <= bound}
        left = [name for name in names if name not in found]
        if not found or evidence.chain is None:
            continue
        with np.errstate(all="ignore"):
            d_logits = OUTPUT_MISTAKES[mistake][1](evidence.output)
        for further, means, spoiled in _within(evidence, d_logits):
            errors = {name: _error(evidence, name, spoiled[name]) for name in left}
            fits = {
                name: Explanation(further, f"besides, {means}", (name,), error)
                for name, error in errors.items()
                if error <= bound
            }
            found = found | fits if len(fits) == len(left) else fits | found
            if len(fits) == len(left):
                break
        if len(found) > len(best):
            best = found
    return best


def _at_the_logits(evidence: Evidence) -> Iterator[Candidate]:
    by_name = {name: list(of_logits(evidence, name)) for name in evidence.returned}
    for place, (mistake, (text, _)) in enumerate(OUTPUT_MISTAKES.items()):
        yield mistake, text, {name: found[place][2] for name, found in by_name.items()}


def _within(evidence: Evidence, d_logits: Array | None = None) -> Iterator[Candidate]:
    if evidence.chain is None:
        return
    if d_logits is None:
        d_logits = (evidence.output.p - evidence.output.y) / evidence.output.n
    values = evidence.chain.run(evidence.x)
    with np.errstate(all="ignore"):
        wrong = (
            wrong_convolutions(evidence.chain, values, d_logits)
            if isinstance(evidence.chain, ConvolutionChain)
            else wrong_gradients(evidence.chain, values, d_logits)
        )
        for mistake, text, gradients in wrong:
            yield mistake, text, {name: evidence.sampled(name, array) for name, array in gradients.items()}


def _error(evidence: Evidence, name: str, gradient: Array) -> float:
    """Largest relative error of a spoiled gradient against the one that was returned."""
    return evidence.error(name, evidence.sampled(name, evidence.returned[name]), gradient)


def _grouped(explanations: Iterable[Explanation | None]) -> list[Explanation]:
    """Put together what is said of several arrays alike."""
    groups: dict[str, Explanation] = {}
    for found in explanations:
        if found is not None:
            before = groups.get(found.text, Explanation(found.mistake, found.text, (), 0.0))
            groups[found.text] = Explanation(
                found.mistake, found.text, before.names + found.names, max(before.error, found.error)
            )
    return list(groups.values())
