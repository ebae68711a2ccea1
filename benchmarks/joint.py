"""Ablation study of training on RAVDESS and CREMA-D together, on validation speakers of both.

    python benchmarks/joint.py --speech FOLDER [--only 'VARIANT | VARIANT'] [--seeds 0]
        [--stress NOISE,IMPULSE_RESPONSES]
    python benchmarks/joint.py --table

Each variant is `aersut.presets.joint_recipe` with one small network (`RESIDUAL_NETWORK`) and 60 epochs, with other
fields; "wide" is `WIDE_NETWORK`, "large" `LARGE_NETWORK` below, "ensemble" four large ones, "recipe" the variant
"wide, soft labels, band limit, probability 0.4", "small, recipe" the same with the small network, and "four small" an
ensemble of four small ones with `bands=4`. The validation speakers are the eight of RAVDESS of
`benchmarks/ablations.py`, and those of folds 0 and 1 of combined5 of CREMA-D; all other speakers train. Each run adds a
row to docs/joint.csv; a run with a row is skipped, and an interrupted run resumes. FOLDER contains RAVDESS and CREMA-D.

`ravdess` and `cremad` are the UAR of the last epoch on the speakers of each corpus, predictions among all classes of
the training set, and `mean` is the mean of the two. `other` is the UAR over the six emotions of CREMA-D, predictions
among these, on a corpus without a clip in the training set, where there is one (chance 0.167). Losses are in nats, at
the temperature of the checkpoint, which is fitted on the same speakers.

With --stress, two folders, `noise10`, `band` and `rooms` are the UAR drops over both corpora with recorded noise at
10 dB SNR, in the band 300 to 3400 Hz, and with measured impulse responses.
"""

import json
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from ablations import HALVES, SPEAKERS, UNUSED, Overrides, listed  # beside this file
from common import RUNS, add_row, as_flags, check_stress, has_row, parse_arguments, trained_run
from numpy.typing import NDArray

from aersut import metrics
from aersut.config import Experiment
from aersut.contracts import Model
from aersut.data.protocols import PUBLISHED
from aersut.evaluation.stress import stress_report
from aersut.experiment import load_experiment
from aersut.models import Ensemble
from aersut.presets import (
    RESIDUAL_NETWORK,
    WIDE_NETWORK,
    joint_recipe,
    speech_recipe,
)
from aersut.run import Prepared, prepare
from aersut.run_folder import Run
from aersut.stress import BandLimit, ImpulseResponses, RecordedNoise
from aersut.training.forward import cross_entropy
from aersut.training.trained import Trained, load_trained
from aersut.tree import to_tree

ROWS = Path(__file__).parents[1] / "docs" / "joint.csv"
EPOCHS = "60"
RESULTS = ("mean", "ravdess", "cremad", "ravdess_loss", "cremad_loss", "other", "noise10", "band", "rooms")
COLUMNS = ("variant", "seed", *RESULTS, "train", "changes")
VALIDATION = {
    "ravdess": sorted(speaker for half in HALVES.values() for speaker in half),
    "cremad": sorted(n for fold in PUBLISHED["combined5"].validation[:2] for n in fold if n > 1000),
}
TRAINING = {
    "ravdess": [n for n in SPEAKERS if n not in (*VALIDATION["ravdess"], UNUSED)],
    "cremad": [n for n in range(1001, 1092) if n not in VALIDATION["cremad"]],
}
SHIFT, NOISE, *OTHERS = (json.dumps(to_tree(augmenter)) for augmenter in joint_recipe(RESIDUAL_NETWORK).augment)
LIMIT = {**to_tree(speech_recipe(RESIDUAL_NETWORK).augment[1]), "probability": 0.2}
REVERB = '{"name": "mel_reverb", "probability": 0.3}'


def network(model: Model) -> Overrides:
    return {"model": json.dumps(to_tree(model))}


def limited(**fields: object) -> Overrides:
    """The recipe's band limit, with its earlier probability unless `fields` has another."""
    return {"augment": listed(SHIFT, json.dumps({**LIMIT, **fields}), NOISE, *OTHERS)}


def channels() -> Overrides:
    """Augmenters for another channel: reverberation, a frequent band limit, and another frequency response."""
    equalize, *rest = OTHERS
    limit, curve = json.dumps({**LIMIT, "probability": 0.4}), json.dumps({**json.loads(equalize), "db": 6.0})
    return {"augment": listed(SHIFT, REVERB, limit, NOISE, curve, *rest)}


def frames(length: int, hop: int) -> Overrides:
    """Other frames, in samples at 16 kHz; the time masks of `RECIPE` cover as many milliseconds as before."""
    width = round(12 * 512 / hop)
    return {"framing.frame_length": str(length), "framing.hop_length": str(hop), "augment.4.time_width": str(width)}


LARGE_NETWORK = replace(WIDE_NETWORK, filters=(128, 128, 192))
LARGE_ENSEMBLE = Ensemble((replace(LARGE_NETWORK, bands=0),) * 2 + (LARGE_NETWORK,) * 2)
WIDE, SOFT = network(WIDE_NETWORK), {"encoders": "moonshine"}


def reverberant(length: int) -> Overrides:
    """Frames of `length` samples every 16 ms, with reverberation of 30 % of the examples."""
    limit = json.dumps({**LIMIT, "probability": 0.4})
    changed = {"augment": listed(SHIFT, REVERB, limit, NOISE, *OTHERS), **frames(length, 256)}
    return {key.replace("augment.4", "augment.5"): value for key, value in changed.items()}


def mixstyle(**fields: object) -> Overrides:
    """The augmenters of `RECIPE`, and Freq-MixStyle before mixup."""
    *others, mixup = json.loads(limited(probability=0.4)["augment"])
    return {"augment": json.dumps([*others, {"name": "freq_mixstyle", **fields}, mixup])}


def reverberated(changed: Overrides, probability: float) -> Overrides:
    """`changed` with reverberation behind the first augmenter, so that the masks are the sixth."""
    shift, *others = json.loads(changed["augment"])
    reverb = {"name": "mel_reverb", "probability": probability}
    moved = {key.replace("augment.4", "augment.5"): value for key, value in changed.items()}
    return {**moved, "augment": json.dumps([shift, reverb, *others])}


LONG_SHIFT = {"augment.0.frames": "40"}
SMALL = {**SOFT, **limited(probability=0.4)}
RECIPE = {**WIDE, **SMALL}
STYLED = {**mixstyle(), **frames(1024, 256), **LONG_SHIFT}
FOUR_SMALL = network(Ensemble((replace(RESIDUAL_NETWORK, bands=4),) * 4))
ALONE = {"sampling": "shuffle"}
VARIANTS: dict[str, Overrides] = {
    "unchanged": {},
    "each clip once an epoch": {"sampling": "shuffle"},
    "RAVDESS alone, 320 epochs": {**ALONE, "train": "ravdess", "epochs": "320"},
    "CREMA-D alone": {**ALONE, "train": "cremad"},
    "CREMA-D alone, wide": {**WIDE, **ALONE, "train": "cremad"},
    "CREMA-D alone, wide, band limit": {**WIDE, **ALONE, **limited(probability=0.4), "train": "cremad"},
    "CREMA-D alone, wide, other channels": {**WIDE, **ALONE, **channels(), "train": "cremad"},
    "RAVDESS alone, wide, 320 epochs": {**WIDE, **ALONE, "train": "ravdess", "epochs": "320"},
    "RAVDESS alone, wide, other channels, 320 epochs": {
        **WIDE,
        **ALONE,
        **channels(),
        "train": "ravdess",
        "epochs": "320",
    },
    "mixup 0.2": {"augment.5.alpha": "0.2"},
    "(64, 64, 96), bands=8": {"model.filters": "64,64,96", "model.bands": "8"},
    "160 epochs": {"epochs": "160"},
    "wide": WIDE,
    "wide, soft labels": {**WIDE, **SOFT},
    "wide, soft labels only": {**WIDE, **SOFT, "soft_labels": "1"},
    "wide, soft labels of both encoders": {**WIDE, "encoders": "moonshine,smart_turn"},
    "wide, soft labels, band limit": {**WIDE, **SOFT, **limited()},
    "wide, soft labels, band limit up to 800 Hz": {**WIDE, **SOFT, **limited(low=(50, 800))},
    "wide, soft labels, band limit, probability 0.4": RECIPE,
    "wide, soft labels, reverberation": {**WIDE, **SOFT, "augment": listed(SHIFT, REVERB, NOISE, *OTHERS)},
    "recipe, statistics pooling": {**RECIPE, "model.pooling": "statistics"},
    "recipe, 4 s, untrimmed": {**RECIPE, "framing.seconds": "4", "data.trim_db": "none"},
    "recipe, 32 ms every 16 ms": {**RECIPE, **frames(512, 256)},
    "recipe, 32 ms every 24 ms": {**RECIPE, **frames(512, 384)},
    "recipe, 32 ms every 32 ms": {**RECIPE, **frames(512, 512)},
    "recipe, 64 ms every 16 ms": {**RECIPE, **frames(1024, 256)},
    "small, recipe": SMALL,
    "small, recipe, 32 ms every 16 ms": {**SMALL, **frames(512, 256)},
    "small, recipe, 32 ms every 24 ms": {**SMALL, **frames(512, 384)},
    "small, bands=4, recipe": {**SMALL, "model.bands": "4"},
    "small, bands=4, 32 ms every 16 ms": {**SMALL, **frames(512, 256), "model.bands": "4"},
    "recipe, shift of 10 frames": {**RECIPE, "augment.0.frames": "10"},
    "recipe, 32 ms every 16 ms, shift of 40 frames": {**RECIPE, **frames(512, 256), **LONG_SHIFT},
    "recipe, 32 ms every 16 ms, reverberation": {**RECIPE, **reverberant(512)},
    "recipe, 64 ms every 16 ms, shift of 40 frames, reverberation, 56 bands": {
        **RECIPE,
        **reverberant(1024),
        **LONG_SHIFT,
        "features.0.of.n_mels": "56",
    },
    "recipe, 64 ms every 16 ms, MixStyle": {**RECIPE, **STYLED},
    "recipe, 64 ms every 16 ms, MixStyle, labels of both encoders": {
        **RECIPE,
        **STYLED,
        "encoders": "moonshine,smart_turn",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms": {**RECIPE, **ALONE, **frames(1024, 256), "train": "cremad"},
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle": {**RECIPE, **ALONE, **STYLED, "train": "cremad"},
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, kernels of 3": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "model.kernels": "3,3,3",
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, kernels of 7": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "model.kernels": "7,7,7",
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle of all": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "augment": mixstyle(probability=1.0)["augment"],
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, (60, 60, 96), kernels of 7": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "model.filters": "60,60,96",
        "model.kernels": "7,7,7",
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, reverberation 15 %": {
        **RECIPE,
        **ALONE,
        **reverberated(STYLED, 0.15),
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, labels of both encoders": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "encoders": "moonshine,smart_turn",
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, two masks": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "augment.4.time_masks": "2",
        "augment.4.channel_masks": "2",
        "train": "cremad",
    },
    "CREMA-D alone, recipe, 64 ms every 16 ms, MixStyle, labels of smart_turn": {
        **RECIPE,
        **ALONE,
        **STYLED,
        "encoders": "smart_turn",
        "train": "cremad",
    },
    "CREMA-D alone, small, recipe": {**SMALL, **ALONE, "train": "cremad"},
    "CREMA-D alone, small, recipe, MixStyle": {**SMALL, **ALONE, **mixstyle(), "train": "cremad"},
    "CREMA-D alone, small, bands=4, 64 ms every 16 ms, MixStyle": {
        **SMALL,
        **ALONE,
        **STYLED,
        "model.bands": "4",
        "train": "cremad",
    },
    "recipe, average of 500 steps": {**RECIPE, "ema": "0.998"},
    "recipe, soft labels of both encoders": {**RECIPE, "encoders": "moonshine,smart_turn"},
    "CREMA-D alone, recipe": {**RECIPE, **ALONE, "train": "cremad"},
    "CREMA-D alone, recipe, MixStyle": {**RECIPE, **ALONE, **mixstyle(), "train": "cremad"},
    "CREMA-D alone, recipe, MixStyle of all": {**RECIPE, **ALONE, **mixstyle(probability=1.0), "train": "cremad"},
    "recipe, MixStyle of all": {**RECIPE, **mixstyle(probability=1.0)},
    "four small, MixStyle": {**RECIPE, **FOUR_SMALL, **mixstyle()},
    "CREMA-D alone, four small, MixStyle": {**RECIPE, **FOUR_SMALL, **ALONE, **mixstyle(), "train": "cremad"},
    "recipe, MixStyle": {**RECIPE, **mixstyle()},
    "RAVDESS alone, recipe, 320 epochs": {**RECIPE, **ALONE, "train": "ravdess", "epochs": "320"},
    "soft labels": SOFT,
    "large, soft labels": {**network(LARGE_NETWORK), **SOFT},
    "ensemble, soft labels": {**network(LARGE_ENSEMBLE), **SOFT},
}
"""variant → overrides of the recipe; "train" names the only corpus of the training set."""


def experiment_of(changed: Overrides, corpora: Iterable[str], speech: Path) -> Experiment:
    """`joint_recipe` with other fields, trained on the training speakers of these corpora."""
    present = {path.name[:4] for path in (speech / "cremad" / "AudioWAV").glob("*")}
    if not present:
        sys.exit(f"{speech} contains no cremad/AudioWAV: expected a data root with RAVDESS and CREMA-D")

    def names(speakers: dict[str, list[int]], chosen: Iterable[str]) -> str:
        return ",".join(f"{c}:{n}" for c in chosen for n in speakers[c] if c != "cremad" or str(n) in present)

    split = {
        "data.protocol": "given",
        "data.train_speakers": names(TRAINING, corpora),
        "data.validation_speakers": names(VALIDATION, VALIDATION),
        "data.test_speakers": f"ravdess:{UNUSED}",
    }
    return load_experiment(joint_recipe(RESIDUAL_NETWORK), {**changed, **split}.items())


def run_of(variant: str, seed: str, speech: Path) -> Run:
    changed = {"epochs": EPOCHS, **VARIANTS[variant], "seed": seed}
    corpora = [changed.pop("train")] if "train" in changed else TRAINING
    return trained_run(experiment_of(changed, corpora, speech), speech, RUNS.parent / "joint" / f"{variant}, {seed}")


def by_corpus(
    corpora: NDArray[np.str_], labels: NDArray[np.int32], probabilities: NDArray[np.float32], trained: Container[str]
) -> dict[str, str]:
    """UAR and cross-entropy of the clips of each corpus, and UAR on the one that was not trained on, if any.

    Args:
        corpora, labels, probabilities: of each clip.
        trained: names of the corpora that were trained on.
    """
    found, classes = {"other": ""}, probabilities.shape[1]
    logits = np.log(np.maximum(probabilities, 1e-12))
    six = np.unique(labels[corpora == "cremad"])
    for corpus in TRAINING:
        own = corpora == corpus
        found[corpus] = f"{metrics.uar(metrics.confusion(labels[own], probabilities[own].argmax(1), classes)):.4f}"
        found[f"{corpus}_loss"] = f"{cross_entropy(logits[own], labels[own]):.4f}"
        if corpus not in trained:
            shared = own & np.isin(labels, six)
            predicted = six[probabilities[shared][:, six].argmax(1)]
            found["other"] = f"{metrics.uar(metrics.confusion(labels[shared], predicted, classes)):.4f}"
    return {**found, "mean": f"{statistics.mean(float(found[corpus]) for corpus in TRAINING):.4f}"}


def results(run: Run, variant: str, stress: str) -> dict[str, str]:
    """The metrics of the docstring."""
    prepared, trained = prepare(run), load_trained(run)
    examples = prepared.split.examples("validation")
    labels, features = prepared.labels[examples[:, 0]], prepared.features(examples)
    corpora = np.array([prepared.collection.clips[clip].corpus for clip in examples[:, 0]])
    known = VARIANTS[variant].get("train", " ".join(TRAINING)).split()
    return {
        **by_corpus(corpora, labels, trained.probabilities(features), known),
        **_losses(prepared, trained, stress),
    }


def _losses(prepared: Prepared, trained: Trained, stress: str) -> dict[str, str]:
    """The UAR drops under three conditions; none without folders of noise and of impulse responses."""
    if not stress:
        return {}
    noise, rooms = stress.split(",")
    conditions = {
        "noise10": RecordedNoise(noise, 10.0),
        "band": BandLimit(300.0, 3400.0),
        "rooms": ImpulseResponses(rooms),
    }
    chosen = prepared.split.examples("validation")[:, 0]
    clips = [prepared.collection.clips[clip] for clip in chosen]
    report = stress_report(trained, clips, prepared.labels[chosen], tuple(conditions.values()))
    rows = zip(conditions, report["conditions"], strict=True)
    return {name: f"{row['uar_drop']:.4f}" for name, row in rows if not row["skipped"]}


def table(rows: list[dict[str, str]]) -> str:
    """Means of each variant over seeds, the highest mean first."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row["variant"]].append(row)

    def mean(group: list[dict[str, str]], name: str) -> float:
        return statistics.mean([float(row[name]) for row in group if row[name]] or [math.nan])

    lines = [f"{'variant':48}{'runs':>5}" + "".join(f"{name:>14}" for name in RESULTS)]
    for variant, group in sorted(groups.items(), key=lambda item: -mean(item[1], "mean")):
        lines.append(f"{variant:48}{len(group):5}" + "".join(f"{mean(group, name):14.3f}" for name in RESULTS))
    return "\n".join(lines)


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, table, only="", seeds="0", stress="")
    only = {name.strip() for name in arguments.only.split("|")} - {""}
    if unknown := only - set(VARIANTS):
        sys.exit(f"unknown variants: {', '.join(sorted(unknown))}; known: {' | '.join(VARIANTS)}")
    check_stress(arguments.stress)
    for seed in arguments.seeds.split(","):
        for variant in VARIANTS:
            fields = {"epochs": EPOCHS, **VARIANTS[variant]}
            train = fields.pop("train", " ".join(TRAINING))
            row = {"variant": variant, "seed": seed, "train": train, "changes": as_flags(fields)}
            if (only and variant not in only) or has_row(ROWS, row):
                continue
            print(f"{variant}, seed {seed}", flush=True)
            add_row(
                ROWS, COLUMNS, {**row, **results(run_of(variant, seed, arguments.speech), variant, arguments.stress)}
            )


if __name__ == "__main__":
    main()
