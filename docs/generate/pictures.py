"""The pictures of README.md, in light and dark: docs/pictures/. Their numbers are those of the zoo's model.

    python docs/generate/pictures.py [--monitor]

`--monitor` also takes the screenshots of the monitor's page, for which it starts a server and Chromium.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import demonstrations as show
import numpy as np
import soundfile

import aersut
from aersut.contracts import Framing
from aersut.features import LogMel, Relative, Signal
from aersut.report.plots import style
from aersut.zoo.catalog import read

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
MODEL = "micro_speech"
COLOURS = {"light": style.INK, "dark": "#e6edf3"}
"""Text, on the background of a page that is white (contrast 16.5) or #0d1117 (16.0)."""
BLUES = {"light": style.BLUE, "dark": "#58a6ff"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--monitor", action="store_true", help="also take the screenshots of the monitor's page")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    svg = style.render("pipeline", (9.6, 3.3), paint_pipeline)["svg"].decode()
    for scheme, ink in COLOURS.items():
        coloured = svg.replace(style.INK, ink).replace(style.BLUE, BLUES[scheme])
        (FOLDER / f"pipeline-{scheme}.svg").write_text(coloured, encoding="utf-8")
    if arguments.monitor:
        screenshots()
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} KB")


def paint_pipeline(figure: Any) -> None:
    """From the microphone to the emotion: a synthetic voice, its features, the network, its probabilities."""
    voice = show.voice("angry", 3)
    probabilities = aersut.load(MODEL)(voice, show.RATE).probabilities
    axes = figure.subplots(1, 4, gridspec_kw={"width_ratios": [1.2, 1.2, 1.1, 1.1]})
    blocks = voice[: len(voice) // 64 * 64].reshape(-1, 64)
    axes[0].fill_between(np.arange(len(blocks)) * 64 / show.RATE, blocks.min(1), blocks.max(1), color=style.BLUE, lw=0)
    axes[0].set_title("microphone\n16 kHz, 16 bits")
    axes[0].set_xlabel("time (s)")
    axes[0].set_yticks([])
    framing = Framing(show.RATE, show.FRAMING.seconds, 1024, 256)
    rows = np.asarray(Relative(LogMel(n_mels=56, fmin=50.0), range_db=45.0)(Signal(voice, framing)))
    axes[1].imshow(rows.T, origin="lower", aspect="auto", cmap=style.IMAGES, extent=(0, framing.seconds, 0, 64))
    axes[1].set_title("audio frontend\n56 log-mel bands")
    axes[1].set_xlabel("time (s)")
    axes[1].set_yticks([])
    model = read(MODEL)
    lines = [
        f"{MODEL}, int8", "",
        f"{model.bytes / 1000:.0f} KB of weights and graph", f"{model.arena / 1000:.0f} KB of tensor arena", "",
        "TensorFlow Lite", "TensorFlow Lite Micro", "C99 without interpreter", "browser (LiteRT.js)",
    ]  # fmt: skip
    axes[2].set_title("classifier\ntrained in JAX and Flax")
    axes[2].text(0.5, 0.5, "\n".join(lines), ha="center", va="center", linespacing=1.35, fontsize=9)
    axes[2].set(xticks=[], yticks=[])
    axes[2].spines[["top", "right"]].set_visible(True)
    axes[3].barh(list(probabilities)[::-1], list(probabilities.values())[::-1], color=style.BLUE)
    axes[3].set_title("probabilities\nof eight emotions")
    axes[3].set_xlim(0, 1)


def screenshots() -> None:
    """The monitor's page with a file, as a phone and a desktop show it."""
    from playwright.sync_api import sync_playwright

    clip = np.concatenate(
        [show.voice(emotion, speaker) for emotion, speaker in (("sad", 1), ("happy", 2), ("angry", 3))]
    )
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(path := Path(folder) / "synthetic_voice.wav", clip, show.RATE)
        command = [sys.executable, str(ROOT / "launch.py"), "--mode=monitor", f"--model={MODEL}", "--port=0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            address = next(found[0] for line in server.stdout or () if (found := re.search(r"http://\S+", line)))
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                for scheme in COLOURS:
                    page = browser.new_page(viewport={"width": 1000, "height": 780}, color_scheme=scheme)  # type: ignore[arg-type]
                    page.goto(address)
                    page.set_input_files("input[type=file]", path)
                    page.locator("#status", has_text=path.name).wait_for(timeout=60_000)
                    page.wait_for_timeout(1000)
                    page.screenshot(path=FOLDER / f"monitor-{scheme}.png")
                browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
