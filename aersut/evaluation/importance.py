"""Feature importance of a trained network: permutation importance, occlusion and integrated gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int

from aersut.evaluation.evaluation_set import EvaluationSet
from aersut.evaluation.integrated_gradients import Attribution, integrated_gradients
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.occlusion import BANDS, SEGMENTS, occlusion
from aersut.evaluation.permutation import REPEATS, permutation_importance
from aersut.evaluation.predictions import ClipPredictions
from aersut.evaluation.result_table import format_interval
from aersut.features.frontend import Frontend
from aersut.features.windows import WindowFeatures
from aersut.progress import stage
from aersut.registry import FEATURES
from aersut.training.trained import Trained

MOST = 400
"""Clips. Of a larger set, this many are drawn, always the same: it limits the time and hardly widens the intervals."""
BATCH = 32


def feature_importance(
    trained: Trained, examples: EvaluationSet, predictions: ClipPredictions
) -> tuple[dict[str, Any], dict[str, Attribution]]:
    """Permutation importance, occlusion and integrated gradients of a trained network on the clips of an evaluation.

    Permutation importance describes channels of the base features, occlusion describes segments of time and frequency
    bands of the audio, integrated gradients describe cells of the mel spectrogram of one clip. The latter two are
    omitted, with the reason in `notes`, if they cannot be computed from audio.

    Returns:
        The content of importance.json, and integrated gradients of a clip of each emotion.
    """
    # at random: at even distances, some speakers would lack emotions in corpora whose files are ordered by emotion
    rows = np.sort(np.random.default_rng(0).permutation(len(predictions))[:MOST])
    features, labels = examples.features[rows], examples.labels[rows]
    resampling = Resampling.of([predictions.speakers[row] for row in rows])

    groups, channels = feature_slices(trained.frontend)
    predictions_needed = 2 + REPEATS * (len(groups) + len(channels))
    with stage(f"computing permutation importance on {len(rows):,} clips", predictions_needed) as shown:

        def predict(features: Float[np.ndarray, "clips frames channels"]) -> Int[np.ndarray, " clips"]:
            shown.update()
            return trained.logits(features).argmax(axis=1)

        result: dict[str, Any] = {
            "epoch": trained.epoch,
            "clips": len(rows),
            "groups": permutation_importance(predict, features, labels, resampling, groups),
            "channels": permutation_importance(predict, features, labels, resampling, channels),
            "notes": [],
        }
    host = [FEATURES.name_of(feature) for feature in trained.frontend.bases if feature.host]
    if host or examples.audio is None:
        reason = f"{', '.join(host)} runs outside JAX" if host else "the test set holds augmented copies"
        result["notes"].append(f"no occlusion and no integrated gradients: {reason}.")
        return result, {}
    sample_rate = trained.frontend.framing.sample_rate
    with stage(f"computing occlusion on {len(rows):,} clips", 1 + SEGMENTS + BANDS) as shown:
        classifier = _audio_classifier(trained)

        def predict_audio(audio: Float[np.ndarray, "clips samples"]) -> Int[np.ndarray, " clips"]:
            shown.update()
            return classifier(audio)

        result["occlusion"] = occlusion(predict_audio, examples.audio(rows), labels, resampling, sample_rate)
    exemplars = predictions.exemplars()
    windows = examples.audio(np.array(list(exemplars.values())))
    with stage("computing integrated gradients"):
        attributions = _attributions(trained, dict(zip(exemplars, windows, strict=True)), predictions.emotions)
    result["gradients"] = {name: {"change": one.change, "error": one.error} for name, one in attributions.items()}
    return result, attributions


def importance_table(result: dict[str, Any]) -> str:
    """Permutation importance of each feature and of the ten most important channels, as text."""
    lines = [f"\npermutation importance ({result['clips']} clips): UAR drop, 95 % interval by speaker"]
    most = sorted(result["channels"].items(), key=lambda item: -item[1]["uar_drop"])[:10]
    for name, row in [*result["groups"].items(), *most]:
        interval = format_interval(row["interval"], row["uar_drop"])
        lines.append(f"{name:24}{row['uar_drop']:z8.3f}   {interval}")
    return "\n".join(lines + [f"note: {line}" for line in result["notes"]])


def feature_slices(frontend: Frontend) -> tuple[dict[str, slice], dict[str, slice]]:
    """The channels of each base feature, and each single channel, by name: "mfcc", "mfcc[0]"."""
    groups: dict[str, slice] = {}
    channels: dict[str, slice] = {}
    begin = 0
    for index, feature in enumerate(frontend.bases):
        name = FEATURES.name_of(feature)
        name = f"{name} ({index + 1})" if name in groups else name
        groups[name] = slice(begin, begin + feature.channels)
        channels |= {f"{name}[{n}]": slice(begin + n, begin + n + 1) for n in range(feature.channels)}
        begin += feature.channels
    return groups, channels


def _audio_classifier(trained: Trained) -> Callable[[Float[np.ndarray, "clips samples"]], Int[np.ndarray, " clips"]]:
    features = WindowFeatures(trained.frontend, BATCH)
    return lambda audio: trained.logits(features(audio)).argmax(axis=1)


def _attributions(
    trained: Trained, windows: dict[str, Float[np.ndarray, " samples"]], emotions: tuple[str, ...]
) -> dict[str, Attribution]:
    """Integrated gradients of a clip of each emotion; the score is the emotion's logit minus the mean logit."""
    frontend = trained.frontend

    def score(samples: Array, label: Array) -> Array:
        logits = trained.network()(frontend.scaled(frontend.extract(samples)[None]))[0]
        return logits[label] - logits.mean()

    attribute = integrated_gradients(score, frontend.framing.sample_rate)
    return {emotion: attribute(samples, emotions.index(emotion)) for emotion, samples in windows.items()}
