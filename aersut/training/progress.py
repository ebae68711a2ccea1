"""What a training shows while it runs: a bar on a terminal, plain lines elsewhere (tqdm, weighed against rich)."""

import sys
import time
import types
from typing import Any

from tqdm import tqdm


class Progress:
    """The progress of one training over all its epochs; a context manager.

    On a terminal it is one bar with loss, accuracy, clips/s and the remaining time, above which finished epochs are
    listed; elsewhere only the list.

    Attributes:
        batch_size: clips in a step.
    """

    def __init__(self, steps: int, first_step: int, batch_size: int, silent: bool = False) -> None:
        self.batch_size = batch_size
        self._silent = silent
        self._shown = time.monotonic()
        self._bar = tqdm(
            total=steps,
            initial=first_step,
            file=sys.stderr,
            disable=silent or not sys.stderr.isatty(),
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}% {bar} {n_fmt}/{total_fmt} steps, {remaining} left{postfix}",
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self, loss: float, accuracy: float) -> None:
        """One step is done."""
        self._bar.update()
        now = time.monotonic()
        if not self._bar.disable and now - self._shown > 0.2:
            rate = (self._bar.format_dict["rate"] or 0) * self.batch_size  # smoothed, so compiling is soon forgotten
            self._bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}, {rate:,.0f} clips/s")
            self._shown = now

    def epoch(self, record: dict[str, Any], epochs: int) -> None:
        """One epoch is done: list it, without tearing the bar."""
        line = (
            f"epoch {record['epoch']}/{epochs}: "
            f"loss {record['train_loss']:.4f}, accuracy {record['train_accuracy']:.3f};"
            f" validation loss {record['validation_loss']:.4f}, UAR {record['validation_uar']:.3f};"
            f" {record['clips_per_second']:,.0f} clips/s"
        )
        self.note(line)

    def note(self, line: str) -> None:
        """Print a line, without tearing the bar."""
        if self._silent:
            return
        self._bar.write(line, file=sys.stdout)
        sys.stdout.flush()
