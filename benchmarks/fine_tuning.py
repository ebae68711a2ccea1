"""Fine-tuning of `micro_speech` on few speakers: UAR on other speakers by the number of training speakers.

    python benchmarks/fine_tuning.py --speech FOLDER [--deals 3]
    python benchmarks/fine_tuning.py --table

The speakers are the 16 of CREMA-D that `micro_speech` has not seen. Each deal divides them at random: 6 are the test
set, 2 the validation set, and the first 2, or all 8, of the others the training set. Test sets of the deals overlap, so
the standard deviation over deals describes the choice of speakers, not the error of the mean.

Recordings: "clean", and "room", the same in the strongest reverberation of the standard stress conditions, a stand-in
for recordings of your own in an environment in which the model is poor.

Ways: "before" is the model of the zoo, whose most probable emotion among the six of CREMA-D is its prediction; "head"
is the experiment `fine_tune`; "all" the same with all weights trainable and a learning rate of 1e-4; "scratch" is its
network with random weights, a learning rate of 2e-3 and 100 epochs.

Each run is a row of docs/fine_tuning.csv; rows that exist are not computed again.
"""

import statistics
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
from aersut.evaluation.evaluate import evaluate
from aersut.stress import STANDARD, Reverberation
from aersut.training.optimizers import AdamW
from aersut.zoo.catalog import read

MODEL = "micro_speech"
EMOTIONS = ("neutral", "happy", "sad", "angry", "fear", "disgust")
ROWS = Path(__file__).parent.parent / "docs" / "fine_tuning.csv"
COLUMNS = ("recordings", "deal", "speakers", "way", "uar", "clips")
FOLDER = Path("runs") / "fine_tuning"
ALL = {"init.trainable": "all", "optimizer.learning_rate": 1e-4}
WAYS = ("before", "head", "all", "scratch")
SIZES, TEST, VALIDATION = (2, 8), 6, 2
RATE = 16_000
ROOM = max((one for one in STANDARD if isinstance(one, Reverberation)), key=lambda one: one.seconds)


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, table, deals="3")
    clips = unseen_clips(arguments.speech)
    roots = {
        "clean": write_corpus(clips, FOLDER / "clean", None),
        "room": write_corpus(clips, FOLDER / "room", ROOM),
    }
    for way, size, deal, recordings in product(WAYS, SIZES, range(int(arguments.deals)), roots):
        row = {"recordings": recordings, "deal": deal, "speakers": size, "way": way}
        if has_row(ROWS, {name: str(value) for name, value in row.items()}):
            continue
        speakers = list(np.random.default_rng(deal).permutation(sorted({clip.speaker for clip in clips})))
        folder = FOLDER / f"{recordings}-{deal}-{size}-{way}"
        uar, count = measure(roots[recordings], speakers, size, way, folder)
        add_row(ROWS, COLUMNS, {**row, "uar": f"{uar:.4f}", "clips": count})
        print(row, f"{uar:.3f}", flush=True)
    print(table(read_rows(ROWS)))


def unseen_clips(speech: Path) -> list[Clip]:
    """The clips of CREMA-D's speakers that the model has not seen."""
    unseen = read(MODEL).test_speakers["cremad"]
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


def measure(root: Path, speakers: list[str], size: int, way: str, folder: Path) -> tuple[float, int]:
    """UAR on the test speakers of a deal, and the number of their clips."""
    test, validation = speakers[:TEST], speakers[TEST : TEST + VALIDATION]
    train = speakers[TEST + VALIDATION :][:size]
    if way == "before":
        return before(root, test)
    experiment = aersut.load_experiment("fine_tune", **(ALL if way == "all" else {}))
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


def before(root: Path, test: list[str]) -> tuple[float, int]:
    """UAR of the model of the zoo."""
    recognizer = aersut.load(f"{MODEL}/model_float32.tflite")
    counts = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    for clip in Manifest().load(root).clips:
        if clip.speaker in test:
            probabilities = recognizer(clip.path).probabilities
            counts[EMOTIONS.index(clip.emotion), np.argmax([probabilities[one] for one in EMOTIONS])] += 1
    return float((np.diag(counts) / counts.sum(axis=1)).mean()), int(counts.sum())


def table(rows: list[dict[str, str]]) -> str:
    """UAR over deals, and the mean difference to "before" with its standard deviation over deals, in Markdown."""
    uar = {(row["recordings"], row["speakers"], row["way"], row["deal"]): float(row["uar"]) for row in rows}
    lines = [
        "| recordings | training speakers | before | head | all | from scratch |",
        "|---|---|---|---|---|---|",
    ]
    for recordings, size in product(dict.fromkeys(row["recordings"] for row in rows), map(str, SIZES)):
        cells = []
        for way in WAYS:
            deals = [deal for *key, deal in uar if key == [recordings, size, way]]
            values = [uar[recordings, size, way, deal] for deal in deals]
            gains = [uar[recordings, size, way, deal] - uar[recordings, size, "before", deal] for deal in deals]
            cells.append(f"{statistics.mean(values):.3f}" if values else "–")
            if way != "before" and len(values) > 1:
                cells[-1] += f" ({statistics.mean(gains):+.3f} ± {statistics.stdev(gains):.3f})"
        lines.append(f"| {recordings} | {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
