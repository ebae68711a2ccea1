"""The pictures of an evaluation: which there are, in which order, and what each shows."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from aersut.evaluation.judged import Judged
from aersut.evaluation.plots import classes, embedding, examples, style
from aersut.evaluation.speech import Speech
from aersut.training.forward import Forward
from aersut.training.trained import Trained

CAPTIONS = {
    "confusion": "Confusion matrix: share of each spoken emotion's clips, and their number",
    "classes": "Precision, recall and F1 of each emotion; the lines are the recall's 95 % intervals by speaker",
    "reliability": "Reliability: how often the answers of each confidence are right; dots as large as their share",
    "embedding-emotions": "Map of the penultimate layer (principal components), by emotion",
    "embedding-speakers": "The same map by speaker",
}
"""The pictures of every evaluation by their files' names, in the order of the report."""
EXAMPLE = "example-"


def draw(folder: Path, result: dict[str, Any]) -> None:
    """Draw what follows from the figures."""
    style.draw(folder / "confusion", classes.CONFUSION, classes.paint_confusion, result)
    style.draw(folder / "classes", classes.BARS, classes.paint_bars, result)
    style.draw(folder / "reliability", classes.RELIABILITY, classes.paint_reliability, result)


def draw_embedding(folder: Path, trained: Trained, speech: Speech, judged: Judged) -> None:
    """Draw the map of the penultimate layer, which only a checkpoint shows."""
    embed = Forward(trained.graphs, trained.frontend, lambda network, features: network.embed(features))
    points, explained = embedding.plane(embed(trained.state, speech.features))
    emotions = [judged.emotions[label] for label in judged.labels]
    speakers = judged.speakers
    for name, groups, order in (
        ("emotions", emotions, [emotion for emotion in judged.emotions if emotion in emotions]),
        ("speakers", speakers, sorted(set(speakers), key=lambda speaker: (len(speaker), speaker))),
    ):
        path = folder / f"embedding-{name}"
        style.draw(path, embedding.SIZE, embedding.paint, points, explained, groups, order)


def draw_examples(folder: Path, trained: Trained, speech: Speech, judged: Judged) -> None:
    """Draw one clip of each emotion that there is."""
    if speech.audio is None:
        return
    chosen = typical(judged)
    for emotion, samples in zip(chosen, speech.audio(np.array(list(chosen.values()))), strict=True):
        path = folder / f"{EXAMPLE}{emotion}"
        style.draw(path, examples.SIZE, examples.paint, samples, trained.frontend.framing, emotion)


def typical(judged: Judged) -> dict[str, int]:
    """A clip of each emotion: the one that is surest recognized, or least unlikely to be."""
    chosen = {}
    for index, emotion in enumerate(judged.emotions):
        rows: Int[np.ndarray, " some"] = np.flatnonzero(judged.labels == index)
        if len(rows):
            chosen[emotion] = int(rows[judged.probabilities[rows, index].argmax()])
    return chosen
