"""TensorFlow Lite Micro in a subprocess: outputs and tensor arena; errors name the file."""

import contextlib
import resource
import subprocess
import sys
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator

from aersut.errors import UserError
from aersut.export.convert import probabilities, to_tflite
from aersut.export.quantize import quantize
from aersut.quiet import quiet
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import ARENA_STEP, PROGRESS, MicroSequence, _smallest_arena, run_tflm
from tests.export.files import dense
from tests.export.models import CHANNELS, FRAMES, clips, small, trained

FILE = dense(np.arange(6).reshape(2, 3))
INPUTS = np.eye(3, dtype=np.float32)


def test_outputs_and_arena():
    result = run_tflm(FILE, INPUTS)
    logits = np.arange(6).reshape(2, 3).T
    np.testing.assert_allclose(result.outputs, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-5)
    assert 100 < result.arena < 4_000


RUNS = (
    "import sys; from aersut.tflite.micro import _runs; sys.exit(not _runs(sys.stdin.buffer.read(), int(sys.argv[1])))"
)


def test_the_arena_is_the_smallest_in_which_a_new_interpreter_runs():
    """The total that the interpreter prints for this network is too small."""
    with quiet():
        graphs, state = trained(small("cnn_lstm"))
        network = probabilities(lambda: graphs.network(state.weights, state.rest), fused=True)
        file = quantize(to_tflite(network, [(1, FRAMES, CHANNELS)]), "int8", clips(10))
    arena = run_tflm(file, np.zeros((1, FRAMES, CHANNELS), np.int8)).arena

    def runs(size: int) -> bool:
        return subprocess.run([sys.executable, "-c", RUNS, str(size)], input=file.content).returncode == 0

    assert runs(arena)
    assert not runs(arena - ARENA_STEP)


@pytest.mark.parametrize(
    ("total", "needed", "found"), [(100, 80, 100), (100, 101, 164), (100, 164, 164), (100, 999, 1060)]
)
def test_the_search_for_the_arena(total: int, needed: int, found: int):
    assert _smallest_arena(total, lambda size: size >= needed) == found


def test_a_missing_operator_is_named():
    def replace_softmax(model: Any) -> None:
        code = model.operatorCodes[1]
        code.builtinCode, code.deprecatedBuiltinCode = BuiltinOperator.ATAN2, 127

    with pytest.raises(UserError, match=r"dense\.tflite does not run in .* no kernel for operator ATAN2"):
        run_tflm(FILE.edited(replace_softmax), INPUTS)


def test_an_input_of_another_shape_is_an_error():
    with pytest.raises(UserError, match="expected 3"):
        run_tflm(FILE, np.zeros((1, 4), np.float32))


def test_a_file_that_needs_too_much_memory_is_an_error():
    with pytest.raises(UserError, match="a tensor arena of more than 16 MB"):
        run_tflm(dense(np.zeros((5_000_000, 1))), np.zeros((1, 1), np.float32))


def test_it_runs_in_a_process_with_more_than_a_thousand_open_files(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        with contextlib.ExitStack() as files:
            for number in range(1100):
                files.enter_context((tmp_path / str(number)).open("w"))
            assert run_tflm(FILE, np.zeros((1, 3), np.float32)).outputs.shape[0] == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_time_is_limited():
    slow = dense(np.zeros((200, 10_000)))
    assert len(run_tflm(FILE, INPUTS).outputs) == 3, "the process has begun"
    with pytest.raises(UserError, match=r"made no progress for 0\.02 s"):
        run_tflm(slow, np.zeros((PROGRESS, 10_000), np.float32), seconds=0.02)  # the limit is for all of them
    assert len(run_tflm(FILE, INPUTS).outputs) == 3, "the next one has a new process"


def test_an_operator_that_it_lacks_is_an_error_in_this_process():
    with quiet():
        file = to_tflite(lambda x: jnp.fft.rfft(x).real, [(1, 8)])
    with pytest.raises(UserError, match="cannot be run by TensorFlow Lite Micro"):
        MicroSequence(file)


def test_a_truncated_file_is_an_error_before_it_runs():
    with pytest.raises(UserError, match="damaged"):
        run_tflm(TFLiteFile(FILE.content[: len(FILE.content) // 2]), INPUTS)
