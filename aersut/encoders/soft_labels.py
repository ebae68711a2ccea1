"""Soft labels of training clips: what a classifier of a pretrained encoder's embeddings predicts for them."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from aersut.errors import UserError, require

FOLDS = 5
REGULARIZATION = 12.0
"""Inverse strength C of the L2 penalty of scikit-learn's `LogisticRegression`, times the width of the embeddings."""


def check_soft_labels(speakers: Sequence[str]) -> None:
    """Raise `UserError` if soft labels cannot be computed: scikit-learn is missing, or all clips have one speaker."""
    require("soft labels need", "teachers", "sklearn")
    if len(set(speakers)) < 2:
        raise UserError(
            "experiment.encoders: soft labels need training clips of two or more speakers; omit the encoders."
        )


def soft_labels(
    embeddings: Float[np.ndarray, "clips width"],
    labels: Int[np.ndarray, " clips"],
    classes: int,
    speakers: Sequence[str],
    weights: Float[np.ndarray, " clips"] | None = None,
) -> Float[np.ndarray, "clips classes"]:
    """Out-of-fold probabilities of training clips by multinomial logistic regression on standardized embeddings.

    The speakers are divided into five folds, and a clip is predicted by a classifier that has not seen its speaker.
    So the soft labels are as uncertain as the embeddings are about unseen speakers.

    Args:
        classes: number of classes; one without a training clip has the probability 0.
        weights: of the clips.

    Raises:
        UserError: see `check_soft_labels`; or the clips of the other speakers have only one emotion.
    """
    check_soft_labels(speakers)
    from sklearn.model_selection import GroupKFold

    groups = np.unique(speakers, return_inverse=True)[1]
    count = int(groups.max()) + 1
    weights = np.ones(len(labels)) if weights is None else weights
    found = np.zeros((len(labels), classes), np.float32)
    for rows, others in GroupKFold(min(FOLDS, count)).split(embeddings, groups=groups):
        if len(np.unique(labels[rows])) < 2:
            raise UserError(
                "experiment.encoders: soft labels need training clips of two or more emotions without those of any one "
                "speaker. Use more speakers, or omit the encoders."
            )
        found[others] = classifier(embeddings[rows], labels[rows], classes, weights[rows])(embeddings[others])
    return found


def classifier(
    embeddings: Float[np.ndarray, "clips width"],
    labels: Int[np.ndarray, " clips"],
    classes: int,
    weights: Float[np.ndarray, " clips"],
) -> Callable[[Float[np.ndarray, "others width"]], Float[np.ndarray, "others classes"]]:
    """Train multinomial logistic regression on standardized embeddings; return a function to class probabilities.

    A class without a clip has the probability 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, deviation = embeddings.mean(axis=0), np.maximum(embeddings.std(axis=0), 1e-6)
    regression = LogisticRegression(C=REGULARIZATION / embeddings.shape[1], max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the penalty limits what further iterations change
        regression.fit((embeddings - mean) / deviation, labels, sample_weight=weights)

    def probabilities(others: Float[np.ndarray, "others width"]) -> Float[np.ndarray, "others classes"]:
        found = np.zeros((len(others), classes), np.float32)
        found[:, regression.classes_] = regression.predict_proba((others - mean) / deviation)
        return found

    return probabilities
