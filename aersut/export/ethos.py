"""What Arm's compiler Vela says of an int8 file on an Ethos-U55: an estimate, no measurement."""

import csv
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from aersut.errors import UserError

ACCELERATORS = ("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256")
SYSTEM, MEMORY = "Ethos_U55_High_End_Embedded", "Shared_Sram"
SECONDS = 120.0


def available() -> bool:
    """Whether the extra `ethos` is installed."""
    return importlib.util.find_spec("ethosu") is not None


def estimate(file: bytes, accelerator: str, name: str = "the file") -> dict[str, Any]:
    """Compile a file and return what it would need and take.

    Returns:
        sram_bytes, flash_bytes, cycles and ms of one inference, clock_mhz, and npu, the share of operators on the NPU.

    Raises:
        UserError: Vela cannot compile it.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(file)
        options = [f"--accelerator-config={accelerator}", f"--system-config={SYSTEM}", f"--memory-mode={MEMORY}"]
        command = [sys.executable, "-m", "ethosu.vela", str(model), f"--output-dir={folder}", *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise UserError(f"{name}: Vela did not end within {SECONDS:g} s.") from None
        summaries = list(Path(folder).glob("*_summary_*.csv"))
        operators = re.findall(r"([CN]PU) operators = (\d+)", done.stdout)
        if done.returncode != 0 or not summaries or not operators:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise UserError(f"{name} cannot be compiled by Vela for {accelerator}: {said[-1] if said else 'no reason'}")
        with summaries[0].open() as text:
            [row] = csv.DictReader(text)
    counts = {unit: int(count) for unit, count in operators}
    return {
        "sram_bytes": round(1024 * float(row["sram_memory_used"])),
        "flash_bytes": round(1024 * float(row["off_chip_flash_memory_used"])),
        "cycles": round(float(row["cycles_total"])),
        "ms": 1000 * float(row["inference_time"]),
        "clock_mhz": float(row["core_clock"]) / 1e6,
        "npu": counts.get("NPU", 0) / max(1, sum(counts.values())),
    }
