"""Cost of each augmenter in ms per clip, and as a fraction of the training step of a small network.

    python benchmarks/augmenters.py [--repeats 5] [--json]

Clips have 3 s at 16 kHz, spectrograms 94 frames x 64 bands, batches 32 clips; each augmenter has its default fields
with probability 1. Waveform augmenters run as in on-the-fly augmentation and in cached copies: on a CPU clip by clip,
in one thread. The others run as in the training step: vectorized over the batch. The step is that of `tc_resnet` (32,
32, 48) on cached features without augmentation. Clips, noise and impulse responses are synthetic, because the cost
does not depend on them. Results are medians.
"""

import argparse
import functools
import inspect
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from common import alternate

if TYPE_CHECKING:
    from aersut.contracts import Augmenter
    from aersut.features.frontend import Frontend

RATE, BATCH, FILES = 16_000, 32, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of each measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object, metric name → number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        augmenters = dict(built_in(Path(folder)))
        ways = {name: timed(augmenter) for name, augmenter in augmenters.items()}
        metrics = alternate(arguments.repeats, step=training_step(), **ways)
    if arguments.json:
        print(json.dumps({f"{name}_ms": value for name, value in metrics.items()}))
        return
    print("| augmenter | domain | ms per clip | fraction of the step |\n|---|---|---|---|")
    for name, augmenter in sorted(augmenters.items(), key=lambda item: (item[1].domain, metrics[item[0]])):
        taken = metrics[name]
        print(f"| `{name}` | {augmenter.domain} | {taken:.3f} | {taken / metrics['step']:.2f} |")
    print(f"\nTraining step: {metrics['step']:.3f} ms per clip.")


def built_in(folder: Path) -> list[tuple[str, "Augmenter"]]:
    """All registered augmenters, with recordings in `folder` for those that need some."""
    import soundfile

    from aersut.registry import AUGMENTERS

    rng = np.random.default_rng(0)
    for index in range(FILES):
        decaying = rng.standard_normal(10 * RATE) * 10 ** (-3 * np.arange(10 * RATE) / RATE)
        decaying[0] = 5.0
        soundfile.write(folder / f"{index}.wav", 0.1 * decaying, RATE)
    made = []
    for name in AUGMENTERS.names():
        fields: dict[str, Any] = {"probability": 1.0, "folder": str(folder)}
        known = inspect.signature(AUGMENTERS[name]).parameters
        made.append((name, AUGMENTERS[name](**{key: value for key, value in fields.items() if key in known})))
    return made


def timed(augmenter: "Augmenter") -> Callable[[], float]:
    """A function that runs an augmenter on a batch and returns ms per clip; its first call compiles."""
    import jax
    import jax.numpy as jnp

    from aersut.augment import Example

    frontend = the_frontend(augmenter)
    rng, label = np.random.default_rng(0), jnp.eye(8)[jnp.arange(BATCH) % 8]
    shape = (frontend.framing.samples,) if augmenter.domain == "waveform" else frontend.shape
    values = jnp.asarray(rng.normal(0, 0.1, (BATCH, *shape)), jnp.float32)

    @jax.jit
    def augmented(key: jax.Array, values: jax.Array) -> Any:
        keys = jax.random.split(key, BATCH)
        if augmenter.domain == "waveform":
            return frontend.transformed(values, keys)[0]
        if augmenter.domain == "batch":
            return augmenter(key, Example(values, label, RATE))
        return jax.vmap(augmenter)(keys, Example(values, label, RATE))

    seeds = itertools.count()
    calls = 1 if augmenter.domain == "waveform" else 10
    return functools.partial(per_clip, lambda: augmented(jax.random.key(next(seeds)), values), calls)


def per_clip(call: Callable[[], Any], calls: int) -> float:
    """Milliseconds per clip of calls on a batch, one after the other."""
    import jax

    begin = time.perf_counter()
    for _ in range(calls):
        result = call()
    jax.block_until_ready(result)  # type: ignore[no-untyped-call]
    return 1000 * (time.perf_counter() - begin) / calls / BATCH


def training_step() -> Callable[[], float]:
    """A function that takes ten training steps on cached features and returns ms per clip."""
    from flax import nnx

    from aersut.config import Experiment
    from aersut.models import TCResNet
    from aersut.training.optimizers import AdamW
    from aersut.training.state import create
    from aersut.training.step import StepSetup, make_train_step

    frontend = the_frontend()
    network = TCResNet(filters=(32, 32, 48), kernels=(5, 5, 5), dropout=0.2).build(*frontend.shape, 8, nnx.Rngs(0))
    graphs, state = create(network, AdamW().build(1000, 100))
    step = make_train_step(StepSetup(Experiment(), frontend, graphs, AdamW(), 100))
    values = np.random.default_rng(0).standard_normal((BATCH, *frontend.shape)).astype(np.float32)
    batch = {"features": values, "label": np.arange(BATCH, dtype=np.int32) % 8}

    def taken() -> Any:
        nonlocal state
        state, latest = step(state, batch)
        return latest

    return functools.partial(per_clip, taken, 10)


def the_frontend(*augment: "Augmenter") -> "Frontend":
    """64 log-mel bands of 3 s at 16 kHz, 94 frames."""
    from aersut.contracts import Framing
    from aersut.features import LogMel
    from aersut.features.frontend import Frontend

    waveform = all(augmenter.domain == "waveform" for augmenter in augment) and augment
    features = () if waveform else (LogMel(n_mels=64, amin=1e-7),)
    return Frontend(Framing(RATE, 3.0, 1024, 512), features, augment, classes=8)


if __name__ == "__main__":
    main()
