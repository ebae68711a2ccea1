"""The results of an emulation: a table for the terminal, and the content of emulation.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16

from aersut.board import stride
from aersut.bundle_files import FRONTEND
from aersut.contracts import Framing
from aersut.emulation.emulate import Emulation
from aersut.emulation.products import EXPLAINED, fits
from aersut.serving.recognizer import load


@dataclass(frozen=True)
class Summary:
    """The results of all boards.

    Attributes:
        predicted: the emotions of the windows according to `predicted`.
    """

    boards: Sequence[Emulation]
    predicted: Sequence[str]
    framing: Framing

    def million_instructions_per_second(self, one: Emulation) -> float:
        """Executed for one second of audio."""
        frames = self.framing.sample_rate / self.framing.hop_length
        measured = one.measured
        return frames * (measured.frame_instructions + measured.window_instructions / stride(self.framing)) / 1e6

    def same(self, one: Emulation) -> int:
        """Number of windows with the predicted emotion."""
        return sum(found == like for found, like in zip(one.emotions, self.predicted, strict=False))

    def result(self, before: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """The content of emulation.json.

        Args:
            before: "boards" in an earlier one of this export; the entries of other processors are kept.
        """
        entries = {one["processor"]: one for one in (*before, *map(self._entry, self.boards))}
        boards = list(entries.values())
        return {"boards": boards, "products": fits(boards), "products_note": " ".join(EXPLAINED)}

    def _entry(self, one: Emulation) -> dict[str, Any]:
        return {
            "processor": one.board.processor,
            "machine": one.board.machine,
            "compared": one.compared,
            "differing": one.differing,
            "error": one.error,
            "windows": len(one.emotions),
            "as_predicted": self.same(one),
            "million_instructions_per_second": round(self.million_instructions_per_second(one), 2),
            **asdict(one.measured),
        }


def predicted(export: Path, samples: Int16[np.ndarray, " samples"]) -> list[str]:
    """The emotions that `predict --stream` prints with frontend.tflite; "silence" without speech."""
    return [one.emotion or "silence" for one in load(export / FRONTEND).stream().push(samples)]


def table(summary: Summary) -> str:
    """The measurements on each board as a table for the terminal."""
    lines = [
        f"{'processor':12}{'emulated':12}{'bytes equal':>20}{'flash':>10}{'RAM':>10}{'stack':>9}{'a frame':>10}"
        f"{'a window':>10}{'per second':>12}{'as predicted':>14}"
    ]
    for one in summary.boards:
        measured = one.measured
        cells = (
            (f"{one.compared - one.differing:,} of {one.compared:,}", 20),
            (f"{measured.flash / 1000:,.0f} KB", 10),
            (f"{measured.ram / 1000:,.1f} KB", 10),
            (f"{measured.stack:,} B", 9),
            (f"{measured.frame_instructions / 1e6:.2f} M", 10),
            (f"{measured.window_instructions / 1e6:.2f} M", 10),
            (f"{summary.million_instructions_per_second(one):,.0f} M", 12),
            (f"{summary.same(one)} of {len(one.emotions)}", 14),
        )
        texts = "".join(f"{text:>{width}}" for text, width in cells)
        lines.append(f"{one.board.processor:12}{one.board.machine:12}{texts}")
    lines += [
        "Bytes: features, which may differ by one step if the library has a Fourier transform of its own, and",
        "probabilities. Instructions, counted, not timed: for the samples of a hop, for a classification, and for a",
        "second of audio. RAM without the stack. As predicted: windows with the emotion of predict --stream.",
    ]
    return "\n".join(lines)
