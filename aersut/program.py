"""How this program was started, for the commands that it prints."""

import sys
from pathlib import Path


def program() -> str:
    """The command that started this process: `aersut` for the console script, else `python launch.py`."""
    return "aersut" if Path(sys.argv[0]).stem == "aersut" else "python launch.py"
