"""Vela's estimate for Ethos-U55, where Vela is installed."""

import numpy as np
import pytest

from aersut.bundle_files import CLASSIFIER
from aersut.errors import UserError
from aersut.export.targets import ethos_u
from aersut.tflite.file import IDENTIFIER, TFLiteFile
from aersut.zoo.catalog import ZOO
from tests.export.files import dense

pytestmark = pytest.mark.skipif(not ethos_u.available(), reason="the extra ethos is not installed")


def test_operators_that_the_npu_lacks_run_on_the_cpu():
    [found] = ethos_u.estimate(dense(np.ones((2, 3))), ["ethos-u55-128"]).values()
    assert found["npu"] == 0.0, "the NPU has no float32"


def test_operators_that_the_npu_has_run_there():
    file = TFLiteFile.read(ZOO / "micro_speech" / CLASSIFIER)
    several = ethos_u.estimate(file)
    assert tuple(several) == ethos_u.ACCELERATORS
    found = several["ethos-u55-128"]
    assert ethos_u.estimate(file, ["ethos-u55-128"]) == {"ethos-u55-128": found}
    assert several["ethos-u55-32"]["cycles"] > found["cycles"] > several["ethos-u55-256"]["cycles"]
    assert found["npu"] > 0.8
    assert found["latency_ms"] == pytest.approx(found["cycles"] / found["clock_mhz"] / 1000, rel=0.01)
    assert 0 < found["sram_bytes"] < found["flash_bytes"] < 100_000


def test_a_file_that_cannot_be_compiled_is_named():
    with pytest.raises(UserError, match=r"model\.tflite cannot be compiled by Vela for ethos-u55-64"):
        ethos_u.estimate(TFLiteFile(b"none" + IDENTIFIER, "model.tflite"), ["ethos-u55-64"])
