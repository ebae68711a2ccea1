"""What a plugin is: the few classes that every corpus, feature, augmenter, model and optimizer is written against.

A plugin is a frozen dataclass that derives from one of the abstract classes below and is registered under a name
(`aersut.registry`). Its fields are its configuration. Importing this module imports neither JAX nor TensorFlow.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import jax
    import numpy as np
    import optax
    from flax import nnx
    from jaxtyping import Array, Float

    from aersut.augment.example import Example
    from aersut.features.signal import Signal
    from aersut.models.network import Network

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""The eight emotions in RAVDESS's order; the index of one is its class unless `Data.emotions` says otherwise."""


STRICT = {"extra": "forbid", "allow_inf_nan": False, "coerce_numbers_to_str": True}
"""How pydantic checks a configuration: an unknown key is an error, and so is a number that is none."""


@dataclass(frozen=True)
class Clip:
    """One utterance on disk.

    Attributes:
        path: the audio file.
        emotion: one of `EMOTIONS`.
        speaker: the corpus's own name for the speaker, unique within the corpus ("12", "1076").
        corpus: the name of the corpus.
        sex: "female", "male", or "" where it is not known.
        text: which sentence is spoken, in the corpus's own code, or "".
        intensity: "normal", "strong", … in the corpus's own words, or "".
        part: the part that the corpus itself assigns: "train", "validation", "test" or "".
    """

    path: Path
    emotion: str
    speaker: str
    corpus: str
    sex: str = ""
    text: str = ""
    intensity: str = ""
    part: str = ""

    @property
    def speaker_id(self) -> str:
        """The speaker's name over all corpora: "ravdess:12"."""
        return f"{self.corpus}:{self.speaker}"


@dataclass(frozen=True)
class LeftOut:
    """A file that was found and is not used, with the reason; `damage` is False for what merely has no counterpart."""

    path: Path
    reason: str
    damage: bool = True


@dataclass(frozen=True)
class Listing:
    """What a corpus found under its root: clips in a deterministic order, and every file that it left out."""

    clips: tuple[Clip, ...]
    left_out: tuple[LeftOut, ...] = ()


class Plugin(abc.ABC):  # noqa: B024  (the contracts below add what is abstract)
    """A frozen dataclass whose fields are its configuration, checked in `__post_init__` by raising `ValueError`."""

    __pydantic_config__: ClassVar = STRICT

    def fingerprint(self) -> str:
        """What its results depend on beside its fields, such as the contents of files; caches are keyed by it."""
        return ""


class Corpus(Plugin):
    """A collection of clips on disk.

    Attributes:
        all_speakers: those of the complete corpus, so that missing ones can be named; () where that is not known.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def load(self, root: Path) -> Listing:
        """List the clips under `root`, in the same order every time.

        Raises:
            UserError: there is no such corpus under `root`; the message says where it was looked for and how to get it.
        """


@dataclass(frozen=True)
class Framing:
    """How every feature of an experiment cuts the window of samples into frames.

    Attributes:
        sample_rate: in Hz; clips are resampled to it.
        seconds: length of the window that the network sees.
        frame_length: in samples; also the length of the Fourier transform.
        hop_length: in samples.
        center: pad half a frame of zeros at both ends, as librosa does by default.
    """

    __pydantic_config__: ClassVar = STRICT
    sample_rate: int = 22_050
    seconds: float = 3.0
    frame_length: int = 2048
    hop_length: int = 512
    center: bool = True

    def __post_init__(self) -> None:
        for name in ("sample_rate", "frame_length", "hop_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.frame_length > self.samples:
            raise ValueError(
                f"frame_length {self.frame_length} is longer than the window of {self.samples} samples "
                f"({self.seconds} s at {self.sample_rate} Hz); shorten it or lengthen seconds"
            )

    @property
    def samples(self) -> int:
        """Samples in a window."""
        return round(self.seconds * self.sample_rate)

    @property
    def frames(self) -> int:
        """Frames in a window, as librosa counts them."""
        padding = 2 * (self.frame_length // 2) if self.center else 0
        return 1 + (self.samples + padding - self.frame_length) // self.hop_length


class Feature(Plugin):
    """A feature extractor: one utterance in, one row of channels per frame out.

    The call is pure and can be traced by `jax.jit`, `jax.vmap` and `jax.grad`. All features of an experiment share its
    `Framing`, so that their frames line up.

    Attributes:
        channels: the number of columns, known before any call (a class attribute or a property).
        context: frames that it needs before and after the one that it describes (deltas look around).
        whole_utterance: the value of a frame depends on the whole window, so it cannot be streamed.
        host: it runs outside JAX (librosa, openSMILE): cached copies only, no waveform-in export.
    """

    channels: int
    context: tuple[int, int] = (0, 0)
    whole_utterance: bool = False
    host: bool = False

    @abc.abstractmethod
    def __call__(self, signal: Signal) -> Float[Array | np.ndarray, "frames channels"]:
        """Describe each frame of `signal`; the frames are those of `signal.framing`."""

    def check(self, framing: Framing) -> None:
        """Raise `ValueError` where this feature cannot be computed under `framing` (fmax above Nyquist)."""


class Augmenter(Plugin):
    """A random change of an example that keeps its shape.

    Pure: the randomness is the key's alone. `domain` says what it works on: "waveform" (f32[samples]), "features"
    (f32[frames, channels], before scaling) or "batch" (examples stacked along a first axis, so that it can mix them).
    """

    domain: ClassVar[Literal["waveform", "features", "batch"]] = "waveform"

    @abc.abstractmethod
    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Return the changed example; one that mixes examples mixes their label distributions too."""


class Model(Plugin):
    """The configuration of an architecture, which builds the network."""

    exportable: ClassVar[bool] = True

    @abc.abstractmethod
    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        """Build the network for inputs f32[batch, frames, channels] and logits f32[batch, classes]; traced by JAX.

        Raises:
            ValueError: the input is too short for the network.
        """


class Optimizer(Plugin):
    """The configuration of an optimizer with its schedule."""

    @abc.abstractmethod
    def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
        """Return the Optax transformation for a run of `steps` steps; its `update` is told the loss as `value`."""
