"""Ablation study of robustness: audio frontends × augmentation, on validation speakers under the stress set.

    python benchmarks/robustness.py --speech FOLDER --noise FOLDER [--only 'VARIANT; VARIANT'] [--seeds 0] [--halves a]
    python benchmarks/robustness.py --table

Each variant is `aersut.presets.ravdess_recipe` with one small network (`RESIDUAL_NETWORK`) and 160 epochs, with another
audio frontend and other augmenters. The speakers are those of `benchmarks/ablations.py`: two halves of four validation
speakers each. Each run adds a row to docs/robustness.csv; a run with a row is skipped, and an interrupted run resumes.

`clean` is the UAR of the last epoch on the validation speakers, `stress` the stress mean on them (docs/robustness.md).
`gain` is the larger loss of UAR at -24 and +24 dB, `peak` the loss under peak normalization, `noise20` and `noise10`
the losses with recorded noise at 20 and 10 dB SNR, which is not in the training set. `cremad` is the UAR on all clips
of CREMA-D, over its six emotions, with predictions among all eight. FOLDER of --speech contains RAVDESS and CREMA-D.
"""

import argparse
import shlex
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from ablations import EQUALIZE, LIGHT_SPEC, WARP_ALWAYS, Overrides, listed, speakers  # beside this file
from common import RUNS, add_row, has_row, read_rows, trained_run

from aersut import metrics
from aersut.contracts import Condition
from aersut.corpora import CremaD
from aersut.evaluation.other_corpora import other_corpora_set
from aersut.evaluation.stress import stress_report
from aersut.experiment import load_experiment
from aersut.presets import RESIDUAL_NETWORK, ravdess_recipe
from aersut.run import Run, prepare
from aersut.stress import STANDARD
from aersut.stress.noise import RecordedNoise
from aersut.training.trained import load_trained

ROWS = Path(__file__).parents[1] / "docs" / "robustness.csv"
RESULTS = ("clean", "stress", "gain", "peak", "noise20", "noise10", "cremad")
COLUMNS = ("variant", "half", "seed", *RESULTS, "changes")
EPOCHS = "160"

MIXUP = '{"name": "mixup", "alpha": 1}'
NOISE = '{"name": "mel_noise"}'
SHIFT = '{"name": "mel_shift"}'
GAIN = '{"name": "mel_gain"}'
BAND = '{"name": "mel_band_limit", "probability": 0.25}'
LOG_MEL = '{"name": "log_mel", "amin": 1e-10}'


def wrapped(name: str, fields: str = "", of: str = LOG_MEL) -> Overrides:
    return {"features": f'[{{"name": "{name}", "of": {of}{fields and f", {fields}"}}}]'}


COPIED = (
    '{"name": "reverb", "probability": 0.3}',
    '{"name": "band_limit", "probability": 0.2}',
    '{"name": "gain", "db": [-30, 30], "probability": 0.8}',
)
"""Waveform augmenters of cached copies; samples beyond full scale are clipped, and all are rounded to 16 bits."""


def augmented(*plugins: str) -> Overrides:
    return {"augment": listed(*plugins, EQUALIZE, LIGHT_SPEC, WARP_ALWAYS, MIXUP)}


def copied(*plugins: str) -> Overrides:
    """Four cached copies of each clip in as many steps as without them."""
    return {**augmented(*COPIED, *plugins), "augmented_copies": "4", "epochs": str(int(EPOCHS) // 5)}


FRONTENDS: dict[str, Overrides] = {
    "log_mel": {},
    "relative 60 dB": wrapped("relative", '"range_db": 60'),
    "relative 45 dB": wrapped("relative", '"range_db": 45'),
    "relative 60 dB, decay 6 dB/s": wrapped("relative", '"range_db": 60, "decay_db": 6'),
    "mean": wrapped("centered", '"level": false'),
    "mean 2 s": wrapped("centered", '"level": false, "time_constant": 2'),
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
    "noise": augmented(NOISE),
    "noise, shift": augmented(NOISE, SHIFT),
    "noise, shift, band": augmented(NOISE, SHIFT, BAND),
    "copies, noise, shift": copied(NOISE, SHIFT),
}
VARIANTS = {
    f"{frontend}{augmentation and f'; {augmentation}'}": {"epochs": EPOCHS, **one, **two}
    for frontend, one in FRONTENDS.items()
    for augmentation, two in AUGMENTATIONS.items()
}


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
    loss = {row["title"]: row["loss"] for row in stress["conditions"]}
    other = other_corpora_set(run, trained.frontend, None, (CremaD(),))
    predicted = trained.probabilities(other.features).argmax(axis=1)
    found = {
        "clean": stress["clean"],
        "stress": stress["mean"],
        "gain": max(loss["gain -24 dB"], loss["gain +24 dB"]),
        "peak": loss["peak normalization"],
        **{f"noise{snr}": loss[f"recorded noise {snr} dB SNR"] for snr in (20, 10)},
        "cremad": metrics.uar(metrics.confusion(other.labels, predicted, trained.frontend.classes)),
    }
    return {name: f"{value:.4f}" for name, value in found.items()}


def table(rows: list[dict[str, str]]) -> str:
    """Mean of each variant over halves and seeds, and the standard deviation of its mean over seeds, the best first."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row["variant"]].append(row)
    means = {
        variant: [statistics.mean(float(row[name]) for row in group) for name in RESULTS]
        for variant, group in groups.items()
    }
    lines = [f"{'variant':44}{'runs':>5}" + "".join(f"{name:>9}" for name in RESULTS)]
    for variant in sorted(groups, key=lambda variant: -means[variant][1]):
        lines.append(f"{variant:44}{len(groups[variant]):5}" + "".join(f"{value:9.3f}" for value in means[variant]))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, help="a data root with RAVDESS and CREMA-D")
    parser.add_argument("--noise", type=Path, help="a folder of recorded noise")
    parser.add_argument("--only", default="", help="variants, with semicolons and a blank in front: 'mean | pcen'")
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
    for seed in arguments.seeds.split(","):
        for variant in VARIANTS:
            for half in arguments.halves.split(","):
                if only and variant not in only:
                    continue
                changes = " ".join(
                    f"--experiment.{key}={shlex.quote(value)}" for key, value in VARIANTS[variant].items()
                )
                row = {"variant": variant, "half": half, "seed": seed, "changes": changes}
                if has_row(ROWS, row):
                    continue
                print(f"{variant}, half {half}, seed {seed}", flush=True)
                add_row(
                    ROWS, COLUMNS, {**row, **results(run_of(variant, half, seed, arguments.speech), arguments.noise)}
                )


if __name__ == "__main__":
    main()
