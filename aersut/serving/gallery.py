"""The networks that a listener can choose from: the files of one bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aersut.errors import UserError, nearest
from aersut.serving.recognizer import Recognizer, load


@dataclass(frozen=True)
class Gallery:
    """Recognizers by name, the first being the one to begin with.

    Attributes:
        left_out: why files of the bundle are not among them.
    """

    recognizers: Mapping[str, Recognizer]
    left_out: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Recognizer:
        """Raises `UserError` for a name that is none."""
        if name not in self.recognizers:
            raise UserError(f"there is no model '{name}' here.{nearest(name, self.recognizers)}")
        return self.recognizers[name]

    def as_json(self) -> list[dict[str, Any]]:
        """What the page has to know of them."""
        return [
            {
                "name": name,
                "labels": one.labels,
                "seconds": one.framing.seconds,
                "sample_rate": one.framing.sample_rate,
            }
            for name, one in self.recognizers.items()
        ]


def open_gallery(path: Path) -> Gallery:
    """The network that `path` names, and its siblings.

    Args:
        path: an exported file, beside which the bundle's others lie; the folder of a bundle; or that of a run, whose
            bundle is taken, or its selected checkpoint where it is not exported.

    Raises:
        UserError: that network cannot be loaded.
    """
    beside = (_files(path / "export") or _files(path)) if path.is_dir() else _files(path.parent)
    files = beside if path.is_dir() else [path, *(file for file in beside if file != path)]
    if not files:
        recognizer = load(path)
        return Gallery({f"{recognizer.name} (checkpoint)": recognizer})
    found, problems = {}, []
    for file in files:
        try:
            found[file.name] = load(file)
        except UserError as error:
            if file == path:
                raise
            problems.append(str(error))
    if not found:
        raise UserError(problems[0])
    return Gallery(found, tuple(problems))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("model_*.tflite"), key=_rank) + sorted(folder.glob("waveform_*.tflite"), key=_rank)


def _rank(file: Path) -> tuple[bool, str]:
    return "float32" not in file.name, file.name
