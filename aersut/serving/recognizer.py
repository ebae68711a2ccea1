"""The recognizer: clips, arrays and streams in, emotions out, whatever it was loaded from."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Int16, Shaped

from aersut.contracts import Framing
from aersut.data.audio import ClipError, Recording, blocks, fit, mono, read, recorded, resample, to_int16, trim
from aersut.errors import UserError
from aersut.serving.prediction import Prediction, named
from aersut.serving.runners import Runner, open_file
from aersut.serving.stream import HOP, Stream
from aersut.serving.voice import GATE

Samples = Shaped[np.ndarray, " samples"] | Shaped[np.ndarray, "samples channels"]


def load(path: str | Path) -> "Recognizer":
    """Load a network to hear with.

    Args:
        path: a .tflite file that `--mode=export` wrote (a `model_*.tflite` with the bundle's `features.tflite` beside
            it, or a `waveform_*.tflite`), or a run folder, whose selected checkpoint runs in JAX.

    Raises:
        UserError: there is none.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / "config.json").exists():
            raise UserError(f"model {path} is a folder, but that of no run: name a run folder or a .tflite file.")
        try:
            from aersut.serving.checkpoint import CheckpointRunner
        except ModuleNotFoundError as error:
            raise UserError(
                f"a run folder is served by JAX; {error.name} is not installed: pip install 'aersut[train]', or name "
                "an exported .tflite file."
            ) from None
        return Recognizer(CheckpointRunner(path))
    if not path.exists():
        raise UserError(f"model {path}: there is no such file or run folder. Name a .tflite file, or a trained run.")
    return Recognizer(open_file(path))


class Recognizer:
    """Hears emotions.

    `recognizer("clip.wav")` is the emotion of one utterance; `over_time` follows a long recording, `stream` takes sound
    as it arrives. It may be used from several threads at once.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @property
    def name(self) -> str:
        """That of the file or the run."""
        return self._runner.about.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that it tells apart."""
        return self._runner.about.labels

    @property
    def framing(self) -> Framing:
        """The window that it hears at a time, and its sample rate."""
        return self._runner.about.framing

    def __call__(self, clip: str | Path | Samples, sample_rate: int | None = None) -> Prediction:
        """The emotion of one utterance, judged as `--mode=evaluate` judges a clip: without the silence around it, and
        by its first seconds where it is longer than the network's window.

        Args:
            clip: a sound file, or samples: int16, or floats in [-1, 1]; [samples] or [samples, channels].
            sample_rate: of an array, in Hz.

        Raises:
            UserError: it cannot be read, or is silent or too short.
        """
        with _named(clip):
            recording = _recording(clip, sample_rate)
            about = self._runner.about
            kept = recording if about.trim_db is None else trim(recording, about.trim_db)
            samples = to_int16(resample(kept, self.framing.sample_rate))
            if len(samples) < self.framing.frame_length:
                raise ClipError(
                    f"is too short: {len(recording.samples):,} samples at {recording.sample_rate:,} Hz, of which "
                    f"{len(samples):,} are left; one frame takes {self.framing.frame_length:,}"
                )
        return Prediction(0.0, recording.seconds, named(self.labels, self._judged(samples)))

    def over_time(
        self,
        recording: str | Path | BinaryIO | Samples,
        sample_rate: int | None = None,
        *,
        hop: float = HOP,
        smoothing: float = 0.0,
        gate: float | None = GATE,
    ) -> Iterator[Prediction]:
        """The emotion of each window of a recording of any length, in constant memory.

        It gives what `stream` gives for the same samples.

        Args:
            recording: a sound file by its path or opened for reading, or samples as for a call.
            sample_rate: of an array, in Hz.
            hop, smoothing, gate: as for `stream`.

        Raises:
            UserError: it cannot be read, or is too short.
        """
        with _named(recording):
            stream: Stream | None = None
            for piece in _pieces(recording, sample_rate):
                stream = stream or self.stream(piece.sample_rate, hop=hop, smoothing=smoothing, gate=gate)
                yield from stream.push(piece.samples)
            last = stream.finish() if stream else []
            yield from last
            if not (stream and stream.windows):
                raise ClipError("is too short: it does not fill a single frame")

    def stream(
        self, sample_rate: int | None = None, *, hop: float = HOP, smoothing: float = 0.0, gate: float | None = GATE
    ) -> Stream:
        """Return a stream, whose `push(samples)` gives the windows that have become complete.

        Args:
            sample_rate: of what is pushed, in Hz; None for the network's own.
            hop: seconds from one window to the next.
            smoothing: each window's probabilities become the mean over those of this many seconds.
            gate: in dB of full scale; windows without a voice above it are silence (`aersut.serving.voice`). None
                judges them all.

        Raises:
            UserError: hop or smoothing cannot be.
        """
        return Stream(self._followed, self.labels, self.framing, sample_rate, hop, smoothing, gate)

    def _followed(self, window: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        # without the silence around what is said, as the clips that the network has learnt from
        trim_db, rate = self._runner.about.trim_db, self.framing.sample_rate
        heard = window if trim_db is None else trim(Recording(_to_float(window), rate), trim_db).samples
        return self._judged(heard if heard is window else to_int16(heard))

    def _judged(self, samples: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        return self._runner(_to_float(fit(samples, self.framing.samples, self._runner.about.fit)))


def _to_float(samples: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    return samples * np.float32(1 / 32768)


def _recording(clip: str | Path | Samples, sample_rate: int | None) -> Recording:
    if isinstance(clip, np.ndarray):
        return recorded(_channels(clip), _rate(sample_rate))
    return read(Path(clip))


def _pieces(recording: str | Path | BinaryIO | Samples, sample_rate: int | None) -> Iterator[Recording]:
    if isinstance(recording, np.ndarray):
        return iter([mono(_channels(recording), _rate(sample_rate))[0]])
    return blocks(Path(recording) if isinstance(recording, str) else recording)


def _rate(sample_rate: int | None) -> int:
    if sample_rate is None:
        raise UserError("an array does not say how fast it was sampled: give sample_rate in Hz.")
    return sample_rate


def _channels(samples: Samples) -> Shaped[np.ndarray, "samples channels"]:
    if samples.dtype != np.int16 and not np.issubdtype(samples.dtype, np.floating):
        raise UserError(f"samples are {samples.dtype}: expected int16, or floats in [-1, 1].")
    kept = samples if samples.dtype == np.int16 else samples.astype(np.float32, copy=False)
    return kept[:, None] if kept.ndim == 1 else kept


@contextlib.contextmanager
def _named(clip: object) -> Iterator[None]:
    """What is wrong with a clip as an error of the user's, with the clip's name."""
    try:
        yield
    except ClipError as error:
        name = clip if isinstance(clip, str | Path) else "the recording"
        raise UserError(f"{name} {str(error).rstrip('.')}.") from None
