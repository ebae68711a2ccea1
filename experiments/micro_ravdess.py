"""A residual temporal network of 56 KB as int8, for RAVDESS on the smallest microcontrollers.

64 log-mel bands of 64 ms frames every 32 ms, 3 s; two residual blocks, attentive statistics over frames. It learns from
the four networks of tiny_ravdess, which the run trains first, in its folder `teacher/`. What was tried for it, and what
was left out, is in docs/ablations.md.

Expected: int8 UAR 0.617 ± 0.020 on unheard speakers, mean over the five folds and deviation over seeds 0, 1 and 2;
docs/recipes.csv has each run.
Runtime: about 8 minutes a fold on 2 cores, two thirds of them for the teacher.

    python launch.py --experiment=micro_ravdess --experiment.data.root=FOLDER --experiment.data.fold=0
    python benchmarks/judge.py --speech FOLDER --experiments micro_ravdess
"""

from dataclasses import replace

from aersut.augment import Equalize, MelWarp, Mixup, SpecAugment
from aersut.config import Data, Experiment, Loss
from aersut.contracts import Framing
from aersut.corpora import Ravdess
from aersut.features import LogMel
from aersut.models import Ensemble, TCResNet
from aersut.training.optimizers import AdamW


def get_config() -> Experiment:
    plain = TCResNet(filters=(32, 32, 48), kernels=(5, 5, 5), dropout=0.2)
    banded = replace(plain, bands=8)
    return Experiment(
        data=Data(corpora=(Ravdess(),), protocol="ravdess5"),
        framing=Framing(sample_rate=16_000, seconds=3.0, frame_length=1024, hop_length=512),
        features=(LogMel(n_mels=64, amin=1e-7),),
        augment=(
            Equalize(),
            SpecAugment(time_masks=1, time_width=12, channel_masks=1, channel_width=8),
            MelWarp(),
            Mixup(alpha=1.0),
        ),
        model=plain,
        teacher=Ensemble((plain, plain, banded, banded)),
        optimizer=AdamW(learning_rate=2e-3, schedule="cosine", warmup=0.05, weight_decay=0.02),
        loss=Loss(label_smoothing=0.1),
        ema=0.99,
        epochs=320,
        select="last",
        batch_size=32,
    )
