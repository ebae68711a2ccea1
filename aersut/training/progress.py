"""What a training shows while it runs: a bar on a terminal, plain lines elsewhere (tqdm, weighed against rich)."""

import sys
import time
import types

from tqdm import tqdm


class Progress:
    """The progress of one training over all its epochs; a context manager.

    On a terminal it is one bar with loss, accuracy, clips/s and the remaining time, above which finished epochs are
    listed; elsewhere only the list.
    """

    def __init__(self, steps: int, first_step: int, batch_size: int) -> None:
        self._batch_size = batch_size
        self._begin = time.monotonic()
        self._bar = tqdm(
            total=steps,
            initial=first_step,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}% {bar} {n_fmt}/{total_fmt} steps, {remaining} left{postfix}",
        )
        self._shown = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self, loss: float, accuracy: float, clips_per_second: float) -> None:
        """One step is done."""
        self._bar.update()
        now = time.monotonic()
        if not self._bar.disable and now - self._shown > 0.2:
            self._shown = now
            self._bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}, {clips_per_second:,.0f} clips/s")

    def line(self, text: str) -> None:
        """Print a line without tearing the bar."""
        self._bar.write(text, file=sys.stdout)
        sys.stdout.flush()
