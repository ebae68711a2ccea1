"""The report in a browser: on a desktop and on a phone, in light and in dark mode."""

import json
import shutil

import pytest

from aersut.report.run_report import write_report
from tests.evaluation.made_stress import made_stress

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
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
def test_every_plot_is_shown_nothing_is_cut_off_and_nothing_is_fetched(browser, finished, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page, messages, requests = context.new_page(), [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(finished.report.as_uri())
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [finished.report.as_uri()]

    plots = page.evaluate("[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().toJSON())")
    assert len(plots) == 15
    assert all(plot["width"] > 150 and plot["height"] > 150 for plot in plots)
    assert all(plot["right"] <= width for plot in plots)
    rasters = page.evaluate(
        "Promise.all([...document.querySelectorAll('svg image')].map(async i => {"
        "const p = new Image(); p.src = i.href.baseVal; await p.decode(); return p.naturalWidth}))"
    )
    assert len(rasters) >= 3 * 8  # three images in each plot of a clip
    assert min(rasters) > 10

    assert page.evaluate("document.documentElement.scrollWidth") <= width  # no horizontal scrolling on a phone
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = [sum(int(part) for part in colour[4:-1].split(",")) / 3 for colour in (ink, paper)]
    assert abs(brightness[0] - brightness[1]) > 150
    assert (brightness[1] > 128) == (scheme == "light")
    context.close()


@pytest.mark.parametrize("width", [1200, 360])
def test_stress_results_fit_the_page(browser, own_run, width):
    evaluation, exported = (own_run.evaluation, own_run.export / "export.json")
    evaluation.write_text(json.dumps(json.loads(evaluation.read_text()) | {"stress": made_stress()}))
    exported.write_text(json.dumps(json.loads(exported.read_text()) | {"stress": {"model_int8.tflite": made_stress()}}))
    write_report(own_run)
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(own_run.report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plots = page.evaluate("[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().toJSON())")
    assert len(plots) == 17
    assert all(plot["width"] > 150 and plot["right"] <= width for plot in plots)
    context.close()
