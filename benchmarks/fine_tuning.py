"""Fine-tuning of `micro_speech` on few speakers: UAR on other speakers by the number of training speakers.

    python benchmarks/fine_tuning.py --speech FOLDER --model RUN [--splits 3]
    python benchmarks/fine_tuning.py --table

RUN is the folder of an exported run of `micro_speech` with its own protocol (fold 0 of combined5); the model of the zoo
has seen more speakers. The speakers are the 16 test speakers of CREMA-D. Each split divides them at random: 6 are the
test set, 2 the validation set, and the first 2, or all 8, of the others the training set. Test sets of the splits
overlap, so the standard deviation over splits describes the choice of speakers, not the error of the mean.

Recordings: "clean", and "reverberant", the same in the strongest reverberation of the standard stress conditions, a
stand-in for recordings of your own in an environment in which the model is poor.

Ways: "before" is the run's exported float32 model, whose most probable emotion among the six of CREMA-D is its
prediction; "head" is the experiment `fine_tune` with `init.model=RUN`; "all" the same with all weights trainable and a
learning rate of 1e-4; "scratch" is its network with random weights, a learning rate of 2e-3 and 100 epochs.

Each run is a row of docs/fine_tuning.csv; rows that exist are not computed again.
"""

import statistics
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from common import add_row, has_row, parse_arguments, read_rows, trained_run

import aersut
from aersut.config import Data, Experiment, Init
from aersut.contracts import Clip
from aersut.corpora import CremaD, Manifest
from aersut.data.audio import read_recording, resample
from aersut.data.splits import read_split
from aersut.evaluation.evaluate import evaluate
from aersut.run_folder import Run, open_run
from aersut.stress import STANDARD, Reverberation
from aersut.training.optimizers import AdamW

EMOTIONS = ("neutral", "happy", "sad", "angry", "fear", "disgust")
ROWS = Path(__file__).parent.parent / "docs" / "fine_tuning.csv"
COLUMNS = ("recordings", "split", "speakers", "way", "uar", "clips")
FOLDER = Path("runs") / "fine_tuning"
ALL = {"init.trainable": "all", "optimizer.learning_rate": 1e-4}
WAYS = ("before", "head", "all", "scratch")
SIZES, TEST, VALIDATION = (2, 8), 6, 2
RATE = 16_000
ROOM = max((one for one in STANDARD if isinstance(one, Reverberation)), key=lambda one: one.seconds)


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, table, model="", splits="3")
    if not arguments.model:
        sys.exit("--model RUN: an exported run of micro_speech on fold 0 of combined5")
    model = open_run(Path(arguments.model))
    clips = unseen_clips(model, arguments.speech)
    roots = {
        "clean": write_corpus(clips, FOLDER / "clean", None),
        "reverberant": write_corpus(clips, FOLDER / "reverberant", ROOM),
    }
    for way, size, split, recordings in product(WAYS, SIZES, range(int(arguments.splits)), roots):
        row = {"recordings": recordings, "split": split, "speakers": size, "way": way}
        if has_row(ROWS, {name: str(value) for name, value in row.items()}):
            continue
        speakers = list(np.random.default_rng(split).permutation(sorted({clip.speaker for clip in clips})))
        folder = FOLDER / f"{recordings}-{split}-{size}-{way}"
        uar, count = measure(model, roots[recordings], speakers, size, way, folder)
        add_row(ROWS, COLUMNS, {**row, "uar": f"{uar:.4f}", "clips": count})
        print(row, f"{uar:.3f}", flush=True)
    print(table(read_rows(ROWS)))


def unseen_clips(model: Run, speech: Path) -> list[Clip]:
    """The clips of CREMA-D's speakers in the test set of the run."""
    clips = (read_split(model.split) or {"clips": []})["clips"]
    unseen = {clip["speaker"] for clip in clips if clip["corpus"] == "cremad" and "test" in clip["splits"]}
    if len(unseen) < TEST + VALIDATION + max(SIZES):
        sys.exit(f"--model RUN: {model.folder} tests {len(unseen)} speakers of CREMA-D, too few to be divided")
    return [clip for clip in CremaD().load(speech).clips if clip.speaker in unseen]


def write_corpus(clips: list[Clip], root: Path, condition: Reverberation | None) -> Path:
    """A folder with a manifest and the recordings as WAV, under a stress condition if there is one; return it."""
    if (root / "manifest.csv").exists():
        return root
    root.mkdir(parents=True, exist_ok=True)
    rows = ["path,emotion,speaker"]
    for number, clip in enumerate(clips):
        samples = resample(read_recording(clip.path), RATE)
        if condition is not None:
            samples = condition(np.random.default_rng(number), samples, RATE)
        soundfile.write(root / f"{clip.path.stem}.wav", np.clip(samples, -1, 1), RATE, subtype="PCM_16")
        rows.append(f"{clip.path.stem}.wav,{clip.emotion},{clip.speaker}")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def measure(model: Run, root: Path, speakers: list[str], size: int, way: str, folder: Path) -> tuple[float, int]:
    """UAR on the test speakers of a split, and the number of their clips."""
    test, validation = speakers[:TEST], speakers[TEST : TEST + VALIDATION]
    train = speakers[TEST + VALIDATION :][:size]
    if way == "before":
        return before(model, root, test)
    experiment = aersut.load_experiment(
        "fine_tune", **{"init.model": str(model.folder.resolve()), **(ALL if way == "all" else {})}
    )
    if way == "scratch":
        experiment = scratch(experiment)
    data = Data(
        corpora=(Manifest(),),
        root=str(root),
        protocol="given",
        train_speakers=tuple(train),
        validation_speakers=tuple(validation),
        test_speakers=tuple(test),
        emotions=EMOTIONS,
    )
    result = evaluate(trained_run(replace(experiment, data=data), root, folder)).result
    return result["uar"], result["clips"]


def scratch(experiment: Experiment) -> Experiment:
    """The experiment with random weights, and a training that is long enough for them."""
    assert isinstance(experiment.optimizer, AdamW)
    return replace(experiment, init=Init(), optimizer=replace(experiment.optimizer, learning_rate=2e-3), epochs=100)


def before(model: Run, root: Path, test: list[str]) -> tuple[float, int]:
    """UAR of the run's exported float32 model."""
    recognizer = aersut.load(model.export / "model_float32.tflite")
    counts = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    for clip in Manifest().load(root).clips:
        if clip.speaker in test:
            probabilities = recognizer(clip.path).probabilities
            counts[EMOTIONS.index(clip.emotion), np.argmax([probabilities[one] for one in EMOTIONS])] += 1
    return float((np.diag(counts) / counts.sum(axis=1)).mean()), int(counts.sum())


def table(rows: list[dict[str, str]]) -> str:
    """UAR over splits, and the mean difference to "before" with its standard deviation over splits, in Markdown."""
    uar = {(row["recordings"], row["speakers"], row["way"], row["split"]): float(row["uar"]) for row in rows}
    lines = [
        "| recordings | training speakers | before | head | all | from scratch |",
        "|---|---|---|---|---|---|",
    ]
    for recordings, size in product(dict.fromkeys(row["recordings"] for row in rows), map(str, SIZES)):
        cells = []
        for way in WAYS:
            splits = [split for *key, split in uar if key == [recordings, size, way]]
            values = [uar[recordings, size, way, split] for split in splits]
            gains = [uar[recordings, size, way, split] - uar[recordings, size, "before", split] for split in splits]
            cells.append(f"{statistics.mean(values):.3f}" if values else "–")
            if way != "before" and len(values) > 1:
                cells[-1] += f" ({statistics.mean(gains):+.3f} ± {statistics.stdev(gains):.3f})"
        lines.append(f"| {recordings} | {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
