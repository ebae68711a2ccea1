"""The labels of a training with encoders: hard labels mixed with soft ones."""

import io

import numpy as np
from jaxtyping import Float

from aersut.data.pipeline import sampling_groups
from aersut.encoders.embeddings import embeddings
from aersut.encoders.soft_labels import soft_labels
from aersut.errors import UserError
from aersut.paths import write_bytes
from aersut.run import Prepared, Run
from aersut.training.processes import is_main_process


def mixed_labels(run: Run, prepared: Prepared) -> Float[np.ndarray, "examples classes"]:
    """The label distribution of each training example: `experiment.soft_labels` of it is soft.

    The soft labels are those of `aersut.encoders.soft_labels`, from the concatenated embeddings of all encoders; the
    copies of a clip have those of the clip. The classifier weights clips as `experiment.sampling` draws them. The
    result is kept in the run folder, so that a resumed run has the same labels and needs no encoder.

    Raises:
        UserError: an encoder cannot be used, or the training set has only one speaker.
    """
    experiment, examples = run.experiment, prepared.split.examples("train")
    shape = len(examples), prepared.frontend.classes
    if run.soft_labels.exists():
        try:
            kept: Float[np.ndarray, "examples classes"] = np.load(run.soft_labels)
        except ValueError:
            kept = np.zeros(0)
        if kept.shape != shape:
            raise UserError(f"{run.soft_labels} is damaged. Delete it, and the run computes it again.")
        return kept
    clips, rows = np.unique(examples[:, 0], return_inverse=True)
    labels = prepared.labels[clips]
    described = [prepared.collection.clips[clip] for clip in clips]
    groups = sampling_groups(experiment.sampling, labels, [clip.corpus for clip in described])
    weights = None if groups is None else len(groups) / np.bincount(groups)[groups] / len(set(groups))
    found = np.concatenate([embeddings(one, prepared.collection)[clips] for one in experiment.encoders], axis=1)
    soft = soft_labels(found, labels, shape[1], [clip.speaker_id for clip in described], weights)
    fraction = experiment.soft_labels
    mixed = ((1 - fraction) * np.eye(shape[1])[labels] + fraction * soft).astype(np.float32)[rows]
    if is_main_process():
        buffer = io.BytesIO()
        np.save(buffer, mixed)
        write_bytes(run.soft_labels, buffer.getvalue())
    return mixed
