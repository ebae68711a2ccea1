"""The streaming audio frontend of a microcontroller: features frame by frame, then from a ring buffer of frames.

A board computes each frame as soon as it has its samples (`frontend.tflite`), keeps the frames of one window in a ring
buffer, and classifies them. Features that describe each frame by itself stream unchanged. Recursive features carry a
state from frame to frame, a second input and output of the file. Features that depend on several frames (deltas,
scaling by utterance) are computed from the ring buffer, in the classifier's file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Array, Float, Int16

from aersut.contracts import Feature, Framing
from aersut.errors import UserError
from aersut.features.frontend import Frontend, Scaling, to_float
from aersut.features.stages import RowsSignal, inner_features, reads_samples
from aersut.registry import FEATURES


@dataclass(frozen=True)
class StreamingFrontend:
    """A frontend divided into a stage per frame and a stage per window.

    Attributes:
        frontend: of the whole window, as in training.
        frames: the features of a single frame and its state, with a scaling of their own.
    """

    frontend: Frontend
    frames: Frontend

    @property
    def plain(self) -> bool:
        """Whether the scaled frames of a window are the network's input, without a second stage."""
        return self.frames.features == self.frontend.features and not self.frontend.per_utterance

    def window(self, rows: Float[Array, "frames some"]) -> Float[Array, "frames channels"]:
        """The second stage: the network's input from the scaled frames of one window."""
        scaling = self.frames.scaling
        rows = rows if scaling is None else rows * scaling.deviation + scaling.mean
        signal = RowsSignal(rows, self.frames.features, self.frames.framing)
        return self.frontend.standardized(signal.concatenated(self.frontend.features))


def split_frontend(frontend: Frontend, clips: Int16[np.ndarray, "clips samples"]) -> StreamingFrontend:
    """Divide a frontend into a stage per frame and a stage per window.

    Args:
        clips: of the training set; the frames are scaled by their statistics where the frontend's own scaling does not
            fit them.

    Raises:
        UserError: a feature cannot be computed frame by frame.
    """
    framed = tuple(dict.fromkeys(one for feature in frontend.features for one in _by_frame(feature, frontend.framing)))
    whole = replace(frontend, augment=())
    stream = StreamingFrontend(whole, replace(whole, features=framed, per_utterance=False))
    if stream.plain:
        return stream
    return replace(stream, frames=_scaled(stream.frames, clips))


def _by_frame(feature: Feature, framing: Framing) -> Iterator[Feature]:
    """The features of a single frame, and a state, that `feature` is computed from."""
    name = FEATURES.name_of(feature)
    inner = inner_features(feature)
    if feature.host:
        raise UserError(f"feature '{name}' is computed outside JAX, so it cannot be exported. Train without it.")
    if feature.context == (0, 0) and not feature.whole_utterance:
        yield feature
    elif inner and not reads_samples(feature, framing):
        for one in inner:
            yield from _by_frame(one, framing)
    elif inner:
        raise UserError(
            f"feature '{name}' depends on several frames and reads samples, so a board cannot compute it from the "
            "frames of other features. Train without it."
        )
    elif feature.whole_utterance:
        raise UserError(
            f"feature '{name}' depends on the whole utterance, so it cannot be computed frame by frame. Train without "
            f"it{', or with features.N.top_db=none' if hasattr(feature, 'top_db') else ''}."
        )
    else:
        raise UserError(
            f"feature '{name}' needs frames before or after the one that it describes. A board computes such a "
            "feature only from the frames of another feature (as 'delta' does). Train without it."
        )


def _scaled(frames: Frontend, clips: Int16[np.ndarray, "clips samples"]) -> Frontend:
    features = np.asarray(jax.jit(lambda audio: frames.finished(frames.transformed(audio)[1]))(to_float(clips)), float)
    return replace(frames, scaling=Scaling.of(features.mean((0, 1)), features.std((0, 1))))
