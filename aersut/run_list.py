"""The runs on disk: their state and size, names, and deletion; the size of the cache."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from aersut.bundle_record import refuse_changed_bundle
from aersut.errors import UserError
from aersut.evaluation.result_files import EMULATION, read_metrics
from aersut.paths import cache_dir, read_json, write_text
from aersut.run_folder import RUNS, RunFolder, find_run, run_names
from aersut.texts import counted, megabytes
from aersut.training import records

EARLIER = {EMULATION}
"""What earlier versions wrote into a run folder, and this one writes elsewhere."""
CACHES = {
    "store": "decoded clips",
    "features": "base features",
    "embeddings": "embeddings of encoders",
    "jax": "compiled functions",
    "synthetic": "synthetic speech",
    "downloads": "interrupted downloads of corpora",
    "litertjs": "LiteRT.js",
    "clips": "clips that were passed as arrays in Python",
}
"""The folders of the cache. Without "clips", runs on arrays can be neither resumed nor evaluated."""


@dataclass(frozen=True)
class ListedRun:
    """A run folder.

    Attributes:
        name: that the user has given to it, or "".
        epochs: trained, and wanted by the configuration.
        uar: of the test set; None if the run is not evaluated.
        bytes: of all files.
        changed: the time of its last change, ISO 8601.
    """

    folder: str
    name: str
    epochs: tuple[int, int]
    uar: float | None
    exported: bool
    bytes: int
    changed: str


def list_run(folder: Path) -> ListedRun:
    """Read what `ListedRun` has about a run folder; missing and damaged files count as no result."""
    run = RunFolder(folder)
    uar = (read_metrics(run.evaluation) or {}).get("uar")
    configuration = read_json(run.config)
    files = _files(folder)
    return ListedRun(
        folder=str(folder),
        name=run.name.read_text(encoding="utf-8").strip() if run.name.exists() else "",
        epochs=(
            len(records.read_records(run.records)),
            configuration.get("epochs", 0) if isinstance(configuration, dict) else 0,
        ),
        uar=uar,
        exported=run.exported.exists(),
        bytes=sum(size for size, _ in files),
        changed=datetime.fromtimestamp(max((time for _, time in files), default=0)).isoformat(" ", "minutes"),
    )


def cache_sizes() -> dict[str, int]:
    """The bytes of each folder of the cache that exists, by the keys of `CACHES`."""
    folders = {name: cache_dir() / name for name in CACHES}
    return {name: sum(size for size, _ in _files(folder)) for name, folder in folders.items() if folder.is_dir()}


def empty_cache(names: list[str]) -> dict[str, int]:
    """Delete folders of the cache; return their bytes. "all" stands for all but "clips".

    Raises:
        UserError: there is no such folder in a cache, or one is a link.
    """
    if unknown := set(names) - {*CACHES, "all"}:
        raise UserError(f"--empty_cache={min(unknown)} is unknown; expected all, or some of {', '.join(CACHES)}.")
    chosen = {*CACHES} - {"clips"} if "all" in names else set()
    sizes = {name: size for name, size in cache_sizes().items() if name in chosen | set(names)}
    folders = [cache_dir() / name for name in sizes]
    for folder in folders:
        _check_no_link(folder)
    for folder in folders:
        shutil.rmtree(folder)
    return sizes


def name_run(folder: Path, name: str) -> None:
    """Give a name to a run, which then selects it as its folder does; an empty one removes the name.

    Raises:
        UserError: the folder is no run, another run has the name, or it would not be found below runs/.
    """
    run = find_run(folder)
    if not name:
        run.name.unlink(missing_ok=True)
        return
    if name != Path(name).name or name.strip() != name or "," in name or not name.isprintable():
        raise UserError(f"--name={name}: expected a name without slashes and commas, and without spaces at its ends.")
    for other in run_names().get(name, []):
        if not other.samefile(run.folder):
            raise UserError(f"--name={name} is the name of run {other}; choose another.")
    folder, runs = run.folder.resolve(), RUNS.resolve()
    if runs not in (folder.parent, folder.parent.parent):
        raise UserError(f"{run.folder} is not below {runs}, where names are looked up: its path selects it.")
    if Path(name).exists():
        raise UserError(f"--name={name}: a file or folder in the working directory has this name; choose another.")
    write_text(run.name, f"{name}\n")


@contextlib.contextmanager
def deletable(folder: Path) -> Iterator[RunFolder]:
    """The run of a folder or name, if `delete_run` may delete it; nobody can train it during the block.

    Raises:
        UserError: the folder is no run, is a link, has other files, its bundle was changed, or a process trains it.
    """
    run = find_run(folder)
    if not {"data", "model", "epochs"} <= (read_json(run.config) or {}).keys():
        raise UserError(f"{run.config} is not the configuration of a run; nothing was deleted.")
    _check_no_link(run.folder)
    others = sorted({path.name for path in run.folder.iterdir()} - run.names() - EARLIER)
    if others:
        raise UserError(f"{run.folder} contains other files ({', '.join(others[:3])}): move them first.")
    refuse_changed_bundle(run.export, "delete the run")
    try:
        lock = filelock.FileLock(run.lock, blocking=False).acquire()
    except filelock.Timeout:
        raise UserError(f"run folder {run.folder} is being trained by another process; nothing was deleted.") from None
    with lock:
        yield run


def check_deletable(folder: Path) -> RunFolder:
    """The run of a folder or name; `UserError` as `deletable`."""
    with deletable(folder) as run:
        return run


def delete_run(folder: Path) -> int:
    """Delete a run folder; return its bytes.

    Raises:
        UserError: as `deletable`; nothing is deleted then.
    """
    with deletable(folder) as run:
        size = sum(size for size, _ in _files(run.folder))
        shutil.rmtree(run.folder.resolve())  # "." cannot be removed by this name
        return size


def _check_no_link(folder: Path) -> None:
    """`UserError` for a link: what it names may belong to something else."""
    if folder.is_symlink():
        raise UserError(
            f"{folder} is a link to {folder.resolve()}; nothing was deleted. Delete that folder, or the link."
        )


def runs_table(runs: list[ListedRun]) -> str:
    """The runs as text: one row each, and their total size."""
    rows = [("run", "name", "epochs", "UAR", "exported", "size", "changed")]
    for run in runs:
        uar = "-" if run.uar is None else f"{run.uar:.3f}"
        epochs = "{} of {}".format(*run.epochs)
        exported = "yes" if run.exported else "-"
        rows.append((run.folder, run.name or "-", epochs, uar, exported, megabytes(run.bytes), run.changed))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = f"{counted(len(runs), 'run')}, {megabytes(sum(run.bytes for run in runs))}"
    return "\n".join([*lines, total])


def cache_table(sizes: dict[str, int]) -> str:
    """The size of the cache and of its folders as text."""
    lines = [f"cache {cache_dir()}: {megabytes(sum(sizes.values()))}"]
    return "\n".join([*lines, *(f"  {name:12}{megabytes(size):>12}  {CACHES[name]}" for name, size in sizes.items())])


def runs_json(runs: list[ListedRun], caches: dict[str, int]) -> dict[str, Any]:
    """The runs and the bytes of the cache's folders as plain data."""
    return {"runs": [asdict(run) for run in runs], "cache": {"folder": str(cache_dir()), **caches}}


def _files(folder: Path) -> list[tuple[int, float]]:
    """Size and time of each file below a folder; files that vanish meanwhile are omitted."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                stat = os.lstat(Path(parent, name))
            except OSError:
                continue
            found.append((stat.st_size, stat.st_mtime))
    return found
