// Predictions for the windows of a stream: voice activity detection (VAD), removal of silence and smoothing as in
// aersut/serving/stream.py, vad.py and aersut/data/audio.py. The constants are those of model.json.

export class Stream {
  /** `classify(window)` returns a promise of the probabilities of a window of float samples; `model` is model.json. */
  constructor(classify, model) {
    Object.assign(this, { classify, model, windows: 0, recent: [], buffer: new Int16Array(0) });
    this.hop = Math.max(1, Math.round(model.hop * model.sample_rate));
  }

  /** Add 16-bit samples at the model's rate; returns predictions for the windows that they complete. */
  async push(samples) {
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
    if (containsSpeech(samples, this.model)) {
      const values = this.smoothed(end, await this.classify(prepared(samples, this.model)));
      probabilities = Object.fromEntries(this.model.labels.map((label, i) => [label, values[i]]));
    }
    const latency = performance.now() - began;
    const [emotion, confidence] = Object.entries(probabilities).reduce((a, b) => (b[1] > a[1] ? b : a), [null, 0]);
    const named = emotion && confidence < this.model.min_confidence ? "uncertain" : emotion;
    return { start, end, emotion: named, confidence, probabilities, latency_ms: latency };
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

/** Whether the levels of the window's 20 ms frames are those of speech: contains_speech in vad.py. */
export function containsSpeech(samples, { sample_rate: rate, vad_threshold: threshold, min_level_range: range }) {
  if (threshold === null) return true;
  const length = Math.max(1, Math.floor(rate / 50));
  const levels = [];
  for (let from = 0; from + length <= samples.length; from += length) {
    const frame = samples.subarray(from, from + length);
    const mean = frame.reduce((sum, value) => sum + value, 0) / length;
    const power = frame.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
    levels.push(10 * Math.log10(Math.max(power, 1e-12)));
  }
  if (!levels.length) return false;
  levels.sort((a, b) => a - b);
  const loud = percentile(levels, 0.9);
  return loud >= threshold && loud - percentile(levels, 0.1) >= range;
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
  const energy = new Float64Array(whole + 4); // of each hop, with half a frame of zeros at both ends
  for (let i = 0; i < samples.length; i++) energy[2 + Math.floor(i / hop)] += samples[i] ** 2;
  const power = Array.from({ length: whole + 1 }, (_, i) =>
    Math.max((energy[i] + energy[i + 1] + energy[i + 2] + energy[i + 3]) / (4 * hop), 1e-10));
  const floor = power.reduce((a, b) => Math.max(a, b)) * 10 ** (-decibels / 10);
  const first = power.findIndex((value) => value > floor);
  const last = power.findLastIndex((value) => value > floor);
  return first < 0 ? samples : samples.slice(first * hop, (last + 1) * hop);
}

/** Resamples a stream block by block: each block with its neighbours, of which only the middle is kept. */
export class Resampler {
  constructor(from, to) {
    Object.assign(this, { from, to });
    // a block has a whole number of samples at both rates, about a tenth of a second
    const divisor = greatestCommonDivisor(from, to);
    const blocks = Math.max(1, Math.round(0.1 * divisor));
    this.block = (blocks * from) / divisor;
    this.result = (blocks * to) / divisor;
    this.buffer = new Float32Array(this.block); // zeros before the first block
  }

  /** Add 16-bit samples at `from` Hz; returns 16-bit samples at `to` Hz, two blocks later. */
  async push(samples) {
    if (this.from === this.to) return samples;
    this.buffer = joined(this.buffer, Float32Array.from(samples, (value) => value / 32768));
    let all = new Int16Array(0);
    while (this.buffer.length >= 3 * this.block) {
      const context = new OfflineAudioContext(1, 3 * this.result, this.to);
      const buffer = new AudioBuffer({ length: 3 * this.block, sampleRate: this.from });
      buffer.copyToChannel(this.buffer.subarray(0, 3 * this.block), 0);
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(context.destination);
      source.start();
      const rendered = (await context.startRendering()).getChannelData(0);
      all = joined(all, Int16Array.from(rendered.subarray(this.result, 2 * this.result), quantized));
      this.buffer = this.buffer.slice(this.block);
    }
    return all;
  }
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}
