"""Model architectures."""

from aersut.models.cnn import CNN as CNN
from aersut.models.cnn2d import CNN2D as CNN2D
from aersut.models.cnn_lstm import CNNLSTM as CNNLSTM
from aersut.models.ds_cnn import DSCNN as DSCNN
from aersut.models.ensemble import Ensemble as Ensemble
from aersut.models.res_lstm import ResLSTM as ResLSTM
from aersut.models.tc_resnet import TCResNet as TCResNet
