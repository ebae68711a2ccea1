"""Ablation study on unseen speakers: variants of an experiment, compared on validation speakers.

    python benchmarks/ablations.py --speech FOLDER [--only 'STAGE; VARIANT'] [--seeds 0] [--halves a]
    python benchmarks/ablations.py --table

The eight available speakers that are validation speakers in ravdess5's folds form two halves of two women and two men.
Each half is a validation set; the training set is all other speakers but one. So two runs have as many validation
speakers as all five folds, each of which has only one or two. The remaining speaker is the test set that a run needs;
it is not evaluated.

Each run adds a row to docs/ablations.csv. A run with a row is skipped, and an interrupted run resumes from
runs/ablations, so the script can be stopped and restarted at any time. A variant that has a row is not edited; a
changed variant gets a new name. `changes` are the keys that the run sets in START. `benchmarks/recipes.py` evaluates
the recipes that were chosen here. FOLDER is a data root that contains RAVDESS.

`uar` is the validation UAR averaged over the last quarter of the epochs, `loss` the cross-entropy in the same way: the
best epoch's UAR is a maximum over noise, and overestimates variants with a noisy UAR. `best` is that maximum.
"""

import statistics
from collections import defaultdict
from pathlib import Path

from common import RUNS, add_row, as_flags, has_row, parse_arguments, trained_run  # beside this file

from aersut.augment import SpecAugment
from aersut.config import Data, Experiment, Loss
from aersut.contracts import Framing
from aersut.corpora import Ravdess
from aersut.experiment import load_experiment
from aersut.features import LogMel
from aersut.models import TCResNet
from aersut.run_folder import Run
from aersut.training import records
from aersut.training.optimizers import AdamW

ROWS = Path(__file__).parents[1] / "docs" / "ablations.csv"
COLUMNS = ("stage", "variant", "half", "seed", "uar", "best", "loss", "train_loss", "epochs", "changes")
SPEAKERS = (1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 15, 16, 18, 21, 23, 24)
HALVES = {"a": (1, 5, 8, 10), "b": (2, 3, 11, 14)}
UNUSED = 24

START = Experiment(
    name="ablation",
    data=Data(corpora=(Ravdess(),)),
    framing=Framing(sample_rate=16_000, seconds=3.0, frame_length=1024, hop_length=512),
    features=(LogMel(n_mels=64),),
    augment=(SpecAugment(time_masks=2, time_width=12, channel_masks=2, channel_width=8),),
    model=TCResNet(filters=(64, 64, 96), kernels=(5, 5, 5), dropout=0.3),
    optimizer=AdamW(learning_rate=2e-3, schedule="cosine", warmup=0.05, weight_decay=0.02),
    loss=Loss(label_smoothing=0.1),
    ema=0.99,
    epochs=60,
    batch_size=32,
)
Overrides = dict[str, str]


def listed(*plugins: str) -> str:
    return f"[{', '.join(plugins)}]"


def ensemble(*members: str) -> str:
    return f'{{"name": "ensemble", "members": {listed(*members)}}}'


SPEC = '{"name": "spec_augment", "time_width": 12}'
LIGHT_SPEC = '{"name": "spec_augment", "time_masks": 1, "time_width": 12, "channel_masks": 1}'
WARP = '{"name": "mel_warp", "probability": 0.5}'
MIXUP = '{"name": "mixup", "alpha": 0.2}'
CENTERED = '{"name": "centered", "of": {"name": "log_mel", "amin": 1e-7}}'
MFCC = '{"name": "mfcc", "amin": 1e-7}'
DELTA, DELTA2 = (f'{{"name": "{name}", "of": {MFCC}}}' for name in ("delta", "delta_delta"))
F0, RMS = '{"name": "f0"}', '{"name": "rms"}'
TEMPO = '{"name": "time_stretch", "rate": [0.85, 1.2], "probability": 1.0}'
PITCH = '{"name": "pitch_shift", "probability": 1.0}'
NARROW = '{"name": "tc_resnet", "filters": [32, 32, 48], "dropout": 0.2}'
MIXED = (
    '{"name": "tc_resnet", "filters": [40, 40, 64], "dropout": 0.2}',
    '{"name": "tc_resnet", "filters": [40, 40, 64], "kernels": [9, 7, 5], "dropout": 0.2}',
    '{"name": "tc_resnet", "filters": [32, 32, 48], "bands": 6, "dropout": 0.2}',
)
BARE = {"augment": "[]"}
FLOOR = {**BARE, "features.0.amin": "1e-7"}
SHORT = {**FLOOR, "epochs": "40"}
AUGMENTED = {**FLOOR, "augment": listed(LIGHT_SPEC, WARP, MIXUP), "epochs": "80"}
EQUALIZE = '{"name": "equalize"}'
WARP_ALWAYS = '{"name": "mel_warp"}'
WARP_FAR = '{"name": "mel_warp", "bands": [0.8, 1.2], "shift": [-2, 2], "tempo": [0.7, 1.3]}'
WARP_STILL = '{"name": "mel_warp", "tempo": [1, 1]}'
BANDED = '{"name": "tc_resnet", "filters": [32, 32, 48], "bands": 8, "dropout": 0.2}'
FOUR = ensemble(NARROW, NARROW, NARROW, NARROW)
BOTH_KINDS = ensemble(NARROW, NARROW, BANDED, BANDED)
WIDER = {"model.filters": "48,48,56", "model.kernels": "3,3,3", "model.dropout": "0.2"}

OTHER = '{{"name": "{}", "learning_rate": {}, "schedule": "cosine", "warmup": 0.05}}'
NOISE = '{"name": "noise"}'
REVERB = '{"name": "reverb"}'
COPIES = {"augmented_copies": "4", "epochs": "32"}
"""The same number of steps as 160 epochs without copies."""
SPECTRAL = (EQUALIZE, LIGHT_SPEC, WARP_ALWAYS, MIXUP)
LONGER = {
    **FLOOR,
    "augment": listed(*SPECTRAL),
    "epochs": "160",
    "model": NARROW,
}
UNIFORM_MIXUP = {
    **LONGER,
    "augment": listed(EQUALIZE, LIGHT_SPEC, WARP_ALWAYS, '{"name": "mixup", "alpha": 1}'),
    "epochs": "320",
}

BASES: dict[str, Overrides] = {
    "start": {},
    "bare": BARE,
    "floor": SHORT,
    "augmented": AUGMENTED,
    "micro": AUGMENTED,
    "longer": LONGER,
    "mixed": UNIFORM_MIXUP,
}
"""The base of each stage: the variants that helped in the stages before it."""
STAGES: dict[str, dict[str, Overrides]] = {
    "start": {
        "as it is": {},
        "no augmentation": BARE,
    },
    "bare": {
        "amin 1e-7": {"features.0.amin": "1e-7"},
    },
    "floor": {
        "spec, warp, mixup": {"augment": listed(LIGHT_SPEC, WARP, MIXUP)},
        "amin 1e-5": {"features.0.amin": "1e-5"},
        "centered": {"features": listed(CENTERED)},
        "res_lstm": {"model": "res_lstm"},
        "spec, warp, mixup, 100 epochs": {"augment": listed(LIGHT_SPEC, WARP, MIXUP), "epochs": "100"},
        "f0, rms": {"features": '[{"name": "log_mel", "amin": 1e-7}, {"name": "f0"}, {"name": "rms"}]'},
        "mixup": {"augment": listed(MIXUP)},
        "as it is": {},
        "warp": {"augment": listed(WARP)},
        "mfcc 34, chroma 12": {"features": '[{"name": "mfcc", "n_mfcc": 34, "amin": 1e-7}, {"name": "chroma"}]'},
        "mfcc 13 with deltas, f0, rms": {"features": listed(MFCC, DELTA, DELTA2, F0, RMS)},
        "frame 512, hop 256": {"framing.frame_length": "512", "framing.hop_length": "256"},
        "not trimmed, 4 s": {"data.trim_db": "none", "framing.seconds": "4"},
    },
    "augmented": {
        "as it is": {},
        "half the width": {"model.filters": "32,32,48", "model.dropout": "0.2"},
        "four of half the width": {"model": FOUR},
        "three, each of its own kind": {"model": ensemble(*MIXED)},
        "bands=8": {"model.bands": "8"},
        "160 epochs": {"epochs": "160"},
        "balanced": {"sampling": "balanced"},
        "trimmed at 30 dB": {"data.trim_db": "30"},
        "with equalize": {"augment": listed(EQUALIZE, LIGHT_SPEC, WARP, MIXUP)},
        "dropout=0.5": {"model.dropout": "0.5"},
        "statistics, not attentive": {"model.pooling": "statistics"},
        "mean, not attentive": {"model.pooling": "mean"},
        "learning rate 5e-3": {"optimizer.learning_rate": "5e-3"},
        "weight decay 0.2": {"optimizer.weight_decay": "0.2"},
        "no EMA": {"ema": "0"},
        "no label smoothing": {"loss.label_smoothing": "0"},
        "constant rate": {"optimizer.schedule": "constant"},
        "40 bands": {"features.0.n_mels": "40"},
        "80 bands": {"features.0.n_mels": "80"},
        "frame 512, hop 256": {"framing.frame_length": "512", "framing.hop_length": "256"},
        "twice the width": {"model.filters": "128,128,192"},
        "ds_cnn": {"model": "ds_cnn"},
        "pitch and tempo copies": {
            "augment": listed(TEMPO, PITCH, LIGHT_SPEC, WARP, MIXUP),
            "augmented_copies": "4",
            "epochs": "16",
        },
    },
    "micro": {
        "48, 48, 56 by 3 frames": WIDER,
        "the same, augmented less, 120 epochs": {**WIDER, "augment": listed(LIGHT_SPEC, WARP), "epochs": "120"},
        "the same, dropout=0.1": {**WIDER, "model.dropout": "0.1"},
    },
    "longer": {
        "as it is": {},
        "two plain, two with bands=8": {"model": BOTH_KINDS},
        "four plain": {"model": FOUR},
        "bands=8": {"model": BANDED},
        "warp half the time": {"augment": listed(EQUALIZE, LIGHT_SPEC, WARP, MIXUP)},
        "no equalize": {"augment": listed(LIGHT_SPEC, WARP_ALWAYS, MIXUP)},
        "warp twice as far": {"augment": listed(EQUALIZE, LIGHT_SPEC, WARP_FAR, MIXUP)},
        "warp does not change the tempo": {"augment": listed(EQUALIZE, LIGHT_SPEC, WARP_STILL, MIXUP)},
        "no warp": {"augment": listed(EQUALIZE, LIGHT_SPEC, MIXUP)},
        "no mixup": {"augment": listed(EQUALIZE, LIGHT_SPEC, WARP_ALWAYS)},
        "80 epochs": {"epochs": "80"},
        "320 epochs": {"epochs": "320"},
        "EMA over 500 steps": {"ema": "0.998"},
        "batches of 16": {"batch_size": "16", "optimizer.learning_rate": "1.5e-3"},
        "statistics, not attentive": {"model.pooling": "statistics"},
        "96 bands": {"features.0.n_mels": "96"},
        "40 bands": {"features.0.n_mels": "40"},
        "scaled by utterance": {"scaling": "utterance"},
        "mean, not attentive": {"model.pooling": "mean"},
        "no label smoothing": {"loss.label_smoothing": "0"},
        "no EMA": {"ema": "0"},
        "constant rate": {"optimizer.schedule": "constant"},
        "lion at 2e-4": {"optimizer": OTHER.format("lion", "2e-4"), "optimizer.weight_decay": "0.2"},
        "sgd at 5e-2": {"optimizer": OTHER.format("sgd", "5e-2")},
        "half the width": {"model.filters": "16,16,24"},
        "twice the width": {"model.filters": "64,64,96"},
        "ds_cnn": {"model": "ds_cnn"},
        "res_lstm": {"model": "res_lstm"},
        "2 s": {"framing.seconds": "2"},
        "frame 512, hop 256": {"framing.frame_length": "512", "framing.hop_length": "256"},
        "four copies of other pitch and tempo": {**COPIES, "augment": listed(TEMPO, PITCH, *SPECTRAL)},
        "four copies with noise and reverb": {**COPIES, "augment": listed(NOISE, REVERB, *SPECTRAL)},
    },
    "mixed": {
        "as it is": {},
        "two plain, two with bands=8": {"model": BOTH_KINDS},
        "distilled from those four": {"teacher": BOTH_KINDS},
    },
}
"""stage → variant → overrides of the stage's base."""


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, table, only="", halves="a,b", seeds="0")
    only = {name.strip() for name in arguments.only.split(";")} - {""}
    for seed in arguments.seeds.split(","):
        for stage, variants in STAGES.items():
            for variant, overrides in variants.items():
                if only and not {stage, variant} & only:
                    continue
                for half in arguments.halves.split(","):
                    one(stage, variant, overrides, arguments.speech, half, seed)


def one(stage: str, variant: str, overrides: Overrides, speech: Path, half: str, seed: str) -> None:
    """Train one run and add its row; skip it if the row exists."""
    changed = {**BASES[stage], **overrides}
    row = {"stage": stage, "variant": variant, "half": half, "seed": seed, "changes": as_flags(changed)}
    if has_row(ROWS, row):
        return
    print(f"{stage}: {variant}, half {half}, seed {seed}", flush=True)
    experiment = load_experiment(START, {**changed, **speakers(half), "seed": seed}.items())
    run = trained_run(experiment, speech, RUNS / f"{stage}, {variant}, {half}, {seed}")
    add_row(ROWS, COLUMNS, {**row, **results(run)})


def speakers(half: str) -> Overrides:
    training = [speaker for speaker in SPEAKERS if speaker not in (*HALVES[half], UNUSED)]
    sets = {"train": training, "validation": HALVES[half], "test": [UNUSED]}
    keys = {f"data.{name}_speakers": ",".join(map(str, members)) for name, members in sets.items()}
    return {"data.protocol": "given", **keys}


def results(run: Run) -> dict[str, str]:
    epochs = records.read_records(run.records)
    last = epochs[-max(1, len(epochs) // 4) :]

    def mean(name: str) -> str:
        return f"{statistics.mean(epoch[name] for epoch in last):.4f}"

    return {
        "uar": mean("validation_uar"),
        "best": f"{max(epoch['validation_uar'] for epoch in epochs):.4f}",
        "loss": mean("validation_loss"),
        "train_loss": mean("train_loss"),
        "epochs": str(len(epochs)),
    }


def table(found: list[dict[str, str]]) -> str:
    """Each variant's means over its halves and seeds, by stage, the best first."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in found:
        groups[row["stage"], row["variant"]].append(row)
    lines = [f"{'stage':12}{'variant':44}{'runs':>5}{'uar':>8}{'best':>8}{'loss':>8}{'train':>8}"]
    means = {
        key: [statistics.mean(float(row[name]) for row in group) for name in ("uar", "best", "loss", "train_loss")]
        for key, group in groups.items()
    }
    for stage, variant in sorted(
        groups, key=lambda key: (list(STAGES).index(key[0]) if key[0] in STAGES else -1, -means[key][0])
    ):
        values = "".join(f"{value:8.3f}" for value in means[stage, variant])
        lines.append(f"{stage:12}{variant:44}{len(groups[stage, variant]):5}{values}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
