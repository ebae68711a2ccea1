// History of a session: display frames for the plots; predictions for the timeline, the table and the CSV file.

const PLOT_SECONDS = 10; // of a live stream
const TIMELINE_SECONDS = 60;

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.recording = null; // duration of the file in seconds, or null for a microphone
    this.frames = [];
    this.predictions = [];
    this.offset = 0; // start of the present connection
    this.end = 0;
  }

  /** Append a new connection to the end of the previous one. */
  resume() {
    this.offset = this.end;
  }

  addFrames({ start, hop, ...values }) {
    values.rms.forEach((rms, i) => {
      const frame = { start: this.offset + start + i * hop, hop, rms };
      for (const name of ["low", "high", "zcr", "mel", "mfcc"]) frame[name] = values[name][i];
      this.frames.push(frame);
      this.end = frame.start + hop;
    });
    if (this.recording === null) {
      const expired = this.frames.findIndex((frame) => frame.start >= this.end - PLOT_SECONDS - 1);
      if (expired > 64) this.frames.splice(0, expired);
    }
  }

  addPrediction(prediction) {
    const { start, end } = prediction;
    this.predictions.push({ ...prediction, start: this.offset + start, end: this.offset + end });
    this.end = Math.max(this.end, this.offset + end);
  }

  /** The mean of the probabilities of all windows with speech, and their number. */
  mean(labels) {
    const windows = this.predictions.filter((one) => one.emotion !== null);
    const sum = (label) => windows.reduce((total, one) => total + one.probabilities[label], 0);
    return {
      windows: windows.length,
      probabilities: Object.fromEntries(windows.length ? labels.map((label) => [label, sum(label) / windows.length]) : []),
    };
  }

  /** [from, to] in seconds of the waveform and the feature plots. */
  get plotSpan() {
    return this.recording === null ? [this.end - PLOT_SECONDS, this.end] : [0, this.recording];
  }

  /** [from, to] in seconds of the timeline. */
  get timelineSpan() {
    return this.recording === null ? [this.end - TIMELINE_SECONDS, this.end] : [0, this.recording];
  }

  csv(labels) {
    const names = [...new Set([...labels, ...this.predictions.flatMap((one) => Object.keys(one.probabilities))])];
    const rows = this.predictions.map((one) => [
      one.start.toFixed(3), one.end.toFixed(3), one.emotion ?? "", one.confidence, one.model, one.latency_ms,
      ...names.map((name) => one.probabilities[name] ?? ""), one.warning ?? "",
    ]);
    const header = ["start", "end", "emotion", "confidence", "model", "latency_ms", ...names, "warning"];
    return [header, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
  }
}

function quoted(value) {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function clock(seconds) {
  const minutes = Math.floor(Math.max(0, seconds) / 60);
  return `${minutes}:${(Math.max(0, seconds) - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}
