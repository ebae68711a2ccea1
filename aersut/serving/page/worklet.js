// AudioWorklet processor: averages the channels and posts blocks of about 40 ms as 16-bit samples.
class Tap extends AudioWorkletProcessor {
  constructor() {
    super();
    this.samples = new Int16Array(128 * Math.max(1, Math.round((0.04 * sampleRate) / 128)));
    this.filled = 0;
  }

  process([channels]) {
    if (!channels.length) return true; // the microphone is not connected yet
    for (let i = 0; i < channels[0].length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const value = Math.round((sum / channels.length) * 32768);
      this.samples[this.filled++] = Math.max(-32768, Math.min(32767, value));
      if (this.filled === this.samples.length) {
        this.port.postMessage(this.samples.slice().buffer);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("tap", Tap);
