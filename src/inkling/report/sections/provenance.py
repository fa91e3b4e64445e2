"""Provenance: the commands, settings, versions and digests that a reader needs to repeat the runs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from inkling.report.evidence import Evidence
from inkling.report.section import Section
from inkling.report.settings_wording import settings_by_size
from inkling.runs.run import Run

_SHOWN_ELSEWHERE = ("network", "image_shape", "n_classes")
"""Parts of a network's description that the report gives in other words."""


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of a report come from."""

    commands: tuple[str, ...]  # of the runs, where they were kept
    facts: tuple[tuple[str, str], ...]  # name and value
    fingerprints: tuple[tuple[str, str], ...]  # which training images, and SHA-256 of the splits with them


def facts(runs: list[Run]) -> list[tuple[str, str]]:
    """Return name and value of all that a reader needs to evaluate and repeat the runs, beside the commands."""
    first = runs[0]
    data, info = first.data, first.info
    height, width, channels = data.image_shape
    kind = "grey" if channels == 1 else "RGB"
    rows = [
        ("Data", f"{data.name}, from source '{data.source}'"),
        ("Images", f"{height}×{width} pixels, {kind}, {len(data.class_names)} classes"),
        ("Splits", f"{data.validation:,} validation and {data.test:,} test images, the same in every run"),
    ]
    if corrections := info.get("corrections"):
        what = f"{corrections['labels']} by {corrections['file']}, SHA-256 {corrections['sha256']}"
        rows.append(("Corrected labels", what))
    for network, group in groupby(runs, key=lambda run: run.label):
        rows += _network_facts(network, list(group))
    rows.append(("Seeds", ", ".join(str(seed) for seed in sorted({run.settings.seed for run in runs}))))
    rows += _environment(info)
    times = [str(run.info.get(moment)) for run in runs for moment in ("started", "finished")]
    rows.append(("Trained", f"{min(times)} to {max(times)}"))
    return rows


def _network_facts(network: str, runs: list[Run]) -> list[tuple[str, str]]:
    """What one network is beside its layers, how it was trained, and where, if not on the processor, and by whom."""
    description = runs[0].info.get("network", {})
    own = [f"{name} {value}" for name, value in description.items() if name not in _SHOWN_ELSEWHERE]
    teachers = {
        f"{teacher['run']} ({teacher['network']}), weights SHA-256 {teacher['weights_sha256']}": None
        for run in runs
        if (teacher := run.info.get("teacher"))
    }
    devices = dict.fromkeys(str(run.info.get("device", "cpu")) for run in runs)
    facts = [
        (f"Network {network}", ", ".join(own)),
        (f"Settings, {network}", settings_by_size([(run.train_size, run.settings) for run in runs])),
        (f"Teacher, {network}", "; ".join(teachers)),
        (f"Device, {network}", "" if list(devices) == ["cpu"] else ", ".join(devices)),
    ]
    return [(name, value) for name, value in facts if value]


def fingerprints(runs: list[Run]) -> list[tuple[str, str]]:
    """Return which training images, and the fingerprint of the splits with them; equal ones once."""
    seeds: dict[tuple[int, str], set[int]] = {}
    for run in runs:
        seeds.setdefault((run.train_size, run.data.fingerprint), set()).add(run.settings.seed)
    return [
        (f"{size:,} for training, seed{'s' * (len(of) > 1)} {', '.join(map(str, sorted(of)))}", digest)
        for (size, digest), of in seeds.items()
    ]


def _environment(info: dict[str, Any]) -> list[tuple[str, str]]:
    machine = info.get("machine", {})
    libraries = [
        f"{pool.get('internal_api')} {pool.get('version') or ''}".strip() for pool in machine.get("threads", ())
    ]
    processor = f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores, {machine.get('system', '')}"
    return [
        ("Versions", ", ".join(f"{name} {value}" for name, value in info.get("versions", {}).items())),
        ("Machine", processor),
        ("Linear algebra", ", ".join(dict.fromkeys(libraries)) or "unknown"),
    ]


def _gather(evidence: Evidence) -> Provenance:
    runs = evidence.runs
    others = [run.run for cell in evidence.others for run in cell.runs]
    commands = tuple(command for run in [*runs, *others] if (command := str(run.info.get("command", ""))))
    return Provenance(commands, tuple(facts(runs)), tuple(fingerprints(runs)))


SECTION = Section(
    id="provenance",
    order=150,
    title="How to reproduce it",
    template="provenance.html.j2",
    gather=_gather,
)
