// Predictions for the windows of a stream: voice activity detection (VAD), removal of silence and smoothing as in
// aersut/serving/stream.py, vad.py and aersut/data/audio.py. The constants are those of model.json.

const SILENT = -120; // dBFS

export class Stream {
  /** `classify(window)` returns a promise of the probabilities of a window of float samples; `model` is model.json. */
  constructor(classify, model) {
    Object.assign(this, { classify, model, windows: 0, recent: [], buffer: new Int16Array(0) });
    Object.assign(this, { note: "", samples: 0, clipped: 0, loudest: SILENT, speech: false });
    this.hop = Math.max(1, Math.round(model.hop * model.sample_rate));
  }

  /** Add 16-bit samples at the model's rate; returns predictions for the windows that they complete, with `note`. */
  async push(samples, note = "") {
    const { full_scale: full, clipping_memory: memory } = this.model.warnings;
    this.note = note;
    if (this.samples > memory * this.model.sample_rate) {
      this.samples = Math.floor(this.samples / 2);
      this.clipped = Math.floor(this.clipped / 2);
    }
    this.samples += samples.length;
    this.clipped += samples.reduce((count, value) => count + (Math.abs(value) >= full * 32768), 0);
    this.buffer = joined(this.buffer, samples);
    const predictions = [];
    while (this.buffer.length >= this.model.samples) {
      predictions.push(await this.predict(this.buffer.subarray(0, this.model.samples)));
      this.buffer = this.buffer.slice(this.hop);
    }
    return predictions;
  }

  /** End the stream; samples that no window has covered yet form a last, shorter window. */
  async finish() {
    const covered = this.windows ? this.model.samples - this.hop : this.model.frame_length - 1;
    const rest = this.buffer;
    this.buffer = new Int16Array(0);
    return rest.length > covered ? [await this.predict(rest)] : [];
  }

  async predict(window) {
    const rate = this.model.sample_rate;
    const start = (this.windows++ * this.hop) / rate;
    const end = start + window.length / rate;
    const samples = Float32Array.from(window, (value) => value / 32768);
    const began = performance.now();
    let probabilities = {};
    const [loud, quiet] = levels(samples, rate);
    const speech = isSpeech(loud, quiet, this.model);
    this.loudest = Math.max(this.loudest, loud);
    this.speech ||= speech;
    if (speech) {
      const values = this.smoothed(end, await this.classify(prepared(samples, this.model)));
      probabilities = Object.fromEntries(this.model.labels.map((label, i) => [label, values[i]]));
    }
    const latency = performance.now() - began;
    const [emotion, confidence] = Object.entries(probabilities).reduce((a, b) => (b[1] > a[1] ? b : a), [null, 0]);
    const named = emotion && confidence < this.model.min_confidence ? "uncertain" : emotion;
    return { start, end, emotion: named, confidence, probabilities, latency_ms: latency, warning: this.warning() };
  }

  /** What makes the predictions unreliable, as in stream.py; "" for nothing. */
  warning() {
    const { clipping, clipped, steady, quiet, quiet_windows: windows } = this.model.warnings;
    const { vad_threshold: threshold, min_level_range: range } = this.model;
    const notes = [this.note];
    if (this.clipped >= clipped * Math.max(1, this.samples)) notes.push(clipping);
    if (this.windows === windows && !this.speech && threshold !== null) {
      const values = { level: this.loudest.toFixed(1), threshold, range };
      notes.push(filled(this.loudest >= threshold ? steady : quiet, values));
    }
    return together(notes);
  }

  /** Mean of the probabilities of the windows that ended in the last `smoothing` seconds. */
  smoothed(end, probabilities) {
    this.recent.push([end, probabilities]);
    while (this.recent[0][0] < end && this.recent[0][0] <= end - this.model.smoothing) this.recent.shift();
    return probabilities.map((_, i) => this.recent.reduce((sum, [, values]) => sum + values[i], 0) / this.recent.length);
  }
}

export function joined(a, b) {
  const all = new a.constructor(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** Several notes as one. */
export const together = (notes) => [...new Set(notes.filter(Boolean))].join("; ");

/** A text with a value for each name in braces. */
export const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** The warning for audio with at most half the bandwidth of the training data, otherwise "": bandwidth_warning in stream.py. */
export function bandwidthWarning(sampleRate, { sample_rate: rate, warnings }) {
  if (sampleRate > rate / 2) return "";
  const [own, highest, model] = [sampleRate, Math.floor(sampleRate / 2), rate].map((one) => one.toLocaleString("en"));
  return filled(warnings.narrow, { rate: own, highest, model });
}

/** Whether the levels of the window's 20 ms frames are those of speech: contains_speech in vad.py. */
export const containsSpeech = (samples, model) => isSpeech(...levels(samples, model.sample_rate), model);

function isSpeech(loud, quiet, { vad_threshold: threshold, min_level_range: range }) {
  return threshold === null || (loud >= threshold && loud - quiet >= range);
}

/** Levels of the loud and the quiet 20 ms frames in dBFS: window_levels in vad.py. */
function levels(samples, rate) {
  const length = Math.max(1, Math.floor(rate / 50));
  const found = [];
  for (let from = 0; from + length <= samples.length; from += length) {
    const frame = samples.subarray(from, from + length);
    const mean = frame.reduce((sum, value) => sum + value, 0) / length;
    const power = frame.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
    found.push(10 * Math.log10(Math.max(power, 1e-12)));
  }
  if (!found.length) return [SILENT, SILENT];
  found.sort((a, b) => a - b);
  return [percentile(found, 0.9), percentile(found, 0.1)];
}

/** Percentile with linear interpolation, as numpy's. */
function percentile(sorted, fraction) {
  const position = fraction * (sorted.length - 1);
  const below = Math.floor(position);
  return sorted[below] + (position - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

/** The input of the model: without DC offset and silence, cropped or padded to the window. */
export function prepared(samples, { samples: length, sample_rate: rate, trim_db: trim, fit }) {
  const offset = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  let kept = Math.abs(offset) >= 1 / 32768 ? samples.map((value) => value - Math.fround(offset)) : samples;
  if (trim !== null) kept = trimmed(kept, rate, trim);
  kept = kept.map((value) => quantized(value) / 32768);
  const surplus = kept.length - length;
  const before = fit === "start" ? 0 : Math.floor(Math.abs(surplus) / 2);
  if (surplus >= 0) return kept.slice(before, before + length);
  const window = new Float32Array(length);
  window.set(kept, before);
  return window;
}

/** A sample in [-1, 1] as a 16-bit integer; halves are rounded to even, as in numpy. */
export function quantized(value) {
  const scaled = Math.fround(value) * 32768;
  let rounded = Math.round(scaled);
  if (rounded - scaled === 0.5 && rounded % 2) rounded -= 1;
  return Math.max(-32768, Math.min(32767, rounded));
}

/** Without leading and trailing frames that are more than `decibels` below the loudest: `trim` in data/audio.py. */
function trimmed(samples, rate, decibels) {
  const hop = Math.max(1, Math.round((rate * 512) / 22050));
  const whole = Math.floor(samples.length / hop);
  const energy = new Float64Array(whole + 8); // of each hop, with a frame of zeros at both ends
  for (let i = 0; i < samples.length; i++) energy[4 + Math.floor(i / hop)] += samples[i] ** 2;
  const power = Array.from({ length: whole + 5 }, (_, i) =>
    Math.max((energy[i] + energy[i + 1] + energy[i + 2] + energy[i + 3]) / (4 * hop), 1e-10));
  const speech = speechFrames(power, 10 ** (-decibels / 10), 9, 3).slice(2, whole + 3);
  const first = speech.indexOf(true);
  const last = speech.lastIndexOf(true);
  return first < 0 ? samples : samples.slice(first * hop, (last + 1) * hop);
}

/** Which frames are speech: louder than `relative` times the loudest, and no click: speech_frames in levels.py. */
function speechFrames(power, relative, click, neighbors) {
  const most = power.reduce((a, b) => Math.max(a, b));
  const steady = [...power].sort((a, b) => b - a)[click];
  if (power.length <= 2 * click || most <= 100 * steady) return power.map((value) => value > most * relative);
  const isClick = (i) => power.slice(Math.max(0, i - neighbors), i + neighbors + 1).some((value) => value > 100 * steady);
  return power.map((value, i) => value > steady * relative && !isClick(i));
}

const HALF = 74; // half length of the resampler's filter, in samples of the lower rate
const CUTOFF = 0.956; // of half the lower rate; the passband ends at 0.913, as in soxr at high quality
const BETA = 10; // of the Kaiser window: 100 dB of attenuation

/** Resamples a stream of 16-bit samples by a windowed sinc; browsers' own resamplers differ, and some interpolate linearly. */
export class Resampler {
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    Object.assign(this, { up: to / divisor, down: from / divisor, phase: 0, weights: [] });
    this.scale = Math.max(1, this.down / this.up); // samples at `from` per sample of the lower rate
    this.half = Math.ceil(HALF * this.scale);
    this.buffer = new Int16Array(this.half - 1); // zeros before the first sample
    this.at = this.half - 1; // position of the next result in the buffer, with phase / up
  }

  /** Add samples; returns the resampled ones that they complete. */
  push(samples) {
    if (this.up === this.down) return samples;
    this.buffer = joined(this.buffer, samples);
    const results = [];
    for (; this.at + this.half < this.buffer.length; this.at += Math.floor(this.phase / this.up), this.phase %= this.up) {
      const weights = (this.weights[this.phase] ??= this.filter(this.phase / this.up));
      let sum = 0;
      for (let i = 0, j = this.at - this.half + 1; i < weights.length; i++, j++) sum += weights[i] * this.buffer[j];
      results.push(quantized(sum / 32768));
      this.phase += this.down;
    }
    const used = Math.min(this.at - this.half + 1, this.buffer.length);
    this.buffer = this.buffer.slice(used);
    this.at -= used;
    return Int16Array.from(results);
  }

  /** The results that need samples after the end, which are zeros. */
  finish() {
    return this.push(new Int16Array(this.up === this.down ? 0 : this.half));
  }

  /** Weights of the samples around a position that is `fraction` of a sample after one of them. */
  filter(fraction) {
    const weights = Float64Array.from({ length: 2 * this.half }, (_, i) => {
      const time = (i - this.half + 1 - fraction) / this.scale;
      const angle = Math.PI * CUTOFF * time;
      const window = bessel(BETA * Math.sqrt(Math.max(0, 1 - (time / HALF) ** 2)));
      return (angle ? Math.sin(angle) / angle : 1) * window;
    });
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / sum);
  }
}

/** Modified Bessel function of order 0. */
function bessel(x) {
  let [term, sum] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

/** The sample rate in the header of a WAV or FLAC file; null for other files. */
export function headerRate(content) {
  const view = new DataView(content);
  const name = (offset) => (offset + 4 <= view.byteLength ? String.fromCharCode(...new Uint8Array(content, offset, 4)) : "");
  if (name(0) === "fLaC" && view.byteLength > 21) return view.getUint32(18) >>> 12;
  if (name(0) !== "RIFF" || name(8) !== "WAVE") return null;
  for (let offset = 12; offset + 16 <= view.byteLength; ) {
    if (name(offset) === "fmt ") return view.getUint32(offset + 12, true);
    const size = view.getUint32(offset + 4, true);
    offset += 8 + size + (size % 2);
  }
  return null;
}
