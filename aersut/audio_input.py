"""The forms in which Python code passes audio: files, bytes, arrays, and the dictionaries of Hugging Face datasets."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from aersut.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Shaped

    Samples = Shaped[np.ndarray, " samples"] | Shaped[np.ndarray, "samples channels"]
    AudioInput = str | Path | bytes | BinaryIO | Samples | tuple[Any, int] | Mapping[str, Any]


def is_one(audio: Any) -> bool:
    """Whether an argument is the audio of one clip, not of several."""
    pair = isinstance(audio, tuple) and len(audio) == 2 and isinstance(audio[1], int | np.integer)
    single = isinstance(audio, str | Path | bytes | Mapping) or hasattr(audio, "read") or hasattr(audio, "__array__")
    return pair or single or not isinstance(audio, Iterable)


def audio_source(audio: Any, sample_rate: int | None = None) -> tuple[Path | BinaryIO | Samples, int | None]:
    """The file or the samples of a clip, and the rate of samples in Hz (None if it was not given).

    Args:
        audio: the path of an audio file, its content, the file opened in binary mode, samples, (samples, sample rate),
            {"array": samples, "sampling_rate": Hz} or {"bytes": content, "path": path}.

    Raises:
        UserError: the audio has another form.
    """
    if isinstance(audio, Mapping):
        if audio.get("array") is not None:
            audio, sample_rate = audio["array"], audio.get("sampling_rate")
        else:
            audio = audio["path"] if audio.get("bytes") is None and "path" in audio else audio.get("bytes")
    elif isinstance(audio, tuple) and len(audio) == 2:
        audio, sample_rate = audio
    if isinstance(audio, str | Path):
        return Path(audio), sample_rate
    if isinstance(audio, bytes):
        return io.BytesIO(audio), sample_rate
    if isinstance(audio, list) or hasattr(audio, "__array__"):
        return np.asarray(audio), sample_rate
    if hasattr(audio, "read") and not isinstance(audio, io.TextIOBase):
        return audio, sample_rate
    raise UserError(
        f"a clip is {type(audio).__name__}: expected the path of an audio file, bytes, a file opened in binary mode, "
        'samples with sample_rate, (samples, sample_rate), or {"array": samples, "sampling_rate": Hz}.'
    )


def checked_samples(samples: Samples, sample_rate: int | None) -> tuple[Shaped[np.ndarray, "samples channels"], int]:
    """Samples as int16 or float32, with an axis of channels; `UserError` for another type or without a rate."""
    if sample_rate is None:
        raise UserError("the sample rate of an array is unknown: pass sample_rate in Hz.")
    if samples.ndim not in (1, 2):
        raise UserError(f"samples have {samples.ndim} dimensions: expected [samples] or [samples, channels].")
    if samples.dtype != np.int16 and not np.issubdtype(samples.dtype, np.floating):
        raise UserError(f"samples are {samples.dtype}: expected int16, or floats in [-1, 1].")
    converted = samples if samples.dtype == np.int16 else samples.astype(np.float32, copy=False)
    return converted[:, None] if converted.ndim == 1 else converted, sample_rate
