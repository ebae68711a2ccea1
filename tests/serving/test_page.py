"""The page in a real browser with a file as its microphone; the monitor runs in its own process."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from aersut.export.targets.web import MODEL, web_page
from aersut.serving.recognizer import load
from aersut.tflite.file import TFLiteFile

CHROMIUM = shutil.which("chromium")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
FAKE = "--use-fake-device-for-media-stream"
HOP = "--hop=0.25"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def address(bundle: Path, monitoring) -> Iterator[str]:
    """URL of a running monitor."""
    with monitoring(f"--model={bundle}", HOP) as printed:
        yield url(printed)


def url(printed: str) -> str:
    """The URL in the line that a monitor prints."""
    return re.findall(r"http://\S+", printed)[0]


@pytest.fixture(scope="module")
def microphone(dialogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the browser plays in a loop as its microphone: speech, real if available, and a pause."""
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    samples, rate = soundfile.read(dialogue, dtype="int16")
    if folder := os.environ.get("AERSUT_TEST_DATA"):
        clip = sorted(Path(folder).rglob("*.wav"))[40]
        samples, rate = soundfile.read(clip, dtype="int16")
        samples = np.concatenate([samples if samples.ndim == 1 else samples[:, 0], np.zeros(2 * rate, np.int16)])
    samples[::100] += 1  # no microphone records exact zeros
    soundfile.write(path, samples, rate)
    return path


def playing(path: Path) -> tuple[str, ...]:
    """Arguments of a browser that plays a file in a loop as its microphone."""
    return FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={path}"


@pytest.fixture
def browse(address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a browser with these arguments; fail if the console has messages.

    `script` runs before the page's own scripts.
    """
    from playwright.sync_api import sync_playwright

    console: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        browsers = []

        def start(*arguments: str, script: str = "", **options: Any) -> Any:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET.split(), "--no-first-run", *arguments]
            )
            browsers.append(browser)
            page = browser.new_page(**options)
            page.on("console", lambda message: console.append(message.text))
            page.on("pageerror", lambda error: console.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.add_init_script(script)
            page.goto(address)
            page.locator("#microphone:enabled").wait_for()
            return page

        yield start
        for browser in browsers:
            browser.close()
    # chromium itself logs failed requests and lost servers
    refused = (
        "the server responded with a status of 422",
        "the server responded with a status of 403",
        "net::ERR_CONNECTION_REFUSED",
    )
    assert [text for text in console if not any(one in text for one in refused)] == []
    assert [one for one in requests if not one.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "blob:"))] == []


def pixels(page: Any, canvas: str) -> bytes:
    """Screenshot of a canvas, as PNG."""
    return page.locator(f"#{canvas}").screenshot()


def test_classifies_and_plots_the_microphone(browse, microphone, tmp_path):
    page = browse(*playing(microphone))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the microphone's button is the first element in the tab order
    emotion = page.locator("#emotion:not([data-emotion='']):not([data-emotion='silence'])")
    emotion.wait_for(timeout=20_000)
    assert page.text_content("#microphone") == "Stop microphone"
    assert re.fullmatch(r"confidence \d+ %", page.text_content("#confidence"))
    before = {canvas: pixels(page, canvas) for canvas in ("timeline", "waveform", "mel", "mfcc", "levels")}
    page.locator("#emotion[data-emotion='silence']").wait_for(timeout=20_000)  # the pause
    assert page.text_content("#confidence") == "no speech detected (VAD)"
    emotion.wait_for(timeout=20_000)
    for canvas, image in before.items():
        assert pixels(page, canvas) != image
    assert re.fullmatch(r"\d+\.\d ms", page.text_content("#inference"))
    assert re.fullmatch(r"\d+ ms", page.text_content("#latency"))
    assert page.text_content("#announcement") != ""  # for screen readers
    page.select_option("#model", "model_float32.tflite")
    assert page.text_content("#emotion") == "–"  # not the prediction of the other model
    assert {bar.get_attribute("value") for bar in page.locator("#bars progress").all()} == {"0"}
    page.locator("#status", has_text="first prediction").wait_for()
    page.locator("#status", has_text=re.compile("^Streaming.$")).or_(emotion).first.wait_for(timeout=20_000)
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "history.csv")
    head, *rows = (tmp_path / "history.csv").read_text().splitlines()
    assert head.startswith("start,end,emotion,confidence,model,latency_ms,neutral,calm")
    assert len(rows) >= 3
    page.click("#microphone")
    assert page.text_content("#status") == "Microphone off."
    page.click("#clear")
    assert page.text_content("#emotion") == "–"


def test_classifies_a_file_and_reports_one_that_is_not_audio(browse, dialogue, tmp_path):
    page = browse(viewport={"width": 360, "height": 740}, color_scheme="dark")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360  # fits the width of a phone
    empty = pixels(page, "timeline")
    page.set_input_files("#file", dialogue)
    page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=20_000)
    assert pixels(page, "timeline") != empty
    assert page.text_content("#timeline-title") == "Class probabilities, whole file"
    page.click("summary")
    assert page.locator("#rows tr").count() > 10
    (tmp_path / "notes.wav").write_text("not audio")
    shown = [page.text_content(one) for one in ("#emotion", "#confidence", "#rows", "#status")]
    page.set_input_files("#file", tmp_path / "notes.wav")
    page.locator("#problem", has_text="cannot be decoded").wait_for()
    assert [page.text_content(one) for one in ("#emotion", "#confidence", "#rows", "#status")] == shown
    page.set_input_files("#file", dialogue)
    page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=20_000)  # and works again
    assert page.text_content("#problem") == ""


def test_reconnects_after_a_lost_connection(browse, bundle, microphone, monitoring):
    with socket.create_server(("127.0.0.1", 0)) as free:
        again = (f"--model={bundle}", HOP, f"--port={free.getsockname()[1]}")
    with monitoring(*again) as printed:
        page = browse(*playing(microphone))
        page.goto(url(printed))
        page.click("#microphone:enabled")
        page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
    page.locator("#problem", has_text="The connection to the monitor is lost").wait_for(timeout=20_000)
    with monitoring(*again):
        page.locator("#status", has_text=re.compile("^Streaming.$")).wait_for(timeout=20_000)
        assert page.text_content("#problem") == ""


def test_the_monitor_also_serves_the_page_that_runs_the_model_in_the_browser(
    bundle, dialogue, litertjs, monitoring, tmp_path
):
    from playwright.sync_api import sync_playwright

    shutil.copytree(bundle, tmp_path / "export")
    for name, content in web_page(TFLiteFile.read(bundle / MODEL), litertjs).items():
        path = tmp_path / "export/web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with monitoring(f"--model={tmp_path / 'export'}") as printed, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        page = browser.new_page()
        uploads = []
        page.on("request", lambda request: request.method == "POST" and uploads.append(request.url))
        page.goto(url(printed))
        page.click("#elsewhere a")
        page.wait_for_url(f"{url(printed)}browser/")
        page.locator("#microphone:enabled").wait_for(timeout=60_000)
        del uploads[:]
        page.set_input_files("#file", dialogue)
        page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=60_000)
        expected = [one for one in load(bundle / MODEL).over_time(dialogue) if one.probabilities]
        assert page.text_content("#confidence").endswith(f"mean of {len(expected)} windows with speech")
        assert uploads == []
        browser.close()


def test_reports_that_the_browser_refuses_the_microphone(browse):
    page = browse(FAKE, "--deny-permission-prompts")
    page.click("#microphone")
    page.locator("#problem", has_text="refused the microphone").wait_for()
    assert page.text_content("#microphone") == "Start microphone"


def test_stop_while_the_browser_asks_ends_the_microphone(browse, microphone):
    page = browse(*playing(microphone))
    page.evaluate("""() => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      window.asked = new Promise((ask) => {
        navigator.mediaDevices.getUserMedia = (wanted) => {
          ask();
          return new Promise((next) => (window.allow = next)).then(() => (window.opened = open(wanted)));
        };
      });
    }""")
    page.click("#microphone")
    page.evaluate("window.asked")
    page.click("#microphone")
    assert page.evaluate("""async () => {
      window.allow();
      await new Promise((next) => setTimeout(next));
      const [track] = (await window.opened).getAudioTracks();
      for (let tries = 0; track.readyState !== "ended" && tries < 200; tries++) {
        await new Promise((next) => setTimeout(next, 50));
      }
      return track.readyState === "ended";
    }""")
    assert page.text_content("#status") == "Microphone off."
    assert page.text_content("#problem") == ""


def test_the_headline_for_a_file_is_the_mean_of_its_windows(browse, recognizer, dialogue):
    page = browse()
    page.select_option("#model", recognizer.name)
    page.set_input_files("#file", dialogue)
    page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=20_000)
    windows = [one.probabilities for one in recognizer.over_time(dialogue, hop=0.25) if one.probabilities]
    mean = {label: np.mean([one[label] for one in windows]) for label in recognizer.labels}
    emotion = max(mean, key=mean.__getitem__)
    assert page.text_content("#now-title") == "Predicted emotion, whole file"
    assert page.text_content("#emotion") == emotion
    expected = f"confidence {100 * mean[emotion]:.0f} %, mean of {len(windows)} windows with speech"
    assert page.text_content("#confidence") == expected
    announced = f"{emotion}, {100 * mean[emotion]:.0f} %"  # once for the file, after its last window
    assert page.text_content("#announcement") == announced
    page.set_input_files("#file", dialogue)
    page.locator("#announcement", has_text=re.compile("^$")).wait_for(state="attached")
    page.locator("#announcement", has_text=announced).wait_for(state="attached", timeout=20_000)
    page.select_option("#model", "model_int8.tflite")  # classifies the file again
    page.locator("#status", has_text="Classifying").or_(page.locator("#emotion[data-emotion='']")).first.wait_for()
    page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=20_000)
    with page.expect_download() as download:
        page.click("#download")
    assert {row.split(",")[4] for row in download.value.path().read_text().splitlines()[1:]} == {"model_int8.tflite"}


def test_a_file_whose_predictions_are_unreliable_says_why(browse, dialogue, tmp_path):
    samples, rate = soundfile.read(dialogue)
    soundfile.write(tmp_path / "clipped.wav", np.clip(100 * samples, -1, 1), rate)
    page = browse()
    page.set_input_files("#file", tmp_path / "clipped.wav")
    page.locator("#status", has_text="clipped.wav, 0:").wait_for(timeout=20_000)
    assert "The audio is clipped: " in page.text_content("#problem")
    with page.expect_download() as download:
        page.click("#download")
    head, first, *_ = download.value.path().read_text().splitlines()
    assert head.endswith(",warning")
    assert "is clipped" in first
    page.set_input_files("#file", dialogue)
    page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=20_000)
    assert page.text_content("#problem") == ""


def test_clear_ends_the_classification_of_a_file(browse, dialogue, tmp_path):
    samples, rate = soundfile.read(dialogue, dtype="int16")
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 60), rate)
    page = browse()
    page.set_input_files("#file", tmp_path / "long.wav")
    page.locator("#rows tr").first.wait_for(state="attached", timeout=20_000)
    page.click("#clear")
    assert page.text_content("#status") == "Ready."
    page.wait_for_timeout(1000)
    assert page.locator("#rows tr").count() == 0
    assert page.text_content("#emotion") == "–"
    assert page.locator("#clear").is_disabled()


def test_the_page_states_the_run_its_data_and_its_results(browse, recognizer):
    page = browse()
    assert page.locator("#model option").all_text_contents()[0] == "model_int8.tflite"
    page.select_option("#model", recognizer.name)
    origin = recognizer.origin
    for text in (
        f"Model {recognizer.name} of run {origin['run']}, epoch {origin['epoch']}.",
        f"UAR {origin['measured']['uar']:.3f} on {origin['measured']['clips']} test clips",
        "Training data: synthetic. They are SYNTHETIC speech",
    ):
        assert text in page.text_content("#about")
    assert "prediction for every 0.25 s of audio" in page.text_content("#latencies")
    assert page.locator("#legend li").all_text_contents() == [*recognizer.labels, "silence"]
    assert page.locator("#elsewhere").is_hidden()  # the export has no page for browsers


def test_a_microphone_without_sound_is_reported_until_there_is_sound(browse, tmp_path):
    rate = 16_000
    noise = np.random.default_rng(0).normal(0, 300, 6 * rate).astype(np.int16)
    soundfile.write(tmp_path / "switched.wav", np.concatenate([np.zeros(6 * rate, np.int16), noise]), rate)
    page = browse(*playing(tmp_path / "switched.wav"))
    page.click("#microphone")
    page.locator("#problem", has_text="No sound arrives: the microphone sends zeros only. Check").wait_for(
        timeout=9_000
    )
    page.locator("#problem", has_text=re.compile("^$")).wait_for(state="attached", timeout=9_000)
    assert page.text_content("#microphone") == "Stop microphone"


def test_an_unplugged_microphone_is_reported(browse, microphone):
    page = browse(*playing(microphone))
    page.click("#microphone")
    page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
    page.evaluate(
        "navigator.mediaDevices.enumerateDevices = async () => [];"
        "navigator.mediaDevices.dispatchEvent(new Event('devicechange'))"
    )
    page.locator("#problem", has_text="The microphone was disconnected. Connect it").wait_for()
    assert page.text_content("#status") == "Microphone off."


SUSPENDED = """
const Real = AudioContext;
window.AudioContext = class extends Real {
  constructor(...options) { super(...options); this.suspend(); window.context = this; }
  resume() { return window.allowed ? super.resume() : new Promise(() => {}); }
};"""
"""A browser that suspends each new AudioContext, and resumes it only when a variable is set."""


def test_audio_that_the_browser_suspends_is_resumed_by_a_button(browse, microphone):
    page = browse(*playing(microphone), script=SUSPENDED)
    page.click("#microphone")
    page.locator("#problem", has_text="The browser has suspended the audio").wait_for()
    page.evaluate("window.allowed = true")
    page.click("#resume")
    page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
    assert page.text_content("#problem") == ""
    assert page.locator("#resume").is_hidden()


RATES = """
const make = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate !== 16000) throw new DOMException("different sample-rate", "NotSupportedError");
  return make.call(this, stream);
};"""
"""A browser that takes the microphone at 16 kHz only, as Firefox takes it at its own rate."""


def test_a_browser_that_refuses_other_sample_rates_records_at_the_microphones(browse, microphone):
    page = browse(*playing(microphone), script=RATES)
    page.click("#microphone")
    page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
    assert page.text_content("#problem") == ""
    page.click("#microphone")
    refuse = (
        "AudioContext.prototype.createMediaStreamSource = () => { throw new DOMException('', 'NotSupportedError'); };"
    )
    page.evaluate(f"() => {{ {refuse} }}")
    page.click("#microphone")
    page.locator("#problem", has_text="cannot read the microphone at its sample rate. In the sound settings").wait_for()


FORWARD = """
import socket, sys, threading
def copy(source, target, *change):
    while data := source.recv(65536):
        target.sendall(data.replace(*change) if change else data)
door = socket.create_server(("127.0.0.1", 0))
outside, inside = f"Host: 127.0.0.1:{door.getsockname()[1]}", f"Host: localhost:{sys.argv[1]}"
print(door.getsockname()[1], flush=True)
while True:
    client, server = door.accept()[0], socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=copy, args=(client, server, outside.encode(), inside.encode()), daemon=True).start()
    threading.Thread(target=copy, args=(server, client), daemon=True).start()
"""
"""Forwards a port to a monitor, which is addressed as localhost then, as by the tunnel of an editor."""


@contextlib.contextmanager
def forwarded(port: int) -> Iterator[str]:
    """URL of a port that is forwarded to a monitor."""
    command = [sys.executable, "-c", FORWARD, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.kill()


def test_behind_a_forwarded_port_the_page_names_the_option_that_allows_it(
    browse, address, bundle, monitoring, microphone
):
    page = browse(*playing(microphone))
    with forwarded(int(re.findall(r":(\d+)/", address)[0])) as outside:
        page.goto(outside)
        remedy = f"Behind a proxy or a forwarded port, start it with --origin={outside.rstrip('/')}"
        page.locator("#problem", has_text=remedy).wait_for()
        assert page.text_content("#status") == ""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        forwarded(port) as outside,
        monitoring(f"--model={bundle}", HOP, f"--port={port}", f"--origin={outside}"),
    ):
        page.goto(outside)
        page.click("#microphone:enabled")
        page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
