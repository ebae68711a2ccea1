"""labels.txt and the model card (Mitchell et al. 2019) of a bundle."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from aersut import metrics
from aersut.bundle_files import CARD, LABELS
from aersut.config import Experiment
from aersut.contracts import Corpus
from aersut.evaluation.groups import results_by_group
from aersut.evaluation.metric_report import calibration_error, rejection
from aersut.evaluation.predictions import ClipPredictions
from aersut.evaluation.result_table import format_interval
from aersut.export.context import Context
from aersut.export.runtimes import runtimes_table
from aersut.registry import CORPORA, MODELS
from aersut.run_folder import Run
from aersut.training.initial_weights import Origin, corpus_licences, read_origin
from aersut.training.records import SELECTED
from aersut.tree import to_tree

INTENDED_USE = "## Intended use and limitations"


def documents(context: Context) -> Mapping[str, bytes]:
    """labels.txt, one emotion per line in the order of the outputs, and model_card.md."""
    return {LABELS: ("\n".join(context.labels) + "\n").encode(), CARD: _card(context).encode()}


def _card(context: Context) -> str:
    experiment, split = context.run.experiment, context.prepared.split
    framing, predictions = experiment.framing, _predictions(context)
    frames, channels = context.trained.frontend.shape
    corpora = ", ".join(map(_described, experiment.data.corpora))
    how = "by mean and standard deviation of"
    origin = read_origin(context.run)
    trained_on = f"the training set of {origin.model}" if origin else "the training set"
    scaling = {"utterance": f"{how} each utterance", "standard": f"{how} {trained_on}"}
    synthetic = "> Trained on SYNTHETIC speech: its metrics do not apply to real speech.\n"
    lines = [
        f"# {experiment.name}: speech emotion recognition, `{MODELS.name_of(experiment.model)}`",
        "",
        *([synthetic] if context.run.synthetic else []),
        f"Classifies {framing.seconds:g} s of speech as one of {len(context.labels)} emotions: "
        f"{', '.join(context.labels)}.",
        "",
        "## Input and output",
        "",
        f"- Audio: {framing.sample_rate:,} Hz, mono; frame length {framing.frame_length} samples, hop length"
        f" {framing.hop_length}.",
        f"- Features: {_features(experiment)}; {frames} frames × {channels} channels.",
        f"- Scaling: {scaling.get(experiment.scaling, 'none')}.",
        "- Output: one probability per emotion, in the order of labels.txt.",
        "- An integer input stores clip(round(value / scale) + zero_point), an integer output means scale × (stored -",
        "  zero_point). Both are in the metadata of the file, as JSON under the name AERSUT, with all of the above.",
        "",
        "## Training and evaluation data",
        "",
        f"- Corpora: {corpora}; protocol `{split.protocol}`; epoch {context.trained.epoch},"
        f" {SELECTED[experiment.select]}.",
        *_initial(experiment, origin),
        *_licences(context.run),
        *_teacher(experiment),
        *_encoders(experiment),
        f"- {len(context.test.labels):,} test clips{' of unseen speakers' if split.speaker_independent else ''}.",
        *([f"- **{split.warning}**"] if split.warning else []),
        "",
        *_files(context.reports),
        "",
        *runtimes_table(context.reports),
        *_c_library(context.results.get("c")),
        "",
        "UAR is the unweighted average recall, WA the plain accuracy. Agreement with JAX is the fraction of test clips",
        "with the same predicted emotion as the trained network in JAX. The tensor arena is the RAM that TensorFlow",
        "Lite Micro needs for activations.",
        *[f"\n{note}" for note in context.notes],
        *robustness(context.results.get("stress", {})),
        *_calibration(predictions, context.trained.temperature),
        *_emotions(predictions),
        *_groups(predictions),
        "",
        INTENDED_USE,
        "",
        "For research, and for prototypes that react to how something is said, on a device near the speaker.",
        "The corpora are acted, in few languages and by few speakers. The classifier predicts the emotion that an",
        "utterance expresses, not what a person feels. Do not base decisions about people on it. In the European",
        "Union, inferring emotions at work and in education is prohibited",
        "(Regulation (EU) 2024/1689, Article 5(1)(f)).",
    ]
    return "\n".join(lines) + "\n"


def described_corpora(run: Run) -> list[str]:
    """The corpora that the weights come from with their licences, those of initial weights first."""
    return [_with_licence(name, licence) for name, licence in corpus_licences(run).items()]


def _described(corpus: Corpus) -> str:
    """The name of a corpus with its licence."""
    return _with_licence(CORPORA.name_of(corpus), corpus.licence)


def _with_licence(name: str, licence: str) -> str:
    return f"{name} ({licence})" if licence else name


def _initial(experiment: Experiment, origin: Origin | None) -> list[str]:
    if origin is None:
        return []
    trainable = {"all": "all weights were trainable", "head": "only the head was trainable"}[experiment.init.trainable]
    corpora = ", ".join(_with_licence(name, licence) for name, licence in origin.licences.items())
    return [f"- Fine-tuning: initial weights of `{origin.model}`, trained on {corpora}; {trainable}."]


def _licences(run: Run) -> list[str]:
    limited = any(corpus_licences(run).values())
    return ["- The licences of the corpora may also limit the use of the trained weights."] if limited else []


def _encoders(experiment: Experiment) -> list[str]:
    if not experiment.encoders:
        return []
    of = "the teacher's labels" if experiment.teacher else "the labels"
    origins = "; ".join(encoder.provenance for encoder in experiment.encoders)
    return [
        f"- Soft labels: {experiment.soft_labels:.0%} of {of} are predictions from the embeddings of a pretrained "
        f"encoder: {origins}."
    ]


def _teacher(experiment: Experiment) -> list[str]:
    if experiment.teacher is None:
        return []
    name = MODELS.name_of(experiment.teacher)
    return [f"- Knowledge distillation: trained on soft targets of a teacher, `{name}`, which was trained on labels."]


def _features(experiment: Experiment) -> str:
    described = []
    for tree in to_tree(experiment.features):
        fields = (f"{key}={value}" for key, value in tree.items() if key != "name")
        described.append(f"`{tree['name']}({', '.join(fields)})`")
    return ", ".join(described)


def _c_library(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        "",
        f"`c/` has frontend and classifier as C99 source: {found['constants'] / 1000:,.0f} KB of weights,",
        f"{found['arena'] / 1000:,.0f} KB of RAM for intermediate results. Multiply-accumulate operations:"
        f" {found['macs']['window'] / 1e6:.2f} million for",
        f"a window, {found['macs']['frame'] / 1e6:.2f} million for the features of a frame.",
        *([f"Compared with TensorFlow Lite Micro: {agreement(compared)}."] if (compared := found["compared"]) else []),
    ]


def agreement(compared: Mapping[str, Any]) -> str:
    """How the C library agrees with TensorFlow Lite Micro."""
    differing = compared["features_differing"]
    unequal = f" except {differing:.4%}, by one step" if differing else ""
    return f"probabilities equal on {compared['windows']:,} windows, features on {compared['frames']:,} frames{unequal}"


def _files(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = ["| file | size | tensor arena | WA | UAR | agreement with JAX |", "|---|---|---|---|---|---|"]
    for name, file in reports.items():
        arena, wa, uar, agreement = (file[key] for key in ("arena", "wa", "uar", "agreement"))
        cells = [
            f"{file['bytes'] / 1000:,.0f} KB",
            "–" if arena is None else f"{arena / 1000:,.0f} KB",
            *map(_number, (wa, uar)),
            "–" if agreement is None else f"{agreement:.1%}",
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def _predictions(context: Context) -> ClipPredictions:
    """The test clips with JAX's probabilities."""
    test = context.test.originals
    clips = tuple(context.prepared.collection.clips[clip] for clip in test.examples[:, 0])
    return ClipPredictions(clips, test.labels, test.reference, context.run.experiment.data.emotions)


def _calibration(predictions: ClipPredictions, temperature: float) -> list[str]:
    if not len(predictions):
        return []
    error = calibration_error(predictions.confidences, predictions.correct)
    fitted = f"The logits are divided by {temperature:.3g}, a temperature fitted on the validation set."
    return [
        *("", "## Calibration", ""),
        *([fitted] if temperature != 1 else []),
        "On the test set, in JAX, the mean difference between confidence and accuracy (expected calibration error,",
        f"ECE) is {error:.3f}. Confidences are less reliable in other conditions than those of the corpora.",
        "A prediction below a minimum confidence can be rejected as uncertain (`--min_confidence`):",
        *("", "| minimum confidence | fraction of the test clips | their WA |", "|---|---|---|"),
        *(
            f"| {row['min_confidence']} | {row['fraction']:.0%} | {_number(row['wa'])} |"
            for row in rejection(predictions)
        ),
    ]


def _emotions(predictions: ClipPredictions) -> list[str]:
    """Precision and recall of each emotion, the recall by corpus, too, if there are several."""
    if not len(predictions):
        return []
    of = np.array([clip.corpus for clip in predictions.clips])
    corpora = sorted(set(of)) if len(set(of)) > 1 else []
    confusion = predictions.confusion
    columns = [
        metrics.precisions(confusion),
        *(metrics.recalls(part) for part in (confusion, *(predictions.subset(of == one).confusion for one in corpora))),
    ]
    titles = ["emotion", "clips", "precision", "recall", *(f"recall, {one}" for one in corpora)]
    return [
        *("", "## Results by emotion", "", "Of the test clips, in JAX.", ""),
        f"| {' | '.join(titles)} |",
        "|---" * len(titles) + "|",
        *(
            f"| {emotion} | {clips} | " + " | ".join("–" if np.isnan(one) else f"{one:.3f}" for one in values) + " |"
            for emotion, clips, *values in zip(predictions.emotions, confusion.sum(axis=1), *columns, strict=True)
        ),
    ]


def _groups(predictions: ClipPredictions) -> list[str]:
    """UAR of each group of test clips, except single speakers and properties that all clips share."""
    results = results_by_group(predictions) if len(predictions) else {}
    rows = [
        f"| {grouping} | {name} | {one['speakers']} | {one['clips']} | {one['emotions']} | {_number(one['uar'])}"
        f" | {format_interval(one['uar_interval'], one['uar'])} |"
        for grouping, groups in results.items()
        if grouping != "speaker" and len(groups) > 1
        for name, one in groups.items()
    ]
    if not rows:
        return []
    head = ["| property | group | speakers | clips | emotions | UAR | 95 % interval |", "|---|---|---|---|---|---|---|"]
    return [
        "",
        "## Results by group",
        "",
        "Of the test clips, in JAX, with 95 % intervals by speaker, which need three speakers of each emotion.",
        "Compare groups with the same emotions only.",
        "",
        *head,
        *rows,
    ]


def robustness(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A section with the stress results of each file, by its name; the lines of Markdown."""
    lines = []
    for name, stress in results.items():
        lines += [
            *("", "## Robustness", ""),
            f"- Stress mean of {name}: **{_number(stress['mean'])}**, the mean UAR over {stress['evaluated']} of"
            f" {stress['of']} conditions of the standard set `{stress['set']}`.",
            f"- UAR without a condition: {_number(stress['clean'])}.",
            "- UAR drop is the UAR without a condition minus that under the condition, in percentage points, with its",
            "  95 % interval by speaker.",
            "- ECE, the expected calibration error, is the mean difference between confidence and accuracy.",
            *("", "| condition | UAR | UAR drop | 95 % interval | ECE |", "|---|---|---|---|---|"),
            *map(_condition, stress["conditions"]),
            *(f"\n{row['title']}: {row['warning']}" for row in stress["conditions"] if row.get("warning")),
        ]
    return lines


def _condition(one: Mapping[str, Any]) -> str:
    if one["skipped"]:
        return f"| {one['title']} | skipped: {one['skipped']} | | | |"
    between = format_interval(one["uar_drop_interval"], one["uar_drop"], 100, 1)
    error = _number(one.get("ece"))
    return f"| {one['title']} | {_number(one['uar'])} | {100 * one['uar_drop']:z.1f} | {between} | {error} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
