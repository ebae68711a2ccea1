"""Linear classifiers of pretrained encoders' embeddings, on the speakers of `benchmarks/joint.py`.

    python benchmarks/encoders.py --speech FOLDER [--encoders moonshine,smart_turn]
    python benchmarks/encoders.py --table

The classifier is that of the soft labels (`aersut.encoders.soft_labels`), trained on all training speakers of RAVDESS,
CREMA-D, or both, each corpus with the same weight. It is evaluated on the validation speakers of both; the columns are
those of docs/joint.csv. Each encoder, and all together, add a row to docs/encoders.csv for each training set. FOLDER
contains RAVDESS and CREMA-D.
"""

from pathlib import Path

import numpy as np
from common import add_row, has_row, parse_arguments  # beside this file
from joint import TRAINING, by_corpus, experiment_of

from aersut.config import Experiment
from aersut.data.pipeline import sampling_groups
from aersut.encoders.embeddings import embeddings
from aersut.encoders.soft_labels import classifier
from aersut.run import divide

ROWS = Path(__file__).parents[1] / "docs" / "encoders.csv"
RESULTS = ("mean", "ravdess", "cremad", "ravdess_loss", "cremad_loss", "other")


def one(experiment: Experiment, trained: list[str]) -> dict[str, str]:
    """Train a classifier of the embeddings of `experiment.encoders`, and evaluate it."""
    divided = divide(experiment)
    collection, labels = divided.collection, np.array(divided.collection.labels)
    features = np.concatenate([embeddings(encoder, collection) for encoder in experiment.encoders], axis=1)
    corpora = np.array([clip.corpus for clip in collection.clips])
    rows, validation = (np.unique(divided.split.examples(name)[:, 0]) for name in ("train", "validation"))
    groups = sampling_groups("corpora", labels[rows], corpora[rows])
    assert groups is not None
    weights = len(groups) / np.bincount(groups)[groups] / len(trained)
    predict = classifier(features[rows], labels[rows], len(divided.experiment.data.emotions), weights)
    return by_corpus(corpora[validation], labels[validation], predict(features[validation]), trained)


def table(rows: list[dict[str, str]]) -> str:
    lines = [f"{'encoders':24}{'train':16}" + "".join(f"{name:>14}" for name in RESULTS)]
    lines += [
        f"{row['encoders']:24}{row['train']:16}" + "".join(f"{row[name]:>14}" for name in RESULTS) for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, table, encoders="moonshine,smart_turn")
    names = arguments.encoders.split(",")
    for chosen in ([name] for name in names) if len(names) == 1 else (*([name] for name in names), names):
        for trained in (["ravdess", "cremad"], *([corpus] for corpus in TRAINING)):
            row = {"encoders": " ".join(chosen), "train": " ".join(trained)}
            if has_row(ROWS, row):
                continue
            print(" ".join(chosen), "trained on", " and ".join(trained), flush=True)
            changed = {"encoders": ",".join(chosen), "data.root": str(arguments.speech)}
            result = one(experiment_of(changed, trained, arguments.speech), trained)
            add_row(ROWS, ("encoders", "train", *RESULTS), {**row, **result})


if __name__ == "__main__":
    main()
