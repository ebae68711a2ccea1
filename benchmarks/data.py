"""Speed and memory of the data pipeline: from audio files to training batches.

    python benchmarks/data.py --speech FOLDER [--repeats 3] [--untouched] [--json] [--baseline REVISION]
        [--parts store,feeding,memory,training]

Medians of alternating repetitions of AERSUT and of a baseline:

- Building the audio store from 48 kHz .wav files (copies of the files under FOLDER, such as Actor_01 of RAVDESS),
  hashing and trimming included. Baseline: a loop of `librosa.load(path, sr=22050)` over the same files. Each runs in
  its own process, since the store changes the memory allocation of its process, and both with memory that was touched
  before (`touch_memory`), except with `--untouched`.
- Feeding batches of 32 cached features (130 × 13). Baseline: grain's standard pipeline, example by example, over the
  same array in memory.

Then the memory growth in one epoch over 100,000 generated clips of this size (676 MB), in its own process, and the peak
memory of launch.py in a training of one epoch on 100,000 files of a manifest (training_peak_mb; with --baseline, also
that of an earlier revision).
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
from baseline import Build, both_builds, with_ratios
from common import alternate, require_peers

if TYPE_CHECKING:
    import grain

FRAMES, CHANNELS, BATCH, CLIPS = 130, 13, 32, 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, help="a folder with 48 kHz .wav files at any depth")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--untouched", action="store_true", help="decode in memory that was not touched before")
    parser.add_argument("--json", action="store_true", help="print one JSON object, metric → number")
    parser.add_argument("--baseline", help="an earlier revision, for training_peak_mb")
    parser.add_argument("--parts", default="store,feeding,memory,training", help="what to measure")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--decode", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    require_peers("librosa")
    if arguments.decode:
        way, folder = arguments.decode
        prepare = (lambda: None) if arguments.untouched else touch_memory
        print({"ours": decode_ours, "librosa": decode_librosa}[way](sorted(Path(folder).glob("*.wav")), prepare))
        return
    if arguments.memory_of:
        print(memory_of_an_epoch(arguments.memory_of))
        return
    parts = arguments.parts.split(",")
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "store" in parts:
            results |= audio_store(arguments.speech, folder, arguments.repeats, ["--untouched"] * arguments.untouched)
        if "feeding" in parts:
            results |= feeding(arguments.repeats, folder)
        if "memory" in parts:
            results["memory_growth_mb"] = memory(folder, arguments.speech)
        if "training" in parts:
            results |= training_peak(folder, both_builds(arguments.baseline))
    if arguments.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:32}{value:14,.2f}")


def audio_store(speech: Path, folder: Path, repeats: int, options: list[str]) -> dict[str, float]:
    import soundfile

    originals = [path for path in sorted(speech.rglob("*.wav")) if soundfile.info(path).samplerate == 48_000]
    if not originals:
        sys.exit(f"no 48 kHz .wav file under {speech}")
    copies = folder / "copies"
    copies.mkdir()
    for number in range(-(-1_440 // len(originals))):  # as many files as RAVDESS has, without repetition
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
    from aersut.data.store import open_audio_store

    with tempfile.TemporaryDirectory() as cache:
        open_audio_store(paths[:20], 22_050, 40.0, Path(cache))
        prepare()
        begin = time.perf_counter()
        open_audio_store(paths, 22_050, 40.0, Path(cache))
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
    """Touch 512 MB of memory and free it.

    A virtual machine may obtain memory from its host page by page at the first touch, and return it when it is free.
    Writing a store to such pages takes much longer, and their number differs between runs.
    """
    np.ones(1 << 29, np.uint8)


def feeding(repeats: int, folder: Path) -> dict[str, float]:
    import grain

    clips, batches = 4_000, 600
    examples, labels = write_features(folder / "features.npy", clips)
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
        return rate(our_batches(folder / "features.npy", examples, labels))

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
    """Growth of the process's memory in one epoch after the first batch, in MB, file pages included."""
    examples = np.stack([np.arange(CLIPS), np.zeros(CLIPS, int)], axis=1)
    iterator = our_batches(path, examples, np.zeros(CLIPS, np.int32))
    next(iterator)
    begin = resident()
    most = begin
    for _ in range(CLIPS // BATCH - 1):
        next(iterator)
        most = max(most, resident())
    return most - begin


def training_peak(folder: Path, builds: dict[str, Build]) -> dict[str, float]:
    """Peak memory of launch.py, in MB, in a training of one epoch on 100,000 clips of 50 ms, decoding included."""
    import soundfile

    rng = np.random.default_rng(0)
    emotions = ("neutral", "happy", "sad", "angry")
    rows = ["path,emotion,speaker"]
    for clip in range(CLIPS):
        subfolder = folder / "input" / f"{clip // 1000}"
        subfolder.mkdir(parents=True, exist_ok=True)
        soundfile.write(subfolder / f"{clip}.wav", rng.integers(-9999, 9999, 800, np.int16), 16_000)
        rows.append(f"{clip // 1000}/{clip}.wav,{emotions[clip % 4]},s{clip // 1000}")
    (folder / "input" / "manifest.csv").write_text("\n".join(rows))
    arguments = [
        *("--mode=train", "--experiment=quickstart", "--experiment.epochs=1", "--experiment.data.corpora=manifest"),
        *(f"--experiment.data.root={folder / 'input'}", "--experiment.data.protocol=speaker"),
        *(f"--experiment.data.emotions={','.join(emotions)}", "--experiment.data.trim_db=none"),
        *("--experiment.framing.seconds=0.5", "--experiment.augment=", "--experiment.augmented_copies=0"),
        *("--experiment.batch_size=512",),
    ]
    peaks = {}
    for name, build in builds.items():
        command = [*arguments, f"--workdir={folder / f'run{name}'}"]
        peaks[f"training_peak{name}_mb"] = build.peak_memory(*command, cache=folder / f"cache{name}")
    return with_ratios(peaks)


def our_batches(path: Path, examples: np.ndarray, labels: np.ndarray) -> "grain.DatasetIterator":
    from aersut.data.feature_table import FeatureTable
    from aersut.data.pipeline import FeatureSource, training_batches

    return training_batches(FeatureSource(FeatureTable(path), examples, labels), BATCH, seed=0)


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
    raise RuntimeError("/proc/self/status does not exist; run this benchmark on Linux")


if __name__ == "__main__":
    main()
