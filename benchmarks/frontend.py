"""Speed of feature extraction and augmentation, compared with librosa and audiomentations.

    python benchmarks/frontend.py --speech FOLDER [--repeats 5] [--json]

- The paper's features: 13 MFCC with deltas and delta-deltas, ZCR and RMS of 3 s at 22,050 Hz.
- The paper's augmentation: noise, time stretch, pitch shift and time shift, each with probability 1.
- Both on the fly, compared with the training step of `cnn` on cached features.

AERSUT runs as in `cached_features`: batches of 64 from two threads. The peers run clip by clip in the same process,
alternating with AERSUT. The results are medians in ms per clip. librosa in two processes is reported too.

The peers are in the extra `bench`.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import alternate, require_peers, speech

if TYPE_CHECKING:
    import jax

    from aersut.contracts import Augmenter

RATE, SAMPLES, CLIPS = 22_050, 66_150, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, help="folder of audio files, at any depth")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of each measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object, metric name → number")
    arguments = parser.parse_args()
    require_peers("librosa", "audiomentations")
    clips = speech(arguments.speech, CLIPS, RATE)
    metrics = {
        **features(clips, arguments.repeats),
        **augmentation(clips, arguments.repeats),
        **on_the_fly(clips, arguments.repeats),
    }
    if arguments.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:40}{value:10.2f}")


def each(function: Callable[[np.ndarray], object], clips: np.ndarray) -> float:
    """Milliseconds per clip of a loop."""
    begin = time.perf_counter()
    for clip in clips:
        function(clip)
    return 1000 * (time.perf_counter() - begin) / len(clips)


def batched(function: Callable[..., object], *stacks: "np.ndarray | jax.Array") -> float:
    """Milliseconds per clip of a jitted function, in batches from two threads."""
    import jax

    batches = [tuple(stack[first : first + 64] for stack in stacks) for first in range(0, CLIPS, 64)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda batch: jax.block_until_ready(function(*batch)), batches))  # type: ignore[no-untyped-call]
    return 1000 * (time.perf_counter() - begin) / CLIPS


def librosa_features(clip: np.ndarray) -> np.ndarray:
    import librosa

    mfcc = librosa.feature.mfcc(y=clip, sr=RATE, n_mfcc=13)
    slopes = [librosa.feature.delta(mfcc, order=order) for order in (1, 2)]
    return np.concatenate([mfcc, *slopes, librosa.feature.zero_crossing_rate(clip), librosa.feature.rms(y=clip)])


def features(clips: np.ndarray, repeats: int) -> dict[str, float]:
    import jax

    from aersut.contracts import Framing
    from aersut.features import MFCC, RMS, ZCR, Delta, DeltaDelta
    from aersut.features.frontend import Frontend

    frontend = Frontend(Framing(), (MFCC(), Delta(), DeltaDelta(), ZCR(), RMS()), (), classes=8)
    ours = jax.jit(lambda audio: frontend.finished(frontend.transformed(audio)[1]))
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # two processes on two cores: more threads compete
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:

        def two_processes() -> float:
            begin = time.perf_counter()
            list(pool.map(librosa_features, clips, chunksize=16))
            return 1000 * (time.perf_counter() - begin) / len(clips)

        taken = alternate(
            repeats,
            ours=lambda: batched(ours, clips),
            librosa=lambda: each(librosa_features, clips[:128]),
            two=two_processes,
        )
    return {
        "features_ms": taken["ours"],
        "librosa_features_ms": taken["librosa"],
        "librosa_features_two_processes_ms": taken["two"],
        "features_vs_librosa": taken["librosa"] / taken["ours"],
        "features_vs_librosa_two_processes": taken["two"] / taken["ours"],
    }


def augmentation(clips: np.ndarray, repeats: int) -> dict[str, float]:
    import audiomentations
    import jax
    import librosa

    from aersut.contracts import Framing
    from aersut.features.frontend import Frontend

    frontend = Frontend(Framing(), (), papers(), classes=8)
    ours = jax.jit(lambda audio, keys: frontend.transformed(audio, keys)[0])
    keys = jax.random.split(jax.random.key(0), CLIPS)
    rng = np.random.default_rng(0)

    def with_librosa(clip: np.ndarray) -> np.ndarray:
        standard_deviation = np.sqrt(np.mean(np.square(clip)) * 10 ** (-rng.uniform(10, 30) / 10))
        clip = clip + standard_deviation * rng.standard_normal(len(clip), np.float32)
        clip = librosa.effects.time_stretch(clip, rate=rng.uniform(0.8, 1.2))
        clip = librosa.effects.pitch_shift(
            librosa.util.fix_length(clip, size=SAMPLES), sr=RATE, n_steps=rng.uniform(-3, 3)
        )
        return np.roll(clip, rng.integers(-6615, 6615))

    chain = audiomentations.Compose(
        [
            audiomentations.AddGaussianSNR(min_snr_db=10, max_snr_db=30, p=1.0),
            audiomentations.TimeStretch(0.8, 1.2, leave_length_unchanged=True, p=1.0),
            audiomentations.PitchShift(-3, 3, p=1.0),
            audiomentations.Shift(-0.1, 0.1, p=1.0),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # audiomentations warns about clips that it attenuates
        taken = alternate(
            repeats,
            ours=lambda: batched(ours, clips, keys),
            librosa=lambda: each(with_librosa, clips[:32]),
            audiomentations=lambda: each(lambda clip: chain(clip, RATE), clips[:32]),
        )
    return {
        "augmentation_ms": taken["ours"],
        "librosa_augmentation_ms": taken["librosa"],
        "audiomentations_augmentation_ms": taken["audiomentations"],
        "augmentation_vs_peer": min(taken["librosa"], taken["audiomentations"]) / taken["ours"],
    }


def on_the_fly(clips: np.ndarray, repeats: int) -> dict[str, float]:
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from aersut.config import Experiment
    from aersut.contracts import Framing
    from aersut.data.audio import to_int16
    from aersut.features import MFCC
    from aersut.features.frontend import Frontend
    from aersut.models import CNN
    from aersut.training.optimizers import Adam
    from aersut.training.state import create
    from aersut.training.step import StepSetup, make_train_step

    frontend = Frontend(Framing(), (MFCC(pre_emphasis=0.97),), papers(), classes=8)
    graphs, state = create(CNN().build(*frontend.shape, 8, nnx.Rngs(0)), Adam().build(1000, 100))
    step = make_train_step(StepSetup(Experiment(), frontend, graphs, Adam(), 100))
    label = np.arange(32, dtype=np.int32) % 8
    audio = {"audio": np.stack([to_int16(clip) for clip in clips[:32]]), "label": label}
    cached = {"features": np.asarray(frontend.transformed(jnp.asarray(clips[:32]))[1]), "label": label}

    def run(batch: dict[str, np.ndarray]) -> float:
        nonlocal state
        begin = time.perf_counter()
        for _ in range(5):
            state, latest = step(state, batch)
        jax.block_until_ready(latest)  # type: ignore[no-untyped-call]
        return 1000 * (time.perf_counter() - begin) / 5 / len(label)

    taken = alternate(repeats, cached=lambda: run(cached), audio=lambda: run(audio))
    return {
        "cnn_step_ms": taken["cached"],
        "cnn_step_on_the_fly_ms": taken["audio"],
        "on_the_fly_vs_step": (taken["audio"] - taken["cached"]) / taken["cached"],
    }


def papers() -> tuple["Augmenter", ...]:
    from aersut.augment import Noise, PitchShift, TimeShift, TimeStretch

    return tuple(augmenter(probability=1.0) for augmenter in (Noise, TimeStretch, PitchShift, TimeShift))


if __name__ == "__main__":
    main()
