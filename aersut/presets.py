"""Experiments that several experiment files share; each file passes what differs and states the results."""

from collections.abc import Sequence
from dataclasses import replace

from aersut.augment import (
    Equalize,
    FreqMixStyle,
    MelBandLimit,
    MelNoise,
    MelShift,
    MelWarp,
    Mixup,
    Noise,
    PitchShift,
    SpecAugment,
    TimeShift,
    TimeStretch,
)
from aersut.config import Data, Experiment, Loss
from aersut.contracts import Feature, Framing, Model
from aersut.corpora import CremaD, Ravdess
from aersut.encoders import Moonshine
from aersut.features import MFCC, LogMel, Relative
from aersut.models import Ensemble, TCResNet
from aersut.training.optimizers import Adam, AdamW

PAPER_FEATURES = (MFCC(n_mfcc=13, pre_emphasis=0.97),)
RESIDUAL_NETWORK = TCResNet(filters=(32, 32, 48), kernels=(5, 5, 5), dropout=0.2)
"""Two residual blocks of temporal convolutions with attentive statistics pooling; 56 KB as int8."""
RESIDUAL_ENSEMBLE = Ensemble((RESIDUAL_NETWORK,) * 2 + (replace(RESIDUAL_NETWORK, bands=8),) * 2)
"""Four residual networks with averaged logits; two start with a convolution over frames and bands; 232 KB as int8."""

WIDE_NETWORK = replace(RESIDUAL_NETWORK, filters=(72, 72, 112), bands=8)
"""A wider one, which starts with a convolution over frames and bands; 225 to 231 KB as int8."""
SPEECH_TEACHER = Ensemble((replace(WIDE_NETWORK, filters=(104, 104, 152)),) * 2)
"""The teacher of both recipes for RAVDESS and CREMA-D, which is not exported."""
FLOOR_DB = -100.0
"""That of `LogMel`. It is set, and not taken from the features, so that runs of version 0.2.0 are found again."""


def paper_experiment(
    model: Model, features: Sequence[Feature] = PAPER_FEATURES, learning_rate: float = 1e-5, epochs: int = 120
) -> Experiment:
    """The set-up of the AERSUT paper on RAVDESS and CREMA-D, with a speaker-independent split.

    AERSUT, "Automatic Emotion Recognition System using tinyML" (Tharian et al.): 13 MFCCs with pre-emphasis × 130
    frames of 3 s at 22,050 Hz, two augmented copies of each training clip, 120 epochs of batch 32 with Adam at 1e-5.
    The paper's own split is random and puts copies of test clips into the training set;
    `--experiment.data.protocol=paper` selects it, with a warning of the leak.
    """
    return Experiment(
        data=Data(corpora=(Ravdess(), CremaD()), protocol="speaker"),
        framing=Framing(sample_rate=22_050, seconds=3.0, frame_length=2048, hop_length=512),
        features=tuple(features),
        augment=(Noise(probability=1.0), TimeStretch(), PitchShift(), TimeShift()),
        augmented_copies=2,
        model=model,
        optimizer=Adam(learning_rate=learning_rate),
        epochs=epochs,
        batch_size=32,
    )


def ravdess_recipe(model: Model, teacher: Model | None = None) -> Experiment:
    """The recipe for small residual networks on RAVDESS, with five published speaker-independent folds.

    64 log-mel bands of 64 ms frames every 32 ms, 3 s. docs/ablations.md lists the variants that were evaluated for it.

    Args:
        teacher: of knowledge distillation.
    """
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
        model=model,
        teacher=teacher,
        optimizer=AdamW(learning_rate=2e-3, schedule="cosine", warmup=0.05, weight_decay=0.02),
        loss=Loss(label_smoothing=0.1),
        ema=0.99,
        epochs=320,
        select="last",
        batch_size=32,
    )


def robust_recipe(model: Model, teacher: Model | None = None, range_db: float = 40.0) -> Experiment:
    """`ravdess_recipe` with features that do not depend on the gain, and random noise and placement in training.

    Args:
        range_db: floor of the features, in dB below the maximum of the window.
    """
    recipe = ravdess_recipe(model, teacher)
    return replace(
        recipe,
        features=(Relative(LogMel(n_mels=64, fmin=50.0), range_db=range_db),),
        augment=(MelShift(), MelNoise(snr_db=(0.0, 40.0), floor_db=FLOOR_DB, probability=0.8), *recipe.augment),
    )


def joint_recipe(model: Model, teacher: Model | None = None) -> Experiment:
    """`robust_recipe` on RAVDESS and CREMA-D together, of which each is drawn equally often."""
    return replace(
        robust_recipe(model, teacher, range_db=45.0),
        data=Data(corpora=(Ravdess(), CremaD()), protocol="combined5"),
        sampling="corpora",
        epochs=100,
    )


def speech_recipe(model: Model, teacher: Model | None = None) -> Experiment:
    """`joint_recipe` with frames every 16 ms, soft labels of a pretrained encoder, further augmentation, more epochs.

    docs/joint.md has the ablation study. The teacher learns from the soft labels, and the student from the teacher.
    With 56 instead of 64 bands, the tensor arena of `micro_speech` is below 32 KB.
    """
    recipe = joint_recipe(model, teacher)
    limit = MelBandLimit(low=(50.0, 400.0), high=(3_000.0, 8_000.0), order=6, floor_db=FLOOR_DB, probability=0.4)
    _, noise, equalize, _, warp, mixup = recipe.augment
    masks = SpecAugment(time_masks=1, time_width=24, channel_masks=1, channel_width=8)
    return replace(
        recipe,
        framing=replace(recipe.framing, hop_length=256),
        features=(Relative(LogMel(n_mels=56, fmin=50.0), range_db=45.0),),
        augment=(MelShift(frames=40), limit, noise, equalize, masks, warp, FreqMixStyle(), mixup),
        encoders=(Moonshine(),),
        epochs=150,
    )
