// The pictures. Time runs to the right over the whole width of each; the colours are the style sheet's.
import { clock } from "./history.js";

const MAGMA = [[0, 0, 4], [40, 17, 89], [101, 26, 128], [158, 47, 127], [212, 72, 104], [245, 125, 92], [254, 194, 135], [252, 253, 191]];
const COOL_WARM = [[49, 84, 186], [128, 168, 232], [221, 221, 221], [240, 152, 116], [180, 25, 40]];
const TIMES = 16; // pixels under a picture that say when it was
const KNOWN = ["neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise"];

export function colour(label, labels) {
  const place = KNOWN.includes(label) ? KNOWN.indexOf(label) : labels.indexOf(label) % KNOWN.length;
  return styled(`--${KNOWN[Math.max(0, place)]}`);
}

function styled(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The canvas's context, with a unit that is one pixel of the style sheet's. */
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
  return { context, width, height };
}

export function draw(history, { labels, sample_rate: rate }) {
  const [from, to] = history.span;
  const columns = history.columns.filter((column) => column.start + column.hop > from);
  const x = (width) => (seconds) => ((seconds - from) / (to - from)) * width;
  drawWaveform(columns, x);
  drawGrid("mel", columns, x, (column) => column.mel, (value) => (value + 80) / 80, MAGMA);
  note("mel", `${+(rate / 2000).toFixed(1)} kHz`, "0");
  const limits = ranges(columns);
  drawGrid("mfcc", columns, x, (column) => column.mfcc, (value, row) => (value - limits[row][0]) / limits[row][1], COOL_WARM);
  drawLevels(columns, x, history);
  drawTimeline(history, labels);
}

function drawWaveform(columns, scale) {
  const { context, width, height } = prepare("waveform");
  const x = scale(width);
  context.fillStyle = styled("--line");
  context.fillRect(0, height / 2, width, 1);
  context.fillStyle = styled("--wave");
  const peak = columns.reduce((most, { low, high }) => Math.max(most, high, -low), 0.02);
  for (const { start, hop, low, high } of columns) {
    const top = (height / 2) * (1 - high / peak);
    const bottom = (height / 2) * (1 - low / peak);
    context.fillRect(x(start), top, Math.max(1, x(start + hop) - x(start)), Math.max(1, bottom - top));
  }
  note("waveform", `+${peak.toFixed(2)}`, `−${peak.toFixed(2)}`);
}

/** What the top and the bottom of a picture stand for, at its right edge. */
function note(id, top, bottom, room = 0) {
  const canvas = document.getElementById(id);
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext("2d");
  context.textAlign = "right";
  for (const [text, y] of [[top, 12], [bottom, height - room - 4]]) {
    context.fillStyle = styled("--card");
    context.globalAlpha = 0.7;
    context.fillRect(width - context.measureText(text).width - 6, y - 10, width, 13);
    context.globalAlpha = 1;
    context.fillStyle = styled("--ink");
    context.fillText(text, width - 3, y);
  }
}

function drawTimes(context, width, height, history, [from, to]) {
  context.fillStyle = styled("--soft");
  for (let i = 0; i <= 4; i++) {
    const seconds = from + (i / 4) * (to - from);
    context.textAlign = ["left", "center", "center", "center", "right"][i];
    const text = history.recording === null ? (i === 4 ? "now" : `−${+(to - seconds).toFixed(1)} s`) : clock(seconds);
    context.fillText(text, (i / 4) * width, height - 3);
  }
}

/** One cell per column and row, the first row at the bottom; `level` is 0 to 1. */
function drawGrid(id, columns, scale, rows, level, colours) {
  const { context, width, height } = prepare(id);
  if (!columns.length) return;
  const count = rows(columns[0]).length;
  const image = new ImageData(columns.length, count);
  columns.forEach((column, i) => {
    rows(column).forEach((value, row) => {
      image.data.set(mixed(colours, level(value, row)), 4 * ((count - 1 - row) * columns.length + i));
    });
  });
  const cells = new OffscreenCanvas(columns.length, count);
  cells.getContext("2d").putImageData(image, 0, 0);
  const x = scale(width);
  const last = columns.at(-1);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, x(columns[0].start), 0, x(last.start + last.hop) - x(columns[0].start), height);
}

function mixed(colours, level) {
  const place = Math.max(0, Math.min(0.9999, level)) * (colours.length - 1);
  const [a, b] = [colours[Math.floor(place)], colours[Math.floor(place) + 1]];
  return [...a.map((value, i) => value + (b[i] - value) * (place % 1)), 255];
}

/** [least, range] of each coefficient, since the first spans hundreds and the last a few. */
function ranges(columns) {
  const count = columns[0]?.mfcc.length ?? 0;
  return Array.from({ length: count }, (_, row) => {
    let [least, most] = [Infinity, -Infinity];
    for (const { mfcc } of columns) {
      least = Math.min(least, mfcc[row]);
      most = Math.max(most, mfcc[row]);
    }
    return [least, Math.max(1, most - least)];
  });
}

function drawLevels(columns, scale, history) {
  const { context, width, height } = prepare("levels");
  const floor = height - TIMES;
  const x = scale(width);
  const lines = [
    ["--rms", ({ rms }) => (20 * Math.log10(Math.max(rms, 1e-4)) + 80) / 80], // -80 to 0 dB
    ["--zcr", ({ zcr }) => zcr / 0.6],
  ];
  for (const [name, level] of lines) {
    context.beginPath();
    for (const column of columns) {
      const value = Math.max(0, Math.min(1, level(column)));
      context.lineTo(x(column.start + column.hop / 2), 1 + (floor - 2) * (1 - value));
    }
    context.strokeStyle = styled(name);
    context.lineWidth = 1.75;
    context.stroke();
  }
  note("levels", "0 dB, 0.6", "−80 dB, 0", TIMES);
  drawTimes(context, width, height, history, history.span);
}

function drawTimeline(history, labels) {
  const { context, width, height } = prepare("timeline");
  const [from, to] = history.past;
  const floor = height - TIMES;
  const x = (seconds) => ((seconds - from) / (to - from)) * width;
  // each window stands where it ends, as wide as it is from there to the next
  history.predictions.forEach((one, i) => {
    const before = history.predictions[i - 1];
    const begin = before && before.end > one.start ? before.end : one.start;
    if (one.end < from) return;
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
  });
  drawTimes(context, width, height, history, [from, to]);
}
