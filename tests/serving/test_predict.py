"""--mode=predict: table, CSV and JSON output, and exit statuses."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from aersut.data.audio import read_blocks
from aersut.labels import RESERVED
from aersut.serving.predict import MAX_UTTERANCE, PredictOptions, find_files, predict_files
from aersut.serving.recognizer import load
from aersut.workers import usable_cores


@pytest.fixture
def predict(launch, bundle):
    """Run --mode=predict with the exported float32 file."""
    model = f"--model={bundle / 'model_float32.tflite'}"
    return lambda *arguments: launch("--mode=predict", model, *map(str, arguments))


@pytest.fixture
def folder(tmp_path, speech) -> Path:
    """A folder with audio files of several formats, and a text file."""
    samples, rate = soundfile.read(speech)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a.wav", "b.flac", "deep/c.ogg", "deep/er/d.mp3", "deep/er/e.aiff"):
        soundfile.write(tmp_path / name, samples, rate)
    soundfile.write(tmp_path / "f.wav", np.stack([samples] * 8, axis=1), rate)
    (tmp_path / "notes.txt").write_text("not audio")
    return tmp_path


class TestFiles:
    def test_are_classified_as_in_evaluation(self, predict, evaluated):
        outcome = predict("--json", *(row["path"] for row in evaluated))
        assert (outcome.status, outcome.err) == (0, "")
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        assert [line["file"] for line in lines] == [row["path"] for row in evaluated]
        for line, row in zip(lines, evaluated, strict=True):
            assert line["emotion"] == row["predicted"]
            assert line["confidence"] == pytest.approx(float(row[row["predicted"]]), abs=1e-5)

    def test_of_any_format_are_found_in_a_folder(self, predict, folder):
        outcome = predict(folder)
        assert outcome.status == 0
        head, *lines = outcome.out.splitlines()
        assert head.split() == ["file", "from", "to", "emotion", "confidence"]
        names = ["a.wav", "b.flac", "f.wav", "deep/c.ogg", "deep/er/d.mp3", "deep/er/e.aiff"]
        assert [line.split()[0] for line in lines] == names
        assert len({tuple(line.split()[-2:]) for line in (lines[0], lines[1], lines[2], lines[5])}) == 1  # lossless

    def test_below_a_minimum_confidence_are_uncertain(self, predict, folder):
        outcome = predict("--min_confidence=1", folder / "a.wav")
        assert (outcome.status, outcome.out.splitlines()[1].split()[-2]) == (0, "uncertain")
        assert json.loads(predict("--min_confidence=1", "--json", folder / "a.wav").out)["emotion"] == "uncertain"

    def test_as_csv_with_every_probability(self, predict, folder):
        outcome = predict("--csv", folder / "a.wav", folder / "notes.txt")
        assert outcome.status == 1
        good, bad = csv.DictReader(io.StringIO(outcome.out))
        assert set(list(good)[:5] + list(good)[-2:]) <= RESERVED, "a label may not have the name of another column"
        assert good["error"] == ""
        assert sum(float(good[name]) for name in list(good)[5:-2]) == pytest.approx(1, abs=1e-4)
        assert bad["emotion"] == ""
        assert "cannot be decoded" in bad["error"]

    def test_that_are_long_are_classified_by_window(self, predict, recognizer, dialogue, tmp_path):
        samples, rate = soundfile.read(dialogue)
        soundfile.write(tmp_path / "long.flac", np.resize(samples, round((MAX_UTTERANCE + 5) * rate)), rate)
        lines = [json.loads(line) for line in predict("--json", tmp_path / "long.flac").out.splitlines()]
        assert len(lines) == pytest.approx((MAX_UTTERANCE + 5 - recognizer.framing.seconds) / 0.5 + 1, abs=1)
        assert None in {line["emotion"] for line in lines}
        by_hop = predict("--hop=1", "--smoothing=2", tmp_path / "long.flac").out.splitlines()
        assert len(by_hop) == pytest.approx(len(lines) / 2 + 1, abs=2)
        assert any(line.endswith("silence") for line in by_hop)
        assert len(predict("--hop=0.5", "--json", dialogue).out.splitlines()) > 1
        smoothed = [json.loads(line) for line in predict("--smoothing=2", "--json", dialogue).out.splitlines()]
        assert len(smoothed) > 1, "smoothing is over windows"

    def test_that_cannot_be_used_are_reported_and_the_others_classified(self, predict, speech, tmp_path):
        samples, rate = soundfile.read(speech)
        (tmp_path / "empty.wav").touch()
        soundfile.write(tmp_path / "one.wav", samples[6000:6001] * 0 + 0.5, rate)
        soundfile.write(tmp_path / "none.wav", samples[:0], rate)
        soundfile.write(tmp_path / "silent.wav", 0 * samples, rate)
        soundfile.write(
            tmp_path / "nan.wav", np.where(samples == samples.max(), np.nan, samples), rate, subtype="FLOAT"
        )
        soundfile.write(tmp_path / "cut.wav", samples, rate)
        os.truncate(tmp_path / "cut.wav", 9_000)
        soundfile.write(tmp_path / "good.wav", samples, rate)
        outcome = predict("--json", tmp_path)
        assert outcome.status == 1
        assert "6 of 7 files could not be used" in outcome.err
        results = {Path(line["file"]).stem: line for line in map(json.loads, outcome.out.splitlines())}
        assert results["good"]["emotion"]
        for name, reason in (
            ("empty", "is empty"),
            ("one", "too short: 1 samples"),
            ("none", "contains no samples"),
            ("silent", "is silent"),
            ("nan", "NaN"),
            ("cut", "is truncated"),
        ):
            assert reason in results[name]["error"]

    def test_of_low_sample_rate_are_classified_with_a_warning(self, predict, speech, tmp_path):
        samples = soundfile.read(speech)[0]
        soundfile.write(tmp_path / "low.wav", samples, 7_000)
        outcome = predict("--json", tmp_path / "low.wav")
        assert outcome.status == 0
        assert json.loads(outcome.out)["emotion"]
        warning = json.loads(outcome.out)["warning"]
        assert warning.startswith("is sampled at 7,000 Hz")
        assert f"low.wav {warning}." in outcome.err
        [row] = csv.DictReader(io.StringIO(predict("--csv", tmp_path / "low.wav").out))
        assert (row["warning"], row["error"]) == (warning, "")

    @pytest.mark.parametrize("seconds", [9, 11])
    def test_of_steady_noise_or_below_the_vad_threshold_are_silence(self, predict, tmp_path, seconds):
        rng = np.random.default_rng(0)
        noise = 0.1 * rng.standard_normal(16_000 * seconds)
        syllables = np.repeat(rng.uniform(0, 1, 5 * seconds), 3_200)
        soundfile.write(tmp_path / "noise.wav", noise, 16_000)
        soundfile.write(tmp_path / "quiet.wav", 0.003 * noise * syllables, 16_000, subtype="PCM_24")
        outcome = predict("--json", tmp_path)
        assert {json.loads(line)["emotion"] for line in outcome.out.splitlines()} == {None}
        assert "noise.wav contains no speech: in every window, its level varies by less than 6 dB" in outcome.err
        assert "quiet.wav is below the voice activity detection (VAD) threshold" in outcome.err
        louder = predict("--json", "--vad_threshold=-90", tmp_path / "quiet.wav")
        assert any(json.loads(line)["emotion"] for line in louder.out.splitlines())

    def test_with_other_suffixes_are_counted(self, predict, folder):
        (folder / "deep" / "talk.docx").touch()
        (folder / "more.txt").touch()
        err = predict(folder).err
        assert "note: 3 files of the folders are not audio files by their suffix (2 .txt, 1 .docx)" in err

    def test_with_a_dash_before_their_names_follow_two_dashes(self, launch, bundle, speech, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "-wNy.wav").write_bytes(speech.read_bytes())
        outcome = launch("--mode=predict", f"--model={bundle / 'model_int8.tflite'}", "-wNy.wav")
        assert (outcome.status, "is given after --: … -- -wNy.wav" in outcome.err) == (2, True)
        for names in (["--", "-wNy.wav"], ["./-wNy.wav"]):
            assert launch("--mode=predict", f"--model={bundle / 'model_int8.tflite'}", *names).status == 0

    def test_user_errors_exit_with_2_and_one_line(self, predict, launch, folder, tmp_path, bundle):
        (tmp_path / "hollow").mkdir()
        for arguments, message in (
            ((), "expected audio files and folders, or --stream"),
            (("nothing.wav",), "nothing.wav: no such file"),
            ((tmp_path / "hollow",), "contains no audio file"),
            (("--json", "--csv", folder), "exclude each other"),
            (("--hop=0", folder), "hop is 0.0 s"),
            (("--hop=9", folder), "hop is 9.0 s"),
            (("--rate=8000", folder), "--rate is that of raw samples from standard input"),
        ):
            outcome = predict(*arguments)
            assert outcome.status == 2
            assert message in outcome.err
            assert outcome.err.count("\n") == 1
        assert "--model is missing" in launch("--mode=predict", str(folder)).err

    def test_are_read_in_constant_memory(self, recognizer, tmp_path):
        path = tmp_path / "hours.wav"
        noise = (300 * np.random.default_rng(0).standard_normal(60 * 16_000)).astype(np.int16)
        with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
            for _ in range(30):
                file.write(noise)
        peaks = []
        for minutes in (1, 30):
            tracemalloc.start()
            for block in (block for n, block in enumerate(read_blocks(path)) if n < 6 * minutes):
                assert len(block.samples) == 160_000
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.5 * peaks[0] < 5e6
        [result] = predict_files(recognizer, find_files([str(path)]), PredictOptions(hop=1.5))
        assert len(result.predictions) == pytest.approx(1800 / 1.5, abs=2)


@pytest.mark.skipif(len(usable_cores()) < 2, reason="processes are forked on Linux, for several cores")
class TestWorkerProcesses:
    """They are used where JAX was not imported: in a program of its own, unlike the other tests."""

    @pytest.fixture
    def command(self, bundle) -> list[str]:
        root = Path(__file__).parents[2]
        model = f"--model={bundle / 'model_float32.tflite'}"
        return [sys.executable, str(root / "launch.py"), "--mode=predict", model, "--json"]

    @pytest.fixture
    def blocked(self, command, folder) -> Callable[[], Any]:
        """Start a prediction whose workers wait for the writers of named pipes; yield it and a worker's process ID."""
        for name in ("1.wav", "2.wav"):
            os.mkfifo(folder / name)

        @contextmanager
        def start() -> Iterator[tuple[subprocess.Popen[str], int]]:
            pipe = subprocess.PIPE
            with subprocess.Popen(
                [*command, folder], stdout=pipe, stderr=pipe, text=True, start_new_session=True
            ) as process:
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
                deadline = time.monotonic() + 60
                while not (workers := children.read_text().split()) and time.monotonic() < deadline:
                    time.sleep(0.05)
                time.sleep(0.5)  # to start their work
                try:
                    yield process, int(workers[0])
                finally:
                    process.kill()

        return start

    def test_classify_as_one_process_does(self, command, predict, folder):
        for number in range(40 * len(usable_cores())):  # several files a task
            (folder / f"{number:04}.wav").symlink_to(folder / "a.wav")
        separate = subprocess.run([*command, folder], capture_output=True, text=True, check=True)
        assert separate.stdout == predict("--json", folder).out
        assert separate.stdout.count("\n") == 40 * len(usable_cores()) + 6

    @pytest.mark.parametrize("to_all", [True, False])
    def test_are_interrupted_at_once(self, blocked, to_all):
        with blocked() as (process, _):
            # a terminal interrupts all of its processes
            os.killpg(process.pid, signal.SIGINT) if to_all else process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (130, "")

    def test_end_with_their_parent(self, blocked):
        with blocked() as (process, _):
            process.kill()
            process.communicate(timeout=60)  # reads until no worker holds its pipes

    def test_work_where_interrupts_are_ignored(self, command, folder):
        os.mkfifo(folder / "0.wav")
        shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command, folder]
        with subprocess.Popen(shell, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            with (folder / "0.wav").open("wb"):  # opened when a worker reads it
                os.killpg(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert out.count("\n") == 7

    def test_are_threads_where_there_are_no_semaphores(self, command, predict, folder, tmp_path_factory):
        site = tmp_path_factory.mktemp("site")  # as in AWS Lambda, which has no /dev/shm
        text = """import _multiprocessing
class Missing(_multiprocessing.SemLock):
    def __new__(cls, *arguments):
        raise OSError(38, "Function not implemented")
_multiprocessing.SemLock = Missing
"""
        (site / "sitecustomize.py").write_text(text)
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run([*command, folder], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
        usual = predict("--json", folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, usual.out, usual.err)

    def test_that_die_are_an_error(self, blocked):
        with blocked() as (process, worker):
            os.kill(worker, signal.SIGKILL)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert err.startswith("error: a worker process ended")
        assert err.count("\n") == 1


class TestStandardInput:
    @pytest.fixture
    def piped(self, predict, monkeypatch):
        """Run --stream with these bytes as standard input."""

        def run(content: bytes, *arguments: str):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
            return predict("--stream", *arguments)

        return run

    def test_is_classified_as_the_file_with_the_same_samples(self, piped, predict, dialogue):
        samples, rate = soundfile.read(dialogue, dtype="int16")
        outcome = piped(samples.astype("<i2").tobytes() + b"\0", f"--rate={rate}", "--hop=0.4")
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        offline = [json.loads(line) for line in predict("--json", "--hop=0.4", dialogue).out.splitlines()]
        assert lines == [{key: value for key, value in line.items() if key != "file"} for line in offline]
        assert len(lines) > 20

    def test_gives_rows_of_csv_as_the_file_does(self, piped, predict, dialogue):
        samples, rate = soundfile.read(dialogue, dtype="int16")
        outcome = piped(samples.astype("<i2").tobytes(), f"--rate={rate}", "--hop=0.4", "--csv")
        header, *rows = csv.reader(io.StringIO(outcome.out))
        file_header, *file_rows = csv.reader(io.StringIO(predict("--csv", "--hop=0.4", dialogue).out))
        assert header == file_header
        assert rows == [["-", *row[1:]] for row in file_rows]
        assert len(rows) > 20

    def test_and_files_are_classified_window_by_window(self, predict, dialogue, speech, bundle):
        lines = predict("--stream", "--json", dialogue, speech).out.splitlines()
        assert lines == predict("--hop=0.5", "--json", dialogue, speech).out.splitlines()

    def test_prints_what_a_board_prints(self, monkeypatch, launch, dialogue, bundle):
        samples = soundfile.read(dialogue, dtype="int16")[0]
        expected = [one.emotion for one in load(bundle / "frontend.tflite").stream().push(samples)]
        assert len(expected) > 20
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(samples.tobytes()))))
        for source in ([], ["--json", str(dialogue)]):
            done = launch("--mode=predict", f"--model={bundle / 'frontend.tflite'}", "--stream", *source)
            assert [json.loads(line)["emotion"] for line in done.out.splitlines()] == expected

    @pytest.mark.parametrize("channels", [1, 2])
    def test_with_the_header_of_a_wav_file_is_read_by_it(self, piped, predict, dialogue, channels):
        """As from `arecord` without `-t raw`."""
        samples, rate = soundfile.read(dialogue, dtype="int16")
        content = io.BytesIO()
        soundfile.write(content, np.stack([samples] * channels, axis=1), rate, format="WAV", subtype="PCM_16")
        outcome = piped(content.getvalue(), "--rate=8000", "--hop=0.4")
        assert outcome.out == piped(samples.astype("<i2").tobytes(), f"--rate={rate}", "--hop=0.4").out
        assert len(outcome.out.splitlines()) > 20

    def test_ends_with_the_samples_of_a_wav_file(self, piped, dialogue):
        """Broadcast WAV files have further chunks, which are no samples."""
        samples, rate = soundfile.read(dialogue, dtype="int16")
        content = io.BytesIO()
        soundfile.write(content, samples, rate, format="WAV", subtype="PCM_16")
        whole, at = content.getvalue(), content.getvalue().index(b"data") + 4
        expected = piped(whole, "--hop=0.4").out
        metadata = b"_PMX" + (60_000).to_bytes(4, "little") + b"<x>" * 20_000
        assert piped(whole + metadata, "--hop=0.4").out == expected
        for unknown in (0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF):  # of a recorder that writes to a pipe
            stated = whole[:at] + unknown.to_bytes(4, "little") + whole[at + 4 :]
            assert piped(stated, "--hop=0.4").out == expected
        odd = whole[:at] + (2 * len(samples) - 1).to_bytes(4, "little") + whole[at + 4 :]
        assert piped(odd, "--hop=0.4").out == piped(whole[:-2], "--hop=0.4").out

    def test_of_another_format_is_a_user_error(self, piped):
        for format, subtype, message in (
            ("FLAC", "PCM_16", "is an audio file, not raw samples. Name the file, or decode it: ffmpeg"),
            ("WAV", "PCM_24", "is a WAV stream of 24 bits"),
            ("WAV", "FLOAT", "is a WAV stream of 32 bits"),
        ):
            content = io.BytesIO()
            soundfile.write(content, np.zeros(16_000), 16_000, format=format, subtype=subtype)
            outcome = piped(content.getvalue())
            assert (outcome.status, message in outcome.err) == (2, True)
        assert "is an audio file" in piped(b"ID3\x04\0\0\0\0\0\0" + bytes(32_000)).err  # MP3

    def test_below_the_vad_threshold_has_a_warning(self, piped):
        samples = np.random.default_rng(0).normal(0, 3, 16_000 * 20).astype("<i2")
        outcome = piped(samples.tobytes())
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        assert [number for number, line in enumerate(lines) if line["warning"]] == [19]
        assert "warning: standard input is below the voice activity detection (VAD) threshold" in outcome.err

    def test_that_ends_at_once_is_a_user_error(self, piped):
        outcome = piped(b"")
        assert outcome.status == 2
        assert "arecord" in outcome.err
