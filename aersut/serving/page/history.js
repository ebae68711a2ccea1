// What has been heard: columns for the pictures, predictions for the timeline, the table and the CSV file.

const LIVE = 10; // seconds in the pictures of a live stream
const MINUTE = 60;

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.recording = null; // how long the file is, or null for a microphone
    this.columns = [];
    this.predictions = [];
    this.offset = 0; // where the present connection began
    this.end = 0;
  }

  /** A new connection goes on where the last one ended. */
  resume() {
    this.offset = this.end;
  }

  addColumns({ start, hop, ...values }) {
    values.rms.forEach((rms, i) => {
      const column = { start: this.offset + start + i * hop, hop, rms };
      for (const name of ["low", "high", "zcr", "mel", "mfcc"]) column[name] = values[name][i];
      this.columns.push(column);
      this.end = column.start + hop;
    });
    if (this.recording === null) {
      const gone = this.columns.findIndex((column) => column.start >= this.end - LIVE - 1);
      if (gone > 64) this.columns.splice(0, gone);
    }
  }

  addPrediction(prediction) {
    const { start, end } = prediction;
    this.predictions.push({ ...prediction, start: this.offset + start, end: this.offset + end });
    this.end = Math.max(this.end, this.offset + end);
  }

  /** [from, to] in seconds, of the pictures of the sound. */
  get span() {
    return this.recording === null ? [this.end - LIVE, this.end] : [0, this.recording];
  }

  /** [from, to] in seconds, of the timeline. */
  get past() {
    return this.recording === null ? [this.end - MINUTE, this.end] : [0, this.recording];
  }

  csv(labels) {
    const names = [...new Set([...labels, ...this.predictions.flatMap((one) => Object.keys(one.probabilities))])];
    const rows = this.predictions.map((one) => [
      one.start.toFixed(3), one.end.toFixed(3), one.emotion ?? "", one.confidence, one.model, one.milliseconds,
      ...names.map((name) => one.probabilities[name] ?? ""),
    ]);
    const head = ["start", "end", "emotion", "confidence", "model", "milliseconds", ...names];
    return [head, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
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
