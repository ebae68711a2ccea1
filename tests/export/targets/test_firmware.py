"""The firmware compiles, its loop feeds both models correctly, and its predictions agree with JAX."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aersut.board import BoardModel, BoardStream, frames_of
from aersut.contracts import Framing
from aersut.data.collection import collect
from aersut.export.c_library.host import host_program
from aersut.export.c_source import FRAMES, WINDOWS
from aersut.export.streaming import split_frontend
from aersut.export.targets.firmware import _quantization, offline
from aersut.export.tflm import adder
from aersut.features import LogMel, Relative
from aersut.features.frontend import Frontend
from aersut.run_folder import Run
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm
from aersut.training.trained import load_trained
from tests.integer_offset import without_offset

HOST = Path(__file__).parents[1] / "host"
TFLM_HEADERS = (
    *("micro/micro_interpreter.h", "micro/micro_log.h", "micro/micro_mutable_op_resolver.h", "micro/system_setup.h"),
    "schema/schema_generated.h",
)
WARNINGS = ("-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="module")
def compiler() -> Callable[..., None]:
    """Runs gcc or g++, which must succeed."""
    if not (shutil.which("gcc") and shutil.which("g++")):
        pytest.skip("there is no C compiler")

    def run(*command: str | Path) -> None:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    """An include folder whose headers of TensorFlow Lite Micro declare only what the firmware uses."""
    for name in TFLM_HEADERS:
        file = tmp_path / "include" / "tensorflow" / "lite" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('#include "tflm.h"\n')
    return tmp_path / "include"


@pytest.mark.parametrize("name", ["aersut_model.h", "aersut_vectors.h", "aersut_model.c"])
def test_headers_and_data_are_c11(name: str, finished: Run, compiler: Callable[..., None]):
    compiler("gcc", "-std=c11", "-x", "c", *WARNINGS, "-fsyntax-only", finished.export / "tflm" / name)


def test_the_program_is_cpp11(finished: Run, compiler: Callable[..., None], headers: Path):
    for path in (finished.export / "tflm").glob("*.cc"):
        compiler("g++", "-std=c++11", *WARNINGS, "-fsyntax-only", f"-I{headers}", f"-I{HOST}", path)


def test_both_kinds_of_firmware_have_the_same_stream(finished: Run):
    for name in ("aersut.h", "aersut.c", "aersut_self_test.c", "aersut_vectors.h"):
        assert (finished.export / "tflm" / name).read_bytes() == (finished.export / "c" / "src" / name).read_bytes()


def test_the_folder_has_licences_and_instructions(finished: Run):
    folder = finished.export / "tflm"
    assert (folder / "LICENSE").read_bytes() == (finished.export / "c" / "LICENSE").read_bytes()
    assert "StartMicrophone()" in (folder / "README.md").read_text()
    for name in ("aersut_model.c", "aersut_vectors.h"):
        comment = (folder / name).read_text().split("*/")[0]
        assert "whose licences may limit their use:\n * synthetic" in comment


def test_the_header_says_with_which_interpreter_the_models_were_verified(finished: Run):
    text = (finished.export / "tflm" / "aersut_model.h").read_text()
    assert f"Python package tflite-micro {version('tflite-micro')}" in text


@dataclass(frozen=True)
class Program:
    """main_example.cc for this machine, with the models of the C library in place of the interpreter."""

    folder: Path
    compiler: Callable[..., None]
    headers: Path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that a file of the folder contains."""
        path = self.folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def run(self, samples: np.ndarray, block: int, **environment: str) -> subprocess.CompletedProcess[str]:
        """Compile it, and give it a recording in blocks; what it prints, and GIVEN_STATES in the folder."""
        samples.tofile(self.folder / "RECORDING")
        options = ["-pthread", *WARNINGS, *(f"-I{at}" for at in (self.headers, HOST, self.folder))]
        sources = [*self.folder.glob("*.cc"), HOST / "replay.cc", *self.folder.glob("*.o")]
        for path in self.folder.glob("*.c"):
            self.compiler("gcc", "-std=c11", "-c", *options, path, "-o", path.with_suffix(".o"))
            sources.append(path.with_suffix(".o"))
        memory = [f"-DC_{name}={(self.folder / name).read_text()}" for name in ("ARENA", "WINDOW")]
        self.compiler("g++", "-std=c++17", *options, *memory, *sources, "-lm", "-o", self.folder / "program")
        paths = {name: str(self.folder / name) for name in ("RECORDING", "GIVEN_STATES")}
        variables = {**os.environ, **paths, "BLOCK": str(block), **environment}
        return subprocess.run([self.folder / "program"], env=variables, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def models(finished: Run, compiler: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder tflm, with the models of the C library as objects whose functions have other names."""
    folder = tmp_path_factory.mktemp("models") / "tflm"
    shutil.copytree(finished.export / "tflm", folder)
    source = finished.export / "c" / "src"
    names = ("aersut_run_frontend", "aersut_run_classifier", "aersut_labels", "aersut_silent_frame", "aersut_model_id")
    renamed = [f"-D{name}={name.replace('aersut', 'c')}" for name in names]
    for path in source.glob("*.c"):
        if path.name not in ("aersut.c", "aersut_self_test.c"):
            compiler("gcc", "-std=c99", "-O2", "-c", *renamed, path, "-o", folder / f"c_{path.stem}.o")
    for name in ("ARENA", "WINDOW"):
        definition = (source / "aersut_model.h").read_text().split(f"#define AERSUT_{name} ")[1]
        (folder / name).write_text(definition.split()[0])
    return folder


@pytest.fixture
def program(models: Path, compiler: Callable[..., None], headers: Path, tmp_path: Path) -> Program:
    return Program(shutil.copytree(models, tmp_path / "program"), compiler, headers)


@pytest.fixture(scope="module")
def recording(finished: Run) -> np.ndarray:
    """Two clips with a DC offset, and silence between them; i16[samples]."""
    clips = collect(finished.experiment.data, finished.experiment.framing)
    silence = np.zeros(2 * finished.experiment.framing.sample_rate)
    parts = np.concatenate([clips.window(0) // 2, silence, clips.window(9) // 2])
    return (parts + 200).clip(-32768, 32767).astype(np.int16)


@pytest.mark.parametrize(("block", "state"), [(1, 0), (160, 3), (700, 0)])
def test_it_prints_the_emotions_of_the_c_library(
    block: int, state: int, finished: Run, program: Program, recording: np.ndarray
):
    """The frontend of this run has no state; the program is compiled with one, too."""
    source = finished.export / "c" / "src"
    with host_program({f"src/{path.name}": path.read_text() for path in source.iterdir()}, ["gcc"]) as library:
        expected = library.stream(recording, block)
    emotions = {emotion for emotion, _ in expected}
    assert "silence" in emotions
    assert len(emotions) > 1
    if state:
        program.edit("aersut_model.h", "AERSUT_STATE 0 ", f"AERSUT_STATE {state} ")
        program.edit("aersut_model.h", "int8_t *frame, ", "const float *state, int8_t *frame, float *next_state, ")
    done = program.run(recording, block)
    assert done.returncode == 0, done.stdout
    assert [line.rsplit(" ", 2)[0] for line in done.stdout.splitlines()] == [
        f"{emotion} {int(100 * max(probabilities) + 0.5)} %" for emotion, probabilities in expected
    ]
    framing = finished.experiment.framing
    frames = 1 + (len(recording) - framing.frame_length + framing.frame_length // 2) // framing.hop_length
    calls = [*range(FRAMES), *range(frames)]  # of the self-test; of the loop, again from zeros
    np.testing.assert_array_equal(
        np.fromfile(program.folder / "GIVEN_STATES", np.float32), np.repeat(calls, state).astype(np.float32)
    )


def test_after_lost_samples_the_program_says_so_and_starts_again(
    finished: Run, program: Program, recording: np.ndarray
):
    lost, framing = len(recording) // 3, finished.experiment.framing
    before = framing.frame_length - framing.frame_length // 2 + 7 * framing.hop_length  # eight frames
    first, *lines = program.run(recording, 160, LOST=str(lost)).stdout.splitlines()
    assert first == f"sample ring buffer overrun: {lost} samples lost"
    source = finished.export / "c" / "src"
    with host_program({f"src/{path.name}": path.read_text() for path in source.iterdir()}, ["gcc"]) as library:
        expected = library.stream(recording[before + lost :], 160)
    assert len(expected) > 1
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        f"{emotion} {int(100 * max(probabilities) + 0.5)} %" for emotion, probabilities in expected
    ]


@pytest.mark.parametrize(
    ("calls", "message"), [(0, ""), (FRAMES, "self-test failed"), (FRAMES + WINDOWS + 9, "")], ids=str
)
def test_a_model_that_fails_ends_the_program(calls: int, message: str, program: Program, recording: np.ndarray):
    done = program.run(recording, 160, FAIL=str(calls))
    assert done.returncode == 1
    assert done.stdout.startswith(message)


@pytest.mark.parametrize(
    ("table", "difference", "passes"),
    [("frames", 1, True), ("frames", 2, False), ("probabilities", 6, True), ("probabilities", 7, False)],
)
def test_the_self_test_has_a_tolerance(
    table: str, difference: int, passes: bool, program: Program, recording: np.ndarray
):
    text = (program.folder / "aersut_vectors.h").read_text()
    first = re.search(rf"aersut_test_{table}\[.*\n{{(-?\d+),", text)
    assert first
    value = int(first[1])
    other = value + (difference if value < 0 else -difference)
    program.edit("aersut_vectors.h", first[0], first[0].replace(f"{{{value},", f"{{{other},"))
    done = program.run(recording[:100], 160)
    assert (done.returncode == 0) == passes
    assert done.stdout.startswith("self-test failed") != passes


BARE_METAL = (
    *("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os"),
    *("-std=c++11", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"),
)


def test_it_compiles_for_bare_metal(finished: Run, compiler: Callable[..., None], headers: Path, tmp_path: Path):
    """Without guards and destructors of static objects, a heap, or headers of a C++ library."""
    if not shutil.which("arm-none-eabi-g++"):
        pytest.skip("there is no C++ compiler for Cortex-M")
    for path in (finished.export / "tflm").glob("*.cc"):
        compiled = tmp_path / f"{path.stem}.o"
        compiler("arm-none-eabi-g++", *BARE_METAL, *WARNINGS, f"-I{headers}", f"-I{HOST}", "-c", path, "-o", compiled)
        symbols = subprocess.run(["arm-none-eabi-nm", compiled], capture_output=True, text=True, check=True).stdout
        assert "aersut_" in symbols
        assert not re.search(r"__cxa|__dso_handle|atexit|_Zn|_Zd|malloc|__atomic_", symbols), symbols


def _vectors(bundle: Path) -> dict[str, np.ndarray]:
    """The arrays of aersut_vectors.h."""
    found = {}
    for definition in (bundle / "tflm" / "aersut_vectors.h").read_text().split("static const ")[1:]:
        head, body = definition.split("=", 1)
        rows = [row.split("}")[0].split(",") for row in body.split("{")[2:]]
        found[head.split("aersut_test_")[1].split("[")[0]] = np.array(rows, np.int16)
    return found


def test_the_test_vectors_are_outputs_of_the_exported_files(finished: Run):
    vectors = _vectors(finished.export)
    for name, given, expected in (
        ("frontend.tflite", vectors["samples"].astype(np.int16), vectors["frames"]),
        ("model_int8.tflite", vectors["windows"].astype(np.int8), vectors["probabilities"]),
    ):
        file = TFLiteFile.read(finished.export / name)
        given = given.reshape(len(given), *file.inputs[0].shape[1:])
        np.testing.assert_array_equal(run_tflm(file, given).outputs, expected)


def test_the_frontend_has_the_features_of_jax_and_the_scale_of_the_classifier(finished: Run):
    result = json.loads((finished.export / "export.json").read_text())
    assert result["files"]["frontend.tflite"]["feature_difference"] < 1e-3
    about = TFLiteFile.read(finished.export / "frontend.tflite").metadata
    network = TFLiteFile.read(finished.export / "model_int8.tflite").metadata
    assert about["kind"] == "frontend"
    assert [about["output"][key] for key in ("scale", "zero_point")] == [
        network["input"][key] for key in ("scale", "zero_point")
    ]


CONFIDENT = {  # a network trained in seconds is confident for few emotions, of seen speakers
    "data.protocol": "random",
    "augment": "",
    "augmented_copies": 0,
    "model.dropout": 0.1,
    "epochs": 20,
}


@pytest.mark.slow  # a run of its own, whose network is more confident than after three epochs
def test_a_stream_of_synthetic_speech_agrees_with_jax(tiny: str, launch: Callable[..., Any], tmp_path: Path):
    settings = {
        **CONFIDENT,
        "data.corpora.0.repetitions": 3,
        "data.emotions": "calm,sad,angry",
        "optimizer.learning_rate": 1e-2,
    }
    _, stream = _streamed(settings, tiny, launch, tmp_path)
    assert stream["clips"] == 18
    assert stream["agreement"] >= 0.98
    assert stream["uar"] > 0.6


@pytest.mark.slow  # trains on real speech: the only test of the agreement of a board with JAX on it
def test_a_stream_of_real_speech_agrees_with_jax(
    real_data: Path, tiny: str, launch: Callable[..., Any], tmp_path: Path
):
    settings = {
        **CONFIDENT,
        "data.corpora": "ravdess",
        "data.root": real_data,
        "data.emotions": "calm,happy,angry",
        "framing.seconds": 3.0,
        "features": "log_mel",
        "features.0.n_mels": 40,
        "model.filters": "64,64",
        "model.dense": 64,
    }
    out, stream = _streamed(settings, tiny, launch, tmp_path)
    assert "on the windows of the evaluation" in out
    assert stream["clips"] > 60
    assert stream["agreement"] >= 0.98
    assert stream["uar"] > 0.6


def _streamed(
    settings: dict[str, Any], tiny: str, launch: Callable[..., Any], folder: Path
) -> tuple[str, dict[str, Any]]:
    """The output of the export of a run with these settings, and the stream's results."""
    chosen = [f"--experiment.{key}={value}" for key, value in settings.items()]
    assert launch(f"--experiment={tiny}", f"--workdir={folder}", "--mode=train", *chosen).status == 0
    done = launch(f"--workdir={folder}", "--mode=export", "--export.targets=firmware")
    assert done.status == 0
    return done.out, json.loads((folder / "export" / "export.json").read_text())["stream"]


@pytest.mark.slow  # an export of its own
def test_the_firmware_does_not_need_the_c_library(
    finished: Run, launch: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(finished.folder, tmp_path / "run")
    monkeypatch.setenv("CC", "false")
    command = ["--mode=export", f"--workdir={tmp_path / 'run'}"]
    done = launch(*command, "--export.targets=firmware")
    assert done.status == 0
    assert "c/ (the model as C source) is omitted: the compiler false refused the C library" in done.out
    bundle = tmp_path / "run" / "export"
    assert not (bundle / "c").exists()
    files = [{path.name for path in (folder / "tflm").iterdir()} for folder in (bundle, finished.export)]
    assert files[0] == files[1]


@pytest.mark.slow  # a run and an export of its own, with a classifier that reads the ring buffer
def test_the_classifier_of_the_ring_buffer_computes_deltas_and_scaling_by_utterance(
    tiny: str, launch: Callable[..., Any], tmp_path: Path
):
    run = tmp_path / "run"
    chosen = [f"--experiment.{key}" for key in ("features=mfcc,delta", "scaling=utterance", "epochs=1")]
    assert launch(f"--experiment={tiny}", f"--workdir={run}", "--mode=train", *chosen).status == 0
    exporting = (f"--workdir={run}", "--mode=export", "--export.targets=firmware")
    assert launch(*exporting).status == 0
    result = json.loads((run / "export" / "export.json").read_text())
    assert result["stream"]["files"] == ["frontend.tflite", "ring_int8.tflite"]
    assert result["stream"]["difference"] < 0.1
    ring, frontend = (TFLiteFile.read(run / "export" / name) for name in ("ring_int8.tflite", "frontend.tflite"))
    assert ring.inputs[0].shape[2] == frontend.outputs[0].shape[1] == 13
    assert ring.inputs[0].scale == frontend.outputs[0].scale
    path = run / "export" / "ring_int8.tflite"  # no classifier of the features that other files compute
    for command in (["--mode=evaluate", f"--workdir={run}"], ["--mode=predict", str(path)]):
        refused = launch(*command, f"--model={path}")
        assert refused.status == 2
        assert "ring_int8.tflite" in refused.err
    done = launch("--mode=evaluate", f"--workdir={run}", f"--model={run / 'export' / 'frontend.tflite'}")
    assert done.status == 0
    assert "frontend.tflite)" in done.out


@pytest.mark.slow  # a run and an export of its own, with a state in the frontend and a loop in the files for LiteRT
def test_a_recursive_feature_is_exported_for_every_target(tiny: str, launch: Callable[..., Any], tmp_path: Path):
    run = tmp_path / "run"
    features = (
        '[{"name": "rasta", "of": {"name": "relative", "of": {"name": "log_mel", "n_mels": 40}}}, {"name": "pcen"}]'
    )
    chosen = [f"--experiment.{key}" for key in (f"features={features}", "epochs=1")]
    assert launch(f"--experiment={tiny}", f"--workdir={run}", "--mode=train", *chosen).status == 0
    done = launch(f"--workdir={run}", "--mode=export", "--export.targets=firmware,waveform")
    assert done.status == 0, done.err
    files = json.loads((run / "export" / "export.json").read_text())["files"]
    assert list(files)[-2:] == ["frontend.tflite", "ring_int8.tflite"]  # those for LiteRT are first
    assert {"waveform_int8.tflite", "frontend.tflite", "ring_int8.tflite"} <= set(files)
    assert "WHILE" in files["ring_int8.tflite"]["operators"]  # rasta of a feature of the whole window
    assert "#define AERSUT_STATE 65 " in (run / "export" / "tflm" / "aersut_model.h").read_text()

    model = BoardModel(run / "export" / "frontend.tflite")
    samples = np.random.default_rng(0).normal(0, 3_000, model.framing.samples).astype(np.int16)
    [window] = BoardStream(model).push(samples)
    frontend, ring = (TFLiteFile.read(run / "export" / name) for name in ("frontend.tflite", "ring_int8.tflite"))
    rows = run_tflm(frontend, frames_of(without_offset(samples), model.framing)[: model.framing.frames]).outputs
    np.testing.assert_array_equal(window.frames, rows.reshape(window.frames.shape))
    expected = ring.outputs[0].dequantize(run_tflm(ring, window.frames[None]).outputs)
    np.testing.assert_array_equal(model.classify(window), expected[0])


def test_frames_are_quantized_for_any_gain(voices: np.ndarray):
    """The level is normalized in the ring buffer, after quantization."""
    features = (Relative(LogMel(n_mels=40)),)
    stream = split_frontend(Frontend(Framing(16_000, 1.0, 512, 256), features, (), 8), voices // 16)
    format_of_frames = _quantization(stream, voices // 16)
    loud = (voices * (32767 / np.abs(voices.astype(np.float64)).max(axis=1, keepdims=True))).astype(np.int16)
    frames = offline(stream.frames, loud)
    error = format_of_frames.dequantize(format_of_frames.quantize(frames)) - frames
    assert np.abs(error).max() <= 0.51 * format_of_frames.scale


HOST_FEATURE = '''
import numpy as np
from dataclasses import dataclass
from aersut.contracts import Feature
from aersut.registry import FEATURES

@FEATURES.register("peak_on_host")
@dataclass(frozen=True)
class Peak(Feature):
    """The largest sample."""
    channels = 1
    host = True
    def __call__(self, signal):
        return np.abs(np.asarray(signal.frames())).max(axis=1, keepdims=True)
'''


@pytest.mark.slow  # a run and three exports
def test_a_feature_on_the_host_omits_files_or_is_refused(tiny: str, launch: Callable[..., Any], tmp_path: Path):
    (tmp_path / "peak.py").write_text(HOST_FEATURE)
    run = tmp_path / "run"
    chosen = [f"plugins={tmp_path / 'peak.py'}", "features=mfcc,peak_on_host", "epochs=1"]
    arguments = [f"--experiment.{key}" for key in chosen]
    assert launch(f"--experiment={tiny}", f"--workdir={run}", "--mode=train", *arguments).status == 0
    exporting, without = (f"--workdir={run}", "--mode=export"), "--export.waveform=false"
    for options in (("--export.waveform=true", "--export.targets=waveform"), ("--export.stream=true", without)):
        refused = launch(*exporting, *options)
        assert refused.status == 2
        assert "feature 'peak_on_host' is computed outside JAX" in refused.err
        assert not (run / "export").exists()
    done = launch(*exporting, "--export.targets=firmware,waveform")
    assert done.status == 0
    assert "features.tflite and waveform_*.tflite are omitted: feature 'peak_on_host'" in done.out
    assert "frontend.tflite and the firmware are omitted: feature 'peak_on_host'" in done.out
    assert {path.suffix for path in (run / "export").iterdir()} == {".tflite", ".txt", ".md", ".json"}


@pytest.mark.parametrize(
    ("operator", "method"),
    [
        *[("CONV_2D", "AddConv2D"), ("MAX_POOL_2D", "AddMaxPool2D"), ("FULLY_CONNECTED", "AddFullyConnected")],
        *[("SELECT_V2", "AddSelectV2"), ("PADV2", "AddPadV2"), ("BATCH_MATMUL", "AddBatchMatMul")],
        *[
            ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
            ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ],
        *[("L2_NORMALIZATION", "AddL2Normalization"), ("CUMSUM", "AddCumSum"), ("ARG_MAX", "AddArgMax")],
    ],
)
def test_names_of_the_methods_that_add_operators(operator: str, method: str):
    assert adder(operator) == method


def test_offline_frames_of_a_stream_are_those_of_a_window_without_ends(finished: Run):
    """Except at the ends of the window they equal the features of training."""
    frontend = load_trained(finished).frontend
    clips = collect(finished.experiment.data, finished.experiment.framing)
    samples = np.stack([clips.window(0), clips.window(9)])
    found = offline(frontend, samples)
    assert found.shape == (2, *frontend.shape)
    expected = frontend.scaled(frontend.transformed(samples.astype(np.float32) / 32768)[1])
    np.testing.assert_allclose(found[:, 1:-1], expected[:, 1:-1], atol=1e-3)
