"""One listener of the monitor: samples in, messages for the page out. It knows nothing of the web."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float, Shaped

from aersut.data.audio import ClipError, blocks, facts
from aersut.errors import UserError
from aersut.serving.columns import Analyser
from aersut.serving.predict import Options
from aersut.serving.prediction import Prediction
from aersut.serving.recognizer import Recognizer
from aersut.serving.stream import Resampler, narrow

Message = dict[str, Any]
"""One of {"columns": …}, {"prediction": …}, {"recording": …}, {"warning": …}, {"error": …}, {"done": …}, for JSON."""

PICTURE = 1500
"""How many columns the picture of a whole recording has at most."""


class Session:
    """What one listener hears and sees.

    Args:
        column: seconds from one column of the pictures to the next.

    Raises:
        UserError: the sample rate is none.
    """

    def __init__(self, recognizer: Recognizer, sample_rate: int, options: Options, column: float = 0.032) -> None:
        rate = recognizer.framing.sample_rate
        self._resampler = Resampler(sample_rate, rate)
        self._stream = recognizer.stream(rate, **options.following)
        self._analyser = Analyser(rate, column)
        self.warning = narrow(sample_rate, rate)

    def push(self, samples: Shaped[np.ndarray, " samples"]) -> list[Message]:
        """Take in mono samples, int16 or floats in [-1, 1].

        Raises:
            UserError: they are no numbers.
        """
        return self._messages(self._resampler.push(samples))

    def finish(self) -> list[Message]:
        """End the stream."""
        messages = self._messages(self._resampler.push(np.zeros(0, np.float32), last=True))
        return messages + self._judged(self._stream.finish)

    def _messages(self, samples: Float[np.ndarray, " samples"]) -> list[Message]:
        columns = self._analyser.push(samples)
        pictures = [{"columns": columns.as_json()}] if columns else []
        return pictures + self._judged(lambda: self._stream.push(samples))

    def _judged(self, judge: Callable[[], list[Prediction]]) -> list[Message]:
        begin = time.perf_counter()
        predictions = judge()
        each = 1000 * (time.perf_counter() - begin) / max(1, len(predictions))
        return [{"prediction": {**one.as_json(), "milliseconds": round(each, 2)}} for one in predictions]


def recording(recognizer: Recognizer, source: Path | BinaryIO, options: Options) -> Iterator[Message]:
    """A sound file as messages, in constant memory; the first says how long it is.

    Raises:
        UserError: it cannot be used.
    """
    try:
        sample_rate, seconds = facts(source)
        session = Session(recognizer, sample_rate, options, max(0.032, seconds / PICTURE))
        yield {"recording": {"seconds": round(seconds, 3), "warning": session.warning}}
        for block in blocks(source):
            yield from session.push(block.samples)
        yield from session.finish()
        yield {"done": True}
    except ClipError as error:
        raise UserError(f"the file {str(error).rstrip('.')}.") from None
