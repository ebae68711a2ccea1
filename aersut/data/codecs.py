"""Speech codecs: a recording is encoded and decoded in memory by libsndfile."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import soundfile
import soxr
from jaxtyping import Float

from aersut.errors import UserError


@dataclass(frozen=True)
class Codec:
    """How libsndfile writes a codec.

    Attributes:
        sample_rate: rate in Hz at which the recording is encoded.
        container: libsndfile's format of the file.
        subtype: libsndfile's name of the encoding.
        compression: libsndfile's compression level from 0 to 1; None for a codec of a fixed bit rate.
        bitrate_mode: libsndfile's bit rate mode.
    """

    sample_rate: int
    container: str
    subtype: str
    compression: float | None = None
    bitrate_mode: str | None = None


CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "mu_law": Codec(8_000, "WAV", "ULAW"),
        "gsm": Codec(8_000, "WAV", "GSM610"),
        "opus": Codec(16_000, "OGG", "OPUS", compression=0.96),
        # a file of constant bit rate lacks the header by which the decoder removes the delay
        "mp3": Codec(16_000, "MP3", "MPEG_LAYER_III", compression=0.9, bitrate_mode="AVERAGE"),
    }
)
"""The codecs by name: G.711 µ-law (64 kbit/s) and GSM 06.10 full rate (13 kbit/s), both at 8 kHz; Ogg Opus (16 kbit/s)
and MP3 (24 kbit/s), both at 16 kHz."""


def recoded(samples: Float[np.ndarray, " samples"], sample_rate: int, codec: str) -> Float[np.ndarray, " samples"]:
    """Return a recording after encoding and decoding, with the same length and without delay.

    The recording is resampled to the rate of the codec and back. libsndfile and its libraries remove the delay of the
    codec themselves.

    Args:
        samples: f32, mono; samples beyond [-1, 1] are clipped.
        sample_rate: sample rate in Hz.
        codec: a name in `CODECS`.

    Raises:
        UserError: the codec is unknown, or the installed libsndfile lacks it.
    """
    if codec not in CODECS:
        raise UserError(f"unknown codec {codec!r}; expected one of {', '.join(CODECS)}")
    if not len(samples):
        return samples.astype(np.float32)
    chosen = CODECS[codec]
    at_rate = soxr.resample(samples.astype(np.float32), sample_rate, chosen.sample_rate)
    if not len(at_rate):  # soxr returns nothing for a few samples
        return samples.astype(np.float32)
    decoded = _decoded(codec, _encoded(codec, np.clip(at_rate, -1, 1)), len(at_rate))
    back = soxr.resample(decoded, chosen.sample_rate, sample_rate)[: len(samples)]
    return np.pad(back, (0, len(samples) - len(back)))


def _encoded(codec: str, samples: Float[np.ndarray, " samples"]) -> bytes:
    chosen, content = CODECS[codec], io.BytesIO()
    options = {"compression_level": chosen.compression, "bitrate_mode": chosen.bitrate_mode}
    try:
        with soundfile.SoundFile(
            content, "w", chosen.sample_rate, 1, chosen.subtype, format=chosen.container, **options
        ) as file:
            file.write(samples)
    except (soundfile.LibsndfileError, ValueError) as error:  # soundfile raises ValueError for a name it does not know
        version = soundfile.__libsndfile_version__
        raise UserError(
            f"codec {codec}: libsndfile {version} cannot write it ({error}). Install a newer soundfile."
        ) from None
    return content.getvalue()


def _decoded(codec: str, content: bytes, length: int) -> Float[np.ndarray, " length"]:
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        samples = file.read(length, dtype="float32")  # GSM fills its last frame
    return np.pad(samples, (0, length - len(samples)))
