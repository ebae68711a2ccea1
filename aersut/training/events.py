"""TensorBoard's event files, by tensorboardX, which needs no TensorFlow."""

import types
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter


class Events:
    """Writes what each epoch measures where TensorBoard finds it; a context manager.

    Args:
        folder: of the event files.
        step: the last one that is kept of an earlier process's; TensorBoard drops what that wrote beyond.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None, write_to_disk=True)

    def __enter__(self) -> "Events":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._writer.close()

    def write(self, record: dict[str, Any]) -> None:
        """Add an epoch's record, each number under its own name."""
        for name, value in record.items():
            if name not in ("epoch", "step"):
                self._writer.add_scalar(name, value, record["step"])
        self._writer.flush()
