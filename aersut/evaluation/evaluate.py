"""Judge a run on its test part, or on a corpus elsewhere."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut import metrics
from aersut.config import checked, digest, to_tree
from aersut.contracts import Clip, Corpus
from aersut.data.collection import collect
from aersut.data.splits import PARTS
from aersut.errors import UserError
from aersut.paths import write_json, write_text
from aersut.run import Run, prepare
from aersut.training.forward import softmax
from aersut.training.trained import Trained, load


def evaluate(run: Run) -> dict[str, Any]:
    """Judge the best checkpoint on the test part; write and return `evaluation/metrics.json`.

    `evaluation/predictions.csv` lists every test clip with its probabilities.
    """
    trained = load(run)
    prepared = prepare(run)
    items = prepared.split.items("test")
    probabilities = softmax(trained.forward(trained.state, prepared.features(items)))
    about = {
        "protocol": prepared.split.protocol,
        "leaks": prepared.split.leaks,
        "speaker_independent": prepared.split.speaker_independent,
        "warning": prepared.split.warning,
        "corpora": [corpus["name"] for corpus in to_tree(run.experiment.data)["corpora"]],
        "synthetic": run.synthetic,
    }
    clips = [prepared.collection.clips[clip] for clip in items[:, 0]]
    return _write(run, trained, run.evaluation, about, clips, prepared.labels[items[:, 0]], probabilities)


def evaluate_elsewhere(run: Run, root: str | None, corpora: tuple[Corpus, ...] | None) -> dict[str, Any]:
    """Judge the best checkpoint on all clips of other corpora or another root, beside the run's own evaluation.

    The result lies in `evaluation/<corpora>-<digest of root and corpora>/`. It leaks where the run was trained or
    chosen on one of the recordings; it is not speaker-independent where it was trained on one of the speakers.
    """
    trained = load(run)
    data = run.experiment.data
    data = replace(data, root=data.root if root is None else root, corpora=data.corpora if corpora is None else corpora)
    data = checked(replace(run.experiment, data=data)).data
    collection = collect(data, run.experiment.framing)
    used = np.ones((len(collection), 1), bool)
    features = trained.frontend.cached(collection, used, run.experiment.seed).take(np.argwhere(used))
    probabilities = softmax(trained.forward(trained.state, features))
    contents, speakers = _heard(run)
    leaks = any(content in contents for content in collection.contents)
    independent = not any(clip.speaker_id in speakers for clip in collection.clips)
    warning = ""
    if leaks:
        warning = "this evaluation LEAKS: some of its clips were in the run's training or validation part."
    elif not independent:
        warning = "some speakers of this evaluation were in the run's training or validation part."
    names = [corpus["name"] for corpus in to_tree(data)["corpora"]]
    about = {
        "protocol": "elsewhere",
        "leaks": leaks,
        "speaker_independent": independent,
        "warning": warning,
        "corpora": names,
        "root": data.root,
        "synthetic": "synthetic" in names,
    }
    folder = f"{'+'.join(names)}-{digest([str(Path(data.root).absolute()), to_tree(data)['corpora']])}"
    path = run.evaluation.parent / folder / "metrics.json"
    return _write(run, trained, path, about, list(collection.clips), np.array(collection.labels), probabilities)


def table(result: dict[str, Any]) -> str:
    """The result as text: the headline figures, each class, and the confusion matrix."""
    names = result["emotions"]
    lines = [
        f"{'SYNTHETIC speech, no measure of real voices: ' if result['synthetic'] else ''}"
        f"UAR {result['uar']:.3f}, WA {result['wa']:.3f} on {result['clips']:,} clips "
        f"({'+'.join(result['corpora'])}, protocol {result['protocol']}, checkpoint of epoch {result['epoch']})"
    ]
    if result["warning"]:
        lines.append(f"WARNING: {result['warning']}")
    lines.append(f"\n{'':10}{'precision':>10}{'recall':>8}{'F1':>8}{'clips':>7}")
    for name in names:
        entry = result["classes"][name]
        recall, f1 = ("-" if entry[key] is None else f"{entry[key]:.3f}" for key in ("recall", "f1"))
        lines.append(f"{name:10}{entry['precision']:10.3f}{recall:>8}{f1:>8}{entry['clips']:7,}")
    lines.append(f"\n{'spoken':10}heard as" + "".join(f"{name:>{max(9, len(name) + 1)}}" for name in names))
    for name, counts in zip(names, result["confusion"], strict=True):
        cells = (f"{count:{max(9, len(heard) + 1)},}" for heard, count in zip(names, counts, strict=True))
        lines.append(f"{name:18}" + "".join(cells))
    return "\n".join(lines)


def read(run: Run) -> dict[str, Any]:
    """The run's own evaluation, as it was written."""
    if not run.evaluation.exists():
        raise UserError(f"run {run.folder} is not evaluated yet: use --mode=evaluate.")
    result: dict[str, Any] = json.loads(run.evaluation.read_text(encoding="utf-8"))
    return result


def _write(
    run: Run,
    trained: Trained,
    path: Path,
    about: dict[str, Any],
    clips: list[Clip],
    labels: Int[np.ndarray, " clips"],
    probabilities: Float[np.ndarray, "clips classes"],
) -> dict[str, Any]:
    emotions = run.experiment.data.emotions
    counts = metrics.confusion(labels, probabilities.argmax(1), len(emotions))
    result = {"experiment": run.experiment.name, "epoch": trained.epoch, **about, **metrics.summary(counts, emotions)}
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["path", "corpus", "speaker", "emotion", "predicted", *emotions])
    for clip, label, row in zip(clips, labels, probabilities, strict=True):
        about_clip = [clip.path, clip.corpus, clip.speaker, emotions[label], emotions[row.argmax()]]
        rows.writerow([*about_clip, *(f"{value:.6f}" for value in row)])
    write_text(path.with_name("predictions.csv"), text.getvalue())
    write_json(path, result)
    return result


def _heard(run: Run) -> tuple[set[str], set[str]]:
    """The recordings, and the speakers, of the parts that trained and chose the network."""
    clips = json.loads(run.split.read_text(encoding="utf-8"))["clips"]
    heard = [clip for clip in clips if set(PARTS[:2]) & set(clip["parts"])]
    return {clip["content"] for clip in heard}, {f"{clip['corpus']}:{clip['speaker']}" for clip in heard}
