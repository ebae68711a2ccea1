"""What a command is doing: the name of each stage, and a bar while it lasts, on the stream of `notebook.notices`.

The bar is tqdm's, as text in a notebook, too: `tqdm.notebook` needs ipywidgets. Elsewhere than on a terminal or in a
notebook, only the name is printed, of a stage that lasts a second.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from aersut.notebook import in_notebook, notices

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")
INTERVAL = 1.0
"""Seconds between two updates of the elapsed time, while a stage reports nothing, and until its name is printed."""
FRACTION = "{desc}: {percentage:3.0f}% {bar} {n_fmt}/{total_fmt}, {remaining} left{postfix}"
ELAPSED = "{desc}: {elapsed}"


def bars_are_shown() -> bool:
    """Whether standard error is a terminal, or this is a notebook, which shows bars as well."""
    return in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


class Stage:
    """A stage that runs; made by `stage`."""

    def __init__(self, bar: "tqdm[None]", file: TextIO, doing: str) -> None:
        self._bar, self._file, self._unnamed = bar, file, doing

    def update(self, count: int = 1) -> None:
        """Count finished items."""
        self._bar.update(count)

    def count(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, each of which is finished when the next one is asked for."""
        for item in items:
            yield item
            self.update()

    def say(self, doing: str) -> None:
        """Name what the stage does now."""
        self._unnamed = doing
        self._bar.set_description_str(doing)

    def tick(self) -> None:
        """Redraw the bar; where none is shown, print the name of what the stage does, once."""
        if not self._bar.disable:
            self._bar.refresh()
        elif self._unnamed:
            print(self._unnamed, file=self._file, flush=True)
            self._unnamed = ""

    def detail(self, text: str) -> None:
        """Show a text at the end of the bar."""
        self._bar.set_postfix_str(text)

    @property
    def rate(self) -> float:
        """Items per second, smoothed over the last ones; 0 before the first."""
        return float(self._bar.format_dict["rate"] or 0)

    def write(self, line: str) -> None:
        """Print a line on standard output, above the bar."""
        with self._bar.get_lock():
            self._bar.clear(nolock=True)
            print(line, flush=True)
            self._bar.refresh(nolock=True)


@contextlib.contextmanager
def stage(doing: str, total: int | None = None, done: int = 0) -> Iterator[Stage]:
    """Say what the block does, and show its progress until it ends.

    The output of a stage appears in a block of `quiet`, too, that begins after the stage.

    Args:
        doing: "decoding 240 clips".
        total: number of items, of which `Stage.update` counts the finished ones; None shows the elapsed time.
        done: items that were finished before; the remaining time does not count them.
    """
    from tqdm import tqdm

    shown = bars_are_shown()
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(_stream())
        bar = tqdm(
            desc=doing,
            total=total,
            initial=done,
            file=file,
            disable=not shown,
            leave=False,
            **_width(file),
            bar_format=ELAPSED if total is None else FRACTION,
        )
        begun = Stage(opened.enter_context(bar), file, doing)
        opened.enter_context(_ticking(begun))
        yield begun


def _width(file: TextIO) -> dict[str, Any]:
    """tqdm's options for the width: that of the terminal, also when it changes; 80 where it has none."""
    with contextlib.suppress(OSError, ValueError):
        if os.get_terminal_size(file.fileno()).columns:
            return {"dynamic_ncols": True}
    return {"ncols": 80}


@contextlib.contextmanager
def _ticking(begun: Stage) -> Iterator[None]:
    """Tick every second in a thread."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(INTERVAL):
            begun.tick()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def _stream() -> Iterator[TextIO]:
    """The stream of notices as it is now, even if its file descriptor is redirected in the block."""
    stream: TextIO | None = notices()
    if stream is not None and stream is not sys.__stderr__:
        yield stream
        return
    try:
        if stream is None:
            raise OSError("there is no standard error")
        stream.flush()
        copied = os.dup(stream.fileno())
    except (OSError, ValueError):  # closed
        with io.StringIO() as nowhere:
            yield nowhere
        return
    with os.fdopen(copied, "w", buffering=1, encoding=stream.encoding, errors="replace") as file:
        yield file
