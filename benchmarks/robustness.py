"""Ablation study of robustness: audio frontends × augmentation, on validation speakers under the stress set.

    python benchmarks/robustness.py --speech FOLDER --noise FOLDER [--only 'VARIANT | VARIANT'] [--seeds 0] [--halves a]
    python benchmarks/robustness.py --table

Each variant is `aersut.presets.ravdess_recipe` with one small network (`RESIDUAL_NETWORK`) and 160 epochs, with another
audio frontend and other augmenters. The speakers are those of `benchmarks/ablations.py`: two halves of four validation
speakers each. Each run adds a row to docs/robustness.csv; a run with a row is skipped, and an interrupted run resumes.

`clean` is the UAR of the last epoch on the validation speakers, `stress` the stress mean on them (docs/robustness.md).
`gain-24` and `gain+24` are the UAR drops at these gains in dB, `peak` that under peak normalization, `noise20`
and `noise10` those with recorded noise at 20 and 10 dB SNR, which is not in the training set. `cremad` is the UAR
on all clips of CREMA-D, over its six emotions, with predictions among these. FOLDER of --speech contains RAVDESS and
CREMA-D.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from ablations import EQUALIZE, LIGHT_SPEC, WARP_ALWAYS, Overrides, listed, speakers  # beside this file
from common import RUNS, add_row, as_flags, has_row, read_rows, require_peers, trained_run

from aersut import metrics
from aersut.contracts import Condition
from aersut.corpora import CremaD
from aersut.evaluation.other_corpora import Seen, other_corpora_set
from aersut.evaluation.stress import stress_report
from aersut.experiment import load_experiment
from aersut.presets import RESIDUAL_NETWORK, ravdess_recipe
from aersut.run import prepare
from aersut.run_folder import Run
from aersut.stress import STANDARD
from aersut.stress.noise import RecordedNoise
from aersut.training.trained import load_trained

ROWS = Path(__file__).parents[1] / "docs" / "robustness.csv"
RESULTS = ("clean", "stress", "gain-24", "gain+24", "peak", "noise20", "noise10", "cremad")
COLUMNS = ("variant", "half", "seed", *RESULTS, "changes")
EPOCHS = 160

MIXUP = '{"name": "mixup", "alpha": 1}'
LOG_MEL = '{"name": "log_mel", "amin": 1e-10}'
SHIFT = '{"name": "mel_shift"}'
COPIED = (
    '{"name": "reverb", "probability": 0.3}',
    '{"name": "band_limit", "probability": 0.2}',
    '{"name": "gain", "db": [-30, 30], "probability": 0.8}',
)
"""Waveform augmenters of cached copies; samples beyond full scale are clipped, and all are rounded to 16 bits."""


def noise(floor_db: int = -100) -> str:
    return f'{{"name": "mel_noise", "snr_db": [0, 40], "probability": 0.8, "floor_db": {floor_db}}}'


def wrapped(name: str, fields: str) -> Overrides:
    return {"features": f'[{{"name": "{name}", "of": {LOG_MEL}, {fields}}}]'}


def augmented(*plugins: str) -> Overrides:
    return {"augment": listed(*plugins, EQUALIZE, LIGHT_SPEC, WARP_ALWAYS, MIXUP)}


FRONTENDS: dict[str, Overrides] = {
    "log_mel": {},
    "relative 60 dB": wrapped("relative", '"range_db": 60'),
    "relative 45 dB": wrapped("relative", '"range_db": 45'),
    "relative 40 dB": wrapped("relative", '"range_db": 40'),
    "relative 35 dB": wrapped("relative", '"range_db": 35'),
    "relative 45 dB, decay 6 dB/s": wrapped("relative", '"range_db": 45, "decay_db": 6'),
    "mean": wrapped("centered", '"level": false'),
    "mean, variance": wrapped("centered", '"level": false, "variance": true'),
    "mean of 2 s": wrapped("centered", '"level": false, "time_constant": 2'),
    "pcen": wrapped("pcen", '"gain": 1'),
    "pcen 2 s": wrapped("pcen", '"gain": 1, "time_constant": 2'),
    "rasta": wrapped("rasta", '"pole": 0.98'),
    "TensorFlow Lite Micro": {
        "plugins": "micro_frontend",
        "features": '[{"name": "micro_frontend"}]',
        "framing.frame_length": "480",
        "framing.hop_length": "160",
        "framing.center": "false",
    },
}
AUGMENTATIONS: dict[str, Overrides] = {
    "": {},
    "noise": augmented(noise()),
    "noise, shift": augmented(SHIFT, noise()),
    "noise, shift (floor -70 dB)": augmented(SHIFT, noise(-70)),
    "gain, noise, shift (floor -70 dB)": augmented(SHIFT, noise(-70), '{"name": "mel_gain", "floor_db": -70}'),
    "band limit, noise, shift": augmented(SHIFT, '{"name": "mel_band_limit", "probability": 0.25}', noise()),
    "copies, noise, shift": {  # in as many steps as without the four copies
        **augmented(*COPIED, SHIFT, noise()),
        "augmented_copies": "4",
        "epochs": str(EPOCHS // 5),
    },
}
PAIRS = (
    *(("log_mel", name) for name in ("", "noise, shift (floor -70 dB)", "gain, noise, shift (floor -70 dB)")),
    *(("relative 45 dB", name) for name in ("", "noise, shift")),
    *((frontend, "noise, shift") for frontend in ("relative 45 dB, decay 6 dB/s", "pcen")),
    *(("relative 45 dB", name) for name in ("noise", "band limit, noise, shift", "copies, noise, shift")),
    *((f"relative {db} dB", "noise, shift") for db in (60, 40, 35)),
    *((frontend, "noise, shift") for frontend in ("mean", "mean, variance", "mean of 2 s", "pcen 2 s", "rasta")),
    ("TensorFlow Lite Micro", ""),
)
VARIANTS = {
    f"{frontend}{augmentation and f'; {augmentation}'}": {
        "epochs": str(EPOCHS),
        **FRONTENDS[frontend],
        **AUGMENTATIONS[augmentation],
    }
    for frontend, augmentation in PAIRS
}
"""variant → overrides of the recipe."""


def run_of(variant: str, half: str, seed: str, speech: Path) -> Run:
    changed = {**VARIANTS[variant], **speakers(half), "seed": seed}
    experiment = load_experiment(ravdess_recipe(RESIDUAL_NETWORK), changed.items())
    name = f"{variant}, {half}, {seed}".replace("/", " per ")
    return trained_run(experiment, speech, RUNS.parent / "robustness" / name)


def results(run: Run, noise: Path, conditions: tuple[Condition, ...] = STANDARD) -> dict[str, str]:
    """The metrics of the docstring."""
    prepared, trained = prepare(run), load_trained(run)
    chosen = prepared.split.examples("validation")[:, 0]
    recorded = tuple(RecordedNoise(str(noise), snr_db) for snr_db in (20.0, 10.0))
    clips = [prepared.collection.clips[clip] for clip in chosen]
    stress = stress_report(trained, clips, prepared.labels[chosen], (*conditions, *recorded))
    drop = {row["title"]: row["uar_drop"] for row in stress["conditions"]}
    other = other_corpora_set(run.experiment, Seen.by_run(run), trained.frontend, None, (CremaD(),))
    probabilities, classes = trained.probabilities(other.features), np.unique(other.labels)
    predicted = classes[probabilities[:, classes].argmax(axis=1)]
    found = {
        "clean": stress["clean"],
        "stress": stress["mean"],
        **{f"gain{gain}": drop[f"gain {gain} dB"] for gain in ("-24", "+24")},
        "peak": drop["peak normalization"],
        **{f"noise{snr}": drop[f"recorded noise {snr} dB SNR"] for snr in (20, 10)},
        "cremad": metrics.uar(metrics.confusion(other.labels, predicted, trained.frontend.classes)),
    }
    return {name: f"{value:.4f}" for name, value in found.items()}


def table(rows: list[dict[str, str]]) -> str:
    """Means of each variant over halves and seeds, the highest stress mean first.

    `±` is the standard deviation over seeds of the mean over both halves.
    """
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row["variant"]].append(row)
    lines = [f"{'variant':48}{'runs':>5}" + "".join(f"{name:>15}" for name in RESULTS)]
    for variant, group in sorted(groups.items(), key=lambda item: -_mean(item[1], "stress")):
        cells = "".join(f"{_mean(group, name):8.3f}{_deviation(group, name):>7}" for name in RESULTS)
        lines.append(f"{variant:48}{len(group):5}{cells}")
    return "\n".join(lines)


def _mean(rows: list[dict[str, str]], name: str) -> float:
    return statistics.mean(float(row[name]) for row in rows)


def _deviation(rows: list[dict[str, str]], name: str) -> str:
    of_seeds = [_mean([row for row in rows if row["seed"] == seed], name) for seed in {row["seed"] for row in rows}]
    return f" ±{statistics.stdev(of_seeds):.3f}" if len(of_seeds) > 1 else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, help="a data root with RAVDESS and CREMA-D")
    parser.add_argument("--noise", type=Path, help="a folder of recorded noise")
    parser.add_argument("--only", default="", help="variants: 'mean; noise, shift | log_mel'")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--halves", default="a,b")
    parser.add_argument("--table", action="store_true", help="print a table of the rows and exit")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(read_rows(ROWS)))
        return
    if arguments.speech is None or arguments.noise is None:
        sys.exit("--speech FOLDER and --noise FOLDER are needed")
    only = {name.strip() for name in arguments.only.split("|")} - {""}
    if unknown := only - set(VARIANTS):
        sys.exit(f"unknown variants: {', '.join(sorted(unknown))}; known: {' | '.join(VARIANTS)}")
    if not only or "TensorFlow Lite Micro" in only:
        require_peers("pymicro_features")
    for seed in arguments.seeds.split(","):
        for variant in VARIANTS:
            for half in arguments.halves.split(","):
                if only and variant not in only:
                    continue
                row = {"variant": variant, "half": half, "seed": seed, "changes": as_flags(VARIANTS[variant])}
                if has_row(ROWS, row):
                    continue
                print(f"{variant}, half {half}, seed {seed}", flush=True)
                add_row(
                    ROWS, COLUMNS, {**row, **results(run_of(variant, half, seed, arguments.speech), arguments.noise)}
                )


if __name__ == "__main__":
    main()
