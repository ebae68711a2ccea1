"""What a reader finds in the bundle: the labels, and the model card (Mitchell et al. 2019)."""

from collections.abc import Mapping
from typing import Any

from aersut.config import Experiment, to_tree
from aersut.export.context import Context
from aersut.registry import MODELS
from aersut.training.records import SELECTED


def documents(context: Context) -> Mapping[str, bytes]:
    """labels.txt, one emotion per line in the order of the outputs, and model_card.md."""
    return {"labels.txt": ("\n".join(context.labels) + "\n").encode(), "model_card.md": _card(context).encode()}


def _card(context: Context) -> str:
    experiment, split = context.run.experiment, context.prepared.split
    data, framing = to_tree(experiment.data), experiment.framing
    frames, channels = context.trained.frontend.shape
    corpora = ", ".join(corpus["name"] for corpus in data["corpora"])
    scaling = {"utterance": "each utterance to mean 0 and deviation 1", "standard": "by mean and deviation of training"}
    lines = [
        f"# {experiment.name}: speech emotion recognition, `{MODELS.name_of(experiment.model)}`",
        "",
        *(["> Trained on SYNTHETIC speech: no measure of real voices.\n"] if context.run.synthetic else []),
        f"Hears one of {len(context.labels)} emotions in {framing.seconds:g} s of speech: {', '.join(context.labels)}.",
        "",
        "## Input and output",
        "",
        f"- Audio: {framing.sample_rate:,} Hz, mono; frames of {framing.frame_length}, every {framing.hop_length}.",
        f"- Features: {_features(experiment)}; {frames} frames × {channels} channels.",
        f"- Scaling: {scaling.get(experiment.scaling, 'none')}.",
        "- Output: one probability per emotion, in the order of labels.txt.",
        "- An int8 or int16 input stores round(value / scale) + zero_point; scale and zero point are in the file's",
        "  metadata, under the name AERSUT, as JSON, with all of the above.",
        "",
        "## Trained and judged on",
        "",
        f"- Corpora: {corpora}; protocol `{split.protocol}`; epoch {context.trained.epoch},"
        f" {SELECTED[experiment.select]}.",
        *_teacher(experiment),
        f"- {len(context.test.labels):,} test clips"
        f"{', of speakers whom training has not heard' if split.speaker_independent else ''}.",
        *([f"- **{split.warning}**"] if split.warning else []),
        "",
        *_files(context.reports),
        "",
        "Same as JAX: the share of test clips for which the file gives the emotion that the trained network gives.",
        *[f"\n{note}" for note in context.notes],
        "",
        "## What it is not",
        "",
        "The corpora are acted, in few languages and voices. The network hears how a sentence is spoken, not what a",
        "person feels, and it is no ground for decisions about people: in the European Union, inferring emotions at",
        "work and in education is prohibited (Regulation (EU) 2024/1689, Article 5(1)(f)).",
    ]
    return "\n".join(lines) + "\n"


def _teacher(experiment: Experiment) -> list[str]:
    if experiment.teacher is None:
        return []
    name = MODELS.name_of(experiment.teacher)
    return [f"- It learned what another network, `{name}`, says of the training clips; that one learned their labels."]


def _features(experiment: Experiment) -> str:
    described = []
    for tree in to_tree(experiment.features):
        fields = (f"{key}={value}" for key, value in tree.items() if key != "name")
        described.append(f"`{tree['name']}({', '.join(fields)})`")
    return ", ".join(described)


def _files(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = ["| file | size | arena | WA | UAR | same as JAX |", "|---|---|---|---|---|---|"]
    for name, file in reports.items():
        arena, wa, uar, same = (file[key] for key in ("arena", "wa", "uar", "same"))
        cells = [
            f"{file['bytes'] / 1000:,.0f} KB",
            "–" if arena is None else f"{arena / 1000:,.0f} KB",
            *("–" if value is None else f"{value:.3f}" for value in (wa, uar)),
            "–" if same is None else f"{same:.1%}",
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows
