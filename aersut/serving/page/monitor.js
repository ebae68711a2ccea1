// The page: what the controls do, and what is said in words. The pictures are in pictures.js.
import { clock, History } from "./history.js";
import { colour, draw } from "./pictures.js";
import { judge, Microphone } from "./sources.js";

const $ = (id) => document.getElementById(id);
const history = new History();
let about; // what the server told of itself
let microphone = null;
let upload = null; // what ends the file that is being judged
let retry = null;
let changed = true; // there is something new to draw
let lastSpoken = { text: "", at: 0 };

const model = () => about.models.find((one) => one.name === $("model").value);

async function begin() {
  const answer = await fetch("models");
  if (!answer.ok) throw new Error(`The monitor answered ${answer.status}.`);
  about = await answer.json();
  $("model").replaceChildren(...about.models.map(({ name }) => new Option(name)));
  for (const id of ["microphone", "file", "model"]) $(id).disabled = false;
  $("microphone").onclick = () => (microphone ? stop() : listen());
  $("file").onchange = () => $("file").files[0] && judgeFile($("file").files[0]);
  $("model").onchange = chosen;
  $("download").onclick = download;
  $("clear").onclick = clear;
  say("Ready.");
  chosen();
  requestAnimationFrame(paint);
}

function paint() {
  if (changed) draw(history, model());
  changed = false;
  requestAnimationFrame(paint);
}

function say(status, problem = "") {
  $("status").textContent = status;
  if ($("problem").textContent !== problem) $("problem").textContent = problem;
}

// ---- listening

async function listen() {
  upload?.abort();
  if (history.recording !== null) clear();
  const opened = new Microphone(hear, lost);
  microphone = opened;
  pressed(true);
  try {
    await opened.open();
  } catch (error) {
    stop();
    say("Not listening.", error.message);
    return;
  }
  if (microphone === opened) connect();
  else opened.close(); // stopped while the browser was asking
}

function connect() {
  history.resume();
  microphone.connect($("model").value);
  say(`Listening; the first result comes after ${model().seconds} s of sound.`);
}

function lost(reason) {
  if (reason !== null) {
    stop();
    say("Not listening.", reason);
    return;
  }
  const refused = $("problem").textContent;
  if (refused) {
    stop();
    say("Not listening.", refused);
    return;
  }
  say("Trying to connect again …", "The connection to the monitor is lost.");
  retry = setTimeout(() => {
    if (!microphone) return;
    history.resume();
    $("problem").textContent = "";
    microphone.connect($("model").value);
  }, 1500);
}

function stop() {
  clearTimeout(retry);
  microphone?.close();
  microphone = null;
  pressed(false);
  say("Not listening.", $("problem").textContent);
}

function pressed(on) {
  $("microphone").setAttribute("aria-pressed", on);
  $("microphone").textContent = on ? "Stop listening" : "Listen to the microphone";
}

// ---- files

async function judgeFile(file) {
  if (microphone) stop();
  upload?.abort();
  clear();
  $("file").value = "";
  if (file.size > about.upload) {
    say("", `${file.name} is larger than ${Math.round(about.upload / 2 ** 20)} MB.`);
    return;
  }
  const mine = (upload = new AbortController());
  say(`Judging ${file.name} …`);
  try {
    let finished = false;
    await judge(file, $("model").value, (message) => {
      finished ||= "done" in message || "error" in message;
      hear(message);
    }, mine.signal);
    if (mine.signal.aborted) return;
    if (!finished) throw new Error(`${file.name}: the connection to the monitor is lost.`);
    say(`${file.name}, ${clock(history.recording)}, ${history.predictions.length} windows.`, $("problem").textContent);
  } catch (error) {
    say("", error.message);
  }
}

// ---- what is heard

function hear(message) {
  const { columns, prediction, recording, warning, error } = message;
  if (columns) history.addColumns(columns);
  if (recording) {
    history.recording = recording.seconds;
    titles();
  }
  if (recording?.warning) say($("status").textContent, `The file ${recording.warning}`);
  if (warning) say("Listening.", warning[0].toUpperCase() + warning.slice(1));
  if (error) say($("status").textContent, error[0].toUpperCase() + error.slice(1));
  if (prediction) show({ ...prediction, model: $("model").value });
  changed = true;
}

function show(prediction) {
  const shown = microphone?.since(prediction.end);
  history.addPrediction(prediction);
  const { emotion, confidence, probabilities, milliseconds } = prediction;
  $("emotion").textContent = emotion ?? "silence";
  $("emotion").dataset.emotion = emotion ?? "silence";
  $("emotion").style.setProperty("--mark", emotion ? colour(emotion, model().labels) : "var(--silence)");
  $("confidence").textContent = emotion ? `${percent(confidence)} confident` : "nobody speaks";
  for (const bar of $("bars").children) {
    const value = probabilities[bar.dataset.label] ?? 0;
    bar.querySelector("progress").value = value;
    bar.querySelector("output").textContent = emotion ? percent(value) : "";
  }
  $("inference").textContent = emotion && milliseconds ? `${milliseconds.toFixed(1)} ms` : "–";
  $("shown").textContent = shown == null ? "–" : `${Math.round(shown)} ms`;
  if (shown != null && $("status").textContent !== "Listening.") say("Listening.", $("problem").textContent);
  for (const id of ["download", "clear"]) $(id).disabled = false;
  speak(emotion ? `${emotion}, ${percent(confidence)}` : "silence", emotion ?? "silence");
  addRow(history.predictions.at(-1));
}

/** To screen readers: what is new, and not more often than every two seconds. */
function speak(text, what) {
  const now = performance.now();
  if (what === lastSpoken.text || now - lastSpoken.at < 2000) return;
  lastSpoken = { text: what, at: now };
  $("spoken").textContent = text;
}

function addRow({ start, end, emotion, confidence }) {
  const row = $("rows").insertRow(0);
  for (const text of [clock(start), clock(end), emotion ?? "silence", emotion ? percent(confidence) : ""]) {
    row.insertCell().textContent = text;
  }
  if ($("rows").rows.length > 120) $("rows").deleteRow(-1);
}

function titles() {
  const whole = history.recording !== null;
  $("timeline-title").textContent = whole ? "Emotions, whole file" : "Emotions, last minute";
  $("waveform-title").textContent = whole ? "Waveform, whole file" : "Waveform, last 10 s";
}

const percent = (value) => `${Math.round(100 * value)} %`;

// ---- the other controls

function chosen() {
  const { labels } = model();
  $("bars").replaceChildren(...labels.map((label) => {
    const bar = document.createElement("li");
    bar.dataset.label = label;
    bar.style.setProperty("--mark", colour(label, labels));
    const name = document.createElement("span");
    name.textContent = label;
    const progress = document.createElement("progress");
    progress.max = 1;
    progress.value = 0;
    progress.setAttribute("aria-label", label);
    bar.append(name, progress, document.createElement("output"));
    return bar;
  }));
  changed = true;
  if (!microphone?.socket) return;
  microphone.disconnect();
  connect();
}

function clear() {
  history.clear();
  if (microphone?.socket) {
    microphone.disconnect();
    connect();
  }
  $("rows").replaceChildren();
  $("emotion").textContent = "–";
  $("emotion").dataset.emotion = "";
  $("emotion").style.removeProperty("--mark");
  $("confidence").textContent = "\u00a0";
  $("inference").textContent = $("shown").textContent = "–";
  for (const bar of $("bars").children) {
    bar.querySelector("progress").value = 0;
    bar.querySelector("output").textContent = "";
  }
  for (const id of ["download", "clear"]) $(id).disabled = true;
  titles();
  changed = true;
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([history.csv(model().labels)], { type: "text/csv" }));
  link.download = "emotions.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chosen());
addEventListener("resize", () => (changed = true));
begin().catch((error) => say("", error.message));
