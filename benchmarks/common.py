"""What the benchmarks share: recordings to work on, and measuring in turn."""

import argparse
import contextlib
import csv
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from aersut.config import Experiment
    from aersut.run import Run


def alternate(repeats: int, **ways: Callable[[], float]) -> dict[str, float]:
    """The median of what each way returns, over rounds in which each runs once; the first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


def speech(folder: Path, count: int, sample_rate: int) -> np.ndarray:
    """Three seconds each of `count` recordings, spread over the folder, trimmed; f32[count, samples]."""
    from aersut.corpora.files import audio_files
    from aersut.data.audio import decode, fit

    files = audio_files(folder)
    if len(files) < count:
        sys.exit(f"{folder} holds {len(files)} sound files, fewer than {count}")
    chosen = [files[place] for place in np.linspace(0, len(files) - 1, count).astype(int)]
    return np.stack([fit(decode(file, sample_rate, 40.0), 3 * sample_rate, "start") for file in chosen])


RUNS = Path("runs") / "ablations"
"""Where runs lie while they are trained; they can be removed when their rows are written."""


def trained(experiment: "Experiment", speech: Path, folder: Path) -> "Run":
    """The finished run of an experiment on the recordings under `speech`, trained from where it stopped.

    What it prints goes to `log.txt` in its folder.
    """
    from aersut.run import start
    from aersut.training.loop import train

    run = start(replace(experiment, data=replace(experiment.data, root=str(speech))), folder)
    with (
        (folder / "log.txt").open("a", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        train(run)
    return run


def asked(
    doc: str | None, rows: Path, table: Callable[[list[dict[str, str]]], str], **flags: str
) -> argparse.Namespace:
    """The command line of a script that trains on `--speech` and writes `rows`; `--table` prints them, and ends it.

    Args:
        flags: further ones, with their defaults.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, help="a root that holds RAVDESS")
    for name, default in flags.items():
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--table", action="store_true", help="print what the rows say, and stop")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(read_rows(rows)))
        sys.exit()
    if arguments.speech is None:
        sys.exit("--speech FOLDER: a root that holds RAVDESS")
    return arguments


def known(path: Path, row: Mapping[str, object]) -> bool:
    """Whether a row of the file begins with what is known of this one."""
    return any(row.items() <= other.items() for other in read_rows(path))


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_row(path: Path, columns: Sequence[str], row: Mapping[str, object]) -> None:
    """Append a row to a CSV file, which is begun with its columns' names."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
