"""The environment of a training: versions, Git revision, hardware."""

import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from aersut.workers import core_count

PACKAGES = ("aersut", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "soundfile", "soxr")
PASSWORD = re.compile(r"://[^/@\s]+@")
"""User and password of an address, such as that of a sweep's database."""


def environment() -> dict[str, Any]:
    """Everything that may differ between trainings: versions of Python and packages, Git revision, machine, command."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [PASSWORD.sub("://***@", argument) for argument in sys.argv],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "revision": _revision(),
        "machine": platform.platform(),
        "processor": _processor(),
        "cores": core_count(),
        "devices": [str(device) for device in jax.devices()],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    """The Git commit of this code, with "+" if tracked files have changed; None if no repository has this file.

    The package may be installed within the repository of another project, in its virtual environment.
    """
    file = Path(__file__)
    commands = (
        ["ls-files", "--error-unmatch", file.name],
        ["rev-parse", "HEAD"],
        ["status", "--porcelain", "--untracked-files=no"],
    )
    try:
        _, commit, changes = (
            subprocess.run(
                ["git", *command], cwd=file.parent, capture_output=True, text=True, check=True, timeout=10
            ).stdout
            for command in commands
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.strip() + ("+" if changes.strip() else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
