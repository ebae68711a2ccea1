"""An experiment that takes seconds: a small network on a few synthetic voices."""

from aersut.augment import Noise, TimeShift
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import Synthetic
from aersut.features import MFCC
from aersut.models import CNN
from aersut.training.optimizers import Adam


def get_config() -> Experiment:
    return Experiment(
        data=Data(corpora=(Synthetic(speakers=10, repetitions=1),)),
        framing=Framing(sample_rate=16_000, seconds=1.5, frame_length=512, hop_length=512),
        features=(MFCC(n_mfcc=13, n_mels=40),),
        augment=(Noise(), TimeShift()),
        augmented_copies=1,
        model=CNN(filters=(8, 8), kernels=(3, 3), dense=16),
        optimizer=Adam(learning_rate=3e-3),
        epochs=3,
        batch_size=16,
    )
