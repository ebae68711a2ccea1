"""The corpus of `tests/earlier/run`, written anew in integer arithmetic, so that every byte is the same."""

import csv
import wave
from pathlib import Path

import numpy as np

EMOTIONS = {"neutral": 40, "sad": 64, "angry": 25}
"""Samples in a period of each emotion's square wave."""
SPEAKERS, TAKES, SAMPLES, RATE = 8, 2, 4_000, 8_000


def write_corpus(root: Path) -> None:
    """Write 48 clips of 0.5 s and `manifest.csv` into `root`."""
    rows = []
    for speaker in range(SPEAKERS):
        for emotion, period in EMOTIONS.items():
            for take in range(TAKES):
                name = f"{speaker}-{emotion}-{take}.wav"
                rng = np.random.default_rng([speaker, period, take])
                square = np.where(np.arange(SAMPLES) // (period // 2 + speaker % 3) % 2, 4_000, -4_000)
                samples = (square + rng.integers(-1_500, 1_501, SAMPLES)).astype("<i2")
                with wave.open(str(root / name), "wb") as file:
                    file.setparams((1, 2, RATE, SAMPLES, "NONE", ""))
                    file.writeframes(samples.tobytes())
                rows.append({"path": name, "emotion": emotion, "speaker": str(speaker), "sex": "fm"[speaker % 2]})
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
