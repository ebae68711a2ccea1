"""Functions for several benchmarks: speech, alternating measurement, training, and CSV results."""

import argparse
import contextlib
import csv
import importlib.util
import shlex
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from aersut.config import Experiment
    from aersut.run_folder import Run


def alternate(repeats: int, **ways: Callable[[], float]) -> dict[str, float]:
    """Median of each function's results over rounds in which each runs once; the first round is a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


def require_peers(*modules: str) -> None:
    """Exit with status 2 and the command that installs them if peers of a benchmark are not installed."""
    if missing := [module for module in modules if importlib.util.find_spec(module) is None]:
        remedy = "install the peers with pip install -e '.[bench]', in an environment of their own"
        print(f"missing: {', '.join(missing)}; {remedy}", file=sys.stderr)
        sys.exit(2)


def speech(folder: Path, count: int, sample_rate: int) -> np.ndarray:
    """Three trimmed seconds of each of `count` recordings, evenly spaced in the folder; f32[count, samples]."""
    from aersut.corpora.files import audio_files
    from aersut.data.audio import crop_or_pad, decode

    files = audio_files(folder)
    if len(files) < count:
        sys.exit(f"{folder} contains {len(files)} audio files, expected at least {count}")
    chosen = [files[index] for index in np.linspace(0, len(files) - 1, count).astype(int)]
    return np.stack([crop_or_pad(decode(file, sample_rate, 40.0), 3 * sample_rate, "start") for file in chosen])


RUNS = Path("runs") / "ablations"
"""Folder of the trained runs; it can be deleted when their rows are written."""


def trained_run(experiment: "Experiment", speech: Path, folder: Path) -> "Run":
    """The run of an experiment on the recordings under `speech`, trained or resumed until it is complete.

    Its output is written to `log.txt` in its folder.
    """
    from aersut.run_folder import start
    from aersut.training.loop import train

    run = start(replace(experiment, data=replace(experiment.data, root=str(speech))), folder)
    with (
        (folder / "log.txt").open("a", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        train(run)
    return run


def parse_arguments(
    doc: str | None, rows: Path, table: Callable[[list[dict[str, str]]], str], **flags: str
) -> argparse.Namespace:
    """Parse the command line of a script that trains on `--speech` and writes `rows`; `--table` prints them and exits.

    Args:
        doc: description for `--help`.
        rows: the CSV file of results.
        table: formats its rows.
        flags: further flags with their defaults.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, help="a data root with RAVDESS")
    for name, default in flags.items():
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--table", action="store_true", help="print a table of the rows and exit")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(read_rows(rows)))
        sys.exit()
    if arguments.speech is None:
        sys.exit("--speech FOLDER: a data root with RAVDESS")
    return arguments


def as_flags(overrides: Mapping[str, str]) -> str:
    """Overrides of an experiment as flags of the command line, for the column `changes`."""
    return " ".join(f"--experiment.{key}={shlex.quote(value)}" for key, value in overrides.items())


def has_row(path: Path, row: Mapping[str, object]) -> bool:
    """Whether the file has a row with the same values as `row` in the columns of `row`."""
    return any(row.items() <= other.items() for other in read_rows(path))


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_row(path: Path, columns: Sequence[str], row: Mapping[str, object]) -> None:
    """Append a row to a CSV file, with a header line if the file is new."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def check_stress(stress: str) -> None:
    """Exit unless the value of --stress is empty, or names two folders: "NOISE,IMPULSE_RESPONSES"."""
    folders = [Path(name) for name in stress.split(",")] if stress else []
    if folders and not (len(folders) == 2 and all(folder.is_dir() for folder in folders)):
        sys.exit(f"--stress={stress}: expected two folders, NOISE,IMPULSE_RESPONSES")
