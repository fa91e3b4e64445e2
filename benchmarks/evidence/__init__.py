"""What the sentences of the report claim, one module a diagnosis: how often each claim holds where the truth is known.

A module here defines `CLAIMS`, a tuple of `Claim`; `evidence_soak.py` finds every module.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from evidence.claim import Claim


def claims() -> list[Claim]:
    """Return every claim, module by module."""
    modules = [import_module(f"evidence.{found.name}") for found in iter_modules(__path__)]
    return [claim for module in modules for claim in getattr(module, "CLAIMS", ())]
