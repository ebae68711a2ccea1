"""The models that the monitor offers: the exported models of one run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aersut.errors import UserError, nearest
from aersut.paths import read_json
from aersut.serving.recognizer import Recognizer, load
from aersut.zoo.catalog import INDEX, find


@dataclass(frozen=True)
class ServedModels:
    """Recognizers by name; the first one is selected initially.

    Attributes:
        skipped: for each file of the export folder that cannot be loaded, the reason.
        corpora: of the training, with their licences, where the metadata of the files lacks them.
        page: the page of the export that runs the model in the browser (`--export.web=true`), by the names of its
            files; empty if the export has none.
    """

    recognizers: Mapping[str, Recognizer]
    skipped: tuple[str, ...] = ()
    corpora: Mapping[str, str] = field(default_factory=dict)
    page: Mapping[str, bytes] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Recognizer:
        """The recognizer with this name; raises `UserError` if there is none."""
        if name not in self.recognizers:
            raise UserError(f"this monitor serves no model '{name}'.{nearest(name, self.recognizers)}")
        return self.recognizers[name]

    def as_json(self) -> list[dict[str, Any]]:
        """The models as the page needs them: name, labels, window length in seconds, sample rate in Hz, origin."""
        return [
            {
                "name": name,
                "labels": one.labels,
                "seconds": one.framing.seconds,
                "sample_rate": one.framing.sample_rate,
                "min_confidence": one.min_confidence,
                "corpora": self.corpora,
                **one.origin,
            }
            for name, one in self.recognizers.items()
        ]


def load_served_models(model: str | Path, min_confidence: float = 0.0) -> ServedModels:
    """Load a model and the other exported models of the same run.

    Args:
        model: the name of a model in the zoo; or the path of an exported model, served with the others in its folder,
            of an export folder, or of a run folder, whose export folder is served, or its selected checkpoint if the
            run is not exported.
        min_confidence: see `load`.

    Raises:
        UserError: the model cannot be loaded.
    """
    path = find(model)
    siblings = (_files(path / "export") or _files(path)) if path.is_dir() else _files(path.parent)
    files = siblings if path.is_dir() else [path, *(file for file in siblings if file != path)]
    if not files:
        recognizer = load(path, min_confidence)
        return ServedModels({f"{recognizer.name} (checkpoint)": recognizer})
    recognizers, problems = {}, []
    for file in files:
        try:
            recognizers[file.name] = load(file, min_confidence)
        except UserError as error:
            if file == path:
                raise
            problems.append(str(error))
    if not recognizers:
        raise UserError(problems[0])
    corpora = (read_json(files[0].with_name(INDEX)) or {}).get("licences", {})
    return ServedModels(recognizers, tuple(problems), corpora, _page(files[0].with_name("web")))


def _files(folder: Path) -> list[Path]:
    """The classifiers of an export folder: model_* before waveform_*, int8 first."""

    def order(file: Path) -> tuple[bool, str]:
        return "int8" not in file.stem.split("_"), file.name

    return sorted(folder.glob("model_*.tflite"), key=order) + sorted(folder.glob("waveform_*.tflite"), key=order)


def _page(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names, with "/" between the parts."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
