"""The plots of an evaluation: their files, captions and order.

The report imports the captions, so plots that need JAX are imported by the functions that draw them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.progress import stage
from aersut.report.plots import classes
from aersut.report.plots.style import matplotlib_installed, write_plot, write_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aersut.evaluation.evaluate import Evaluation
    from aersut.evaluation.evaluation_set import EvaluationSet
    from aersut.evaluation.integrated_gradients import Attribution
    from aersut.evaluation.predictions import ClipPredictions
    from aersut.training.trained import Trained

CAPTIONS = {
    "confusion": "Confusion matrix: percentage of the clips of each true class, and number of clips",
    "classes": "Precision, recall and F1 of each emotion; error bars: 95 % intervals of the recall by speaker",
    "reliability": "Reliability diagram: accuracy over confidence; area of a dot: fraction of clips",
    "embedding-emotions": "Embeddings of the penultimate layer (principal components), by emotion",
    "embedding-speakers": "Embeddings of the penultimate layer, by speaker",
}
"""Captions of the plots of every evaluation by the names of their files, in the order of the report."""
IMPORTANCE_CAPTIONS = {
    "importance-groups": "Permutation importance of each feature: UAR drop, with 95 % intervals by speaker",
    "importance-channels": "Permutation importance of each channel",
    "occlusion-time": "Occlusion: UAR drop when a tenth of the time is attenuated by 40 dB",
    "occlusion-frequency": "Occlusion: UAR drop when a frequency band is attenuated by 40 dB",
}
EXAMPLE = "example-"
GRADIENTS_PREFIX = "gradients-"
"""Prefixes of the files with a plot for each emotion."""


def draw_plots(evaluation: "Evaluation") -> None:
    """Draw the plots of an evaluation into its folder `plots/`, if matplotlib is installed."""
    if not matplotlib_installed():
        return
    with stage("drawing plots"):
        _draw(evaluation)


def _draw(evaluation: "Evaluation") -> None:
    folder, result, trained = evaluation.folder / "plots", evaluation.result, evaluation.trained
    write_plot(folder / "confusion", classes.CONFUSION, classes.paint_confusion, result)
    write_plot(folder / "classes", classes.BARS, classes.paint_bars, result)
    write_plot(folder / "reliability", classes.RELIABILITY, classes.paint_reliability, result)
    if trained and evaluation.examples:
        _draw_embedding(folder, trained, evaluation.examples, evaluation.predictions)
        _draw_examples(folder, trained, evaluation.examples, evaluation.predictions)
        _draw_gradients(folder, trained, evaluation.attributions)
    if evaluation.importance:
        _draw_importance(folder, evaluation.importance)


def _draw_embedding(folder: Path, trained: "Trained", clips: "EvaluationSet", predictions: "ClipPredictions") -> None:
    from aersut.report.plots import embedding

    points, explained = embedding.principal_components(trained.embeddings(clips.features))
    emotions = [predictions.emotions[label] for label in predictions.labels]
    speakers = predictions.speakers
    for name, groups, order in (
        ("emotions", emotions, [emotion for emotion in predictions.emotions if emotion in emotions]),
        ("speakers", speakers, sorted(set(speakers), key=lambda speaker: (len(speaker), speaker))),
    ):
        path = folder / f"embedding-{name}"
        write_plot(path, embedding.SIZE, embedding.paint_embedding, points, explained, groups, order)


def _draw_examples(folder: Path, trained: "Trained", clips: "EvaluationSet", predictions: "ClipPredictions") -> None:
    """Draw a clip of each emotion; nothing for augmented copies, which have no audio."""
    if clips.audio is None:
        return
    from aersut.report.plots import examples

    exemplars, framing = predictions.exemplars(), trained.frontend.framing
    windows = clips.audio(np.array(list(exemplars.values())))
    plots = {
        folder / f"{EXAMPLE}{emotion}": (samples, framing, emotion)
        for emotion, samples in zip(exemplars, windows, strict=True)
    }
    write_series(plots, examples.SIZE, examples.paint_example)


def _draw_gradients(folder: Path, trained: "Trained", attributions: "Mapping[str, Attribution]") -> None:
    from aersut.report.plots import importance

    seconds = trained.frontend.framing.seconds
    for emotion, attribution in attributions.items():
        path = folder / f"{GRADIENTS_PREFIX}{emotion}"
        write_plot(path, importance.GRADIENTS, importance.paint_gradients, attribution, seconds, emotion)


def _draw_importance(folder: Path, result: dict[str, Any]) -> None:
    from aersut.report.plots import importance

    bars = {"importance-groups": (result["groups"], ""), "importance-channels": (result["channels"], "")}
    if "occlusion" in result:
        bars["occlusion-time"] = (result["occlusion"]["time"], "time (s)")
        bars["occlusion-frequency"] = (result["occlusion"]["frequency"], "frequency (kHz)")
    for name, (rows, label) in bars.items():
        write_plot(folder / name, importance.bars_size(rows), importance.paint_drops, rows, label)
