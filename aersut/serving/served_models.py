"""The models that the monitor offers: the exported models of one run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aersut.errors import UserError, nearest
from aersut.serving.recognizer import Recognizer, load
from aersut.zoo.catalog import find


@dataclass(frozen=True)
class ServedModels:
    """Recognizers by name; the first one is selected initially.

    Attributes:
        skipped: for each file of the export folder that cannot be loaded, the reason.
    """

    recognizers: Mapping[str, Recognizer]
    skipped: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Recognizer:
        """The recognizer with this name; raises `UserError` if there is none."""
        if name not in self.recognizers:
            raise UserError(f"this monitor serves no model '{name}'.{nearest(name, self.recognizers)}")
        return self.recognizers[name]

    def as_json(self) -> list[dict[str, Any]]:
        """The models as the page's menu needs them: name, labels, window length in seconds, sample rate in Hz."""
        return [
            {"name": name, "labels": one.labels, "seconds": one.framing.seconds, "sample_rate": one.framing.sample_rate}
            for name, one in self.recognizers.items()
        ]


def load_served_models(model: str | Path) -> ServedModels:
    """Load a model and the other exported models of the same run.

    Args:
        model: the name of a model in the zoo; or the path of an exported model, served with the others in its folder,
            of an export folder, or of a run folder, whose export folder is served, or its selected checkpoint if the
            run is not exported.

    Raises:
        UserError: the model cannot be loaded.
    """
    path = find(model)
    siblings = (_files(path / "export") or _files(path)) if path.is_dir() else _files(path.parent)
    files = siblings if path.is_dir() else [path, *(file for file in siblings if file != path)]
    if not files:
        recognizer = load(path)
        return ServedModels({f"{recognizer.name} (checkpoint)": recognizer})
    recognizers, problems = {}, []
    for file in files:
        try:
            recognizers[file.name] = load(file)
        except UserError as error:
            if file == path:
                raise
            problems.append(str(error))
    if not recognizers:
        raise UserError(problems[0])
    return ServedModels(recognizers, tuple(problems))


def _files(folder: Path) -> list[Path]:
    """The classifiers of an export folder: model_* before waveform_*, float32 first."""

    def order(file: Path) -> tuple[bool, str]:
        return "float32" not in file.name, file.name

    return sorted(folder.glob("model_*.tflite"), key=order) + sorted(folder.glob("waveform_*.tflite"), key=order)
