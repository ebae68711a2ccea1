"""Frozen pretrained speech encoders, whose embeddings give soft labels for the training clips."""

from aersut.encoders.hugging_face import HuggingFace as HuggingFace
from aersut.encoders.moonshine import Moonshine as Moonshine
from aersut.encoders.smart_turn import SmartTurn as SmartTurn
