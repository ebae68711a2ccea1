"""Training step of the recipes' networks, against an earlier revision, Keras on TensorFlow, and PyTorch.

    python benchmarks/recipe_step.py [--repeats 3] [--json] [--baseline REVISION] [--speech FOLDER]
        [--networks plain,bands,ensemble] [--peers torch,keras,keras_jit] [--peer-python PATH]
    python benchmarks/recipe_step.py --profile [--repeats 3] [--json] [--baseline REVISION] [--networks ...]

The recipe is that of tiny_ravdess: 94 × 64 log-mel features from the cache, equalize, spec_augment, mel_warp
and mixup in each step, batch 32, AdamW, label smoothing, moving average of the weights. plain is the network of
micro_ravdess without its teacher, bands the same with a convolution over frames and bands in front, ensemble the four
networks of tiny_ravdess.

*_clips_per_s is the median over the epochs after the second, then over repeats. Each measurement is a process of its
own, of all ways in turn. AERSUT trains with launch.py, on synthetic speech or on RAVDESS in --speech; its epochs
include data loading, and the writing of checkpoints in the background. The peers train equally large networks
(`recipe_torch.py`, `recipe_keras.py`) on 1,024 clips in memory, in the form that is natural for them: batches are
augmented by tensor operations, in Keras by tf.data beside the step. keras_jit and torch_compile are Keras with XLA and
PyTorch with torch.compile. *_vs_PEER is the ratio of clips/s, AERSUT / peer.

--profile shows the parts of one step, in one process: floor_ms is the time of its matrix products alone (a convolution
is the product of its columns and its kernel), forward_ms and gradient_ms that of the network and its loss,
unaugmented_step_ms that of a step without augmenters, step_ms that of the whole step.

PyTorch takes several times as long when other processes use the cores: measure on an idle machine.
"""

import argparse
import dataclasses
import importlib
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from baseline import NOW, Build, both_builds, with_ratios
from common import require_peers

CLIPS, FRAMES, BANDS, CLASSES, BATCH, EPOCHS = 1_024, 94, 64, 8, 32, 8
NETWORKS = {
    "plain": ("micro_ravdess", 0, (0,)),
    "bands": ("micro_ravdess", 8, (8,)),
    "ensemble": ("tiny_ravdess", 0, (0, 0, 8, 8)),
}
"""The experiment, its `model.bands`, and the filters over frames and bands of each member of the network."""
SYNTHETIC = (
    *("--experiment.data.corpora=synthetic", "--experiment.data.protocol=speaker"),
    *("--experiment.data.corpora.0.speakers=24", "--experiment.data.corpora.0.repetitions=8"),
)
PEERS = {
    "torch": ("torch", False),
    "torch_compile": ("torch", True),
    "keras": ("keras", False),
    "keras_jit": ("keras", True),
}
"""The library of each peer, and whether it compiles the step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object, metric name → number")
    parser.add_argument("--baseline", help="an earlier revision")
    parser.add_argument("--speech", type=Path, help="a data root with RAVDESS; by default, synthetic speech")
    parser.add_argument("--networks", type=names(NETWORKS), default=list(NETWORKS), help="of " + ", ".join(NETWORKS))
    parser.add_argument(
        "--peers",
        type=names(PEERS),
        default=["torch", "keras", "keras_jit"],
        help="of " + ", ".join(PEERS) + "; empty for none",
    )
    parser.add_argument("--peer-python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--profile", action="store_true", help="the parts of a step, instead of clips/s")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run(*arguments.run)))
        return
    if not arguments.profile:
        libraries = ",".join({PEERS[peer][0] for peer in arguments.peers})
        found = subprocess.run([arguments.peer_python, __file__, "--run", "require", libraries], stdout=subprocess.PIPE)
        if found.returncode:
            sys.exit(found.returncode)
    builds = both_builds(arguments.baseline)
    metrics: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for network in arguments.networks:
            if arguments.profile:
                metrics |= profile(network, builds, arguments.repeats)
            else:
                metrics |= rates(network, builds, arguments, Path(folder))
    if arguments.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:32}{value:10.2f}")


def names(known: dict[str, Any]) -> Callable[[str], list[str]]:
    """The type of a flag whose value is a list of names."""

    def parse(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        if unknown := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is not one of {', '.join(known)}")
        return chosen

    return parse


def run(what: str, name: str) -> Any:
    """What a process of its own does; `name` is that of a network."""
    if what == "require":
        require_peers(*(library for library in name.split(",") if library))
        return None
    return parts(name) if what == "profile" else peer_rate(what, name)


def child(python: str, what: str, network: str, **environment: str) -> Any:
    command = [python, __file__, "--run", what, network]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ran.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def rates(network: str, builds: dict[str, Build], arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Clips/s of each build and of each peer, measured in turn, and their ratios."""
    parameters = parameter_count(network)
    taken: dict[str, list[float]] = {}
    for number in range(arguments.repeats):
        for name, build in builds.items():
            workdir = folder / f"{network}{name}-{number}"
            taken.setdefault(name, []).append(build_rate(build, network, arguments.speech, folder / name[1:], workdir))
        for peer in arguments.peers:
            rate, count = child(arguments.peer_python, peer, network)
            if count != parameters:
                sys.exit(f"{network} of {peer} has {count} parameters, expected {parameters} as in AERSUT")
            taken.setdefault(f"_{peer}", []).append(rate)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    metrics = {f"{network}{name}_clips_per_s": median for name, median in medians.items()}
    return metrics | {f"{network}_vs{name}": medians[""] / median for name, median in medians.items() if name}


def build_rate(build: Build, network: str, speech: Path | None, cache: Path, workdir: Path) -> float:
    """Median clips/s of the epochs after the second of a training with `launch.py`."""
    name, bands, _ = NETWORKS[network]
    flags = [f"--experiment={name}", f"--experiment.epochs={EPOCHS}", "--experiment.teacher=none"]
    flags += [f"--experiment.model.bands={bands}"] if bands else []
    flags += SYNTHETIC if speech is None else [f"--experiment.data.root={speech.resolve()}"]
    build.launch("--mode=train", *flags, f"--workdir={workdir}", cache=cache)
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return statistics.median(record["clips_per_second"] for record in records[2:])


def experiment(network: str) -> Any:
    """The experiment of the AERSUT that this process imports, without a teacher."""
    import aersut

    name, bands, _ = NETWORKS[network]
    file = Path(aersut.__file__).parents[1] / "experiments" / f"{name}.py"
    recipe = runpy.run_path(str(file))["get_config"]()
    model = dataclasses.replace(recipe.model, bands=bands) if bands else recipe.model
    return dataclasses.replace(recipe, model=model, teacher=None, epochs=EPOCHS)


def parameter_count(network: str) -> int:
    from flax import nnx

    model = experiment(network).model
    abstract = nnx.eval_shape(lambda: model.build(FRAMES, BANDS, CLASSES, nnx.Rngs(0)))
    return sum(leaf.size for leaf in nnx.to_flat_state(nnx.state(abstract, nnx.Param)).leaves)


def peer_rate(peer: str, network: str) -> tuple[float, int]:
    library, compiled = PEERS[peer]
    module = importlib.import_module(f"recipe_{library}")
    features, labels = generated()
    seconds, parameters = module.seconds_per_epoch(NETWORKS[network][2], features, labels, EPOCHS, compiled)
    return CLIPS / statistics.median(seconds[2:]), parameters


def generated() -> tuple[np.ndarray, np.ndarray]:
    """Features with the mean and deviation of log-mel spectrograms in dB, and labels."""
    rng = np.random.default_rng(0)
    features = 12 * rng.standard_normal((CLIPS, FRAMES, BANDS), np.float32) - 50
    return features, rng.integers(0, CLASSES, CLIPS).astype(np.int32)


def profile(network: str, builds: dict[str, Build], repeats: int) -> dict[str, float]:
    """Milliseconds of the parts of a step of each build in turn, and their ratios."""
    taken: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, build in builds.items():
            # the same code with the packages of either build; this checkout's may not be the installed one
            path = str(build.root) if build is not NOW else os.environ.get("PYTHONPATH", str(build.root))
            for part, value in child(build.python, "profile", network, PYTHONPATH=path).items():
                taken.setdefault(f"{network}_{part}{name}_ms", []).append(value)
    metrics = {name: statistics.median(values) for name, values in taken.items()}
    fraction = {f"{network}_floor_fraction": metrics[f"{network}_floor_ms"] / metrics[f"{network}_step_ms"]}
    return with_ratios(metrics) | fraction


def parts(network: str) -> dict[str, float]:
    """Milliseconds of each part of a step, in this process and with the AERSUT that it imports."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    from aersut.features.frontend import Frontend, Scaling
    from aersut.training.state import create

    recipe, steps = experiment(network), CLIPS // BATCH
    features, labels = generated()
    batch = {"features": jnp.asarray(features[:BATCH]), "label": jnp.asarray(labels[:BATCH])}
    scaling = Scaling(features.mean((0, 1)), features.std((0, 1)))
    bare = Frontend(recipe.framing, recipe.features, (), CLASSES, scaling=scaling)
    transformation = recipe.optimizer.build(steps * recipe.epochs, steps)
    built = recipe.model.build(FRAMES, BANDS, CLASSES, nnx.Rngs(0))
    graphs, initial = create(built, transformation, averaged=True)

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        logits = nnx.merge(graphs.training, params, initial.rest, copy=True)(x)
        target = 0.9 * jax.nn.one_hot(y, CLASSES) + 0.1 / CLASSES
        return optax.softmax_cross_entropy(logits, jnp.broadcast_to(target, logits.shape)).mean()

    def stepping(frontend: Frontend) -> Callable[[], Any]:
        step = train_step(recipe, frontend, graphs, transformation, steps)
        state = jax.tree.map(jnp.copy, initial)  # the step donates its state's buffers

        def one() -> Any:
            nonlocal state
            state, metrics = step(state, batch)
            return metrics

        return one

    rng = np.random.default_rng(0)
    factors = [[jnp.asarray(rng.standard_normal(shape, np.float32)) for shape in pair] for pair in products(network)]
    multiply, forward, gradient = (
        jax.jit(lambda pairs: [a @ b for a, b in pairs]),
        jax.jit(loss),
        jax.jit(jax.value_and_grad(loss)),
    )
    inputs = scaling(batch["features"]), batch["label"]
    ways: dict[str, Callable[[], Any]] = {
        "floor": lambda: multiply(factors),
        "forward": lambda: forward(initial.params, *inputs),
        "gradient": lambda: gradient(initial.params, *inputs),
        "unaugmented_step": stepping(bare),
        "step": stepping(dataclasses.replace(bare, augment=recipe.augment)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(50):
        for name, way in ways.items():
            begin = time.perf_counter()
            jax.block_until_ready(way())  # type: ignore[no-untyped-call]
            taken[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(values[5:]) for name, values in taken.items()}


def train_step(recipe: Any, frontend: Any, graphs: Any, transformation: Any, steps: int) -> Callable[..., Any]:
    """The jitted training step of either build."""
    import jax

    from aersut.training import step

    make: Any = step.make_train_step
    if hasattr(step, "StepSetup"):
        return make(step.StepSetup(recipe, frontend, graphs, recipe.optimizer, steps))
    return make(graphs, transformation, frontend, jax.random.key(0), recipe.loss, ema=recipe.ema)


def products(network: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Shapes of the factors of a step's matrix products: of each convolution, and of its two gradients."""
    pairs = []
    for bands in NETWORKS[network][2]:
        convolutions = [(BATCH * FRAMES * BANDS // 4, 5 * 7, bands)] if bands else []
        frames = FRAMES // 2 if bands else FRAMES
        convolutions += [(BATCH * frames, 5 * (bands * BANDS // 4 or BANDS), 32)]
        convolutions += [(BATCH * (frames // 2), 5 * 32, 32)] * 2
        last = BATCH * (frames // 4)
        convolutions += [(last, 5 * 32, 48), (last, 5 * 48, 48), (last, 32, 48)]
        for index, (rows, inner, filters) in enumerate(convolutions):
            pairs += [((rows, inner), (inner, filters)), ((inner, rows), (rows, filters))]
            pairs += [((rows, filters), (filters, inner))] if index else []  # the input of the step has no gradient
    return pairs


if __name__ == "__main__":
    main()
