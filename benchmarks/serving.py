"""How fast speech is judged, from a file and live.

    python benchmarks/serving.py --model RUN/export/model_float32.tflite --speech FOLDER [--seconds 30] [--json]

- window_ms: the window of the model's, from samples to probabilities, on one core; median.
- start_s: a whole process of `--mode=predict` on one clip; median.
- folder_clips_per_s: `--mode=predict` on the folder, start included.
- listeners: so many at once, who send speech as it is spoken, to a monitor in a process of its own. Milliseconds from
  when the last sample of a window was sent to when its result came (p50, p95), and how many results came.
- realtime_factor: seconds that the monitor takes for a second of speech, when one listener sends as fast as it can.
- page: the same milliseconds in the page, in a headless chromium whose microphone is a file; where there is chromium.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from common import speech
from websockets.sync.client import ClientConnection, connect

LAUNCH = str(Path(__file__).parents[1] / "launch.py")
RATE = 48_000
CHUNK = 1_920  # 40 ms, as the page sends them


def window_ms(model: str, folder: Path, repeats: int) -> float:
    """From samples to probabilities, on the core that this process is bound to."""
    import aersut

    recognizer = aersut.load(model)
    windows = speech(folder, 8, recognizer.framing.sample_rate)[:, : recognizer.framing.samples]
    taken = []
    for window in itertools.islice(itertools.cycle(windows), repeats + 8):
        begin = time.perf_counter()
        recognizer(window, recognizer.framing.sample_rate)
        taken.append(time.perf_counter() - begin)
    return 1000 * statistics.median(taken[8:])


def predict_s(model: str, *paths: str) -> float:
    """A whole process of --mode=predict."""
    begin = time.perf_counter()
    command = [sys.executable, LAUNCH, "--mode=predict", f"--model={model}", "--json", *paths]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


@contextmanager
def monitor(model: str) -> Iterator[str]:
    """The monitor in a process of its own; yields its address."""
    command = [sys.executable, LAUNCH, "--mode=monitor", f"--model={model}", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield re.findall(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()


@contextmanager
def join(address: str, model: str) -> Iterator[ClientConnection]:
    """A listener's connection."""
    with connect(f"{address.replace('http', 'ws')}listen", proxy=None) as listener:
        listener.send(json.dumps({"model": Path(model).name, "sample_rate": RATE}))
        yield listener


def listen(address: str, model: str, sound: np.ndarray, delay: float, out: list[tuple[float, int]]) -> None:
    """Send sound as it is spoken; append each result's milliseconds, and how many results there were."""
    time.sleep(delay)
    with join(address, model) as listener:
        sent: list[float] = []
        done = threading.Event()

        def receive() -> None:
            while not done.is_set():
                try:
                    message = json.loads(listener.recv(timeout=0.5))
                except TimeoutError:
                    continue
                if "prediction" in message:
                    last = int(np.ceil(message["prediction"]["end"] * RATE / CHUNK)) - 1
                    out.append((1000 * (time.perf_counter() - sent[last]), last))

        receiver = threading.Thread(target=receive)
        receiver.start()
        begin = time.perf_counter()
        for n in range(len(sound) // CHUNK):
            time.sleep(max(0.0, begin + (n + 1) * CHUNK / RATE - time.perf_counter()))
            sent.append(time.perf_counter())
            listener.send(sound[n * CHUNK : (n + 1) * CHUNK].tobytes())
        time.sleep(1)
        done.set()
        receiver.join()


def together(address: str, model: str, sound: np.ndarray, count: int) -> dict[str, float]:
    """p50 and p95 over the results of `count` listeners at once."""
    out: list[tuple[float, int]] = []
    threads = [
        threading.Thread(target=listen, args=(address, model, np.roll(sound, n * RATE), n * 0.06, out))
        for n in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = [taken for taken, _ in out]
    return {
        f"listeners_{count}_p50_ms": float(np.percentile(times, 50)),
        f"listeners_{count}_p95_ms": float(np.percentile(times, 95)),
        f"listeners_{count}_results": float(len(times)),
    }


def realtime_factor(address: str, model: str, sound: np.ndarray) -> float:
    """Seconds for a second of speech, sent as fast as it is taken."""
    with join(address, model) as listener:

        def send() -> None:
            for piece in np.array_split(sound, len(sound) // CHUNK):
                listener.send(piece.tobytes())

        begin = time.perf_counter()
        sender = threading.Thread(target=send)
        sender.start()
        end = 0.0
        while end < len(sound) / RATE - 0.6:  # what the resampler still holds back is less than a hop
            message = json.loads(listener.recv(timeout=30))
            end = message.get("prediction", {}).get("end", end)
        sender.join()
        return (time.perf_counter() - begin) / (len(sound) / RATE)


def page(address: str, sound: np.ndarray, seconds: float) -> dict[str, float]:
    """What the page says of itself."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "speech.wav"
        soundfile.write(file, sound, RATE)
        flags = "--no-sandbox --disable-gpu --use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*flags.split(), f"--use-file-for-fake-audio-capture={file}"]
        )
        opened = browser.new_page()
        opened.goto(address)
        opened.click("#microphone:enabled")
        watch = """() => {
            window.times = [];
            const shown = document.getElementById("shown");
            new MutationObserver(() => times.push(parseFloat(shown.textContent))).observe(shown, { childList: true });
        }"""
        opened.evaluate(watch)
        time.sleep(seconds)
        times: Any = opened.evaluate("() => times.filter((value) => !isNaN(value))")
        browser.close()
    return {
        "page_p50_ms": float(np.percentile(times, 50)),
        "page_p95_ms": float(np.percentile(times, 95)),
        "page_worst_ms": max(times),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a .tflite file of a bundle")
    parser.add_argument("--speech", type=Path, required=True, help="a folder of recordings")
    parser.add_argument("--seconds", type=float, default=30, help="of live speech")
    parser.add_argument("--listeners", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=100, help="windows; a tenth as many processes")
    parser.add_argument("--json", action="store_true", help="one object, figure name → number")
    arguments = parser.parse_args()
    model, folder = arguments.model, arguments.speech
    files = [str(path) for path in sorted(folder.rglob("*")) if path.suffix in (".wav", ".flac")]

    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    figures = {"window_ms": window_ms(model, folder, arguments.repeats)}
    os.sched_setaffinity(0, cores)
    starts = [predict_s(model, files[0]) for _ in range(1 + max(1, arguments.repeats // 10))]
    figures["start_s"] = statistics.median(starts[1:])
    figures["folder_clips_per_s"] = len(files) / predict_s(model, str(folder))

    count = int(np.ceil((arguments.seconds + 10) / 3))
    loud = (speech(folder, min(count, len(files)), RATE) * 32767).astype("<i2").reshape(-1)
    sound = np.resize(loud, int(arguments.seconds * RATE))
    with monitor(model) as address:
        figures |= together(address, model, sound, 1) | together(address, model, sound, arguments.listeners)
        figures["realtime_factor"] = realtime_factor(address, model, sound)
        if shutil.which("chromium"):
            figures |= page(address, sound, arguments.seconds)
    figures = {name: round(value, 3) for name, value in figures.items()}
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24}{value:10.3f}")


if __name__ == "__main__":
    main()
