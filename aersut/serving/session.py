"""One client's session of the monitor: samples in, JSON messages for the page out. Independent of the web server."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float, Shaped

from aersut.data.audio import clip_errors, joined, read_blocks, read_header
from aersut.serving.display import DisplayAnalyzer
from aersut.serving.predict import PredictOptions
from aersut.serving.prediction import Prediction
from aersut.serving.recognizer import Recognizer
from aersut.serving.stream import Resampler, bandwidth_warning

Message = dict[str, Any]
"""One of {"frames": …}, {"prediction": …}, {"recording": …}, {"error": …}, {"done": …}, for JSON."""

MAX_FRAMES = 1500
"""Maximum number of display frames of a whole recording."""


class Session:
    """A client's stream: predictions, and display features of the same samples.

    Args:
        sample_rate: of the client's samples, in Hz.
        hop: from one display frame to the next, in seconds.
    """

    def __init__(self, recognizer: Recognizer, sample_rate: int, options: PredictOptions, hop: float = 0.032) -> None:
        rate = recognizer.framing.sample_rate
        self._resampler = Resampler(sample_rate, rate)
        self._stream = recognizer.stream(rate, **options.stream_arguments)
        self._analyzer = DisplayAnalyzer(rate, hop)
        self._bandwidth = bandwidth_warning(sample_rate, rate)
        self._note = ""

    def push(self, samples: Shaped[np.ndarray, " samples"], note: str = "") -> list[Message]:
        """Add mono samples, int16 or floats in [-1, 1]; `note` becomes a warning of the predictions."""
        self._note = note
        return self._messages(self._resampler.push(samples))

    def finish(self) -> list[Message]:
        """End the stream."""
        messages = self._messages(self._resampler.push(np.zeros(0, np.float32), last=True))
        return messages + self._timed(self._stream.finish)

    def _messages(self, samples: Float[np.ndarray, " samples"]) -> list[Message]:
        frames = self._analyzer.push(samples)
        display = [{"frames": frames.as_json()}] if frames else []
        return display + self._timed(lambda: self._stream.push_mono(samples, joined(self._note, self._bandwidth)))

    def _timed(self, predict: Callable[[], list[Prediction]]) -> list[Message]:
        begin = time.perf_counter()
        predictions = predict()
        each = 1000 * (time.perf_counter() - begin) / max(1, len(predictions))
        return [{"prediction": {**one.as_json(), "latency_ms": round(each, 2)}} for one in predictions]


def recording_messages(recognizer: Recognizer, source: Path | BinaryIO, options: PredictOptions) -> Iterator[Message]:
    """Messages for an audio file, in constant memory; the first one has its duration.

    Raises:
        UserError: the file cannot be used.
    """
    with clip_errors("the file"):
        sample_rate, seconds = read_header(source)
        session = Session(recognizer, sample_rate, options, max(0.032, seconds / MAX_FRAMES))
        yield {"recording": {"seconds": round(seconds, 3)}}
        for block in read_blocks(source):
            yield from session.push(block.samples, block.note)
        yield from session.finish()
        yield {"done": True}
