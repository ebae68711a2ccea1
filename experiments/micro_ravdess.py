"""A small residual temporal network, 56 KB as int8, for RAVDESS on the smallest microcontrollers.

Recipe: `aersut.presets.ravdess_recipe`, with knowledge distillation. The network has two residual blocks and attentive
statistics pooling over frames. It is trained on the soft targets of the ensemble of `tiny_ravdess`: of a run of
`tiny_ravdess` with the same data, fold and seed under `runs/`, or of a teacher that it trains there first.

Expected: int8 UAR 0.617 ± 0.020 on unseen speakers (mean over the five folds; standard deviation over seeds 0, 1 and
2); docs/recipes.csv lists each run. It is optimistic for the eight speakers on whom the recipe was chosen
(docs/ablations.md).
Runtime: less than 8 minutes a fold on 2 cores, most of them for the teacher, which a run of `tiny_ravdess` shares.

    python launch.py --experiment=micro_ravdess --experiment.data.root=FOLDER --experiment.data.fold=0
    python benchmarks/recipes.py --speech FOLDER --experiments micro_ravdess
"""

from aersut.config import Experiment
from aersut.presets import RESIDUAL_ENSEMBLE, RESIDUAL_NETWORK, ravdess_recipe


def get_config() -> Experiment:
    return ravdess_recipe(RESIDUAL_NETWORK, teacher=RESIDUAL_ENSEMBLE)
