"""The Python API of a speech emotion classifier: predictions for clips, arrays, long recordings and streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

import numpy as np

from aersut.audio_input import audio_source, checked_samples, is_one, numbered
from aersut.contracts import Framing
from aersut.data import audio
from aersut.data.audio import ClipError, Recording, clip_errors, to_float, to_int16
from aersut.errors import UserError, nearest
from aersut.serving.prediction import Prediction, by_label
from aersut.serving.runners import BoardRunner, Runner, load_runner
from aersut.serving.stream import HOP, FrameStream, Stream, bandwidth_warning, clipping_warning
from aersut.serving.vad import VAD_THRESHOLD, why_silent
from aersut.zoo import catalog

if TYPE_CHECKING:
    from jaxtyping import Float, Int16

    from aersut.audio_input import AudioInput, Samples


def load(path: str | Path, min_confidence: float = 0.0) -> "Recognizer":
    """Load a speech emotion classifier.

    Args:
        path: the name of a model in the zoo, such as "micro_speech" (`aersut.zoo.catalog.find`); or a .tflite file that
            `--mode=export` wrote (a `model_*.tflite` with `features.tflite` of the same export in the same folder, or a
            `waveform_*.tflite`); or a run folder, whose selected checkpoint runs in JAX. With `frontend.tflite`,
            predictions are those of the C library on a board (`BoardRecognizer`).
        min_confidence: below this confidence, 0 to 1, a predicted emotion is "uncertain". The model card states which
            fraction of the test clips reaches which confidence, and their accuracy.

    Raises:
        UserError: the path does not exist, or is not a model that can be loaded; min_confidence is out of range.
    """
    path = catalog.find(path)
    if path.is_dir():
        if not (path / "config.json").exists():
            raise UserError(f"model {path} is a folder without config.json: expected a run folder or a .tflite file.")
        try:
            from aersut.serving.jax_runner import CheckpointRunner
        except ModuleNotFoundError as error:
            raise UserError(
                f"a run folder needs {error.name}, which is not installed. Install it with pip install "
                "'aersut[train]', or load an exported .tflite file."
            ) from None
        return Recognizer(CheckpointRunner(path), min_confidence, path)
    if not path.exists():
        models = catalog.names()
        similar = "" if len(path.parts) > 1 else nearest(path.name, models)
        raise UserError(
            f"model {path}: no such file or folder, and no such model in the zoo.{similar} Expected "
            f"the name of a model ({', '.join(models)}), or the path of a .tflite file or run folder."
        )
    runner = load_runner(path)
    if isinstance(runner, BoardRunner):
        return BoardRecognizer(runner, min_confidence, path)
    return Recognizer(runner, min_confidence, path)


class Recognizer:
    """Speech emotion classifier.

    `recognizer("clip.wav")` classifies one utterance, `over_time` a long recording window by window, and `stream`
    samples as they arrive. Several threads may use one recognizer at the same time. A pickled one, as for another
    process, is loaded again from its file or run folder, which has to exist there.
    """

    def __init__(self, runner: Runner, min_confidence: float = 0.0, path: Path | None = None) -> None:
        if not 0 <= min_confidence <= 1:
            raise UserError(f"min_confidence is {min_confidence}: expected 0 to 1.")
        self._runner, self._min_confidence, self._path = runner, min_confidence, path

    def __reduce__(self) -> tuple[Any, ...]:
        if self._path is None:
            raise UserError(f"{self.name} was not loaded from a file, so it cannot be pickled.")
        return load, (self._path.absolute(), self._min_confidence)

    def __repr__(self) -> str:
        window = f"{self.framing.seconds:g} s at {self.framing.sample_rate:,} Hz"
        return f"<{type(self).__name__} {self.name}: {', '.join(self.labels)}; window of {window}>"

    @property
    def name(self) -> str:
        """Name of the file or of the run folder."""
        return self._runner.info.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in the order of the probabilities."""
        return self._runner.info.labels

    @property
    def origin(self) -> Mapping[str, Any]:
        """Run, epoch, protocol, training corpora and results of the model, as far as they are known."""
        return self._runner.info.origin

    @property
    def min_confidence(self) -> float:
        """The confidence below which an emotion is "uncertain"."""
        return self._min_confidence

    @property
    def framing(self) -> Framing:
        """Window length and sample rate of the classifier's input."""
        return self._runner.info.framing

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a path is an iterable of text, too
        self, clip: AudioInput, sample_rate: int | None = None
    ) -> Prediction: ...

    @overload
    def __call__(self, clip: Iterable[AudioInput], sample_rate: int | None = None) -> list[Prediction]: ...

    def __call__(
        self, clip: AudioInput | Iterable[AudioInput], sample_rate: int | None = None
    ) -> Prediction | list[Prediction]:
        """Classify one utterance, or each of several, exactly as `--mode=evaluate` does.

        Leading and trailing silence is trimmed. An utterance that is longer than the window is cropped by `data.fit`,
        by default to its start; start and end of the prediction are then those of the part that is classified.

        Args:
            clip: an audio file: its path, its content (bytes), or the file itself, opened for reading in binary mode;
                or samples: int16, or floats in [-1, 1]; [samples] or [samples, channels]. The pairs (samples, sample
                rate) and (sample rate, samples) are accepted, too, and what Hugging Face's `datasets.Audio` returns:
                an `AudioDecoder`, {"array", "sampling_rate"}, or not decoded: {"bytes", "path"}. A list (or another
                iterable, such as a pandas series of paths) of clips returns a list.
            sample_rate: of an array, in Hz.

        Raises:
            UserError: the clip cannot be read, or is silent or too short. Of several clips, the message has the number.
        """
        if not is_one(clip):
            clips: Any = clip
            predictions = []
            for number, one in enumerate(clips, start=1):
                with numbered(number):
                    predictions.append(self(one, sample_rate))
            return predictions
        source, sample_rate = audio_source(clip, sample_rate)
        with clip_errors(_name(source)):
            if isinstance(source, np.ndarray):
                recording = audio.to_recording(*checked_samples(source, sample_rate))
            elif isinstance(source, Path):
                recording = audio.read_recording(source)
            else:
                recording = audio.parse_recording(source.read())
            return self.utterance(recording)

    def utterance(self, recording: Recording, vad_threshold: float | None = None) -> Prediction:
        """Classify a recording that was read, as `__call__` does; `ClipError` if it is too short.

        Args:
            vad_threshold: in dBFS; None classifies a recording without speech, too, with a warning.
        """
        cleaned = audio.cleaned(recording, self._runner.info.trim_db)
        rate = self.framing.sample_rate
        samples = self._resampled(cleaned, recording)
        start, end, unused = 0.0, recording.seconds, ""
        surplus = len(samples) - self.framing.samples
        if surplus > 0:
            start = cleaned.start + (0 if self._runner.info.fit == "start" else surplus // 2) / rate
            end = start + self.framing.seconds
            if surplus > self.framing.samples:
                unused = (
                    f"is longer than the window: only {start:.1f} to {end:.1f} s are classified. Classify it window by "
                    "window with --stream (over_time in Python)"
                )
        return self._utterance(recording, start, end, vad_threshold, unused, lambda: self._classify(samples))

    def _resampled(self, cleaned: Recording, recording: Recording) -> Int16[np.ndarray, " samples"]:
        """The samples of a recording that may be trimmed, for the classifier; `ClipError` if they fill no frame."""
        samples = to_int16(audio.resample(cleaned, self.framing.sample_rate))
        if len(samples) < self.framing.frame_length:
            trimmed = "" if cleaned is recording else "trimmed and "
            raise ClipError(
                f"is too short: {len(recording.samples):,} samples at {recording.sample_rate:,} Hz, {trimmed}"
                f"resampled to {len(samples):,}; one frame needs {self.framing.frame_length:,}"
            )
        return samples

    def _utterance(
        self,
        recording: Recording,
        start: float,
        end: float,
        vad_threshold: float | None,
        note: str,
        classify: Callable[[], Float[np.ndarray, " classes"]],
    ) -> Prediction:
        threshold = VAD_THRESHOLD if vad_threshold is None else vad_threshold
        silence = why_silent(recording.samples, recording.sample_rate, self.framing.seconds, threshold)
        warning = audio.joined(
            recording.note,
            bandwidth_warning(recording.sample_rate, self.framing.sample_rate),
            clipping_warning(recording.clipped),
            silence,
            note,
        )
        if silence and vad_threshold is not None:
            return Prediction(0.0, recording.seconds, warning=warning)
        return Prediction(start, end, by_label(self.labels, classify()), self._min_confidence, warning)

    def over_time(
        self,
        recording: AudioInput,
        sample_rate: int | None = None,
        *,
        hop: float | None = None,
        smoothing: float | None = None,
        vad_threshold: float | None = VAD_THRESHOLD,
    ) -> Iterator[Prediction]:
        """Classify a recording of any length window by window, in constant memory.

        The predictions equal those of `stream` for the same samples.

        Args:
            recording: an audio file or samples, as in `__call__`; a file that is given by its path or opened may be
                longer than the memory.
            sample_rate: of an array, in Hz.
            hop, smoothing, vad_threshold: see `stream`.

        Raises:
            UserError: the recording cannot be read, or is too short.
        """
        if not is_one(recording):
            raise UserError(f"over_time classifies one recording, got {type(recording).__name__}: call it for each.")
        source, sample_rate = audio_source(recording, sample_rate)
        with clip_errors(_name(source)):
            blocks = _blocks(source, sample_rate)
            first = next(blocks)
            stream = self.stream(first.sample_rate, hop=hop, smoothing=smoothing, vad_threshold=vad_threshold)
            parts = (stream.push_mono(block.samples, block.note) for block in itertools.chain([first], blocks))
            last: Prediction | None = None
            for one in itertools.chain(itertools.chain.from_iterable(parts), _finished(stream)):
                if last:
                    yield last
                last = one
            if last is None:
                raise ClipError(f"is too short: it does not fill {stream.least}{stream.remedy}")
            yield replace(last, warning=audio.joined(last.warning, stream.silence_warning))

    def stream(
        self,
        sample_rate: int | None = None,
        *,
        hop: float | None = None,
        smoothing: float | None = None,
        vad_threshold: float | None = VAD_THRESHOLD,
    ) -> Stream:
        """Return a stream, whose `push(samples)` returns predictions for the windows that the samples complete.

        Args:
            sample_rate: of the pushed samples, in Hz; None: the classifier's.
            hop: seconds from the start of one window to the start of the next; None: 0.5.
            smoothing: length of the moving average over the windows' probabilities, in seconds; None or 0: none.
            vad_threshold: voice activity detection (VAD) threshold in dBFS; quieter windows are silence
                (`aersut.serving.vad`). None classifies every window.

        Raises:
            UserError: a value is out of range.
        """
        return Stream(
            self._classify_window,
            self.labels,
            self.framing,
            sample_rate,
            HOP if hop is None else hop,
            smoothing or 0.0,
            vad_threshold,
            self._min_confidence,
        )

    def _classify_window(self, window: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        # without DC offset and without leading and trailing silence, as the clips of the training set
        recording = Recording(to_float(window), self.framing.sample_rate)
        return self._classify(to_int16(audio.cleaned(recording, self._runner.info.trim_db).samples))

    def _classify(self, samples: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        return self._runner(to_float(audio.crop_or_pad(samples, self.framing.samples, self._runner.info.fit)))


class BoardRecognizer(Recognizer):
    """Speech emotion classifier whose predictions are those of the C library on a board.

    The int8 classifier runs in TensorFlow Lite Micro where the package tflite-micro is installed (extra `export`), as
    on the board. Otherwise it runs in LiteRT, whose kernels round otherwise: probabilities differ by a few steps of
    1 / 256.
    """

    def __init__(self, runner: BoardRunner, min_confidence: float = 0.0, path: Path | None = None) -> None:
        super().__init__(runner, min_confidence, path)
        self._board = runner.model

    def utterance(self, recording: Recording, vad_threshold: float | None = None) -> Prediction:
        """The mean over all windows of a recording, as `--mode=evaluate` with frontend.tflite."""

        samples = self._resampled(recording, recording)
        seconds = recording.seconds
        return self._utterance(recording, 0.0, seconds, vad_threshold, "", lambda: self._board.recording(samples))

    def stream(
        self,
        sample_rate: int | None = None,
        *,
        hop: float | None = None,
        smoothing: float | None = None,
        vad_threshold: float | None = VAD_THRESHOLD,
    ) -> Stream:
        """`Recognizer.stream`; by default hop and smoothing are those of aersut_init()."""
        return FrameStream(self._board, sample_rate, hop, smoothing, vad_threshold, self._min_confidence)


def _blocks(source: Path | BinaryIO | Samples, sample_rate: int | None) -> Iterator[Recording]:
    if not isinstance(source, np.ndarray):
        return audio.read_blocks(source)
    samples, rate = checked_samples(source, sample_rate)
    downmix = audio.Downmix()
    mono = downmix(samples)
    return iter([Recording(mono, rate, note=audio.OPPOSITE if downmix.cancelled else "")])


def _finished(stream: Stream) -> Iterator[Prediction]:
    """The predictions at the end of a stream, which ends when the first one is asked for."""
    yield from stream.finish()


def _name(clip: object) -> object:
    return clip if isinstance(clip, str | Path) else "the recording"
