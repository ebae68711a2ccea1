"""Make features.npz: librosa's features of a short synthetic signal. Run it after a change of the cases.

    .venv/bin/python tests/golden/make_features.py

`tests/features/test_parity.py` reads the file and computes the same references for real speech.
"""

from pathlib import Path

import numpy as np
from references import CASES, RATE


def signal() -> np.ndarray:
    """0.6 s of harmonics with vibrato, a chirp, a click, continuous noise and a small offset; i16[9600]."""
    t = np.arange(9600) / RATE
    phase = 2 * np.pi * (140 * t + 1.5 * np.sin(2 * np.pi * 5 * t))
    voiced = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.sin(np.pi * t / 0.35) ** 2 * (t < 0.35)
    chirp = np.sin(2 * np.pi * (300 * t + 5000 * t**2)) * (t > 0.42)
    hiss = np.modf(np.sin(12.9898 * np.arange(9600)) * 43758.5453)[0]
    y = 0.3 * voiced + 0.2 * chirp + np.where(t < 0.4, 0.02, 0.001) * hiss + 0.001
    y[6300] = 0.9
    return np.round(32767 * np.clip(y, -1, 1)).astype(np.int16)


def main() -> None:
    samples = signal()
    tables = {name: case.reference(samples.astype(np.float32) / 32768) for name, case in CASES.items()}
    tables = {name: table.astype(np.float32) for name, table in tables.items()}
    np.savez_compressed(Path(__file__).with_name("features.npz"), signal=samples, **tables)


if __name__ == "__main__":
    main()
