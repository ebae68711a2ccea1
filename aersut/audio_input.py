"""The forms in which Python code passes audio: files, bytes, arrays, and what Hugging Face datasets contain."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from aersut.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Shaped

    class Decoder(Protocol):
        """torchcodec's `AudioDecoder`, which `datasets` returns from version 4 on."""

        def get_all_samples(self) -> Any: ...

    Samples = Shaped[np.ndarray, " samples"] | Shaped[np.ndarray, "samples channels"]
    AudioInput = str | os.PathLike[str] | bytes | BinaryIO | Samples | tuple[Any, float] | Mapping[str, Any] | Decoder

LARGEST = 2.0
"""Magnitude of a sample from which floats are not in [-1, 1]; below it, they overshoot, as after decoding MP3."""

BY_LIBSNDFILE = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".avr", ".caf", ".flac", ".htk", ".mp2", ".mp3", ".nist", ".oga", ".ogg", ".opus"}
    | {".rf64", ".snd", ".sph", ".svx", ".voc", ".w64", ".wav", ".wve", ".xi"}
)
READABLE = BY_LIBSNDFILE.union(
    {".3gp", ".aac", ".amr", ".asf", ".m4a", ".m4b", ".mka", ".mov", ".mp4", ".spx", ".weba", ".webm", ".wma"}
)
"""Suffixes of the formats that libsndfile reads, and of those that ffmpeg reads where it is installed."""
AUDIO = READABLE | {".ape", ".avi", ".flv", ".mkv"}
"""Suffixes of files with sound, in formats that are read or not."""
BYTES = bytes | bytearray | memoryview
_FORMS = '{"array": samples, "sampling_rate": Hz}, {"bytes": content} or {"path": path}.'
MOST_CHANNELS = 8
"""Channels that a block of fewer samples may have."""


def is_one(audio: Any) -> bool:
    """Whether an argument is the audio of one clip, not of several, as an array or a pandas series of paths is."""
    if (
        isinstance(audio, str | os.PathLike | BYTES | Mapping)
        or hasattr(audio, "read")
        or hasattr(audio, "get_all_samples")
    ):
        return True
    if hasattr(audio, "__array__"):
        array = _array(audio)
        return not array.ndim or array.dtype.kind not in "OSTU"  # objects and text
    if isinstance(audio, tuple) and len(audio) == 2:
        first, second = audio
        if isinstance(first, Real) and (hasattr(second, "__array__") or isinstance(second, list)):
            return True  # (sample rate, samples), as of scipy.io.wavfile and gradio
        no_rate = second is None or isinstance(second, str)  # which `checked_rate` refuses
        return isinstance(second, Real) or (no_rate and hasattr(first, "__array__"))
    return not isinstance(audio, Iterable)


@contextlib.contextmanager
def numbered(number: int) -> Iterator[None]:
    """A `UserError` of the block begins with the clip's number, from 1."""
    try:
        yield
    except UserError as error:
        raise UserError(f"clip {number}: {error}") from None


def audio_source(audio: Any, sample_rate: Any = None) -> tuple[Path | BinaryIO | Samples, Any]:
    """The file or the samples of a clip, and the rate of samples in Hz (None if it was not given).

    An opened file is at its start.

    Args:
        audio: the path of an audio file, its content, the file opened in binary mode, samples, (samples, sample rate)
            or (sample rate, samples), {"array": samples, "sampling_rate": Hz}, {"bytes": content, "path": path}, or an
            `AudioDecoder`.

    Raises:
        UserError: the audio has another form; an opened file is closed, or cannot be read from its start; a sample rate
            is given with a file.
    """
    if isinstance(audio, Mapping):
        if all(audio.get(key) is None for key in ("array", "bytes", "path")):
            keys = ", ".join(map(str, audio)) or "no keys"
            raise UserError(f"a clip is a dictionary without audio ({keys}): expected {_FORMS}")
        if audio.get("array") is not None:
            audio, sample_rate = audio["array"], audio.get("sampling_rate")
        else:
            audio = audio["path"] if audio.get("bytes") is None and "path" in audio else audio.get("bytes")
    elif isinstance(audio, tuple) and len(audio) == 2:
        audio, sample_rate = reversed(audio) if isinstance(audio[0], Real) else audio
    elif hasattr(audio, "get_all_samples"):
        decoded = audio.get_all_samples()
        audio, sample_rate = np.asarray(decoded.data).T, decoded.sample_rate
    file: Path | BinaryIO
    if isinstance(audio, str | os.PathLike):  # NumPy's text has __array__, too
        file = Path(os.fsdecode(audio))
    elif isinstance(audio, BYTES):
        file = io.BytesIO(audio)
    elif isinstance(audio, list) or hasattr(audio, "__array__"):
        return _array(audio), sample_rate
    elif hasattr(audio, "read") and _at_start(audio):
        file = audio
    elif isinstance(audio, Real):
        raise UserError("a clip is a number: a list contains several clips. Pass the samples of one as a NumPy array.")
    else:
        raise UserError(
            f"a clip is {type(audio).__name__}: expected the path of an audio file, bytes, a file opened in binary "
            f"mode, a NumPy array of samples with sample_rate, (samples, sample_rate), or {_FORMS}"
        )
    if sample_rate is not None:
        raise UserError(f"sample_rate is {sample_rate}, but the clip is a file, which states its own: omit it.")
    return file, None


def checked_samples(samples: Samples, sample_rate: Any) -> tuple[Shaped[np.ndarray, "samples channels"], int]:
    """Samples as int16 or float32, with an axis of channels, and their rate in Hz.

    Raises:
        UserError: the samples are refused by `checked_array`, or there is none; the rate is unknown or no rate.
    """
    sample_rate = checked_rate(sample_rate)
    checked = checked_array(samples)
    if not checked.size:
        raise UserError("the array contains no samples.")
    return checked, sample_rate


def checked_array(samples: Any) -> Shaped[np.ndarray, "samples channels"]:
    """Samples, maybe none, as int16 or float32, with an axis of channels.

    Raises:
        UserError: the samples are no array; of another type or shape, such as [channels, samples]; or not in [-1, 1]
            (`LARGEST`).
    """
    if not hasattr(samples, "__array__"):
        raise UserError(f"samples are {type(samples).__name__}: expected a NumPy array of int16, or floats in [-1, 1].")
    array = _array(samples)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim not in (1, 2):
        raise UserError(
            f"samples have {array.ndim} dimensions, shape {array.shape}: expected [samples] or [samples, channels]."
        )
    if array.dtype != np.int16 and not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"samples are {array.dtype}: expected int16, or floats in [-1, 1].")
    if array.ndim == 2 and array.shape[1] > max(array.shape[0], MOST_CHANNELS):
        raise UserError(
            f"samples have the shape {array.shape}, with more channels than samples: expected [samples] or "
            "[samples, channels]. Transpose an array of [channels, samples], samples.T."
        )
    if array.size and array.dtype != np.int16:
        peak = max(float(array.max()), -float(array.min()))
        if not math.isfinite(peak):
            raise UserError("samples are NaN or infinite: expected floats in [-1, 1], or int16.")
        if peak >= LARGEST:
            raise UserError(
                f"samples reach {peak:g}: expected floats in [-1, 1], or int16. Divide floats in the scale of 16 bits "
                "by 32768."
            )
        array = array.astype(np.float32, copy=False)
    return array[:, None] if array.ndim == 1 else array


def checked_rate(sample_rate: Any) -> int:
    """A sample rate in Hz, a whole number of any type; `UserError` if it is another value or out of range."""
    if sample_rate is None:
        raise UserError("the sample rate of an array is unknown: pass sample_rate in Hz.")
    value: Any = sample_rate.item() if getattr(sample_rate, "ndim", None) == 0 else sample_rate  # of NumPy or torch
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:  # NaN, too
        raise UserError(f"the sample rate is {value!r}: expected a whole number, in Hz.")
    rate = int(value)
    if not 1000 <= rate <= 768_000:
        raise UserError(f"a sample rate of {rate} Hz is out of range: expected 1,000 to 768,000 Hz.")
    return rate


def _array(samples: Any) -> np.ndarray:
    try:
        return np.asarray(samples)
    except ValueError:
        raise UserError("samples are lists of different lengths: expected [samples] or [samples, channels].") from None
    except (TypeError, RuntimeError) as error:  # such as a tensor that requires gradients, or of bfloat16
        raise UserError(f"samples cannot be converted to a NumPy array: {error}") from None


def _at_start(file: Any) -> bool:
    """Rewind an opened file; False if it is opened in text mode."""
    try:
        file.seek(0)
        return isinstance(file.read(0), bytes)
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(
            f"a file cannot be read from its start: {error}. Expected one that is open for reading in binary mode and "
            "seekable; pass the content of a stream as bytes."
        ) from None
