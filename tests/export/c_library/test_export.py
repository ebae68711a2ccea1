"""The library in the export: compared with TensorFlow Lite Micro, buildable, and omitted with a reason."""

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aersut.board import frames_of
from aersut.errors import UserError
from aersut.export.c_library import host
from aersut.export.c_library.compare import Verified, compare
from aersut.export.c_library.library import CLibrary, c_library
from aersut.export.c_source import Pipeline
from aersut.run_folder import Run
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm


@pytest.fixture(scope="module")
def pipeline(finished: Run) -> Pipeline:
    framing = finished.experiment.framing
    frontend, classifier = (
        TFLiteFile.read(finished.export / name) for name in ("frontend.tflite", "model_int8.tflite")
    )
    samples = frames_of(np.random.default_rng(0).integers(-999, 999, 40_000).astype(np.int16), framing)
    rows = run_tflm(frontend, samples).outputs.reshape(len(samples), -1)
    windows = np.stack([rows[: framing.frames], rows[-framing.frames :]])
    labels = tuple(finished.experiment.data.emotions)
    return Pipeline(
        framing, labels, frontend, classifier, (1, 1), "a test", samples, windows, 40.0, "a corpus (a licence)"
    )


@pytest.fixture(scope="module")
def library(pipeline: Pipeline) -> CLibrary:
    return c_library(pipeline)


@pytest.fixture(scope="module")
def verified(pipeline: Pipeline) -> Verified:
    return Verified(
        pipeline.samples,
        run_tflm(pipeline.frontend, pipeline.samples, sequence=pipeline.framing.frames).outputs,
        pipeline.windows,
        run_tflm(pipeline.classifier, pipeline.windows).outputs,
    )


def test_the_export_compared_every_byte(finished: Run):
    found = json.loads((finished.export / "export.json").read_text())["c"]
    clips = json.loads((finished.export / "export.json").read_text())["stream"]["clips"]
    if found["compared"] is None:
        pytest.skip("there is no C compiler")
    assert found["compared"]["windows"] == clips
    assert found["compared"]["frames"] == clips * finished.experiment.framing.frames
    assert found["macs"]["window"] > 1000
    assert found["compared"]["features_differing"] <= 1e-3
    assert found["compared"]["features_differing_without_fpu"] <= 1e-3


def test_one_differing_byte_refuses_the_library(pipeline: Pipeline, library: CLibrary, verified: Verified):
    if host.find_compiler() is None:
        pytest.skip("there is no C compiler")
    assert compare(library, pipeline, verified) == {
        "compiler": " ".join(host.find_compiler() or ()),
        "frames": len(verified.samples),
        "windows": 2,
        "features_differing": 0.0,
    }
    probabilities = verified.probabilities.copy()
    probabilities[0, 0] ^= 1
    with pytest.raises(UserError, match=r"1 of \d+ of its probabilities differ from TensorFlow Lite Micro's"):
        compare(library, pipeline, replace(verified, probabilities=probabilities))
    features = verified.features.copy()
    features.flat[5] += 1
    with pytest.raises(UserError, match=r"1 of \d[\d,]* of its features differ .*, by up to 1 steps"):
        compare(library, pipeline, replace(verified, features=features))


def test_without_a_compiler_nothing_is_compared(
    pipeline: Pipeline, library: CLibrary, verified: Verified, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert compare(library, pipeline, verified) is None


def test_a_compiler_with_options(
    pipeline: Pipeline, library: CLibrary, verified: Verified, monkeypatch: pytest.MonkeyPatch
):
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc")
    monkeypatch.setenv("CC", "gcc -O3")
    compared = compare(library, pipeline, verified)
    assert compared is not None
    assert compared["compiler"] == "gcc -O3"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'no such target' >&2; exit 1", r"compiler refused the C library: no such target"),
        (
            'while [ "$1" != -o ]; do shift; done; printf "\\177ELF" > "$2"; chmod +x "$2"',
            "does not run on this machine",
        ),
    ],
    ids=["it fails", "it compiles for another machine"],
)
def test_a_compiler_that_cannot_be_used_is_named(
    script: str,
    message: str,
    pipeline: Pipeline,
    library: CLibrary,
    verified: Verified,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    compiler = tmp_path / "compiler"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(UserError, match=message):
        compare(library, pipeline, verified)


def test_fast_math_is_refused(pipeline: Pipeline, library: CLibrary):
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc")
    with pytest.raises(UserError, match="without -ffast-math"), host.host_program(library.files, ["gcc"], ["-Ofast"]):
        pass


def test_make_builds_the_desktop_example(finished: Run, tmp_path: Path):
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("there is no make, or no C compiler")
    shutil.copytree(finished.export / "c", tmp_path / "c")
    done = subprocess.run(["make", "-C", tmp_path / "c"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    samples = (np.random.default_rng(0).normal(size=50_000) * np.repeat([3000, 30], 25_000)).astype(np.int16)
    ran = subprocess.run([tmp_path / "c" / "aersut"], input=samples.tobytes(), capture_output=True, text=False)
    assert ran.returncode == 0
    lines = ran.stdout.decode().splitlines()
    assert lines[0].split()[:2] == ["0.00", "s"]
    assert lines[0].split()[2] in {*finished.experiment.data.emotions, "silence"}
    wav = io.BytesIO()
    soundfile.write(wav, samples, finished.experiment.framing.sample_rate, format="WAV")
    again = subprocess.run([tmp_path / "c" / "aersut"], input=wav.getvalue(), capture_output=True, text=False)
    assert again.stdout == ran.stdout, "the header is skipped"
    header, data = wav.getvalue()[:36], wav.getvalue()[36:]
    others = header + b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf59.27.100\0" + data + b"LIST\x04\0\0\0INFO"
    again = subprocess.run([tmp_path / "c" / "aersut"], input=others, capture_output=True, text=False)
    assert again.stdout == ran.stdout, "so are other chunks, as ffmpeg writes them, before and after the samples"
    endless = header + data[:4] + bytes(4) + data[8:]  # as a recorder that writes to a pipe
    again = subprocess.run([tmp_path / "c" / "aersut"], input=endless, capture_output=True, text=False)
    assert again.stdout == ran.stdout
    unknown = header + data[:4] + b"\0\xf0\xff\x7f" + data[8:]
    again = subprocess.run([tmp_path / "c" / "aersut"], input=unknown, capture_output=True, text=False)
    assert again.stdout == ran.stdout
    short = subprocess.run([tmp_path / "c" / "aersut"], input=bytes(3_200), capture_output=True, text=False)
    assert (short.returncode, b"the input ended before one window of" in short.stderr) == (1, True)
    named = subprocess.run([tmp_path / "c" / "aersut", "clip.wav"], capture_output=True, text=False)
    assert (named.returncode, b"unexpected argument 'clip.wav'; the audio is the standard" in named.stderr) == (2, True)
    empty = subprocess.run([tmp_path / "c" / "aersut"], input=header, capture_output=True, text=False)
    assert (empty.returncode, b"expected a WAV file" in empty.stderr) == (2, True)
    for rate, channels in ((48_000, 1), (finished.experiment.framing.sample_rate, 2)):
        wav = io.BytesIO()
        soundfile.write(wav, samples.reshape(-1, channels), rate, format="WAV")
        refused = subprocess.run([tmp_path / "c" / "aersut"], input=wav.getvalue(), capture_output=True, text=False)
        assert (refused.returncode, b"expected a WAV file of 16-bit mono" in refused.stderr) == (2, True)


def test_cmake_builds_the_library(finished: Run, tmp_path: Path):
    if not shutil.which("cmake"):
        pytest.skip("there is no CMake")
    folder = tmp_path / "build"
    for command in (["cmake", "-S", finished.export / "c", "-B", folder], ["cmake", "--build", folder]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (folder / "aersut_desktop").exists()


def test_it_compiles_as_part_of_a_cpp_program(finished: Run, tmp_path: Path):
    """Arduino's sketches are C++."""
    if not shutil.which("g++"):
        pytest.skip("there is no C++ compiler")
    (tmp_path / "main.cpp").write_text(
        '#include "aersut.h"\nstatic aersut ser;\nint main() { aersut_init(&ser); return aersut_ready(&ser); }\n'
    )
    source = finished.export / "c" / "src"
    objects = []
    for path in source.glob("*.c"):
        objects.append(str(tmp_path / f"{path.stem}.o"))
        subprocess.run(["gcc", "-c", path, "-o", objects[-1]], check=True)
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", f"-I{source}", tmp_path / "main.cpp", *objects]
    done = subprocess.run([*command, "-lm", "-o", tmp_path / "main"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([tmp_path / "main"]).returncode == 0


def test_the_folder_states_the_sample_rate_and_the_licences(library: CLibrary, pipeline: Pipeline):
    readme = library.files["README.md"]
    assert f"-r {pipeline.framing.sample_rate} " in readme
    for name in ("README.md", "src/aersut_model.c", "src/aersut_vectors.h"):
        assert "a corpus (a licence)" in library.files[name]
    assert "MIT" not in library.files["library.json"]  # the weights come with other licences
    assert library.files["LICENSE"] == (Path(__file__).parents[3] / "LICENSE").read_text()
    assert not [name for name, text in library.files.items() if re.search("@[A-Z_]+@", text)]


def test_the_arduino_folder_has_the_layout_of_a_library(finished: Run):
    folder = finished.export / "c"
    properties = dict(
        line.split("=", 1) for line in (folder / "library.properties").read_text().splitlines() if "=" in line
    )
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"} <= {
        *properties
    }
    assert all(properties.values())
    assert all(part.isdigit() for part in properties["version"].split("."))
    assert (folder / "src" / properties["includes"]).exists()
    assert (folder / "examples" / "pdm_microphone" / "pdm_microphone.ino").exists()
    assert json.loads((folder / "library.json").read_text())["version"] == properties["version"]
