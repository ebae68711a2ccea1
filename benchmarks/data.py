"""How fast speech becomes batches, and in how much memory.

    python benchmarks/data.py --speech FOLDER [--repeats 3] [--untouched] [--json]

Two peers run in the same process tree, alternating with ours, medians are printed:

- building the store from 48 kHz .wav files (Actor_01 of RAVDESS, as often as it takes), hashing and trimming included,
  against a plain loop of `librosa.load(path, sr=22050)` over the same files; each in a process of its own, for the
  store changes how the process keeps its memory, and both with memory that has been touched before (`touch_memory`),
  unless `--untouched` is given;
- feeding batches of 32 cached features (130 × 13), against the usual grain chain, example by example, over the same
  array in memory.

Then the memory of one epoch over 100,000 generated clips of that size (676 MB), in a process of its own.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import alternate

if TYPE_CHECKING:
    import grain

FRAMES, CHANNELS, BATCH, CLIPS = 130, 13, 32, 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, help="a folder with 48 kHz .wav files somewhere below")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--untouched", action="store_true", help="decode in memory as the system gives it")
    parser.add_argument("--json", action="store_true", help="one object, figure name → number")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--decode", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decode:
        way, folder = arguments.decode
        prepare = (lambda: None) if arguments.untouched else touch_memory
        print({"ours": decode_ours, "librosa": decode_librosa}[way](sorted(Path(folder).glob("*.wav")), prepare))
        return
    if arguments.memory_of:
        print(memory_of_an_epoch(arguments.memory_of))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            **store(arguments.speech, Path(folder), arguments.repeats, ["--untouched"] * arguments.untouched),
            **feeding(arguments.repeats, Path(folder)),
        }
        figures["memory_growth_mb"] = memory(Path(folder), arguments.speech)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32}{value:14,.2f}")


def store(speech: Path, folder: Path, repeats: int, options: list[str]) -> dict[str, float]:
    import soundfile

    originals = [path for path in sorted(speech.rglob("*.wav")) if soundfile.info(path).samplerate == 48_000]
    if not originals:
        sys.exit(f"no 48 kHz .wav file under {speech}")
    copies = folder / "copies"
    copies.mkdir()
    for number in range(-(-1_440 // len(originals))):  # as many files as RAVDESS has, each read from its own place
        for path in originals:
            shutil.copy(path, copies / f"{number}-{path.name}")

    def rate(way: str) -> float:
        command = [sys.executable, __file__, f"--speech={speech}", "--decode", way, str(copies), *options]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    rates = alternate(repeats, ours=lambda: rate("ours"), librosa=lambda: rate("librosa"))
    return {
        "store_clips_per_s": rates["ours"],
        "librosa_load_clips_per_s": rates["librosa"],
        "store_vs_librosa": rates["ours"] / rates["librosa"],
    }


def decode_ours(paths: list[Path], prepare: Callable[[], None]) -> float:
    from aersut.data.store import open_store

    with tempfile.TemporaryDirectory() as place:
        open_store(paths[:20], 22_050, 40.0, Path(place))
        prepare()
        begin = time.perf_counter()
        open_store(paths, 22_050, 40.0, Path(place))
        return len(paths) / (time.perf_counter() - begin)


def decode_librosa(paths: list[Path], prepare: Callable[[], None]) -> float:
    import librosa

    for path in paths[:20]:
        librosa.load(path, sr=22_050)
    prepare()
    begin = time.perf_counter()
    for path in paths:
        librosa.load(path, sr=22_050)
    return len(paths) / (time.perf_counter() - begin)


def touch_memory() -> None:
    """Have the system own 512 MB of free memory.

    A virtual machine may get its memory page by page from its host at the first touch, and give it back when it is
    free. Writing a store to such pages takes much longer, and no two runs meet as many of them.
    """
    np.ones(1 << 29, np.uint8)


def feeding(repeats: int, folder: Path) -> dict[str, float]:
    import grain

    clips, batches = 4_000, 600
    items, labels = write_features(folder / "features.npy", clips)
    array = np.load(folder / "features.npy")[:, 0]

    class Examples:
        def __len__(self) -> int:
            return clips

        def __getitem__(self, index: int) -> dict[str, np.ndarray]:
            return {"features": array[index], "label": labels[index]}

    def rate(iterator: grain.DatasetIterator) -> float:
        next(iterator)
        begin = time.perf_counter()
        for _ in range(batches):
            next(iterator)
        return batches * BATCH / (time.perf_counter() - begin)

    def ours() -> float:
        return rate(our_batches(folder / "features.npy", items, labels))

    def theirs() -> float:
        dataset = grain.MapDataset.source(Examples()).seed(0).shuffle().batch(BATCH, drop_remainder=True).repeat()
        return rate(iter(dataset.to_iter_dataset()))

    rates = alternate(repeats, ours=ours, naive=theirs)
    return {
        "feed_examples_per_s": rates["ours"],
        "naive_grain_examples_per_s": rates["naive"],
        "feed_vs_naive_grain": rates["ours"] / rates["naive"],
    }


def memory(folder: Path, speech: Path) -> float:
    write_features(folder / "many.npy", CLIPS)
    command = [sys.executable, __file__, f"--speech={speech}", f"--memory-of={folder / 'many.npy'}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory_of_an_epoch(path: Path) -> float:
    """How many MB the process grows by in one epoch, file pages included, once the first batch is there."""
    items = np.stack([np.arange(CLIPS), np.zeros(CLIPS, int)], axis=1)
    iterator = our_batches(path, items, np.zeros(CLIPS, np.int32))
    next(iterator)
    begin = resident()
    most = begin
    for _ in range(CLIPS // BATCH - 1):
        next(iterator)
        most = max(most, resident())
    return most - begin


def our_batches(path: Path, items: np.ndarray, labels: np.ndarray) -> "grain.DatasetIterator":
    from aersut.data.pipeline import FeatureSource, training_batches
    from aersut.data.table import Table

    return training_batches(FeatureSource(Table(path), items, labels), BATCH, seed=0)


def write_features(path: Path, clips: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", np.float32, (clips, 1, FRAMES, CHANNELS))
    for begin in range(0, clips, 1000):
        array[begin : begin + 1000] = rng.standard_normal((min(1000, clips - begin), 1, FRAMES, CHANNELS), np.float32)
    array.flush()
    return np.stack([np.arange(clips), np.zeros(clips, int)], axis=1), rng.integers(0, 8, clips).astype(np.int32)


def resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("needs Linux's /proc")


if __name__ == "__main__":
    main()
