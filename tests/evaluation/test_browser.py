"""The report as a browser shows it: on a desk and on a phone, in light and in dark."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: no look at the report")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ARGUMENTS += ["--disable-sync", "--no-first-run"]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (360, "light"), (360, "dark")])
def test_every_picture_is_there_nothing_is_cut_off_and_nothing_is_fetched(browser, finished, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(finished.report.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [finished.report.as_uri()]

    pictures = page.evaluate(
        "[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().toJSON())"
    )
    assert len(pictures) == 15
    assert all(picture["width"] > 150 and picture["height"] > 150 for picture in pictures)
    assert all(picture["right"] <= width for picture in pictures)
    rasters = page.evaluate(
        "Promise.all([...document.querySelectorAll('svg image')].map(async i => {"
        "const p = new Image(); p.src = i.href.baseVal; await p.decode(); return p.naturalWidth}))"
    )
    assert len(rasters) >= 3 * 8  # three of each example
    assert min(rasters) > 10

    assert page.evaluate("document.documentElement.scrollWidth") <= width  # a phone need not be pushed sideways
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = [sum(int(part) for part in colour[4:-1].split(",")) / 3 for colour in (ink, paper)]
    assert abs(brightness[0] - brightness[1]) > 150
    assert (brightness[1] > 128) == (scheme == "light")
    context.close()
