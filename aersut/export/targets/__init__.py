"""Export targets: one module per platform or kind of file that a user runs, registered in `aersut.registry.TARGETS`."""

from aersut.export.targets.classifier import Classifier as Classifier
from aersut.export.targets.ethos_u import EthosU as EthosU
from aersut.export.targets.firmware import Firmware as Firmware
from aersut.export.targets.waveform import Waveform as Waveform
from aersut.export.targets.web import Web as Web
