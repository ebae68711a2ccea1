"""Judge a run on its test part, or on a corpus elsewhere; its checkpoint, or a file that was exported from it."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aersut.contracts import Corpus
from aersut.errors import UserError
from aersut.evaluation import pictures
from aersut.evaluation.explain import explain
from aersut.evaluation.figures import figures
from aersut.evaluation.judged import Judged
from aersut.evaluation.plots import style
from aersut.evaluation.predictor import open_file, probabilities
from aersut.evaluation.speech import Speech, elsewhere, test_part
from aersut.paths import write_json, write_text
from aersut.run import Run, make_frontend
from aersut.training.trained import Trained, load

CHECKPOINT = "checkpoint"
"""What `model` is called in the result where it is not a file's path."""


@dataclass(frozen=True)
class Judge:
    """How a run is judged.

    Attributes:
        file: a .tflite file to judge in place of the checkpoint; its results lie in a folder named after it.
        importance: whether to ask what the network listens to, too, which takes longer than all the rest.
    """

    file: Path | None = None
    importance: bool = False

    def __post_init__(self) -> None:
        if self.file and self.importance:
            raise UserError("--importance looks into the checkpoint, not into a file: leave --model out.")


def evaluate(run: Run, judge: Judge = Judge()) -> dict[str, Any]:
    """Judge the selected checkpoint on the test part; write `evaluation/metrics.json`, return that and its `folder`.

    Beside it, `predictions.csv` lists every test clip with its probabilities, and `plots/` holds the pictures, where
    matplotlib is installed.
    """
    return judge_run(run, judge)[0]


def judge_run(run: Run, judge: Judge = Judge()) -> tuple[dict[str, Any], Judged]:
    """`evaluate`, with the verdict on each clip, too."""
    return _judge(run, judge, lambda trained: test_part(run))


def evaluate_elsewhere(
    run: Run, root: str | None, corpora: tuple[Corpus, ...] | None, judge: Judge = Judge()
) -> dict[str, Any]:
    """Judge on all clips of other corpora or another root, beside the run's own evaluation.

    The result lies in `evaluation/<corpora>-<digest of root and corpora>/`; see `evaluate`.
    """
    return _judge(run, judge, lambda trained: elsewhere(run, trained.frontend, root, corpora))[0]


def read(run: Run) -> dict[str, Any]:
    """The run's own evaluation, as it was written."""
    if not run.evaluation.exists():
        raise UserError(f"run {run.folder} is not evaluated yet: use --mode=evaluate.")
    result: dict[str, Any] = json.loads(run.evaluation.read_text(encoding="utf-8"))
    return result


def write(folder: Path, about: dict[str, Any], judged: Judged) -> dict[str, Any]:
    """Write `metrics.json` and `predictions.csv` of a verdict into `folder`; return what the former holds."""
    result = {**about, **figures(judged)}
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["path", "corpus", "speaker", "emotion", "predicted", *judged.emotions])
    for clip, label, row in zip(judged.clips, judged.labels, judged.probabilities, strict=True):
        about_clip = [clip.path, clip.corpus, clip.speaker, judged.emotions[label], judged.emotions[row.argmax()]]
        rows.writerow([*about_clip, *(f"{value:.6f}" for value in row)])
    write_text(folder / "predictions.csv", text.getvalue())
    write_json(folder / "metrics.json", result)
    return result


def _judge(run: Run, judge: Judge, find: Callable[[Trained], Speech]) -> tuple[dict[str, Any], Judged]:
    # what is wrong with a file is said before anything is loaded
    model = open_file(judge.file, make_frontend(run.experiment)) if judge.file else None
    trained = load(run)
    speech = find(trained)
    judged = Judged(speech.clips, speech.labels, probabilities(trained, speech, model), run.experiment.data.emotions)
    name = "-".join(part for part in (speech.name, judge.file.stem if judge.file else "") if part)
    about = {
        "experiment": run.experiment.name,
        "model": str(judge.file or CHECKPOINT),
        "epoch": trained.epoch,
        **speech.about,
    }
    folder = run.evaluation.parent / name
    result = {**write(folder, about, judged), "folder": str(folder)}
    if style.available():
        pictures.draw(folder / "plots", result)
        if not judge.file:
            pictures.draw_embedding(folder / "plots", trained, speech, judged)
            pictures.draw_examples(folder / "plots", trained, speech, judged)
    if judge.importance:
        result["importance"] = explain(folder, trained, speech, judged)
    return result, judged
