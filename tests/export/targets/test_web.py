"""The page without a server: its predictions in a real browser are those of Python, also without a network."""

import base64
import contextlib
import csv
import io
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from flax import nnx
from optax import sgd

from aersut.contracts import Framing
from aersut.data import audio
from aersut.data.audio import Recording, to_float
from aersut.errors import UserError
from aersut.export.convert import classifier_graphs, probabilities, to_tflite
from aersut.export.targets.web import MODEL, web_page
from aersut.models import CNNLSTM
from aersut.quiet import quiet
from aersut.run_folder import Run, open_run
from aersut.serving.display import DisplayAnalyzer
from aersut.serving.recognizer import load
from aersut.serving.stream import bandwidth_warning
from aersut.serving.vad import contains_speech
from aersut.tflite.file import TFLiteFile
from aersut.tflite.join import joined
from aersut.training.state import create

CHROMIUM = shutil.which("chromium")
ARGUMENTS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
LOG = re.compile(r"INFO: |WARNING: \[npu_registry|No available adapters|Failed to create default WebGPU device")
"""What LiteRT.js prints at its start, in a browser without a GPU."""


@pytest.fixture(scope="module")
def folder(finished: Run, litertjs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the tiny run."""
    path = tmp_path_factory.mktemp("web")
    for name, content in web_page(TFLiteFile.read(finished.export / MODEL), litertjs).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@contextlib.contextmanager
def static_host(folder: Path) -> Iterator[str]:
    """URL of the folder behind Python's own web server, which sets no header for this page."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield re.findall(r"http://[\d.:]+/", server.stdout.readline())[0]
        finally:
            server.kill()
            server.stdout.close()


@pytest.fixture(scope="module")
def clip(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several utterances with pauses of two seconds, at the model's 16 kHz."""
    with (finished.evaluation.parent / "predictions.csv").open(encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)][:4]
    pause = np.zeros(32_000, np.int16)
    pieces = [piece for path in paths for piece in (soundfile.read(path, dtype="int16")[0], pause)]
    path = tmp_path_factory.mktemp("clip") / "dialogue.wav"
    soundfile.write(path, np.concatenate(pieces), 16_000)
    return path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    """Playwright, of which a process may start only one at a time."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as started:
        yield started


@contextlib.contextmanager
def opened(
    playwright: Any, address: str, *arguments: str, log: str = "$^", others: tuple[str, ...] = (), **options: Any
) -> Iterator[Any]:
    """The page in a browser; fails if the console has messages except `log`, or if it asks a host except `others`."""
    messages: list[str] = []
    requests: list[str] = []
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS.split(), *arguments])
    try:
        page = browser.new_page(**options)
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.locator("#microphone:enabled").wait_for(timeout=60_000)
        yield page
    finally:
        browser.close()
    assert [text for text in messages if not LOG.search(text) and not re.search(log, text)] == []
    assert [one for one in requests if not one.startswith((address, "blob:", *others))] == []


def predictions(page: Any, path: Path) -> list[dict[str, Any]]:
    """The page's predictions for a file, from the CSV that it offers."""
    page.set_input_files("#file", path)
    page.locator("#status", has_text=re.compile(rf"^{re.escape(path.name)}, \d+:")).wait_for(timeout=60_000)
    with page.expect_download() as download:
        page.click("#download")
    return list(csv.DictReader(download.value.path().read_text().splitlines()))


def compare(found: list[dict[str, Any]], model: Path, path: Path, tolerance: float = 1e-3) -> int:
    """Compare with Python's predictions for every window; return how many windows have an emotion."""
    expected = list(load(model).over_time(path))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert float(one["start"]) == pytest.approx(other.start, abs=1e-3)
        if tolerance <= 1e-3:
            assert one["emotion"] == (other.emotion or "")
        for label, value in other.probabilities.items():
            assert float(one[label]) == pytest.approx(value, abs=tolerance)
    return sum(other.emotion is not None for other in expected)


def test_it_predicts_as_python_also_after_the_network_is_gone(playwright: Any, folder: Path, clip: Path):
    with contextlib.ExitStack() as server:
        address = server.enter_context(static_host(folder))
        with opened(playwright, address, viewport={"width": 360, "height": 740}, color_scheme="dark") as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 360  # fits the width of a phone
            page.locator("html[data-offline=ready]").wait_for(timeout=60_000)
            assert "Training data: synthetic. They are SYNTHETIC speech" in page.text_content("#about")
            assert page.locator("#model").is_hidden()  # there is one only
            server.close()
            page.context.set_offline(True)
            found = predictions(page, clip)
            windows = compare(found, folder / MODEL, clip)
            assert 3 < windows < len(found)  # emotions, and silence in the pauses
            page.reload()
            page.locator("#microphone:enabled").wait_for(timeout=60_000)
            assert predictions(page, clip)[0] | {"latency_ms": ""} == found[0] | {"latency_ms": ""}


def test_it_loads_where_the_browsers_storage_is_full(playwright: Any, folder: Path, clip: Path):
    with static_host(folder) as address, opened(playwright, address) as page:
        page.locator("html[data-offline=ready]").wait_for(timeout=60_000)
        page.evaluate("caches.delete('aersut')")
        devtools = page.context.new_cdp_session(page)
        devtools.send("Storage.overrideQuotaForOrigin", {"origin": address.rstrip("/"), "quotaSize": 1})
        page.reload()
        page.locator("#microphone:enabled").wait_for(timeout=60_000)
        page.locator("html[data-offline=incomplete]").wait_for(timeout=60_000)
        assert page.evaluate("navigator.serviceWorker.controller.state") == "activated"  # it answered the requests
        assert page.evaluate("caches.open('aersut').then((cache) => cache.keys()).then((keys) => keys.length)") == 0
        compare(predictions(page, clip), folder / MODEL, clip)


def test_files_that_cannot_be_kept_do_not_prevent_the_others(playwright: Any, folder: Path, clip: Path, tmp_path: Path):
    changed = tmp_path / "web"
    shutil.copytree(folder, changed)
    text = (changed / "index.html").read_text()
    with contextlib.ExitStack() as servers:
        other, address = (servers.enter_context(static_host(one)) for one in (folder, changed))
        # files of another host, as browser extensions may add, and a file that is missing
        added = f'<link rel="stylesheet" href="{other}style.css"><link rel="stylesheet" href="missing.css"></head>'
        (changed / "index.html").write_text(text.replace("</head>", added))
        expected = "status (of )?404|ERR_INTERNET_DISCONNECTED|ERR_FAILED"
        with opened(playwright, address, log=expected, others=(other,)) as page:
            page.locator("html[data-offline=incomplete]").wait_for(timeout=60_000)
            names = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
            assert {f"{other}style.css", f"{address}missing.css"} <= set(names)
            servers.close()
            page.context.set_offline(True)
            page.reload()
            page.locator("#microphone:enabled").wait_for(timeout=60_000)
            compare(predictions(page, clip), folder / MODEL, clip)


def test_a_file_that_another_one_replaces_leaves_nothing(playwright: Any, folder: Path, clip: Path):
    header = io.BytesIO()
    soundfile.write(header, np.zeros(300 * 16_000, np.int16), 16_000, format="WAV")
    drop = """([header, other]) => {
      const long = new Uint8Array(44 + 2 * 300 * 16000);
      long.set(header);
      const short = Uint8Array.from(atob(other), (byte) => byte.charCodeAt(0));
      for (const [name, bytes] of [["long.wav", long], ["other.wav", short]]) {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], name));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      }
    }"""
    info = soundfile.info(clip)
    with static_host(folder) as address, opened(playwright, address) as page:
        page.evaluate(drop, [list(header.getvalue()[:44]), base64.b64encode(clip.read_bytes()).decode()])
        page.locator("#status", has_text=re.compile(r"^other.wav, \d+:")).wait_for(timeout=60_000)
        expected = list(load(folder / MODEL).over_time(clip))
        assert page.text_content("#status") == f"other.wav, 0:{info.duration:04.1f}, {len(expected)} windows."


def test_it_classifies_the_microphone(playwright: Any, folder: Path, clip: Path):
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with (
        static_host(folder) as address,
        opened(playwright, address, *fake, f"--use-file-for-fake-audio-capture={clip}") as page,
    ):
        page.click("#microphone")
        page.locator("#emotion:not([data-emotion='']):not([data-emotion='silence'])").wait_for(timeout=20_000)
        assert re.fullmatch(r"confidence \d+ %", page.text_content("#confidence"))
        page.locator("#emotion[data-emotion='silence']").wait_for(timeout=20_000)  # the pause
        assert re.fullmatch(r"\d+ ms", page.text_content("#latency"))
        page.click("#microphone")
        assert page.text_content("#status") == "Microphone off."


def test_it_takes_a_dropped_file_and_reports_one_that_is_not_audio(playwright: Any, folder: Path, clip: Path):
    drop = """([name, text]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))], name));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }"""
    with static_host(folder) as address, opened(playwright, address) as page:
        page.evaluate(drop, ["notes.wav", base64.b64encode(b"not audio").decode()])
        page.locator("#problem", has_text="notes.wav cannot be decoded by this browser").wait_for()
        page.evaluate(drop, ["dropped.wav", base64.b64encode(clip.read_bytes()).decode()])
        page.locator("#status", has_text="dropped.wav, 0:").wait_for(timeout=20_000)
        assert page.text_content("#problem") == ""


@pytest.fixture(scope="module")
def javascript(playwright: Any, folder: Path) -> Iterator[Callable[..., Any]]:
    """Evaluate JavaScript with the modules `stream` and `display`, model.json as `model`, and arguments as `a`.

    An array becomes a typed array.
    """

    def encoded(one: Any) -> Any:
        if not isinstance(one, np.ndarray):
            return one
        return {"array": f"{one.dtype.name.title()}Array", "base64": base64.b64encode(one.tobytes()).decode()}

    def run(code: str, *arguments: Any) -> Any:
        return page.evaluate(
            "async (encoded) => { const stream = await import('./stream.js');"
            " const display = await import('./display.js'); const model = await (await fetch('model.json')).json();"
            " const bytes = (text) => Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer;"
            " const a = encoded.map((one) => one?.array ? new globalThis[one.array](bytes(one.base64)) : one);"
            f" {code} }}",
            [encoded(one) for one in arguments],
        )

    with static_host(folder) as address, opened(playwright, address) as page:
        yield run


def windows() -> dict[str, np.ndarray]:
    """Windows of 16-bit samples that differ in what the voice activity detection finds."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=24_000)
    time = np.arange(24_000) / 16_000
    bursts = noise * (np.sin(2 * np.pi * 2 * time) > 0.3)
    signals = {
        "silence": 0 * noise,
        "steady noise": 3000 * noise,
        "bursts": 3000 * bursts,
        "bursts with an offset": 3000 * bursts + 900,
        "quiet bursts": 20 * bursts,
        "bursts in noise": 3000 * bursts + 1500 * noise,
        "short": 3000 * bursts[:9000],
        "less than a frame": noise[:200],
        "a click before quiet speech": np.concatenate([np.zeros(3000), 9000 * noise[:400], 30 * bursts]),
    }
    return {name: np.clip(np.rint(values), -32768, 32767).astype(np.int16) for name, values in signals.items()}


def test_speech_and_the_trimmed_window_are_those_of_python(javascript: Callable[..., Any], folder: Path):
    settings = json.loads((folder / "model.json").read_text())
    speech = set()
    for window in windows().values():
        samples, rate = to_float(window), settings["sample_rate"]
        code = "const x = Float32Array.from(a[0], (v) => v / 32768);"
        found = javascript(f"{code} return stream.containsSpeech(x, model);", window)
        assert found == contains_speech(samples, rate)
        speech.add(found)
        assert javascript(f"{code} return stream.containsSpeech(x, {{...model, vad_threshold: null}});", window) is True
        for fit in ("start", "center"):
            prepared = javascript(f"{code} return [...stream.prepared(x, {{...model, fit: a[1]}})];", window, fit)
            cleaned = audio.to_int16(audio.cleaned(Recording(samples, rate), settings["trim_db"]).samples)
            expected = to_float(audio.crop_or_pad(cleaned, settings["samples"], fit))
            np.testing.assert_allclose(prepared, expected, atol=0 if abs(samples.mean()) < 1e-5 else 1.01 / 32768)
    assert speech == {True, False}


def test_smoothing_and_the_confidence_threshold_are_those_of_python(
    javascript: Callable[..., Any], folder: Path, clip: Path
):
    samples = soundfile.read(clip, dtype="int16")[0]
    found = javascript(
        "const { classify } = await import('./sources.js');"
        "const s = new stream.Stream(classify, {...model, smoothing: 1, min_confidence: 0.5, hop: 0.3});"
        "return [...await s.push(Int16Array.from(a[0])), ...await s.finish()];",
        samples,
    )
    expected = list(load(folder / MODEL, min_confidence=0.5).over_time(samples, 16_000, hop=0.3, smoothing=1.0))
    assert [one["emotion"] for one in found] == [one.emotion for one in expected]
    assert [one["confidence"] for one in found] == pytest.approx([one.confidence for one in expected], abs=1e-3)
    assert "uncertain" in {one.emotion for one in expected}


@pytest.mark.parametrize("kind", ["speech", "clipped", "clipped long ago", "quiet", "steady"])
def test_warnings_are_those_of_python(javascript: Callable[..., Any], folder: Path, clip: Path, kind: str):
    speech = soundfile.read(clip, dtype="int16")[0].astype(np.int32)
    noise = np.random.default_rng(0).normal(0, 1000, 16_000 * 11).astype(np.int16)
    samples = {
        "speech": speech,
        "clipped": 200 * speech,
        "clipped long ago": np.concatenate([200 * speech[:8000], 0 * np.tile(noise, 5)]),
        "quiet": 0 * noise + np.tile(speech // 2000, 20)[: len(noise)],
        "steady": noise,
    }[kind]
    samples = np.clip(samples, -32768, 32767).astype(np.int16)
    found = javascript(
        "const s = new stream.Stream(async () => model.labels.map(() => 0.125), model); let all = [];"
        "for (let i = 0; i < a[0].length; i += 8000)"
        " all = [...all, ...await s.push(Int16Array.from(a[0].slice(i, i + 8000)), 'has a note')];"
        "return [...all, ...await s.finish()].map((one) => one.warning);",
        samples,
    )
    stream = load(folder / MODEL).stream(16_000)
    blocks = (samples[first : first + 8000] for first in range(0, len(samples), 8000))
    expected = [one for block in blocks for one in stream.push_mono(to_float(block), "has a note")] + stream.finish()
    assert found == [one.warning for one in expected]
    assert kind == "speech" or len(set(found)) > 1 or "clipped" in found[0]


def test_rates_and_channels_warn_as_in_python(javascript: Callable[..., Any]):
    for rate in (4_000, 8_000, 8_001, 48_000):
        assert javascript("return stream.bandwidthWarning(a[0], model);", rate) == bandwidth_warning(rate, 16_000)
    left = np.random.default_rng(0).normal(0, 0.1, 1000).astype(np.float32)
    for right in (-0.9 * left, 0.5 * left, np.flip(left)):
        stereo = np.stack([left, right], axis=1).astype(np.float32)
        samples, note = javascript(
            "const { mono } = await import('./sources.js');"
            "const channels = a.map((one) => Float32Array.from(one));"
            "const [samples, note] = mono({ numberOfChannels: 2, length: 1000, getChannelData: (i) => channels[i] });"
            "return [[...samples], note];",
            *stereo.T,
        )
        downmix = audio.Downmix()
        np.testing.assert_allclose(samples, audio.to_int16(downmix(stereo)), atol=1)
        assert note == (audio.OPPOSITE if downmix.cancelled else "")


@pytest.mark.parametrize("hop", [0.032, 0.1])
def test_displayed_features_are_those_of_the_monitor(javascript: Callable[..., Any], clip: Path, hop: float):
    samples = soundfile.read(clip, dtype="int16")[0][:20_000]
    found = javascript(
        "return new display.DisplayAnalyzer(model.sample_rate, a[1], model.display).push(Int16Array.from(a[0]));",
        samples,
        hop,
    )
    expected = DisplayAnalyzer(16_000, hop).push(to_float(samples))
    assert expected is not None
    for name, tolerance in {"low": 0, "high": 0, "rms": 1e-6, "zcr": 1e-9, "mel": 0.02, "mfcc": 0.05}.items():
        np.testing.assert_allclose(found[name], getattr(expected, name), atol=tolerance)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled_as_in_python(javascript: Callable[..., Any], rate: int):
    # noise up to half the rate, which must not be mirrored below 8 kHz
    source = np.random.default_rng(0).normal(0, 3000, rate).astype(np.int16)
    found = javascript(
        "const r = new stream.Resampler(a[1], model.sample_rate); let all = [];"
        "for (let i = 0; i < a[0].length; i += 1999)"
        " all = [...all, ...r.push(Int16Array.from(a[0].slice(i, i + 1999)))];"
        "return [...all, ...r.finish()];",
        source,
        rate,
    )
    expected = audio.to_int16(soxr.resample(to_float(source), rate, 16_000))
    assert abs(len(found) - len(expected)) <= 1
    error = np.subtract(found[: len(expected)], expected[: len(found)], dtype=np.float64)
    assert np.std(error) < 0.03 * np.std(expected)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_the_rate_of_a_file_is_that_of_its_header(javascript: Callable[..., Any], suffix: str, tmp_path: Path):
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, np.zeros(4000), 44_100)
    found = javascript("return stream.headerRate(Uint8Array.from(a[0]).buffer);", list(path.read_bytes()))
    assert found == (None if suffix == "mp3" else 44_100)


def test_a_model_that_cannot_run_there_is_named(finished: Run):
    file = TFLiteFile.read(finished.export / "waveform_int8.tflite")
    with pytest.raises(
        UserError, match=r"waveform_int8\.tflite cannot run in a browser: LiteRT\.js does not support int8"
    ):
        web_page(file)


def test_an_lstm_is_named():
    graphs, state = create(
        CNNLSTM(filters=(8,), kernels=(3,), units=(4,), dense=4).build(6, 3, 2, nnx.Rngs(0)), sgd(1.0)
    )
    with quiet():
        network = probabilities(lambda: graphs.network(state.weights, state.rest), fused=True)
        file = to_tflite(network, [(1, 6, 3)])
    with pytest.raises(UserError, match="does not support the operator UNIDIRECTIONAL_SEQUENCE_LSTM"):
        web_page(file)


def test_a_model_with_an_lstm_predicts_as_in_python(
    playwright: Any, finished: Run, litertjs: Path, clip: Path, tmp_path: Path
):
    metadata = TFLiteFile.read(finished.export / MODEL).metadata
    features = TFLiteFile.read(finished.export / "features.tflite")
    shape, classes = features.outputs[0].shape[1:], len(metadata["labels"])
    model = CNNLSTM(filters=(8,), kernels=(3,), units=(8,), dense=8).build(*shape, classes, nnx.Rngs(0))
    graphs, state = create(model, sgd(1.0))
    with quiet():
        loop, _ = classifier_graphs(lambda: graphs.network(state.weights, state.rest), shape)
    file = joined(features, loop, MODEL).with_metadata(metadata)
    for name, content in web_page(file, litertjs).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with static_host(tmp_path) as address, opened(playwright, address) as page:
        assert compare(predictions(page, clip), tmp_path / MODEL, clip) > 3


@pytest.mark.slow  # two exports
def test_the_export_writes_the_page_only_if_it_is_asked(
    finished: Run, litertjs: Path, launch: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tflite_micro", None)  # as on a system without a wheel of it
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert not (finished.export / "web").exists()
    shutil.copytree(finished.folder, tmp_path / "run")
    command = ["--mode=export", f"--workdir={tmp_path / 'run'}", "--export.web=true", f"--export.litertjs={litertjs}"]
    before = sorted((tmp_path / "run/export").rglob("*"))
    refused = launch(*command, "--export.waveform=false", "--export.targets=web")
    assert refused.status == 2
    assert "--export.web=true needs waveform_float32.tflite, which this export omits" in refused.err
    assert sorted((tmp_path / "run/export").rglob("*")) == before
    assert "tflite-micro is for Linux on x86-64 only" in launch(*command, "--export.micro=true").err
    done = launch(*command, "--export.targets=web,firmware")
    assert done.status == 0
    assert "so no tensor arena is known: the package tflite-micro is for Linux on x86-64 only." in done.out
    assert "the firmware are omitted: they need TensorFlow Lite Micro, which does not run: the package" in done.out
    assert not (tmp_path / "run/export/c").exists()
    assert re.search(r"web/ \(page that runs waveform_float32\.tflite in a browser\): \d+ MB with LiteRT\.js", done.out)
    web = open_run(tmp_path / "run").export / "web"
    assert {"index.html", "model.json", MODEL, "litert", "offline.js"} <= {path.name for path in web.iterdir()}
    assert (web / MODEL).read_bytes() == (web.parent / MODEL).read_bytes()
    settings = json.loads((web / "model.json").read_text())
    assert settings["labels"] == list(finished.experiment.data.emotions)
    assert settings["samples"] == Framing(**TFLiteFile.read(web / MODEL).metadata["framing"]).samples


@pytest.mark.slow  # a page and ten real clips, which are resampled for both
def test_real_speech_is_classified_as_by_python(playwright: Any, folder: Path, real_data: Path, tmp_path: Path):
    clips = sorted(real_data.rglob("03-*.wav"))[::6][:10]
    speech = 0
    with static_host(folder) as address, opened(playwright, address) as page:
        for one in clips:
            samples = audio.resample(audio.read_recording(one), 16_000)
            path = tmp_path / one.name
            soundfile.write(path, audio.to_int16(samples), 16_000)
            speech += compare(predictions(page, path), folder / MODEL, path)
            compare(predictions(page, one), folder / MODEL, one, 0.05)  # the filters of the resamplers differ
    assert speech >= len(clips)
