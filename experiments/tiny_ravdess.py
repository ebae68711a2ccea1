"""An ensemble of four small residual temporal networks, 232 KB as int8, for RAVDESS on microcontrollers.

Recipe: `aersut.presets.ravdess_recipe`. The logits of the networks are averaged. Each network has two residual blocks
and attentive statistics pooling over frames; two of them start with a convolution over frames and bands.

Expected: int8 UAR 0.641 ± 0.007 on unseen speakers (mean over the five folds; standard deviation over seeds 0, 1 and
2); docs/recipes.csv lists each run. It is optimistic for the eight speakers on whom the recipe was chosen
(docs/ablations.md).
Runtime: about 6 minutes a fold on 2 cores.

    python launch.py --experiment=tiny_ravdess --experiment.data.root=FOLDER --experiment.data.fold=0
    python benchmarks/recipes.py --speech FOLDER --experiments tiny_ravdess
"""

from aersut.config import Experiment
from aersut.presets import RESIDUAL_ENSEMBLE, ravdess_recipe


def get_config() -> Experiment:
    return ravdess_recipe(RESIDUAL_ENSEMBLE)
