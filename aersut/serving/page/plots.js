// The plots. The x axis is time, over the full width; the colours come from the style sheet.
import { clock } from "./history.js";

const MAGMA = [[0, 0, 4], [40, 17, 89], [101, 26, 128], [158, 47, 127], [212, 72, 104], [245, 125, 92], [254, 194, 135], [252, 253, 191]];
const COOL_WARM = [[49, 84, 186], [128, 168, 232], [221, 221, 221], [240, 152, 116], [180, 25, 40]];
const TIME_AXIS = 16; // height of the time axis in pixels
const KNOWN = ["neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise"];

export function colour(label, labels) {
  if (!labels.includes(label)) return styled("--silence"); // "uncertain"
  // labels of one's own take the colours of emotions that the model does not have
  const own = labels.filter((name) => !KNOWN.includes(name));
  const free = [...KNOWN.filter((name) => !labels.includes(name)), ...KNOWN];
  return styled(`--${KNOWN.includes(label) ? label : free[Math.max(0, own.indexOf(label)) % free.length]}`);
}

function styled(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The canvas's cleared 2D context, in CSS pixels; `floor` is the height above the time axis. */
function prepare(id) {
  const canvas = document.getElementById(id);
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  return { context, width, floor: height - TIME_AXIS };
}

export function draw(history, { labels, sample_rate: rate }) {
  const [from, to] = history.plotSpan;
  const frames = history.frames.filter((frame) => frame.start + frame.hop > from);
  const x = (width) => (seconds) => ((seconds - from) / (to - from)) * width;
  drawWaveform(frames, x);
  drawGrid("mel", frames, x, (frame) => frame.mel, (value) => (value + 80) / 80, MAGMA);
  note("mel", `${+(rate / 2000).toFixed(1)} kHz`, "0 Hz");
  const limits = ranges(frames);
  drawGrid("mfcc", frames, x, (frame) => frame.mfcc, (value, row) => (value - limits[row][0]) / limits[row][1], COOL_WARM);
  note("mfcc", "c12", "c0");
  drawLevels(frames, x);
  for (const id of ["waveform", "mel", "mfcc", "levels"]) drawTimeAxis(id, history, history.plotSpan);
  drawTimeline(history, labels);
  drawTimeAxis("timeline", history, history.timelineSpan);
}

function drawWaveform(frames, scale) {
  const { context, width, floor: height } = prepare("waveform");
  const x = scale(width);
  context.fillStyle = styled("--line");
  context.fillRect(0, height / 2, width, 1);
  context.fillStyle = styled("--wave");
  const peak = frames.reduce((most, { low, high }) => Math.max(most, high, -low), 0.02);
  for (const { start, hop, low, high } of frames) {
    const top = (height / 2) * (1 - high / peak);
    const bottom = (height / 2) * (1 - low / peak);
    context.fillRect(x(start), top, Math.max(1, x(start + hop) - x(start)), Math.max(1, bottom - top));
  }
  note("waveform", `+${peak.toFixed(2)}`, `−${peak.toFixed(2)}`);
}

/** Label the top and the bottom of the y axis, at the right edge. */
function note(id, top, bottom) {
  const canvas = document.getElementById(id);
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext("2d");
  context.textAlign = "right";
  for (const [text, y] of [[top, 12], [bottom, height - TIME_AXIS - 4]]) {
    context.fillStyle = styled("--card");
    context.globalAlpha = 0.7;
    context.fillRect(width - context.measureText(text).width - 6, y - 10, width, 13);
    context.globalAlpha = 1;
    context.fillStyle = styled("--ink");
    context.fillText(text, width - 3, y);
  }
}

function drawTimeAxis(id, history, [from, to]) {
  const canvas = document.getElementById(id);
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext("2d");
  context.fillStyle = styled("--soft");
  const steps = width < 420 ? 2 : 4;
  for (let i = 0; i <= steps; i++) {
    const seconds = from + (i / steps) * (to - from);
    context.textAlign = i === 0 ? "left" : i === steps ? "right" : "center";
    const text = history.recording === null ? (i === steps ? "now" : `−${+(to - seconds).toFixed(1)} s`)
      : clock(seconds) + (i === steps ? " min:s" : "");
    context.fillText(text, (i / steps) * width, height - 3);
  }
}

/** Draw one cell per frame and row, the first row at the bottom; `level` returns 0 to 1. */
function drawGrid(id, frames, scale, rows, level, colours) {
  const { context, width, floor } = prepare(id);
  if (!frames.length) return;
  const count = rows(frames[0]).length;
  const image = new ImageData(frames.length, count);
  frames.forEach((frame, i) => {
    rows(frame).forEach((value, row) => {
      image.data.set(mixed(colours, level(value, row)), 4 * ((count - 1 - row) * frames.length + i));
    });
  });
  const cells = new OffscreenCanvas(frames.length, count);
  cells.getContext("2d").putImageData(image, 0, 0);
  const x = scale(width);
  const last = frames.at(-1);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, x(frames[0].start), 0, x(last.start + last.hop) - x(frames[0].start), floor);
}

function mixed(colours, level) {
  const position = Math.max(0, Math.min(0.9999, level)) * (colours.length - 1);
  const [a, b] = [colours[Math.floor(position)], colours[Math.floor(position) + 1]];
  return [...a.map((value, i) => value + (b[i] - value) * (position % 1)), 255];
}

/** [minimum, range] of each coefficient: the first spans hundreds, the last only a few. */
function ranges(frames) {
  const count = frames[0]?.mfcc.length ?? 0;
  return Array.from({ length: count }, (_, row) => {
    let [least, most] = [Infinity, -Infinity];
    for (const { mfcc } of frames) {
      least = Math.min(least, mfcc[row]);
      most = Math.max(most, mfcc[row]);
    }
    return [least, Math.max(1, most - least)];
  });
}

function drawLevels(frames, scale) {
  const { context, width, floor } = prepare("levels");
  const x = scale(width);
  const lines = [
    ["--rms", ({ rms }) => (20 * Math.log10(Math.max(rms, 1e-4)) + 80) / 80], // -80 to 0 dB
    ["--zcr", ({ zcr }) => zcr / 0.6],
  ];
  for (const [name, level] of lines) {
    context.beginPath();
    for (const frame of frames) {
      const value = Math.max(0, Math.min(1, level(frame)));
      context.lineTo(x(frame.start + frame.hop / 2), 1 + (floor - 2) * (1 - value));
    }
    context.strokeStyle = styled(name);
    context.lineWidth = 1.75;
    context.stroke();
  }
  note("levels", "0 dBFS, ZCR 0.6", "−80 dBFS, ZCR 0");
}

function drawTimeline(history, labels) {
  const { context, width, floor } = prepare("timeline");
  const [from, to] = history.timelineSpan;
  const x = (seconds) => ((seconds - from) / (to - from)) * width;
  let first = history.predictions.length; // of the visible ones, from the end: a stream may last for days
  while (first && history.predictions[first - 1].end >= from) first -= 1;
  // a window's bar covers the time from the end of the previous window to its own end
  for (let i = first; i < history.predictions.length; i++) {
    const [before, one] = [history.predictions[i - 1], history.predictions[i]];
    const begin = before && before.end > one.start ? before.end : one.start;
    const [left, right] = [Math.round(x(begin)), Math.round(x(one.end))];
    context.fillStyle = styled("--silence");
    context.fillRect(left, 0, right - left, floor);
    let top = floor;
    for (const label of labels) {
      const tall = floor * (one.probabilities[label] ?? 0);
      context.fillStyle = colour(label, labels);
      context.fillRect(left, top - tall, right - left, tall);
      top -= tall;
    }
  }
  note("timeline", "probability 1", "0");
}
