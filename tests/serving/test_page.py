"""The page in a real browser with a file as its microphone; the monitor runs in its own process."""

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

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
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture
def browse(address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a browser with these arguments; fail if the console has messages."""
    from playwright.sync_api import sync_playwright

    console: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        browsers = []

        def start(*arguments: str, **options: Any) -> Any:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET.split(), "--no-first-run", *arguments]
            )
            browsers.append(browser)
            page = browser.new_page(**options)
            page.on("console", lambda message: console.append(message.text))
            page.on("pageerror", lambda error: console.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(address)
            page.locator("#microphone:enabled").wait_for()
            return page

        yield start
        for browser in browsers:
            browser.close()
    # chromium itself logs failed requests and lost servers
    refused = ("the server responded with a status of 422", "net::ERR_CONNECTION_REFUSED")
    assert [text for text in console if not any(one in text for one in refused)] == []
    assert [one for one in requests if not one.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "blob:"))] == []


def pixels(page: Any, canvas: str) -> bytes:
    """Screenshot of a canvas, as PNG."""
    return page.locator(f"#{canvas}").screenshot()


def test_classifies_and_plots_the_microphone(browse, microphone, tmp_path):
    page = browse(FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the microphone's button is the first element in the tab order
    emotion = page.locator("#emotion:not([data-emotion='']):not([data-emotion='silence'])")
    emotion.wait_for(timeout=20_000)
    assert page.locator("#microphone").get_attribute("aria-pressed") == "true"
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
    page.select_option("#model", "model_int8.tflite")
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
    page.set_input_files("#file", tmp_path / "notes.wav")
    page.locator("#problem", has_text="cannot be decoded").wait_for()
    page.set_input_files("#file", dialogue)
    page.locator("#status", has_text=f"{dialogue.name}, 0:").wait_for(timeout=20_000)  # and works again
    assert page.text_content("#problem") == ""


def test_reconnects_after_a_lost_connection(browse, bundle, microphone, monitoring):
    with socket.create_server(("127.0.0.1", 0)) as free:
        again = (f"--model={bundle}", HOP, f"--port={free.getsockname()[1]}")
    with monitoring(*again) as printed:
        page = browse(FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}")
        page.goto(url(printed))
        page.click("#microphone:enabled")
        page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
    page.locator("#problem", has_text="The connection to the monitor is lost").wait_for(timeout=20_000)
    with monitoring(*again):
        page.locator("#status", has_text=re.compile("^Streaming.$")).wait_for(timeout=20_000)
        assert page.text_content("#problem") == ""


def test_reports_that_the_browser_refuses_the_microphone(browse):
    page = browse(FAKE, "--deny-permission-prompts")
    page.click("#microphone")
    page.locator("#problem", has_text="refused the microphone").wait_for()
    assert page.get_attribute("#microphone", "aria-pressed") == "false"
