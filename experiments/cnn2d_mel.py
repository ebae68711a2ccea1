"""A 2-D CNN that reads the mel spectrogram as an image, on RAVDESS and CREMA-D.

Four 3 × 3 convolutions over 64 mel bands × 130 frames, 98,000 parameters: the usual image-like baseline of the field.
It is slow to train on a CPU (convolutions over two axes; see the 1-D models for the fast choice).

Expected: not measured yet; `cnn_lstm_combined` is the figure to compare with.
Runtime: not measured over a whole run yet.

    python launch.py --experiment=cnn2d_mel
"""

from aersut.augment import Noise, PitchShift, TimeShift, TimeStretch
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import CremaD, Ravdess
from aersut.features import LogMel
from aersut.models import CNN2D
from aersut.training.optimizers import Adam


def get_config() -> Experiment:
    return Experiment(
        data=Data(corpora=(Ravdess(), CremaD()), root="input", protocol="speaker"),
        framing=Framing(sample_rate=22_050, seconds=3.0, frame_length=2048, hop_length=512),
        features=(LogMel(n_mels=64),),
        augment=(Noise(probability=1.0), TimeStretch(), PitchShift(), TimeShift()),
        augmented_copies=2,
        model=CNN2D(filters=(16, 32, 64, 128), dropout=0.3),
        optimizer=Adam(learning_rate=1e-3),
        epochs=60,
        batch_size=32,
    )
