"""The page of `--export.web=true` in headless Chromium against the Python runner: time and agreement per window.

    python benchmarks/web.py --run RUN [--every 1] [--json]

For every n-th test clip of a run whose export has the folder web. Both classify the same 16-bit samples at the model's
rate, which Python resamples; `file` also gives the page the file itself, which the browser decodes and resamples.

- windows, silent: number of windows, and of those without speech in both.
- different_vad: number of windows that only one of the two finds silent.
- agreement, difference: fraction of windows with the same emotion, largest difference of a probability.
- page_ms, python_ms: VAD, trimming and inference per window; median over the clips.
- file_agreement, file_difference: the same for the file, over the windows that both have.
- ready_s: from opening the page to the end of its loading.
"""

import argparse
import base64
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import require_peers

from aersut.data import audio
from aersut.paths import expanded
from aersut.run_folder import open_run
from aersut.serving.prediction import Prediction
from aersut.serving.recognizer import Recognizer, load

SAMPLES = """async (data) => {
  const { Stream } = await import("./stream.js");
  const { classify } = await import("./sources.js");
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const stream = new Stream(classify, await (await fetch("model.json")).json());
  return [...(await stream.push(new Int16Array(bytes.buffer))), ...(await stream.finish())];
}"""
FILE = """async (data) => {
  const { predict } = await import("./sources.js");
  const found = [];
  const file = new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], "clip");
  await predict(file, "", ({ prediction }) => prediction && found.push(prediction), new AbortController().signal);
  return found;
}"""


class Agreement:
    """Windows of the page and of Python, compared."""

    def __init__(self) -> None:
        self.windows = self.silent = self.different_vad = self.equal = 0
        self.difference = 0.0

    def add(self, found: list[dict[str, Any]], expected: list[Prediction]) -> None:
        """Compare the windows of one clip."""
        for one, other in zip(found, expected, strict=False):
            self.windows += 1
            if (one["emotion"] is None) != (other.emotion is None):
                self.different_vad += 1
            elif other.emotion is None:
                self.silent += 1
            else:
                self.equal += one["emotion"] == other.emotion
                differences = (abs(one["probabilities"][name] - value) for name, value in other.probabilities.items())
                self.difference = max(self.difference, *differences)

    @property
    def agreement(self) -> float:
        """Fraction of the windows with speech in both that have the same emotion."""
        return self.equal / max(1, self.windows - self.silent - self.different_vad)


def measure(page: Any, recognizer: Recognizer, clips: list[Path]) -> dict[str, float]:
    """Classify the clips in the page and in Python."""
    rate = recognizer.framing.sample_rate
    samples_of, files = Agreement(), Agreement()
    page_ms, python_ms = [], []
    for clip in clips:
        samples = audio.to_int16(audio.resample(audio.read_recording(clip), rate))
        begin = time.perf_counter()
        expected = list(recognizer.over_time(samples, rate))
        python_ms.append(1000 * (time.perf_counter() - begin) / len(expected))
        found = page.evaluate(SAMPLES, base64.b64encode(samples.tobytes()).decode())
        assert len(found) == len(expected), clip
        page_ms.append(statistics.mean(one["latency_ms"] for one in found))
        samples_of.add(found, expected)
        found = page.evaluate(FILE, base64.b64encode(clip.read_bytes()).decode())
        files.add(found, list(recognizer.over_time(clip)))
    return {
        "clips": len(clips),
        "windows": samples_of.windows,
        "silent": samples_of.silent,
        "different_vad": samples_of.different_vad,
        "agreement": samples_of.agreement,
        "difference": samples_of.difference,
        "page_ms": statistics.median(page_ms),
        "python_ms": statistics.median(python_ms),
        "file_agreement": files.agreement,
        "file_difference": files.difference,
    }


@contextmanager
def static_host(folder: Path) -> Iterator[str]:
    """Serve a folder by Python's web server; its URL."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield re.findall(r"http://[\d.:]+/", server.stdout.readline())[0]
        finally:
            server.kill()


def main() -> None:
    """Serve the page by Python's web server, measure, and print the metrics."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, type=Path, help="folder of a run with export/web")
    parser.add_argument("--every", type=int, default=1, help="use every n-th test clip")
    parser.add_argument("--clips", type=Path, help="a folder of .wav and .flac files instead of the test clips")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    require_peers("playwright")
    from playwright.sync_api import sync_playwright

    web = arguments.run / "export" / "web"
    settings = json.loads((web / "model.json").read_text())
    if arguments.clips:
        clips = sorted(path for path in arguments.clips.rglob("*") if path.suffix in (".wav", ".flac"))
    else:
        run = open_run(arguments.run)
        root = expanded(run.experiment.data.root)
        test = [clip["path"] for clip in json.loads(run.split.read_text())["clips"] if clip["splits"][0] == "test"]
        clips = [root / path for path in test if "#t=" not in path]  # the page opens files, not segments
    with static_host(web) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page()
        begin = time.perf_counter()
        page.goto(address)
        page.locator("#microphone:enabled").wait_for(timeout=20_000)
        ready = time.perf_counter() - begin
        metrics = measure(page, load(web / settings["name"]), clips[:: arguments.every]) | {"ready_s": ready}
        chromium.close()
    if arguments.json:
        print(json.dumps(metrics))
    else:
        for name, value in metrics.items():
            print(f"{name:18}{value:12.6g}")


if __name__ == "__main__":
    main()
