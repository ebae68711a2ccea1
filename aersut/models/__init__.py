"""Model architectures."""

from aersut.models.cnn import CNN
from aersut.models.cnn2d import CNN2D
from aersut.models.cnn_lstm import CNNLSTM
from aersut.models.ds_cnn import DSCNN
from aersut.models.ensemble import Ensemble
from aersut.models.res_lstm import ResLSTM
from aersut.models.tc_resnet import TCResNet

__all__ = ["CNN", "CNN2D", "CNNLSTM", "DSCNN", "Ensemble", "ResLSTM", "TCResNet"]
