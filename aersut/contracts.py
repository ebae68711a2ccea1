"""The contracts of plugins: abstract base classes, and the data that plugins exchange with the framework.

A plugin is a frozen dataclass that derives from one of the abstract classes below and is registered under a name
(`aersut.registry`). Its fields are its configuration. Importing this module imports neither JAX nor TensorFlow.
"""

from __future__ import annotations

import abc
import math
import os
import unicodedata
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jax
    import numpy as np
    import optax
    from flax import nnx
    from jaxtyping import Array, Float

    from aersut.augment.example import Example, LogMelScale
    from aersut.export.context import Context
    from aersut.features.signal import Signal
    from aersut.models.network import Network
    from aersut.tflite.file import TFLiteFile

STRICT = {"extra": "forbid", "allow_inf_nan": False, "coerce_numbers_to_str": True}
"""pydantic's settings for every configuration class: unknown keys, NaN and infinity are errors."""


UNKNOWN = "unknown"
"""The speaker of a clip whose speaker is not known; such clips may be of many speakers."""


@dataclass(frozen=True)
class Clip:
    """One audio file of a corpus, or a segment of one, with its label and metadata. An empty string means "unknown".

    Attributes:
        emotion: label in lower case: one of `EMOTIONS`, or the corpus's own.
        speaker: the corpus's identifier of the speaker, unique within the corpus ("12", "1076"), or `UNKNOWN`.
        sex: "female", "male" or "".
        text: the corpus's code of the sentence, or "".
        intensity: the corpus's name of the intensity ("normal", "strong", …), or "".
        split: the set that the corpus itself assigns: "train", "validation", "test" or "".
        fold: the fold of a cross-validation that the corpus itself assigns, or "".
        age: age group ("20 to 29") or "".
        race: the speaker's race in the words of the corpus, or "".
        start: of the segment in the file, in s.
        end: of the segment, in s; infinity for the end of the file.
    """

    path: Path
    emotion: str
    speaker: str
    corpus: str
    sex: str = ""
    text: str = ""
    intensity: str = ""
    split: str = ""
    age: str = ""
    race: str = ""
    start: float = 0.0
    end: float = math.inf
    fold: str = ""

    def __post_init__(self) -> None:
        # file names from macOS have accents in another form than typed ones; one person must not become two
        object.__setattr__(self, "speaker", unicodedata.normalize("NFC", self.speaker))

    @property
    def location(self) -> str:
        """The path, for a segment with its start and end in s, as in a W3C media fragment: "a.wav#t=2,4.5"."""
        if (self.start, self.end) == (0.0, math.inf):
            return str(self.path)
        return f"{self.path}#t={self.start:.10g}" + (f",{self.end:.10g}" if self.end < math.inf else "")

    def relative_to(self, root: Path) -> str:
        """The location relative to `root`, if the file is below it."""
        return self.location.removeprefix(f"{root}{os.sep}")

    @property
    def speaker_id(self) -> str:
        """Identifier of the speaker that is unique over all corpora: "ravdess:12"."""
        return f"{self.corpus}:{self.speaker}"


@dataclass(frozen=True)
class SkippedFile:
    """A file under the root that is not used as a clip, with the reason.

    `damage` is True for a damaged or malformed file, False for a duplicate, another format, or a label that is left
    out.
    """

    path: Path
    reason: str
    damage: bool = True


@dataclass(frozen=True)
class Listing:
    """The clips of a corpus in a deterministic order, the files that it skipped, and notes for the user."""

    clips: tuple[Clip, ...]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()


class Plugin(abc.ABC):  # noqa: B024  (the contracts below add the abstract methods)
    """Base class of all plugins: a frozen dataclass whose fields are its configuration.

    `__post_init__` checks the fields and raises `ValueError`.
    """

    __pydantic_config__: ClassVar = STRICT

    def fingerprint(self) -> str:
        """Digest of every input besides the fields, such as the contents of files. It is part of cache keys.

        By default those of the plugins in its fields, joined.
        """
        return "".join(plugin.fingerprint() for plugin in self.nested())

    def recordings(self) -> list[Path]:
        """The audio files that it adds to speech or convolves it with; by default those of the plugins in its fields.

        A stress evaluation asks its conditions and the augmenters of the training, and warns of the same files.

        Raises:
            UserError: their folder has none, or cannot be read.
        """
        return [file for plugin in self.nested() for file in plugin.recordings()]

    def nested(self) -> list[Plugin]:
        """The plugins in its fields, also in tuples; theirs are not among them."""
        values = [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]
        flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
        return [one for one in flat if isinstance(one, Plugin)]


class Corpus(Plugin):
    """A collection of clips on disk.

    Attributes:
        all_speakers: the speakers of the complete corpus, to report missing ones; () if unknown.
        licence: of the recordings, "" if unknown; the model card states it.
        synthetic: the clips are generated; no data root is read.
        needs_root: the data root must exist, unless the corpus is synthetic.
        file_name: regular expression that is found in the names of its files, also of changed copies, with the group
            `speaker`; its clips are recognized by it in a manifest. "" if the names are not unmistakable.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ()
    licence: ClassVar[str] = ""
    synthetic: ClassVar[bool] = False
    needs_root: ClassVar[bool] = True
    file_name: ClassVar[str] = ""

    @abc.abstractmethod
    def load(self, root: Path) -> Listing:
        """List the clips under `root`, in the same order every time.

        Raises:
            UserError: `root` does not contain the corpus. The message gives the searched path and how to download it.
        """


@dataclass(frozen=True)
class Framing:
    """Sample rate, window and frames, shared by all features of an experiment.

    Attributes:
        sample_rate: sample rate in Hz; clips are resampled to it.
        seconds: length of the window, the fixed-length input of the network, in s.
        frame_length: length of a frame and of its Fourier transform in samples.
        hop_length: distance between the starts of adjacent frames in samples.
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
        """Number of samples in a window."""
        return round(self.seconds * self.sample_rate)

    @property
    def frames(self) -> int:
        """Number of frames in a window, equal to librosa's."""
        padding = 2 * (self.frame_length // 2) if self.center else 0
        return 1 + (self.samples + padding - self.frame_length) // self.hop_length


class Feature(Plugin):
    """A feature extractor: one window in, one row of channels per frame out.

    The call is pure and traceable by `jax.jit`, `jax.vmap` and `jax.grad`. All features of an experiment have its
    `Framing`, so their frames align. A subclass overrides each property by a class attribute (`channels = 1`) or, where
    the value depends on fields, by a property.
    """

    @property
    @abc.abstractmethod
    def channels(self) -> int:
        """Number of columns, known before any call."""

    @property
    def context(self) -> tuple[int, int]:
        """Number of frames before and after a frame that its values depend on (deltas have context), without state."""
        return 0, 0

    @property
    def whole_utterance(self) -> bool:
        """Each frame depends on the whole window, so the feature cannot be streamed."""
        return False

    @property
    def recursive(self) -> bool:
        """Each frame depends on all frames before it, through the state of `Signal.recursion`."""
        return False

    @property
    def spectrogram(self) -> bool:
        """The channels are bands of rising frequency, in dB."""
        return False

    def log_mel_scale(self, framing: Framing) -> LogMelScale | None:
        """The scale of a log-mel spectrogram in dB, whose bands the augmenters of `log_mel` change; None for others."""
        return None

    @property
    def host(self) -> bool:
        """The feature runs outside JAX (librosa, openSMILE): cached copies only, no files with audio input.

        By default, it does if a feature in its fields does.
        """
        return any(isinstance(one, Feature) and one.host for one in self.nested())

    @abc.abstractmethod
    def __call__(self, signal: Signal) -> Float[Array | np.ndarray, "frames channels"]:
        """Return the features of each frame of `signal`; `signal.framing` defines the frames."""

    def check(self, framing: Framing) -> None:
        """Raise `ValueError` if the feature cannot be computed under `framing` (fmax above the Nyquist frequency)."""


class Encoder(Plugin):
    """A frozen pretrained speech encoder: recordings in, embeddings out.

    Its embeddings of the training clips give soft labels (`Experiment.encoders`). It runs on the host, before training,
    and is not exported. It must not download anything.

    Attributes:
        sample_rate: of the samples that it takes, in Hz.
    """

    sample_rate: ClassVar[int] = 16_000

    @property
    @abc.abstractmethod
    def provenance(self) -> str:
        """Name, licence and training data of the encoder as far as they are known, for the model card."""

    @abc.abstractmethod
    def __call__(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "frames width"]:
        """Return the embeddings of a recording of any length, samples in [-1, 1].

        Several threads may call it.
        """

    def check(self) -> None:
        """Raise `UserError` if a package or a file that the encoder needs is missing."""


class Augmenter(Plugin):
    """A random change of a training example that keeps its shape. All randomness comes from the key.

    Attributes:
        domain: the values that it changes: "waveform" (f32[samples]), "features" (f32[frames, channels], the
            base features) or "batch" (examples stacked along a first axis, which it can mix).
        spectrogram: it changes bands in dB, so the only base feature must be a spectrogram (`Feature.spectrogram`).
        log_mel: it depends on the frequencies of the bands too, so the only base feature must be `log_mel`, or another
            with `Feature.log_mel_scale`.
    """

    domain: ClassVar[Literal["waveform", "features", "batch"]] = "waveform"
    spectrogram: ClassVar[bool] = False
    log_mel: ClassVar[bool] = False

    @property
    def host(self) -> bool:
        """It calls functions outside JAX (`jax.pure_callback`), as any augmenter in its fields does.

        Then cached copies only are possible, because the devices of a sharded batch would wait for each other.
        """
        return any(isinstance(one, Augmenter) and one.host for one in self.nested())

    @abc.abstractmethod
    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Return the changed example. An augmenter that mixes examples mixes their label distributions too."""


class Model(Plugin):
    """The configuration of a network architecture."""

    @property
    def exportable(self) -> bool:
        """TensorFlow Lite has the operators of the network; a class attribute or a property overrides it."""
        return True

    @abc.abstractmethod
    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        """Build the network: f32[batch, frames, channels] to logits f32[batch, classes], traceable by JAX.

        Raises:
            ValueError: the input has too few frames or channels for the network.
        """


class Optimizer(Plugin):
    """The configuration of an optimizer and its learning-rate schedule.

    Attributes:
        traced: names of numeric fields for which `build` may find a traced scalar (f32[]) in place of a number, and
            which it therefore neither compares nor converts. One compiled training step then serves all their values,
            which a sweep uses. Every other value is compiled into the step of its own.
        elementwise: the update of a weight depends on its own gradients, and on those of others only through norms over
            all weights. The training step then passes all weights as one vector, which takes less time.

    A subclass does not inherit `traced` and `elementwise`, since it may change what they promise.
    """

    traced: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "traced" not in vars(cls):
            cls.traced = ()
        if "elementwise" not in vars(cls):
            cls.elementwise = False

    @abc.abstractmethod
    def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
        """Return the Optax transformation for a run of `steps` steps; its `update` gets the loss as `value`.

        The shapes and dtypes of its state do not depend on the arguments, as a checkpoint is restored without them.
        """


class Condition(Plugin):
    """A stress condition: a reproducible change of a recording, under which a classifier is evaluated.

    Attributes:
        curve: name of the curve that this condition is a point of ("gain (dB)", "white noise, SNR (dB)"), or "".
    """

    curve: ClassVar[str] = ""

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """Unique short name with the value and its unit, for tables: "gain +12 dB"."""

    @property
    def x(self) -> float | None:
        """Position on `curve`; None without a curve."""
        return None

    @abc.abstractmethod
    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " changed"]:
        """Return the changed recording; the result may have another length. All randomness comes from `rng`.

        Samples are float32; those beyond [-1, 1] are clipped and all are rounded to 16 bits afterwards, as in a
        recorder.

        Raises:
            SkippedConditionError: the condition cannot be applied (an empty folder of noise, a missing codec).
        """


class SkippedConditionError(Exception):
    """Reason why a stress condition is omitted; the results state it."""


class Target(Plugin):
    """A target of the export: files for one platform. The export makes each target with its default fields.

    Attributes:
        after: names of the targets that run before this one, because it reads their files from `Context.files`.
    """

    after: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def files(self, context: Context) -> Mapping[str, bytes | TFLiteFile]:
        """Build and verify the target's files; return them by their name in the bundle.

        Raises:
            UserError: a file cannot be built or fails its verification. Nothing is exported then.
            SkippedTargetError: the files are omitted, and the bundle is complete without them.
        """


class SkippedTargetError(Exception):
    """Reason why an optional target is omitted; the export prints it as a note."""
