"""Where a fine-tuning finds its initial weights: in a model of the zoo, or in a run."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from aersut.errors import UserError, nearest
from aersut.paths import expanded, read_json
from aersut.zoo import catalog


@dataclass(frozen=True)
class InitialModel:
    """A trained model that initializes another one.

    Attributes:
        folder: of the model in the zoo, or of the run.
        tree: its configuration, as in config.json.
        digest: SHA-256 of its weights: of the file in the zoo, or of the checkpoints of the run.
    """

    folder: Path
    tree: dict[str, Any]
    digest: str

    @property
    def in_zoo(self) -> bool:
        """Whether the weights are in the zoo's file `catalog.WEIGHTS`."""
        return (self.folder / catalog.INDEX).exists()


def find(model: str) -> InitialModel:
    """Find a model by its name in the zoo, or by the path of a run folder. Weights are not read, only hashed.

    Raises:
        UserError: there is no such model, or it has no weights.
    """
    folder = catalog.find_folder(model) or expanded(model)
    tree = read_json(folder / catalog.CONFIG)
    if tree is None:
        raise UserError(_unknown(model, folder))
    files = [folder / catalog.WEIGHTS]
    if not (folder / catalog.INDEX).exists():
        # an epoch has its number as name; other names are of checkpoints whose writing was interrupted
        epochs = sorted(path for path in (folder / "checkpoints").glob("*") if path.name.isdigit())
        files = sorted(path for epoch in epochs for path in epoch.rglob("*") if path.is_file())
    if not files or not files[0].exists():
        raise UserError(f"init: {folder} has no weights: train it to its end, or choose another model.")
    hashed = sha256()
    for file in files:
        hashed.update(file.relative_to(folder).as_posix().encode() + b"\0" + sha256(file.read_bytes()).digest())
    return InitialModel(folder, tree, hashed.hexdigest())


def _unknown(model: str, folder: Path) -> str:
    if runs := sorted(str(path.parent) for path in folder.glob(f"*/{catalog.CONFIG}")):
        return f"init: {model} is not a run folder, but contains some: choose one of {', '.join(runs)}."
    names = catalog.names()
    similar = "" if "/" in model else nearest(model, names)
    problem = "is a folder without config.json" if folder.is_dir() else "does not exist"
    return (
        f"init: '{model}' is no model of the zoo, and {problem}.{similar} Expected the name of a model "
        f"({', '.join(names)}), or the path of a trained run's folder. A .tflite file has no weights that can be "
        "trained."
    )
