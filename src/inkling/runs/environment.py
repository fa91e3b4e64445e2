"""What a run was computed with: versions, processor, threads. Recorded because equal bits are promised only there."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from inkling import __version__


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result can depend on, where installed."""
    installed = {"python": platform.python_version(), "inkling": __version__}
    for package in ("numpy", "scipy", "scikit-learn", "torch"):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def machine() -> dict[str, Any]:
    """Return the operating system, processor, cores, and threads and libraries of linear algebra."""
    from threadpoolctl import threadpool_info

    pools = [
        {key: pool.get(key) for key in ("internal_api", "version", "num_threads", "architecture")}
        for pool in threadpool_info()
    ]
    return {"system": f"{platform.system()} {platform.machine()}", "processor": _processor(),
            "cores": os.cpu_count(), "threads": pools}  # fmt: skip


def _processor() -> str:
    # Not py-cpuinfo: it starts processes, one of which executes machine code that it wrote into memory.
    if sys.platform == "linux":
        with suppress(OSError):
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
