"""Contract checks that the author of a plugin runs in the plugin's own tests.

    def test_contract() -> None:
        check_feature(MyFeature(bands=8))

Each check raises `AssertionError`; the message names the plugin, the promise that it broke, and what to do. Give it an
object that does something: an augmenter whose probability is 0 changes nothing, which counts as broken.
"""

import dataclasses
import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float
from pydantic import TypeAdapter

from aersut.augment.example import Example
from aersut.config import REGISTRIES, Named, to_tree
from aersut.contracts import EMOTIONS, Augmenter, Corpus, Feature, Framing, Listing, Model, Optimizer, Plugin
from aersut.data.splits import PARTS
from aersut.errors import UserError
from aersut.features.signal import Signal
from aersut.models.network import Network
from aersut.training.state import TrainState, create

T = TypeVar("T")
FRAMING = Framing(sample_rate=16_000, seconds=0.5, frame_length=512, hop_length=160)
"""Where features are checked unless a framing is given."""
TOLERANCE = 1e-4
"""The largest difference between two ways to compute one thing, relative to the largest entry."""
LEAST = 1e-3
"""A gradient's leaf is compared relative to its own largest entry, but to no less than this share of the network's."""


def check_corpus(corpus: Corpus, root: Path) -> None:
    """Check that `corpus` lists the clips under `root` as `Listing` promises, and says so where there are none."""
    promise = _check_plugin(corpus)
    listing = promise.holds("load lists the clips", lambda: corpus.load(root))
    promise.that(isinstance(listing, Listing), "load returns a Listing", f"it returned {type(listing).__name__}")
    promise.that(bool(listing.clips), "load finds clips", f"none under {root}: hand the check a root that has some")
    promise.that(corpus.load(root) == listing, "load is deterministic", "sort what is read from the disk")
    for clip in listing.clips:
        promise.that(clip.path.is_file(), "every clip exists", f"{clip.path} is no file")
        known = clip.emotion in EMOTIONS
        promise.that(known, "every emotion is one of EMOTIONS", f"{clip.path}: '{clip.emotion}'; leave such a clip out")
        promise.that(
            clip.part in ("", *PARTS), f"part is one of {', '.join(PARTS)} or empty", f"{clip.path}: {clip.part}"
        )
        promise.that(bool(clip.speaker), "every clip has a speaker", f"{clip.path}: splits need one")
        named = clip.corpus == promise.name
        promise.that(named, "clips name their corpus as it is registered", f"{clip.path}: '{clip.corpus}'")
    files = [clip.path for clip in listing.clips] + [item.path for item in listing.left_out]
    twice = sorted({str(path) for path in files if files.count(path) > 1}) if len(set(files)) < len(files) else []
    promise.that(not twice, "every file is listed once, as a clip or as left out", f"twice: {', '.join(twice[:3])}")
    for item in listing.left_out:
        promise.that(bool(item.reason.strip()), "every file left out has a reason", f"{item.path} has none")
    with tempfile.TemporaryDirectory() as empty:
        try:
            found = bool(corpus.load(Path(empty)).clips)
        except UserError:
            return
        except Exception as error:
            raise promise.broken("a root without the corpus raises UserError", f"it raised {error!r}") from error
    promise.that(
        found, "a root without the corpus raises UserError", "an empty Listing came back: say where you looked"
    )


def check_feature(feature: Feature, framing: Framing | None = None) -> None:
    """Check a feature extractor under `framing`, and under others if it takes them.

    A frame may look at one sample before its own (pre-emphasis does) without declaring context.
    """
    promise = _check_plugin(feature)
    count = getattr(feature, "channels", None)
    promise.that(isinstance(count, int) and count > 0, "channels is known before any call", f"it is {count!r}")
    main = framing or FRAMING
    others = [
        dataclasses.replace(main, center=not main.center),
        Framing(sample_rate=8_000, seconds=0.4, frame_length=400, hop_length=150),
        Framing(sample_rate=22_050, seconds=0.4, frame_length=1024, hop_length=300, center=False),
    ]
    promise.holds("it can be computed under the framing of this check", lambda: feature.check(main))
    for one in (main, *others):
        try:
            feature.check(one)
        except ValueError:
            continue
        rows = promise.holds(
            f"it can be called under {one}", functools.partial(feature, Signal(_noise(one.samples), one))
        )
        expected, found = ((one.frames, count), "float32"), (tuple(rows.shape), str(rows.dtype))
        promise.that(found == expected, "it returns f32[frames, channels]", f"expected {expected}, got {found}; {one}")
        promise.that(bool(np.isfinite(rows).all()), "it is finite", f"not on noise under {one}")
    samples = _noise(main.samples)
    signal = Signal(samples, main)
    known = np.asarray(feature(signal))
    for again in (feature(signal), feature(Signal(samples, main))):
        promise.that(
            np.array_equal(known, again), "it is deterministic and pure", "a second call differs: keep no state"
        )
    hard = _hard(main.samples)
    if feature.host:
        values = {name: np.asarray(feature(Signal(x, main))) for name, x in hard.items()}
    else:
        values = _check_traced(promise, feature, main, samples, known, hard)
    for name, value in values.items():
        promise.that(bool(np.isfinite(value).all()), "it is finite", f"not on {name}: guard logarithms and divisions")


def _check_traced(
    promise: "_Promise", feature: Feature, framing: Framing, samples: Array, rows: np.ndarray, hard: dict[str, Array]
) -> dict[str, np.ndarray]:
    def call(x: Array) -> Array:
        return jnp.asarray(feature(Signal(x, framing)))

    compiled = jax.jit(call)
    jitted = promise.holds("jax.jit traces it (or it declares host = True)", lambda: compiled(samples))
    promise.close(jitted, rows, "jit and eager agree", "ask for no Python value of an array")
    stack = jnp.stack([samples, *hard.values()])
    stacked = promise.holds("jax.vmap traces it", lambda: jax.jit(jax.vmap(call))(stack))
    promise.close(stacked[0], rows, "vmap and single calls agree", "reduce over named axes only")
    slope = jax.grad(lambda x: jnp.sum(call(x)))
    slopes = promise.holds("jax.grad traces it", lambda: jax.jit(jax.vmap(slope))(stack))
    for name, one in zip(("noise", *hard), slopes, strict=True):
        finite = bool(jnp.isfinite(one).all())
        promise.that(
            finite, "its gradient is finite", f"not on {name}: roots and logarithms need a where on both sides"
        )
    if not feature.whole_utterance:
        _check_context(promise, feature, framing, samples, compiled)
    return dict(zip(hard, np.asarray(stacked[1:]), strict=True))


def _check_context(
    promise: "_Promise", feature: Feature, framing: Framing, samples: Array, call: Callable[[Array], Array]
) -> None:
    padding = framing.frame_length // 2 if framing.center else 0
    rows, places = np.asarray(call(samples)), np.arange(framing.samples)
    other = 1 - 3 * _noise(framing.samples, seed=1)
    for frame in sorted({0, framing.frames // 2, framing.frames - 1}):
        first = (frame - feature.context[0]) * framing.hop_length - padding
        end = (frame + feature.context[1]) * framing.hop_length - padding + framing.frame_length
        far = (places < first - 1) | (places >= end)
        moved = call(jnp.where(far, other, samples))[frame]
        what = f"frame {frame} changed with samples outside of context {feature.context}"
        promise.close(
            moved, rows[frame], "a frame depends on its context alone", f"{what}: widen it or set whole_utterance"
        )


def check_augmenter(augmenter: Augmenter) -> None:
    """Check an augmenter on examples of its domain; at least one of 32 keys must change something."""
    promise = _check_plugin(augmenter)
    domains = ("waveform", "features", "batch")
    promise.that(augmenter.domain in domains, f"domain is one of {', '.join(domains)}", f"it is {augmenter.domain!r}")
    shape = {"waveform": (8_000,), "features": (50, 13), "batch": (6, 50, 13)}[augmenter.domain]
    values = _noise(int(np.prod(shape))).reshape(shape)
    label = jnp.eye(6, 8) if augmenter.domain == "batch" else jnp.eye(8)[2]
    example, before = Example(values, label, 16_000), (np.array(values), np.array(label))
    keys = jax.random.split(jax.random.key(0), 32)
    first = promise.holds("it can be called", lambda: augmenter(keys[0], example))
    untouched = np.array_equal(example.values, before[0]) and np.array_equal(example.label, before[1])
    promise.that(untouched, "it does not change its input", "return dataclasses.replace(example, …)")
    promise.that(_same(augmenter(keys[0], example), first), "equal keys give equal results", "draw from the key alone")
    call = jax.jit(augmenter.__call__)
    results = [promise.holds("jax.jit traces it", functools.partial(call, key, example)) for key in keys]
    _check_example(promise, "noise", first, example)
    for one in results:
        _check_example(promise, "noise", one, example)
    promise.close(results[0].values, first.values, "jit and eager agree", "ask for no Python value of an array")
    promise.close(results[0].label, first.label, "jit and eager agree", "ask for no Python value of an array")
    differs = any(not _same(results[0], one) for one in results[1:])
    promise.that(differs, "another key gives another result", "32 keys gave one; is its probability 0?")
    extremes = {"silence": jnp.zeros_like(values), "full scale": jnp.where(values > 0, 1.0, -1.0)}
    for name, extreme in extremes.items():
        one = dataclasses.replace(example, values=extreme)
        for key in keys:
            _check_example(promise, name, call(key, one), one)

    def total(values: Array, key: Array) -> Array:
        return jnp.sum(augmenter(key, dataclasses.replace(example, values=values)).values)

    slope = jax.jit(jax.grad(total))
    for name, extreme in {"noise": values, **extremes}.items():
        steep = promise.holds("jax.grad goes through it", functools.partial(slope, extreme, keys[0]))
        advice = f"not on {name}: roots and divisions need a where on both sides"
        promise.that(bool(jnp.isfinite(steep).all()), "its gradient is finite", advice)
    if augmenter.domain == "batch":
        return
    many = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(keys), *x.shape)), example)
    stacked = promise.holds("jax.vmap traces it", lambda: jax.jit(jax.vmap(augmenter.__call__))(keys, many))
    promise.close(stacked.values, jnp.stack([one.values for one in results]), "vmap and single calls agree", "")


def _check_example(promise: "_Promise", name: str, found: Example, given: Example) -> None:
    for field in ("values", "label"):
        new, old = getattr(found, field), getattr(given, field)
        kept = (new.shape, new.dtype) == (old.shape, old.dtype)
        promise.that(kept, f"it keeps the shape and dtype of {field}", f"{old.shape} {old.dtype} became {new.shape}"
                     f" {new.dtype}")  # fmt: skip
    promise.that(found.sample_rate == given.sample_rate, "it keeps the sample rate", f"got {found.sample_rate}")
    promise.that(
        bool(jnp.isfinite(found.values).all()), "it is finite", f"not on {name}: guard divisions and logarithms"
    )
    sums = np.asarray(found.label.sum(-1))
    proper = bool((found.label >= 0).all()) and np.allclose(sums, 1, atol=1e-5)
    promise.that(
        proper, "the label stays a distribution", f"it sums to {sums}; mix labels with the weights of the values"
    )


def check_model(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> None:
    """Check an architecture on inputs of one size; `check_export` checks what becomes of it in TensorFlow Lite."""
    promise = _check_plugin(model)
    network = promise.holds("build makes a network", lambda: model.build(frames, channels, classes, _rngs(0)))
    promise.that(isinstance(network, Network), "build returns a Network", f"it returned {type(network).__name__}")
    graphs, state = create(network, optax.identity())
    twin, other = (nnx.state(model.build(frames, channels, classes, _rngs(seed)), nnx.Param) for seed in (0, 1))
    promise.that(_equal(state.params, twin), "equal rngs build equal weights", "draw weights from rngs alone")
    promise.that(not _equal(state.params, other), "other rngs build other weights", "draw weights from rngs")
    batch = _noise(4 * frames * channels).reshape(4, frames, channels) * 3
    evaluate, train = _calls(graphs.evaluation), _calls(graphs.training)
    logits, second, embedding = promise.holds(
        "the network takes f32[batch, frames, channels]", lambda: evaluate(state, batch)
    )
    expected, found = ((4, classes), "float32"), (logits.shape, str(logits.dtype))
    promise.that(found == expected, "it returns logits f32[batch, classes]", f"expected {expected}, got {found}")
    flat = embedding.ndim == 2 and len(embedding) == 4
    promise.that(flat, "embed returns f32[batch, width]", f"its shape is {embedding.shape}")
    advice = "a second call differs: obey deterministic and use_running_average, as nnx.Dropout and nnx.BatchNorm do"
    promise.that(np.array_equal(second, logits), "evaluation is deterministic", advice)
    alone = evaluate(state, batch.at[1:].multiply(-2.0))[0][:1]
    promise.close(alone, logits[:1], "in evaluation a clip's logits are its own", "they change with the batch's others")
    one, two, _ = promise.holds("it can be called in training", lambda: train(state, batch))
    if any(isinstance(part, nnx.Dropout) and part.rate > 0 for _, part in nnx.iter_modules(network)):
        promise.that(not np.array_equal(one, two), "dropout is random in training", "two calls drop the same units")
    _check_gradient(promise, graphs.training, state, batch, classes)
    _check_short(promise, model, frames, channels, classes)


def _calls(graph: Any) -> Callable[[TrainState, Array], tuple[Array, Array, Array]]:
    @jax.jit
    def twice(params: Any, rest: Any, features: Array) -> tuple[Array, Array, Array]:
        network = nnx.merge(graph, params, rest, copy=True)
        return network(features), network(features), network.embed(features)

    return lambda state, features: twice(state.params, state.rest, features)


def _check_gradient(promise: "_Promise", graph: Any, state: TrainState, batch: Array, classes: int) -> None:
    def loss(params: Any, features: Array) -> Array:
        logits = nnx.merge(graph, params, state.rest, copy=True)(features)
        return optax.softmax_cross_entropy(logits, jax.nn.one_hot(jnp.arange(len(features)) % classes, classes)).mean()

    eager = promise.holds("jax.grad goes through it", lambda: jax.grad(loss)(state.params, batch))
    jitted = promise.holds("jax.jit compiles its gradient", lambda: jax.jit(jax.grad(loss))(state.params, batch))
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(eager))
    for (path, one), two in zip(jax.tree.leaves_with_path(eager), jax.tree.leaves(jitted), strict=True):
        scale = max(float(jnp.abs(one).max()), LEAST * largest)
        difference = float(jnp.abs(one - two).max()) / scale
        where = f"{jax.tree_util.keystr(path)} differs by {difference:.1e} of its largest entry"
        advice = "pool with jnp.maximum of strided slices, never with reshape(...).max(axis)"
        promise.that(difference <= TOLERANCE, "the gradients under jit and eager agree", f"{where}; {advice}")


def _check_short(promise: "_Promise", model: Model, frames: int, channels: int, classes: int) -> None:
    what = "input that is too short raises ValueError in build"
    for few in range(1, frames + 1):
        try:
            network = model.build(few, channels, classes, _rngs(0))
        except ValueError:
            continue
        except Exception as error:
            raise promise.broken(what, f"{few} frames raised {error!r}") from error
        graphs, state = create(network, optax.identity())
        features = _noise(few * channels).reshape(1, few, channels)
        logits = promise.holds(what, functools.partial(_calls(graphs.evaluation), state, features))[0]
        promise.that(bool(jnp.isfinite(logits).all()), what, f"{few} frames were accepted and gave {logits[0]}")
        return


def check_export(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> None:
    """Check that an exportable model becomes a float32 TensorFlow Lite file that agrees with JAX; needs `[export]`."""
    from ai_edge_litert import schema_py_generated as schema

    from aersut.export.bridge import to_float32
    from aersut.export.verify import TOLERANCE, compare, run_litert

    promise = _check_plugin(model)
    promise.that(model.exportable, "an exportable model", "it declares exportable = False: nothing to check")
    graphs, state = create(model.build(frames, channels, classes, _rngs(0)), optax.identity())
    file = promise.holds(
        "TensorFlow Lite has built-in operators for it", lambda: to_float32(graphs, state, (frames, channels))
    )
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    root = schema.Model.GetRootAs(file)
    used = {names[root.OperatorCodes(i).BuiltinCode()] for i in range(root.OperatorCodesLength())}
    foreign = sorted(name for name in used if name.startswith("STABLEHLO") or name == "CUSTOM")
    promise.that(not foreign, "TensorFlow Lite has built-in operators for it", f"left over: {', '.join(foreign)}")
    batch = _noise(4 * frames * channels).reshape(4, frames, channels) * 3
    network = nnx.merge(graphs.evaluation, state.params, state.rest)
    agreement = compare(run_litert(file, np.asarray(batch)), np.asarray(jax.nn.softmax(network(batch))))
    same = agreement.difference <= TOLERANCE
    promise.that(
        same, "LiteRT and JAX agree", f"they differ by {agreement.difference:.1e}: an operator converts wrongly"
    )


def check_optimizer(optimizer: Optimizer, steps: int = 50) -> None:
    """Check that an optimizer lowers a quadratic loss within `steps`, the length of the run that it is built for."""
    promise = _check_plugin(optimizer)
    transform = promise.holds("build makes an optax.GradientTransformation", lambda: optimizer.build(steps))
    begin = {"matrix": _noise(12).reshape(3, 4) + 1, "bias": jnp.ones(4)}

    def loss(params: Any) -> Array:
        return sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(params))  # type: ignore[return-value]

    def run(transform: optax.GradientTransformation) -> tuple[Any, Any]:
        @jax.jit
        def step(params: Any, state: Any) -> tuple[Any, Any]:
            updates, state = transform.update(jax.grad(loss)(params), state, params)
            return optax.apply_updates(params, updates), state

        params, state = begin, transform.init(begin)
        for _ in range(steps):
            params, state = step(params, state)
        return params, state

    params, state = promise.holds("jax.jit traces its update", lambda: run(transform))
    kinds = [jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (transform.init(begin), state)]
    promise.that(kinds[0] == kinds[1], "its state keeps its shapes and dtypes", "else it cannot be restored")
    finite = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(params))
    promise.that(finite, "it is finite", f"the weights are not after {steps} steps down a quadratic")
    lower = bool(loss(params) < loss(begin))
    promise.that(lower, "it lowers the loss", f"{float(loss(begin)):g} became {float(loss(params)):g}: check the sign")
    promise.that(_equal(params, run(optimizer.build(steps))[0]), "it is deterministic", "a second run differs")


class _Promise:
    """Names the plugin in every complaint."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def broken(self, what: str, why: str) -> AssertionError:
        return AssertionError(f"{self.kind} '{self.name}' breaks a promise of its contract, \"{what}\": {why}")

    def that(self, kept: bool, what: str, why: str) -> None:
        if not kept:
            raise self.broken(what, why)

    def holds(self, what: str, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except Exception as error:
            raise self.broken(what, f"it raised {error!r}") from error

    def close(self, found: Any, expected: Any, what: str, why: str) -> None:
        found, expected = np.asarray(found), np.asarray(expected)
        scale = max(1e-6, float(np.abs(expected).max(initial=0)))
        difference = float(np.abs(found - expected).max(initial=0)) / scale
        self.that(difference <= TOLERANCE, what, f"off by {difference:.1e} of the largest entry; {why}")


def _check_plugin(plugin: Plugin) -> _Promise:
    cls = type(plugin)
    registry = next((registry for registry in REGISTRIES if isinstance(plugin, registry.contract)), None)
    if registry is None:
        raise AssertionError(f"{cls.__name__} is no plugin: derive it from one of the classes in aersut.contracts")
    promise = _Promise(registry.kind, cls.__name__)
    frozen = "__dataclass_params__" in vars(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    promise.that(frozen, "it is a frozen dataclass", "put @dataclass(frozen=True) over the class itself")
    promise.name = promise.holds("it is registered", lambda: registry.name_of(plugin))
    summary = registry.summary(promise.name)
    own = bool(summary) and not summary.startswith(f"{cls.__name__}(")  # what dataclass puts where there is none
    promise.that(own, "its docstring begins with a line for --list", "write one")
    what = "it survives config.json"
    text = promise.holds(what, lambda: json.dumps(to_tree(plugin), allow_nan=False))
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[registry.contract, Named(registry)])  # type: ignore[arg-type]
    again = promise.holds(what, lambda: adapter.validate_python(json.loads(text)))
    promise.that(again == plugin, what, f"{plugin} came back as {again}: store the fields as they are given")
    return promise


def _noise(size: int, seed: int = 0) -> Float[Array, " size"]:
    return jnp.asarray(np.random.default_rng(seed).uniform(-0.5, 0.5, size), jnp.float32)


def _hard(size: int) -> dict[str, Array]:
    alternating = jnp.where(jnp.arange(size) // 50 % 2, 1.0, -1.0)
    return {
        "silence": jnp.zeros(size),
        "a constant": jnp.full(size, 0.5),
        "a single click": jnp.zeros(size).at[size // 2].set(1.0),
        "full scale": alternating,
        "a signal of 1e-8": 1e-8 * alternating,
    }


def _rngs(seed: int) -> nnx.Rngs:
    return nnx.Rngs(jax.random.key(seed))


def _equal(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def _same(one: Example, other: Example) -> bool:
    return np.array_equal(one.values, other.values) and np.array_equal(one.label, other.label)
