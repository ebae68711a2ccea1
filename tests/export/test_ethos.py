"""Vela's estimate for an Ethos-U55, where it is installed."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export import ethos
from tests.export.files import dense

pytestmark = pytest.mark.skipif(not ethos.available(), reason="the extra ethos is not installed")


def test_what_the_npu_lacks_runs_on_the_cpu():
    found = ethos.estimate(dense(np.ones((2, 3))), "ethos-u55-128")
    assert found["npu"] == 0.0, "float32 is nothing for it"


def test_what_cannot_be_compiled_is_named():
    with pytest.raises(UserError, match=r"model\.tflite cannot be compiled by Vela for ethos-u55-64"):
        ethos.estimate(b"no file", "ethos-u55-64", "model.tflite")
