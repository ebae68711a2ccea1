"""A 2-D CNN on the log-mel spectrogram as an image, on RAVDESS and CREMA-D: a common baseline of SER.

Four 3 × 3 convolutions over 64 mel bands × 130 frames, 98,000 parameters; Adam at 1e-3 for 60 epochs. The rest is as in
`aersut.presets.paper_experiment`. Training on a CPU is slow (convolutions over two axes); 1-D models are faster.

Expected result and runtime: not measured yet; compare with `cnn_lstm_combined`.

    python launch.py --experiment=cnn2d_mel
"""

from aersut.config import Experiment
from aersut.features import LogMel
from aersut.models import CNN2D
from aersut.presets import paper_experiment


def get_config() -> Experiment:
    model = CNN2D(filters=(16, 32, 64, 128), dropout=0.3)
    return paper_experiment(model, features=(LogMel(n_mels=64),), learning_rate=1e-3, epochs=60)
