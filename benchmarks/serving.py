"""Latency and throughput of inference: one window, `--mode=predict`, and the monitor.

    python benchmarks/serving.py --model RUN/export/model_float32.tflite --speech FOLDER [--seconds 30] [--json]
    python benchmarks/serving.py --model FILE --speech FOLDER --baseline REV --repeats 50

With --baseline, only start_s, folder_clips_per_s and folder_mb are measured, of this build and of the revision, which
alternate; `_vs_baseline` is the ratio. --model may be a run folder there.

- window_ms: inference time of one window, from samples to probabilities, on one core; median.
- start_s: a whole process of `--mode=predict` on one clip; median.
- folder_clips_per_s: `--mode=predict` on the folder, start included; folder_mb: its peak memory.
- clients_N: N simultaneous clients stream speech in real time to a monitor in its own process. Latency from sending the
  last sample of a window to receiving its prediction (p50, p95, in ms), and the number of predictions.
- realtime_factor: processing time per second of speech, with one client that sends as fast as the monitor accepts.
- page: the same latency in the page, in headless chromium with a file as its microphone; skipped without chromium.
"""

import argparse
import functools
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
from baseline import NOW, Build, baseline
from common import alternate, require_peers, speech

from aersut.paths import cache_dir

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

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


def predict(model: str, path: str, build: Build = NOW) -> tuple[float, float]:
    """Run time in s and peak memory in MB of a whole --mode=predict process."""
    begin = time.perf_counter()
    command = build.command("--mode=predict", f"--model={Path(model).absolute()}", "--json", str(Path(path).absolute()))
    with subprocess.Popen(command, env=build.environment(cache_dir()), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed")
    return time.perf_counter() - begin, usage.ru_maxrss / 1000


def compared(model: str, files: list[str], folder: Path, revision: str, repeats: int) -> dict[str, float]:
    """Start, throughput and peak memory of this build and of a revision, alternating."""
    builds = {"": NOW, "baseline_": baseline(revision)}
    peaks: dict[str, list[float]] = {name: [] for name in builds}

    def folder_s(name: str) -> float:
        seconds, peak = predict(model, str(folder), builds[name])
        peaks[name].append(peak)
        return seconds

    starts = alternate(repeats, **{name: functools.partial(start_s, model, files[0], builds[name]) for name in builds})
    seconds = alternate(max(1, repeats // 3), **{name: functools.partial(folder_s, name) for name in builds})
    metrics = {}
    for name in builds:
        metrics[f"{name}start_s"] = starts[name]
        metrics[f"{name}folder_clips_per_s"] = len(files) / seconds[name]
        metrics[f"{name}folder_mb"] = statistics.median(peaks[name])
    for name in ("start_s", "folder_clips_per_s", "folder_mb"):
        metrics[f"{name}_vs_baseline"] = metrics[name] / metrics[f"baseline_{name}"]
    return metrics


def start_s(model: str, file: str, build: Build) -> float:
    """Run time in s of a process that classifies one clip."""
    return predict(model, file, build)[0]


@contextmanager
def monitor(model: str) -> Iterator[str]:
    """Run the monitor in its own process; yield its URL."""
    command = NOW.command("--mode=monitor", f"--model={model}", "--port=0")
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
    parser.add_argument("--baseline", metavar="REV", help="a revision to compare with")
    arguments = parser.parse_args()
    require_peers("websockets", *(["playwright"] if shutil.which("chromium") else []))
    model, folder = arguments.model, arguments.speech
    files = [str(path) for path in sorted(folder.rglob("*")) if path.suffix in (".wav", ".flac")]

    if arguments.baseline:
        repeats = max(1, arguments.repeats // 10)
        show(compared(model, files, folder, arguments.baseline, repeats), arguments.json)
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    metrics = {"window_ms": window_ms(model, folder, arguments.repeats)}
    os.sched_setaffinity(0, cores)
    starts = [start_s(model, files[0], NOW) for _ in range(1 + max(1, arguments.repeats // 10))]
    metrics["start_s"] = statistics.median(starts[1:])
    seconds, metrics["folder_mb"] = predict(model, str(folder))
    metrics["folder_clips_per_s"] = len(files) / seconds

    count = int(np.ceil((arguments.seconds + 10) / 3))
    samples = (speech(folder, min(count, len(files)), RATE) * 32767).astype("<i2").reshape(-1)
    audio = np.resize(samples, int(arguments.seconds * RATE))
    with monitor(model) as address:
        for clients in (1, arguments.clients):
            metrics |= simultaneous(address, model, audio, clients)
        metrics["realtime_factor"] = realtime_factor(address, model, audio)
        if shutil.which("chromium"):
            metrics |= page(address, audio, arguments.seconds)
    show(metrics, arguments.json)


def show(metrics: dict[str, float], as_json: bool) -> None:
    """Print the metrics as a table, or as one JSON object."""
    metrics = {name: round(value, 3) for name, value in metrics.items()}
    if as_json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:34}{value:10.3f}")


if __name__ == "__main__":
    main()
