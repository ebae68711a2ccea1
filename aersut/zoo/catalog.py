"""The models of the zoo by name. It needs the standard library only."""

import functools
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aersut.bundle_files import CLASSIFIER
from aersut.errors import UserError, nearest
from aersut.notebook import notices
from aersut.paths import expanded, read_json, replaced_folder, write_bytes
from aersut.zoo.licences import terms_of

ZOO = Path(__file__).parent / "models"
"""A folder for each model, with files of its export, INDEX, CARD, and LICENCE, that of its weights."""
INDEX = "index.json"
LICENCE = "LICENSE"
CONFIG, WEIGHTS = "config.json", "weights.npz"
"""Configuration of the run, and its weights in float32 for fine-tuning: NumPy arrays by name, without pickle."""
C_LIBRARY = "c.zip"
"""The C library, which `python -m aersut.zoo copy` unpacks."""
METRICS = "metrics.json"
"""All results of CLASSIFIER on the test set, by emotion, group and stress condition; docs/reference/run_folder.md."""
"""The file that the name of a model selects."""


@dataclass(frozen=True)
class ZooModel:
    """The index of a model, which `aersut.publish.add` writes.

    Attributes:
        run: name and digest of the run, as in the metadata of its files.
        aersut, revision: version that exported the run, and Git revision that trained it.
        command: the command that trained it.
        protocol, fold, seed: of the experiment; epoch: the exported one.
        clips, uar, uar_by_corpus: test clips, and UAR of CLASSIFIER on them: all, and by corpus.
        stress_mean: mean UAR of CLASSIFIER over the stress conditions of `stress_set`.
        bytes, arena: size and tensor arena of CLASSIFIER in bytes.
        licences: of the corpora by name; "" of synthetic speech.
        test_speakers: unseen speakers by corpus.
        seen_speakers: those of training and validation.
        files: SHA-256 of each file except INDEX.
        uar_interval, uar_interval_by_corpus: 95 % intervals by speaker; None for too few speakers, and in models that
            version 0.2.0 added.
    """

    name: str
    run: str
    aersut: str
    revision: str
    command: str
    protocol: str
    fold: int
    seed: int
    epoch: int
    clips: int
    uar: float
    uar_by_corpus: Mapping[str, float]
    stress_mean: float
    stress_set: str
    bytes: int
    arena: int
    licences: Mapping[str, str]
    synthetic: bool
    test_speakers: Mapping[str, Sequence[str]]
    seen_speakers: Mapping[str, Sequence[str]]
    files: Mapping[str, str]
    uar_interval: Sequence[float] | None = None
    uar_interval_by_corpus: Mapping[str, Sequence[float] | None] = field(default_factory=dict)

    @property
    def notice(self) -> str:
        """What the weights were trained on, and what that permits: one line."""
        corpora = ", ".join(f"{name} ({licence})" if licence else name for name, licence in self.licences.items())
        terms = terms_of(self.licences.values())
        synthetic = "SYNTHETIC speech, " if self.synthetic else ""
        return f"weights trained on {synthetic}{corpora}" + (f": {', '.join(terms)}" if terms else "")


def names(zoo: Path = ZOO) -> list[str]:
    """The names of the models, sorted."""
    return sorted(path.parent.name for path in zoo.glob(f"[!.]*/{INDEX}"))  # not what an interrupted `add` left


def read(name: str, zoo: Path = ZOO) -> ZooModel:
    """The index of the model `name`; `UserError` if it is damaged."""
    tree: dict[str, Any] = read_json(zoo / name / INDEX) or {}
    try:
        return ZooModel(**tree)
    except TypeError:  # a missing or an unknown key
        raise UserError(
            f"{zoo / name / INDEX} is damaged, or was written by another version. Install AERSUT again, or write the "
            "model with python -m aersut.zoo add RUN."
        ) from None


def find(model: str | Path, zoo: Path = ZOO) -> Path:
    """The path of a model that a user names.

    The text "micro_speech" names a model of the zoo, even if the working directory has a file or folder of that name.
    So does "micro_speech/frontend.tflite" a file of it, unless that path exists. Any other text is a path, as are
    "./micro_speech" and every `Path`. The first use of a model of the zoo in a process prints its licence to standard
    error; in a notebook, to standard output.

    Raises:
        UserError: `model` is neither text nor a path.
    """
    if isinstance(model, Path):
        return model
    if not isinstance(model, str):
        raise UserError(
            f"the model is a {type(model).__name__}: expected the name of a model in the zoo, or the path of a .tflite "
            "file or run folder (of a result of aersut.train: its run.folder)."
        )
    name, separator, file = model.partition("/")
    path = zoo / name / (file if separator else CLASSIFIER)
    own = separator and expanded(model).exists()
    if own or name not in names(zoo) or "/" in file or not path.is_file():
        return expanded(model)
    _announce(zoo, name)
    return path


def find_folder(model: str, zoo: Path = ZOO) -> Path | None:
    """The folder of the model of the zoo that a text names; None for any other text. It states the licence, too."""
    if model not in names(zoo):
        return None
    _announce(zoo, model)
    return zoo / model


def copy(name: str, folder: Path, zoo: Path = ZOO) -> None:
    """Copy the files of a model into a new folder, with its C library unpacked in `c/`.

    Raises:
        UserError: there is no such model, or the folder exists and is not empty.
    """
    model = find_folder(name, zoo)
    if model is None:
        known = names(zoo)
        raise UserError(f"there is no model '{name}' in the zoo.{nearest(name, known)} Known: {', '.join(known)}.")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} exists already. Choose the path of a new folder.")
    with replaced_folder(folder) as staging:
        for path in model.iterdir():
            if path.name == C_LIBRARY:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(staging / "c")
                write_bytes(staging / "c" / "LICENSE-WEIGHTS", (model / LICENCE).read_bytes())  # `c` moves alone
            elif path.name != INDEX:
                write_bytes(staging / path.name, path.read_bytes())


@functools.cache
def _announce(zoo: Path, name: str) -> None:
    ignored = f" (not ./{name})" if Path(name).exists() else ""
    print(f"{name} of the model zoo{ignored}: {read(name, zoo).notice}; see {zoo / name / LICENCE}", file=notices())
