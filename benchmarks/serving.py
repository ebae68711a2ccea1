"""Latency and throughput of inference: one window, `--mode=predict`, and the monitor.

    python benchmarks/serving.py --model RUN/export/model_float32.tflite --speech FOLDER [--seconds 30] [--json]

- window_ms: inference time of one window, from samples to probabilities, on one core; median.
- start_s: a whole process of `--mode=predict` on one clip; median.
- folder_clips_per_s: `--mode=predict` on the folder, start included.
- clients_N: N simultaneous clients stream speech in real time to a monitor in its own process. Latency from sending the
  last sample of a window to receiving its prediction (p50, p95, in ms), and the number of predictions.
- realtime_factor: processing time per second of speech, with one client that sends as fast as the monitor accepts.
- page: the same latency in the page, in headless chromium with a file as its microphone; skipped without chromium.
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
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from common import require_peers, speech

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

LAUNCH = str(Path(__file__).parents[1] / "launch.py")
RATE = 48_000
CHUNK = 1_920  # 40 ms, as the page sends them


def window_ms(model: str, folder: Path, repeats: int) -> float:
    """Inference time of a window on the core that this process is bound to."""
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
    """Run time of a whole --mode=predict process."""
    begin = time.perf_counter()
    command = [sys.executable, LAUNCH, "--mode=predict", f"--model={model}", "--json", *paths]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


@contextmanager
def monitor(model: str) -> Iterator[str]:
    """Run the monitor in its own process; yield its URL."""
    command = [sys.executable, LAUNCH, "--mode=monitor", f"--model={model}", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield re.findall(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()


@contextmanager
def join(address: str, model: str) -> Iterator["ClientConnection"]:
    """Connect a client."""
    from websockets.sync.client import connect

    with connect(f"{address.replace('http', 'ws')}stream", proxy=None) as client:
        client.send(json.dumps({"model": Path(model).name, "sample_rate": RATE}))
        yield client


def stream(address: str, model: str, audio: np.ndarray, delay: float, latencies: list[float]) -> None:
    """Send audio in real time; append the latency of each prediction in ms."""
    time.sleep(delay)
    with join(address, model) as client:
        sent: list[float] = []
        done = threading.Event()

        def receive() -> None:
            while not done.is_set():
                try:
                    message = json.loads(client.recv(timeout=0.5))
                except TimeoutError:
                    continue
                if "prediction" in message:
                    last = int(np.ceil(message["prediction"]["end"] * RATE / CHUNK)) - 1
                    latencies.append(1000 * (time.perf_counter() - sent[last]))

        receiver = threading.Thread(target=receive)
        receiver.start()
        begin = time.perf_counter()
        for n in range(len(audio) // CHUNK):
            time.sleep(max(0.0, begin + (n + 1) * CHUNK / RATE - time.perf_counter()))
            sent.append(time.perf_counter())
            client.send(audio[n * CHUNK : (n + 1) * CHUNK].tobytes())
        time.sleep(1)
        done.set()
        receiver.join()


def simultaneous(address: str, model: str, audio: np.ndarray, count: int) -> dict[str, float]:
    """Latency of the predictions for `count` simultaneous clients: p50, p95 and their number."""
    times: list[float] = []
    threads = [
        threading.Thread(target=stream, args=(address, model, np.roll(audio, n * RATE), n * 0.06, times))
        for n in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        f"clients_{count}_p50_ms": float(np.percentile(times, 50)),
        f"clients_{count}_p95_ms": float(np.percentile(times, 95)),
        f"clients_{count}_predictions": float(len(times)),
    }


def realtime_factor(address: str, model: str, audio: np.ndarray) -> float:
    """Processing time per second of speech, sent as fast as the monitor accepts."""
    with join(address, model) as client:

        def send() -> None:
            for piece in np.array_split(audio, len(audio) // CHUNK):
                client.send(piece.tobytes())

        begin = time.perf_counter()
        sender = threading.Thread(target=send)
        sender.start()
        end = 0.0
        while end < len(audio) / RATE - 0.6:  # the resampler's delay is less than a hop
            message = json.loads(client.recv(timeout=30))
            end = message.get("prediction", {}).get("end", end)
        sender.join()
        return (time.perf_counter() - begin) / (len(audio) / RATE)


def page(address: str, audio: np.ndarray, seconds: float) -> dict[str, float]:
    """Latency that the page displays."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "speech.wav"
        soundfile.write(file, audio, RATE)
        flags = "--no-sandbox --disable-gpu --use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*flags.split(), f"--use-file-for-fake-audio-capture={file}"]
        )
        opened = browser.new_page()
        opened.goto(address)
        opened.click("#microphone:enabled")
        watch = """() => {
            window.times = [];
            const shown = document.getElementById("latency");
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
    parser.add_argument("--model", required=True, help="an exported .tflite file")
    parser.add_argument("--speech", type=Path, required=True, help="a folder of recordings")
    parser.add_argument("--seconds", type=float, default=30, help="duration of the live streams")
    parser.add_argument("--clients", type=int, default=8, help="simultaneous clients")
    parser.add_argument("--repeats", type=int, default=100, help="number of windows; a tenth as many processes")
    parser.add_argument("--json", action="store_true", help="print one JSON object, metric name → number")
    arguments = parser.parse_args()
    require_peers("websockets", *(["playwright"] if shutil.which("chromium") else []))
    model, folder = arguments.model, arguments.speech
    files = [str(path) for path in sorted(folder.rglob("*")) if path.suffix in (".wav", ".flac")]

    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    metrics = {"window_ms": window_ms(model, folder, arguments.repeats)}
    os.sched_setaffinity(0, cores)
    starts = [predict_s(model, files[0]) for _ in range(1 + max(1, arguments.repeats // 10))]
    metrics["start_s"] = statistics.median(starts[1:])
    metrics["folder_clips_per_s"] = len(files) / predict_s(model, str(folder))

    count = int(np.ceil((arguments.seconds + 10) / 3))
    samples = (speech(folder, min(count, len(files)), RATE) * 32767).astype("<i2").reshape(-1)
    audio = np.resize(samples, int(arguments.seconds * RATE))
    with monitor(model) as address:
        for clients in (1, arguments.clients):
            metrics |= simultaneous(address, model, audio, clients)
        metrics["realtime_factor"] = realtime_factor(address, model, audio)
        if shutil.which("chromium"):
            metrics |= page(address, audio, arguments.seconds)
    metrics = {name: round(value, 3) for name, value in metrics.items()}
    if arguments.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:24}{value:10.3f}")


if __name__ == "__main__":
    main()
