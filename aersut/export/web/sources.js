// The source of predictions of the exported page: the model runs in the browser. It has the interface and the messages
// of aersut/serving/page/sources.js, where a server predicts.
import { DisplayAnalyzer } from "./display.js";
import { loadAndCompile, loadLiteRt, Tensor } from "./litert/core.js";
import { bandwidthWarning, headerRate, quantized, Resampler, Stream, together } from "./stream.js";

const LARGEST = 256 << 20; // bytes of a file, which is decoded in memory
let model; // model.json
let compiled;

/** Load the model; returns the page's settings. */
export async function describe() {
  const response = await fetch("model.json");
  if (!response.ok) throw new Error(`model.json: the server responded with status ${response.status}.`);
  model = await response.json();
  await loadLiteRt("litert/wasm/"); // without threads, which would need headers for cross-origin isolation
  compiled = await loadAndCompile(model.name, { accelerator: "wasm" });
  await classify(new Float32Array(model.samples)); // the first call takes longer
  keep().catch(() => {}); // without storage, as in some private windows, the page works online only
  return {
    models: [model],
    upload: LARGEST,
    hop: model.hop,
    footer: "The audio stays on this device: the model runs in the browser, and no audio is sent or stored.",
  };
}

/** Probabilities of a window of samples in [-1, 1]. */
export async function classify(window) {
  const input = new Tensor(window, [1, window.length]);
  const [output] = await compiled.run(input);
  try {
    return [...(await output.data())];
  } finally {
    input.delete();
    output.delete();
  }
}

/** Keep the loaded files in the browser, so that the page works offline from now on (offline.js). */
async function keep() {
  if (!navigator.serviceWorker) return; // the page is served neither over https nor from localhost
  await navigator.serviceWorker.register("offline.js");
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const own = loaded.filter((name) => name.startsWith(`${location.origin}/`)); // not those of browser extensions
  const cache = await caches.open("aersut");
  const names = [...new Set([location.pathname, "worklet.js", ...own])];
  const added = await Promise.allSettled(names.map((name) => cache.add(name)));
  const complete = added.every(({ status }) => status === "fulfilled");
  document.documentElement.dataset.offline = complete ? "ready" : "incomplete";
}

/** One stream of samples: predictions, and features of the same samples for the plots. */
class Session {
  constructor(sampleRate, hop = 0.032, note = "") {
    this.note = together([note, bandwidthWarning(sampleRate, model)]);
    this.resampler = new Resampler(sampleRate, model.sample_rate);
    this.stream = new Stream(classify, model);
    this.analyzer = new DisplayAnalyzer(model.sample_rate, hop, model.display);
  }

  async push(block, onMessage) {
    await this.add(this.resampler.push(block), onMessage);
  }

  async add(samples, onMessage) {
    const frames = this.analyzer.push(samples);
    if (frames) onMessage({ frames });
    for (const prediction of await this.stream.push(samples, this.note)) onMessage({ prediction });
  }

  async finish(onMessage) {
    await this.add(this.resampler.finish(), onMessage);
    for (const prediction of await this.stream.finish()) onMessage({ prediction });
  }
}

/** A live stream: `send(buffer)` takes 16-bit samples and returns true; predictions arrive at `onMessage`. */
export function connect(_, sampleRate, onMessage) {
  const session = new Session(sampleRate);
  let open = true;
  let queue = Promise.resolve(); // blocks are processed one after the other
  const receive = (message) => open && onMessage(message);
  return {
    send(buffer) {
      queue = queue
        .then(() => open && session.push(new Int16Array(buffer), receive))
        .catch((error) => receive({ error: error.message }));
      return true;
    },
    close: () => (open = false),
  };
}

/** Classify an audio file window by window; calls `onMessage` with each message. */
export async function predict(file, _, onMessage, signal) {
  const content = await file.arrayBuffer();
  const native = headerRate(content);
  // browsers decode at a rate that is given: the file's own, so that Resampler resamples, as Python would
  const rate = native >= 8000 && native <= 96000 ? native : 48000;
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(content);
  } catch {
    if (signal.aborted) return;
    throw new Error(`${file.name} cannot be decoded by this browser. Expected an audio file, for example WAV, MP3 or FLAC.`);
  }
  if (signal.aborted) return;
  const [samples, note] = mono(decoded);
  onMessage({ recording: { seconds: decoded.duration } });
  const session = new Session(rate, Math.max(0.032, decoded.duration / model.display.max_frames), note);
  const block = rate; // a second at a time, so that the page shows progress
  for (let from = 0; from < samples.length; from += block) {
    await session.push(samples.subarray(from, from + block), onMessage);
    await new Promise((next) => setTimeout(next));
    if (signal.aborted) return;
  }
  await session.finish(onMessage);
  if (!session.stream.windows) throw new Error(`${file.name} is too short: it does not fill one frame.`);
  onMessage({ done: true });
}

/** The mean of the channels, as 16-bit samples; the loudest one, with a note, if they cancel each other: `Downmix` in audio.py. */
export function mono(decoded) {
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, i) => decoded.getChannelData(i));
  const mean = Float32Array.from({ length: decoded.length }, (_, i) =>
    channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
  const power = (samples) => samples.reduce((sum, value) => sum + value * value, 0);
  const powers = channels.map(power);
  const whole = powers.reduce((a, b) => a + b) / channels.length;
  const cancelled = channels.length > 1 && power(mean) < model.warnings.cancelled * whole;
  const used = cancelled ? channels[powers.indexOf(Math.max(...powers))] : mean;
  return [Int16Array.from(used, quantized), cancelled ? model.warnings.opposite : ""];
}
