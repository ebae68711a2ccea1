"""Ablation study of robustness: audio frontends × augmentation, on validation speakers under the stress set.

    python benchmarks/robustness.py --speech FOLDER [--only 'VARIANT; VARIANT'] [--seeds 0] [--halves a]
    python benchmarks/robustness.py --table

Each variant is `ravdess_recipe` with one small network (`RESIDUAL_NETWORK`), another audio frontend and other
augmenters. The speakers are those of `benchmarks/ablations.py`: two halves of four validation speakers each. Each run
adds a row to docs/robustness.csv; a run with a row is skipped.
"""

from pathlib import Path

from ablations import Overrides, speakers  # beside this file
from common import RUNS, parse_arguments, trained_run

from aersut.experiment import load_experiment
from aersut.presets import RESIDUAL_NETWORK, ravdess_recipe
from aersut.run import Run

ROWS = Path(__file__).parents[1] / "docs" / "robustness.csv"

MIXUP = '{"name": "mixup", "alpha": 1}'
LOG_MEL = '{"name": "log_mel", "amin": 1e-10}'


def wrapped(name: str, fields: str = "", of: str = LOG_MEL) -> Overrides:
    return {"features": f'[{{"name": "{name}", "of": {of}{fields and f", {fields}"}}}]'}


FRONTENDS: dict[str, Overrides] = {
    "log_mel": {},
    "relative 60 dB": wrapped("relative", '"range_db": 60'),
    "relative 45 dB": wrapped("relative", '"range_db": 45'),
    "relative 60 dB, decay 6 dB/s": wrapped("relative", '"range_db": 60, "decay_db": 6'),
    "mean": wrapped("centered", '"level": false'),
    "mean 2 s": wrapped("centered", '"level": false, "time_constant": 2'),
    "pcen": wrapped("pcen", '"gain": 1'),
    "pcen 2 s": wrapped("pcen", '"gain": 1, "time_constant": 2'),
}
AUGMENTATIONS: dict[str, Overrides] = {
    "": {},
}


def variants() -> dict[str, Overrides]:
    return {
        f"{frontend}{augmentation and f'; {augmentation}'}": {**one, **two}
        for frontend, one in FRONTENDS.items()
        for augmentation, two in AUGMENTATIONS.items()
    }


def run_of(variant: str, half: str, seed: str, speech: Path, epochs: str) -> Run:
    changed = {**variants()[variant], **speakers(half), "seed": seed, "epochs": epochs}
    experiment = load_experiment(ravdess_recipe(RESIDUAL_NETWORK), changed.items())
    return trained_run(
        experiment, speech, RUNS.parent / "robustness" / f"{variant}, {half}, {seed}".replace("/", " per ")
    )


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, lambda rows: "", only="", halves="a,b", seeds="0", epochs="160")
    only = {name.strip() for name in arguments.only.split(";")} - {""}
    for seed in arguments.seeds.split(","):
        for half in arguments.halves.split(","):
            for variant in variants():
                if not only or variant in only:
                    print(variant, half, seed, flush=True)
                    run_of(variant, half, seed, arguments.speech, arguments.epochs)


if __name__ == "__main__":
    main()
