"""The CNN-LSTM on several features together: MFCC, mel spectrogram, zero-crossing rate and RMS.

The AERSUT paper's findings recommend more features than the 13 MFCCs of its own runs; this is `cnn_lstm_combined` with
those that it names, 79 channels in all. Everything else is as there, so that the two compare.

Expected: not measured yet; `cnn_lstm_combined` is the figure to compare with.
Runtime: not measured over a whole run yet.

    python launch.py --experiment=cnn_lstm_combined_features
"""

from aersut.augment import Noise, PitchShift, TimeShift, TimeStretch
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import CremaD, Ravdess
from aersut.features import MFCC, RMS, ZCR, LogMel
from aersut.models import CNNLSTM
from aersut.training.optimizers import Adam


def get_config() -> Experiment:
    return Experiment(
        data=Data(corpora=(Ravdess(), CremaD()), root="input", protocol="speaker"),
        framing=Framing(sample_rate=22_050, seconds=3.0, frame_length=2048, hop_length=512),
        features=(MFCC(n_mfcc=13, pre_emphasis=0.97), LogMel(n_mels=64), ZCR(), RMS()),
        augment=(Noise(probability=1.0), TimeStretch(), PitchShift(), TimeShift()),
        augmented_copies=2,
        model=CNNLSTM(filters=(256, 128, 64), kernels=(5, 3, 3), units=(128, 64), dense=64, dropout=0.5),
        optimizer=Adam(learning_rate=1e-5),
        epochs=120,
        batch_size=32,
    )
