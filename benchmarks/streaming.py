"""Size, tensor arena and accuracy of frontend.tflite (the streaming audio frontend), by framing and feature.

    python benchmarks/streaming.py [--json]

Measured in TensorFlow Lite Micro on noise of varying level; size and arena do not depend on the samples. The column
"products" is the number of multiplications in the matrix products of one frame.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aersut.board import frames_of
from aersut.contracts import Feature, Framing
from aersut.export.frontend_file import frontend_file
from aersut.export.matrix_dft import factors, stages
from aersut.export.streaming import split_frontend
from aersut.export.targets.firmware import offline
from aersut.features import MFCC, LogMel
from aersut.features.frontend import Frontend, Scaling
from aersut.quiet import quiet
from aersut.tflite.micro import run_tflm

FRAMINGS = ((8_000, 256), (16_000, 400), (16_000, 512), (16_000, 1024), (22_050, 1024), (22_050, 2048))
FEATURES: tuple[Feature, ...] = (LogMel(n_mels=40), LogMel(n_mels=64), MFCC(n_mfcc=13, n_mels=40), MFCC(n_mfcc=13))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = list(measure())
    if arguments.json:
        names = ("bytes", "arena", "difference")
        print(json.dumps({f"streaming_{row['name']}_{name}": row[name] for row in rows for name in names}))
        return
    print(f"{'rate':>8}{'frame':>7}  {'feature':22}{'size':>9}{'arena':>9}{'products':>11}{'difference':>12}")
    for row in rows:
        print(
            f"{row['rate']:>8,}{row['frame']:>7}  {row['feature']:22}{row['bytes'] / 1000:>6.0f} KB"
            f"{row['arena'] / 1000:>6.0f} KB{row['products']:>11,}{row['difference']:>12.1e}"
        )


def measure() -> Iterator[dict[str, Any]]:
    """One row per framing and feature."""
    for rate, length in FRAMINGS:
        framing = Framing(sample_rate=rate, seconds=1.0, frame_length=length, hop_length=length // 2)
        samples = noise(framing)
        for feature in FEATURES:
            yield row(framing, feature, samples)


def row(framing: Framing, feature: Feature, samples: np.ndarray) -> dict[str, Any]:
    """Size, tensor arena and largest difference from training of the file for one feature."""
    frontend = Frontend(framing, (feature,), (), 8)
    rows = jax.jit(frontend.transformed)(jnp.asarray(samples, jnp.float32) / 32768)[1]
    scaled = Frontend(framing, (feature,), (), 8, scaling=Scaling(rows.mean((0, 1)), rows.std((0, 1))))
    frames = frames_of(samples[0], framing)
    with quiet():
        file = frontend_file(split_frontend(scaled, samples))
        result = run_tflm(file, frames)
    mels = feature.n_mels  # type: ignore[attr-defined]
    kind = f"MFCC of {mels} mels" if isinstance(feature, MFCC) else f"{mels} log-mels"
    first, _, second = stages(*factors(framing.frame_length))
    return {
        "name": f"{framing.sample_rate}_{framing.frame_length}_{kind.replace(' ', '_').replace('-', '_').lower()}",
        "rate": framing.sample_rate,
        "frame": framing.frame_length,
        "feature": kind,
        "bytes": len(file.content),
        "arena": result.arena,
        "products": first.size * factors(framing.frame_length)[1] + 2 * second.size * factors(framing.frame_length)[0],
        "difference": float(np.abs(result.outputs - offline(scaled, samples)[0]).max()),
    }


def noise(framing: Framing) -> np.ndarray:
    """A window of noise, i16[1, samples]."""
    swell = np.sin(np.linspace(0, 20, framing.samples)) ** 2
    return (4_000 * swell * np.random.default_rng(0).normal(size=framing.samples)).astype(np.int16)[None]


if __name__ == "__main__":
    main()
