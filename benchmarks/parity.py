"""Difference of every feature from librosa's on real speech.

    python benchmarks/parity.py --speech FOLDER [--clips 50] [--json]

Prints for each feature (in several configurations) the largest difference and the 99th percentile over the clips, and
the fraction of values within the tolerance of its docstring. The references are those of the tests
(tests/golden/references.py). Clips are cut to 3 s at 16 kHz.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "golden"))
from common import require_peers, speech

from aersut.features import Signal

if TYPE_CHECKING:
    from references import Case


def measure(case: "Case", clips: np.ndarray) -> np.ndarray:
    """Differences from the reference over all clips, flattened, absolute or relative as the tolerance is."""
    framing = replace(case.framing, seconds=3.0)
    ours = jax.jit(lambda samples: case.feature(Signal(samples, framing)))
    return np.concatenate(
        [case.differences(np.asarray(ours(jnp.asarray(y))), case.reference(y)).ravel() for y in clips]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, help="folder with audio files at any depth")
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="print one JSON object, feature → largest difference")
    arguments = parser.parse_args()
    require_peers("librosa")
    from references import CASES, RATE

    clips = speech(arguments.speech, arguments.clips, RATE)
    found = {name: measure(case, clips) for name, case in CASES.items()}
    if arguments.json:
        print(json.dumps({name: float(differences.max()) for name, differences in found.items()}))
        return
    print(f"{'feature':40}{'largest':>12}{'99 %':>12}{'tolerance':>12}{'within':>10}")
    for name, differences in found.items():
        case, within = CASES[name], np.mean(differences <= CASES[name].tolerance)
        unit = " (relative)" if case.relative else ""
        print(
            f"{name + unit:40}{differences.max():12.1e}{np.quantile(differences, 0.99):12.1e}"
            f"{case.tolerance:12.0e}{within:10.2%}"
        )


if __name__ == "__main__":
    main()
