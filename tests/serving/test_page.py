"""The page in a real browser, whose microphone is a file; the monitor is a process of its own."""

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
    """Where a monitor is served."""
    with monitoring(f"--model={bundle}", HOP) as said:
        yield where(said)


def where(said: str) -> str:
    """The address in what a monitor says."""
    return re.findall(r"http://\S+", said)[0]


@pytest.fixture(scope="module")
def microphone(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser takes for its microphone: real speech where there is some, and a pause; played in a loop."""
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    samples, rate = soundfile.read(talk, dtype="int16")
    if folder := os.environ.get("AERSUT_TEST_DATA"):
        clip = sorted(Path(folder).rglob("*.wav"))[40]
        samples, rate = soundfile.read(clip, dtype="int16")
        samples = np.concatenate([samples if samples.ndim == 1 else samples[:, 0], np.zeros(2 * rate, np.int16)])
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture
def browse(address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a browser with these arguments; at the end the console must have been silent."""
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    elsewhere: list[str] = []
    with sync_playwright() as playwright:
        browsers = []

        def start(*arguments: str, **options: Any) -> Any:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET.split(), "--no-first-run", *arguments]
            )
            browsers.append(browser)
            page = browser.new_page(**options)
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: elsewhere.append(request.url))
            page.goto(address)
            page.locator("#microphone:enabled").wait_for()
            return page

        yield start
        for browser in browsers:
            browser.close()
    # which chromium itself tells of each answer that is no success, and of a server that is gone
    refused = ("the server responded with a status of 422", "net::ERR_CONNECTION_REFUSED")
    assert [text for text in said if not any(one in text for one in refused)] == []
    assert [url for url in elsewhere if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "blob:"))] == []


def pixels(page: Any, canvas: str) -> bytes:
    """What a canvas shows, as PNG."""
    return page.locator(f"#{canvas}").screenshot()


def test_listens_shows_and_tells(browse, microphone, tmp_path):
    page = browse(FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the microphone is the first thing that the keyboard meets
    speaking = page.locator("#emotion:not([data-emotion='']):not([data-emotion='silence'])")
    speaking.wait_for(timeout=20_000)
    assert page.locator("#microphone").get_attribute("aria-pressed") == "true"
    assert re.fullmatch(r"\d+ % confident", page.text_content("#confidence"))
    before = {canvas: pixels(page, canvas) for canvas in ("timeline", "waveform", "mel", "mfcc", "levels")}
    page.locator("#emotion[data-emotion='silence']").wait_for(timeout=20_000)  # the pause
    assert page.text_content("#confidence") == "nobody speaks"
    speaking.wait_for(timeout=20_000)
    for canvas, shown in before.items():
        assert pixels(page, canvas) != shown
    assert re.fullmatch(r"\d+\.\d ms", page.text_content("#inference"))
    assert re.fullmatch(r"\d+ ms", page.text_content("#shown"))
    assert page.text_content("#spoken") != ""  # to a screen reader
    page.select_option("#model", "model_int8.tflite")
    page.locator("#status", has_text="first result").wait_for()
    page.locator("#status", has_text=re.compile("^Listening.$")).or_(speaking).first.wait_for(timeout=20_000)
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "history.csv")
    head, *rows = (tmp_path / "history.csv").read_text().splitlines()
    assert head.startswith("start,end,emotion,confidence,model,milliseconds,neutral,calm")
    assert len(rows) >= 3
    page.click("#microphone")
    assert page.text_content("#status") == "Not listening."
    page.click("#clear")
    assert page.text_content("#emotion") == "–"


def test_judges_a_file_and_says_what_is_none(browse, talk, tmp_path):
    page = browse(viewport={"width": 360, "height": 740}, color_scheme="dark")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360  # nothing hangs out of a phone
    empty = pixels(page, "timeline")
    page.set_input_files("#file", talk)
    page.locator("#status", has_text=f"{talk.name}, 0:").wait_for(timeout=20_000)
    assert pixels(page, "timeline") != empty
    assert page.text_content("#timeline-title") == "Emotions, whole file"
    page.click("summary")
    assert page.locator("#rows tr").count() > 10
    (tmp_path / "notes.wav").write_text("no sound")
    page.set_input_files("#file", tmp_path / "notes.wav")
    page.locator("#problem", has_text="cannot be decoded").wait_for()
    page.set_input_files("#file", talk)
    page.locator("#status", has_text=f"{talk.name}, 0:").wait_for(timeout=20_000)  # and it goes on
    assert page.text_content("#problem") == ""


def test_says_that_the_connection_is_lost_and_goes_on_when_it_is_back(browse, bundle, microphone, monitoring):
    with socket.create_server(("127.0.0.1", 0)) as free:
        again = (f"--model={bundle}", HOP, f"--port={free.getsockname()[1]}")
    with monitoring(*again) as said:
        page = browse(FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}")
        page.goto(where(said))
        page.click("#microphone:enabled")
        page.locator("#emotion:not([data-emotion=''])").wait_for(timeout=20_000)
    page.locator("#problem", has_text="The connection to the monitor is lost").wait_for(timeout=20_000)
    with monitoring(*again):
        page.locator("#status", has_text=re.compile("^Listening.$")).wait_for(timeout=20_000)
        assert page.text_content("#problem") == ""


def test_says_that_the_browser_refuses_the_microphone(browse):
    page = browse(FAKE, "--deny-permission-prompts")
    page.click("#microphone")
    page.locator("#problem", has_text="refused the microphone").wait_for()
    assert page.get_attribute("#microphone", "aria-pressed") == "false"
