"""The CNN-LSTM of the AERSUT paper on MFCC, log-mel spectrogram, zero-crossing rate and RMS; 79 channels.

The paper recommends these features in addition to the 13 MFCCs of its own experiments. Everything else is as in
`cnn_lstm_combined`, so that the two can be compared.

Expected result and runtime: not measured yet; compare with `cnn_lstm_combined`.

    python launch.py --experiment=cnn_lstm_combined_features
"""

from aersut.config import Experiment
from aersut.features import RMS, ZCR, LogMel
from aersut.models import CNNLSTM
from aersut.presets import PAPER_FEATURES, paper_experiment


def get_config() -> Experiment:
    return paper_experiment(
        CNNLSTM(filters=(256, 128, 64), kernels=(5, 3, 3), units=(128, 64), dense=64, dropout=0.5),
        features=(*PAPER_FEATURES, LogMel(n_mels=64), ZCR(), RMS()),
    )
