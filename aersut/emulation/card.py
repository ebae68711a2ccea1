"""The section of a model card with the measurements on emulated boards."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aersut.emulation.products import EXPLAINED, HEADINGS, cells
from aersut.export.model_card import INTENDED_USE
from aersut.paths import write_text

TITLE = "## On microcontrollers"


def update_card(path: Path, result: Mapping[str, Any]) -> None:
    """Write the content of emulation.json into a model card, in place of an earlier one. Without a card: nothing."""
    if not path.exists():
        return
    text = re.sub(rf"^{TITLE}\n.*?(?=^## |\Z)", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    before, heading, after = text.partition(INTENDED_USE)
    write_text(path, f"{before}{_section(result)}\n{heading}{after}")


def _section(result: Mapping[str, Any]) -> str:
    measured = ("processor", "equal bytes", "flash", "RAM", "stack", "a frame", "a window", "a second")
    lines = [
        *(TITLE, ""),
        "The C library `c/` on emulated boards (QEMU, GCC `-O2`), from emulation.json. Features and probabilities",
        "are compared with TensorFlow Lite Micro. Flash is the smallest program, RAM all memory apart from the stack.",
        "The last columns are millions of executed instructions: for the features of a frame, a classification, and a",
        "second of audio.",
        *("", *_table(measured, map(_measured, result["boards"]))),
        *("", *_table(HEADINGS, map(cells, result["products"])), "", *EXPLAINED, ""),
    ]
    return "\n".join(lines)


def _measured(board: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        board["processor"],
        f"{board['compared'] - board['differing']:,} of {board['compared']:,}",
        f"{board['flash'] / 1000:,.0f} KB",
        f"{board['ram'] / 1000:,.1f} KB",
        f"{board['stack']:,} B",
        f"{board['frame_instructions'] / 1e6:.2f}",
        f"{board['window_instructions'] / 1e6:.2f}",
        f"{board['million_instructions_per_second']:,.0f}",
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows)]
