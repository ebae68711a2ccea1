"""Feature importance of a trained run, as `--mode=evaluate --importance` computes it."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aersut.contracts import Feature
from aersut.evaluation import importance
from aersut.evaluation.gradients import attributor
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.judged import Judged
from aersut.evaluation.pictures import typical
from aersut.evaluation.plots import importance as plots
from aersut.evaluation.plots import style
from aersut.evaluation.speech import Speech
from aersut.features.frontend import Frontend
from aersut.paths import write_json
from aersut.registry import FEATURES
from aersut.training.trained import Trained

MOST = 400
"""Clips; of more, so many that lie evenly are taken, which bounds the time and hardly widens the intervals."""
CAPTIONS = {
    "importance-groups": "UAR lost where a feature is another clip's, with 95 % intervals by speaker",
    "importance-channels": "UAR lost where one channel is another clip's",
    "occlusion-time": "UAR lost where a tenth of the time is 40 dB quieter",
    "occlusion-frequency": "UAR lost where a band of frequencies is 40 dB quieter",
}
GRADIENTS = "gradients-"
BATCH = 32


def explain(folder: Path, trained: Trained, speech: Speech, judged: Judged) -> dict[str, Any]:
    """Write `importance.json` and its pictures beside an evaluation; return what the former holds.

    Permutation asks which channels a network uses, occlusion which part of the sound, integrated gradients which cells
    of one clip's mel spectrogram. The latter two are left out, with the reason in `missing`, where a feature cannot be
    traced from the sound.
    """
    rows = np.unique(np.linspace(0, len(judged) - 1, min(MOST, len(judged))).astype(int))
    labels, resampling = speech.labels[rows], Resampling.of([judged.speakers[row] for row in rows])

    def predict(features: Float[np.ndarray, "clips frames channels"]) -> Int[np.ndarray, " clips"]:
        return trained.forward(trained.state, features).argmax(axis=1)

    groups, channels = slices(trained.frontend)
    found: dict[str, Any] = {
        "epoch": trained.epoch,
        "clips": len(rows),
        "groups": importance.permutation(predict, speech.features[rows], labels, resampling, groups),
        "channels": importance.permutation(predict, speech.features[rows], labels, resampling, channels),
        "missing": _untraceable(trained.frontend, speech),
    }
    if not found["missing"] and speech.audio is not None:
        listen = _listener(trained)
        rate = trained.frontend.framing.sample_rate
        found["occlusion"] = importance.occlusion(listen, speech.audio(rows), labels, resampling, rate)
        found["gradients"] = _gradients(folder / "plots", trained, speech, judged)
    write_json(folder / "importance.json", found)
    if style.available():
        _draw(folder / "plots", found)
    return found


def table(found: dict[str, Any]) -> str:
    """The features, and the channels that matter most, as text."""
    lines = [f"\nUAR lost where it is another clip's ({found['clips']} clips)   95 % interval, by speaker"]
    most = sorted(found["channels"].items(), key=lambda item: -item[1]["uar_lost"])[:10]
    for name, row in [*found["groups"].items(), *most]:
        between = "{:.3f} to {:.3f}".format(*row["interval"]) if row["interval"] else "-"
        lines.append(f"{name:24}{row['uar_lost']:8.3f}   {between}")
    return "\n".join(lines + [f"note: {line}" for line in found["missing"]])


def slices(frontend: Frontend) -> tuple[dict[str, slice], dict[str, slice]]:
    """The channels of each feature, and each channel, by their names: "mfcc", "mfcc[0]"."""
    groups: dict[str, slice] = {}
    channels: dict[str, slice] = {}
    begin = 0
    for place, feature in enumerate(frontend.features):
        name = _name(feature, place, taken=groups)
        groups[name] = slice(begin, begin + feature.channels)
        channels |= {f"{name}[{n}]": slice(begin + n, begin + n + 1) for n in range(feature.channels)}
        begin += feature.channels
    return groups, channels


def _name(feature: Feature, place: int, taken: dict[str, slice]) -> str:
    name = FEATURES.name_of(feature)
    return f"{name} (features.{place})" if name in taken else name


def _untraceable(frontend: Frontend, speech: Speech) -> list[str]:
    host = [FEATURES.name_of(feature) for feature in frontend.features if feature.host]
    if host:
        return [f"no occlusion and no gradients: {', '.join(host)} runs outside JAX."]
    return [] if speech.audio else ["no occlusion and no gradients: the test part holds augmented copies."]


def _listener(trained: Trained) -> Any:
    extract = jax.jit(lambda audio: trained.frontend.transformed(audio)[1])

    def listen(audio: Float[np.ndarray, "clips samples"]) -> Int[np.ndarray, " clips"]:
        features = []
        for begin in range(0, len(audio), BATCH):
            block = audio[begin : begin + BATCH]
            padded = np.resize(block, (BATCH, audio.shape[1]))  # one compiled shape
            features.append(np.asarray(extract(jnp.asarray(padded)))[: len(block)])
        return trained.forward(trained.state, np.concatenate(features)).argmax(axis=1)

    return listen


def _gradients(folder: Path, trained: Trained, speech: Speech, judged: Judged) -> dict[str, Any]:
    """Integrated gradients of a clip of each emotion, for that emotion's logit over the mean one; drawn."""
    from flax import nnx

    assert speech.audio is not None
    network = nnx.merge(trained.graphs.evaluation, trained.state.weights, trained.state.rest, copy=True)
    framing, found = trained.frontend.framing, {}

    def score(samples: Array, label: Array) -> Array:
        logits = network(trained.frontend.scaled(trained.frontend.extract(samples)[None]))[0]
        return logits[label] - logits.mean()

    attribute = attributor(score, framing.sample_rate)
    for emotion, row in typical(judged).items():
        attribution = attribute(speech.audio(np.array([row]))[0], judged.emotions.index(emotion))
        found[emotion] = {"change": attribution.change, "error": attribution.error}
        if style.available():
            path = folder / f"{GRADIENTS}{emotion}"
            style.draw(path, plots.GRADIENTS, plots.paint_gradients, attribution, framing.seconds, emotion)
    return found


def _draw(folder: Path, found: dict[str, Any]) -> None:
    pictures = {"importance-groups": (found["groups"], ""), "importance-channels": (found["channels"], "")}
    if "occlusion" in found:
        pictures["occlusion-time"] = (found["occlusion"]["time"], "time (s)")
        pictures["occlusion-frequency"] = (found["occlusion"]["frequency"], "frequency (kHz)")
    for name, (rows, label) in pictures.items():
        style.draw(folder / name, plots.size(rows), plots.paint, rows, label)
