"""The labels of a training with encoders: hard labels mixed with soft ones."""

import io
import zipfile

import numpy as np
from jaxtyping import Float

from aersut.data.assignment import speaker_groups
from aersut.data.collection import recordings
from aersut.data.pipeline import sampling_groups
from aersut.encoders.embeddings import embeddings
from aersut.encoders.soft_labels import check_soft_labels, soft_labels
from aersut.errors import UserError
from aersut.paths import write_bytes
from aersut.run import Prepared
from aersut.run_folder import Run
from aersut.training.processes import array_from_main

Mixed = Float[np.ndarray, "examples classes"]


def mixed_labels(run: Run, prepared: Prepared) -> Mixed:
    """The label distribution of each training example: `experiment.soft_labels` of it is soft.

    The soft labels are those of `aersut.encoders.soft_labels`, from the concatenated embeddings of all encoders; the
    copies of a clip have those of the clip. The classifier weights clips as `experiment.sampling` draws them.

    The labels of the clips are kept in the run folder, so that a resumed run has the same ones and needs no encoder.
    Of several processes, the first computes them.

    Raises:
        UserError: an encoder cannot be used, or the training set has only one speaker.
    """
    clips, rows = np.unique(prepared.split.examples("train")[:, 0], return_inverse=True)
    collection = prepared.collection
    names = [f"{collection.contents[clip]} {collection.clips[clip].emotion}" for clip in clips]

    def of_clips() -> Mixed:
        mixed = _kept(run, names)
        if mixed is None:
            mixed = _computed(run, prepared, clips)
            buffer = io.BytesIO()
            np.savez(buffer, clips=np.array(names), labels=mixed)
            write_bytes(run.soft_labels, buffer.getvalue())
        return mixed

    return array_from_main(of_clips, (len(clips), prepared.frontend.classes))[rows]


def _kept(run: Run, names: list[str]) -> Mixed | None:
    """The labels of an earlier start, by the content and the emotion of each clip; None if there are none."""
    if not run.soft_labels.exists():
        return None
    try:
        with np.load(run.soft_labels) as file:
            labels = dict(zip(file["clips"].tolist(), file["labels"], strict=True))
            return np.stack([labels[name] for name in names])
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        raise UserError(
            f"{run.soft_labels} is damaged, or belongs to other clips. Restore it, or delete it to compute it again."
        ) from None


def _computed(run: Run, prepared: Prepared, clips: np.ndarray) -> Mixed:
    experiment, classes = run.experiment, prepared.frontend.classes
    described = [prepared.collection.clips[clip] for clip in clips]
    labels = prepared.labels[clips]
    # persons who share a recording count as one, as in the split
    speakers = speaker_groups(described, recordings([prepared.collection.contents[clip] for clip in clips]))
    check_soft_labels(speakers)
    groups = sampling_groups(experiment.sampling, labels, [clip.corpus for clip in described])
    weights = None if groups is None else len(groups) / np.bincount(groups)[groups] / len(set(groups))
    found = np.concatenate([embeddings(one, prepared.collection)[clips] for one in experiment.encoders], axis=1)
    soft = soft_labels(found, labels, classes, speakers, weights)
    fraction = experiment.soft_labels
    return ((1 - fraction) * np.eye(classes)[labels] + fraction * soft).astype(np.float32)
