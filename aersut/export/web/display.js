// Features of frames for the plots only, as in aersut/serving/display.py; matrices and lengths are those of model.json.
import { joined } from "./stream.js";

const FLOOR = 1e-10;

export class DisplayAnalyzer {
  /** `hop` in seconds; longer than a frame where a whole recording has to fit into one plot. */
  constructor(rate, hop, { frame_length: length, window, mel, dct }) {
    Object.assign(this, { rate, length, window, mel, dct, frames: 0, buffer: new Float32Array(0) });
    this.hop = Math.round(hop * rate);
  }

  /** Add 16-bit samples; returns the features of the frames that they complete, or null. */
  push(samples) {
    this.buffer = joined(this.buffer, Float32Array.from(samples, (value) => value / 32768));
    const reach = Math.max(this.length, this.hop);
    const count = Math.max(0, 1 + Math.floor((this.buffer.length - reach) / this.hop));
    if (!count) return null;
    const found = { start: (this.frames * this.hop) / this.rate, hop: this.hop / this.rate };
    for (const name of ["low", "high", "rms", "zcr", "mel", "mfcc"]) found[name] = [];
    for (let i = 0; i < count; i++) {
      const from = i * this.hop;
      const hop = this.buffer.subarray(from, from + this.hop);
      this.analyze(this.buffer.subarray(from, from + this.length), hop, found);
    }
    this.buffer = this.buffer.slice(count * this.hop);
    this.frames += count;
    return found;
  }

  analyze(frame, hop, found) {
    found.low.push(hop.reduce((a, b) => Math.min(a, b)));
    found.high.push(hop.reduce((a, b) => Math.max(a, b)));
    found.rms.push(Math.sqrt(frame.reduce((sum, value) => sum + value * value, 0) / this.length));
    let crossings = 0;
    for (let i = 1; i < frame.length; i++) crossings += (frame[i] < -FLOOR) !== (frame[i - 1] < -FLOOR);
    found.zcr.push(crossings / this.length);
    const power = powerSpectrum(frame, this.window);
    // each band is [first bin, weights]
    const mel = this.mel.map(([first, weights]) =>
      10 * Math.log10(Math.max(weights.reduce((sum, weight, i) => sum + weight * power[first + i], 0), FLOOR)));
    found.mel.push(mel);
    found.mfcc.push(this.dct.map((row) => row.reduce((sum, weight, i) => sum + weight * mel[i], 0)));
  }
}

/** Squared magnitudes of the discrete Fourier transform of a windowed frame, whose length is a power of two. */
export function powerSpectrum(frame, window) {
  const size = frame.length;
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0, j = 0; i < size; i++) {
    re[j] = frame[i] * window[i]; // in bit-reversed order
    let bit = size >> 1;
    while (j & bit) {
      j ^= bit;
      bit >>= 1;
    }
    j |= bit;
  }
  for (let half = 1; half < size; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
      for (let a = k; a < size; a += 2 * half) {
        const b = a + half;
        const [x, y] = [re[b] * c - im[b] * s, re[b] * s + im[b] * c];
        [re[b], im[b]] = [re[a] - x, im[a] - y];
        [re[a], im[a]] = [re[a] + x, im[a] + y];
      }
    }
  }
  return Float64Array.from({ length: size / 2 + 1 }, (_, i) => re[i] ** 2 + im[i] ** 2);
}
