"""Scatter plot of the penultimate layer: principal components of the embeddings, by emotion and by speaker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from aersut.report.plots.style import COLOURS, INK, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (4.6, 4.2)
MOST = 2000
"""Points; of a larger number of clips, every n-th is drawn."""
NAMED = 16
"""Groups with a colour and an entry in the legend; further groups are grey and share one entry."""


def principal_components(
    embedding: Float[np.ndarray, "clips width"],
) -> tuple[Float[np.ndarray, "clips 2"], tuple[float, float]]:
    """The first two principal components of each clip's embedding, and the fraction of variance that each explains.

    PCA is preferred to t-SNE: it takes milliseconds (t-SNE takes half a minute for 2,000 clips), it is deterministic,
    and distances in the plot are meaningful.
    """
    centred = np.asarray(embedding - embedding.mean(axis=0), np.float64)
    wide = centred.shape[1] > len(centred)
    # eigenvectors of the smaller of two products: a singular value decomposition takes ten times as long
    squares, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    squares, vectors = np.maximum(squares[::-1], 0.0), vectors[:, :-3:-1]
    directions = centred.T @ vectors if wide else vectors
    # the sign of a direction is arbitrary: its largest entry is positive here, as in scikit-learn
    signs = np.sign(np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0))
    points = np.zeros((len(embedding), 2))
    points[:, : vectors.shape[1]] = signs * (vectors * np.sqrt(squares[:2]) if wide else centred @ vectors)
    first, second = (*squares / max(float(squares.sum()), 1e-12), 0.0)[:2]
    return points, (float(first), float(second))


def paint_embedding(
    figure: "Figure",
    points: Float[np.ndarray, "clips 2"],
    explained: tuple[float, float],
    groups: Sequence[str],
    order: Sequence[str],
) -> None:
    """Each clip as a dot with the colour and shape of its group; `order` is the order of the legend."""
    every = -(-len(points) // MOST)
    points, shown = points[::every], np.array(groups, dtype=object)[::every]
    axes = figure.subplots()
    for index, name in enumerate(order):
        chosen = shown == name
        rest = index >= NAMED
        axes.scatter(
            points[chosen, 0],
            points[chosen, 1],
            s=18,
            color="#aaaaaa" if rest else COLOURS[index % len(COLOURS)],
            marker=MARKERS[(index + index // len(COLOURS)) % len(MARKERS)],
            edgecolors=INK,
            linewidths=0.25,
            alpha=0.85,
            label=None if rest and index > NAMED else "others" if rest else name,
            rasterized=len(points) > 600,  # else the SVG is larger than the rest of a report
        )
    axes.set(
        xlabel=f"principal component 1 ({explained[0]:.0%} of variance)", ylabel=f"component 2 ({explained[1]:.0%})",
        xticks=[], yticks=[],
    )  # fmt: skip
    figure.legend(loc="outside upper center", ncols=4, fontsize=8, handletextpad=0.1, columnspacing=0.8)
