"""Estimates for Arm's NPU Ethos-U55 by its compiler Vela, without a measurement on hardware."""

import csv
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aersut.bundle_files import CLASSIFIER
from aersut.contracts import SkippedTargetError, Target
from aersut.errors import UserError
from aersut.export.context import Context
from aersut.registry import TARGETS
from aersut.tflite.file import TFLiteFile

ACCELERATORS = ("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256")
SYSTEM, MEMORY = "Ethos_U55_High_End_Embedded", "Shared_Sram"
SECONDS = 300.0
"""Time limit for all accelerators."""
MARK = "=== next accelerator"
VELA = f"""\
import sys
from ethosu.vela.vela import main
model, folder, names, *options = sys.argv[1:]
for name in names.split(","):
    print("{MARK}", flush=True)
    if main([model, f"--output-dir={{folder}}/{{name}}", f"--accelerator-config={{name}}", *options]):
        sys.exit(1)
"""
"""Compiles a model for several accelerators; an import of Vela takes longer than a small model."""


@TARGETS.register("ethos_u")
@dataclass(frozen=True)
class EthosU(Target):
    """Estimated latency and memory of the int8 classifier on Arm's NPU Ethos-U55; no files."""

    after = ("classifier",)

    def files(self, context: Context) -> Mapping[str, TFLiteFile]:
        """Estimate each accelerator; the numbers go to the key "ethos" of export.json."""
        if not available():
            remedy = (
                "pip install 'aersut[ethos]'" if sys.version_info < (3, 14) else "it has no release for Python 3.14"
            )
            raise SkippedTargetError(f"no estimate for Ethos-U55: Vela is missing ({remedy}).")
        file = context.model(CLASSIFIER)
        try:
            context.say(f"estimating {', '.join(ACCELERATORS)} by Vela")
            context.results["ethos"] = estimate(file)
        except UserError as error:
            raise SkippedTargetError(str(error)) from error
        return {}


def available() -> bool:
    """Whether the extra `ethos` is installed."""
    return importlib.util.find_spec("ethosu") is not None


def estimate(file: TFLiteFile, accelerators: Sequence[str] = ACCELERATORS) -> dict[str, dict[str, Any]]:
    """Compile a file with Vela for each accelerator, in one process, and return its estimates.

    Returns:
        sram_bytes, flash_bytes, cycles and latency_ms per inference, clock_mhz, npu (fraction of operators on it).

    Raises:
        UserError: Vela cannot compile the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(file.content)
        options = [f"--system-config={SYSTEM}", f"--memory-mode={MEMORY}"]
        command = [sys.executable, "-P", "-c", VELA, str(model), folder, ",".join(accelerators), *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise UserError(f"{file.name}: Vela did not end within {SECONDS:g} s.") from None
        _, *logs = done.stdout.split(f"{MARK}\n")
        found = {}
        for accelerator, log in zip(accelerators, logs, strict=False):
            summaries = list((Path(folder) / accelerator).glob("*_summary_*.csv"))
            operators = dict(re.findall(r"([CN]PU) operators = (\d+)", log))
            if not summaries or not operators:
                break
            with summaries[0].open() as text:
                [row] = csv.DictReader(text)
            found[accelerator] = _estimates(row, {unit: int(count) for unit, count in operators.items()})
        if len(found) < len(accelerators):
            lines = (done.stderr or done.stdout).strip().splitlines()
            reason = lines[-1] if lines else "no reason"
            raise UserError(f"{file.name} cannot be compiled by Vela for {accelerators[len(found)]}: {reason}")
    return found


def _estimates(row: Mapping[str, str], counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "sram_bytes": round(1024 * float(row["sram_memory_used"])),
        "flash_bytes": round(1024 * float(row["off_chip_flash_memory_used"])),
        "cycles": round(float(row["cycles_total"])),
        "latency_ms": 1000 * float(row["inference_time"]),
        "clock_mhz": float(row["core_clock"]) / 1e6,
        "npu": counts.get("NPU", 0) / max(1, sum(counts.values())),
    }
