"""Architectures."""

from aersut.models.cnn import CNN
from aersut.models.cnn2d import CNN2D
from aersut.models.cnn_lstm import CNNLSTM

__all__ = ["CNN", "CNN2D", "CNNLSTM"]
