// The page's controls and texts. The plots are in plots.js.
import { clock, History } from "./history.js";
import { Microphone } from "./microphone.js";
import { colour, draw } from "./plots.js";
import { describe, predict } from "./sources.js";

const $ = (id) => document.getElementById(id);
const history = new History();
let settings; // models and limits of the source of predictions
let microphone = null;
let upload = null; // AbortController of the file that is being classified
let retry = null;
let changed = true; // the plots are out of date
let lastAnnouncement = { emotion: "", at: 0 };

const model = () => settings.models.find((one) => one.name === $("model").value);

async function begin() {
  settings = await describe();
  $("footer").textContent = settings.footer;
  $("choice").hidden = settings.models.length < 2;
  $("model").replaceChildren(...settings.models.map(({ name }) => new Option(name)));
  for (const id of ["microphone", "file", "model"]) $(id).disabled = false;
  $("microphone").onclick = () => (microphone ? stop() : start());
  $("file").onchange = () => $("file").files[0] && predictFile($("file").files[0]);
  document.ondragover = (event) => event.preventDefault();
  document.ondrop = (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) predictFile(event.dataTransfer.files[0]);
  };
  $("model").onchange = selectModel;
  $("download").onclick = download;
  $("clear").onclick = clear;
  report("Ready.");
  selectModel();
  requestAnimationFrame(paint);
}

function paint() {
  if (changed) draw(history, model());
  changed = false;
  requestAnimationFrame(paint);
}

function report(status, problem = "") {
  $("status").textContent = status;
  if ($("problem").textContent !== problem) $("problem").textContent = problem;
}

// ---- microphone

async function start() {
  upload?.abort();
  if (history.recording !== null) clear();
  const opened = new Microphone(receive, closed);
  microphone = opened;
  setPressed(true);
  try {
    await opened.open();
  } catch (error) {
    stop();
    report("Microphone off.", error.message);
    return;
  }
  if (microphone === opened) connect();
  else opened.close(); // stopped while the browser asked for permission
}

function connect() {
  history.resume();
  microphone.connect($("model").value);
  report(`Streaming; the first prediction appears after ${model().seconds} s of audio.`);
}

function closed(reason) {
  if (reason !== null) {
    stop();
    report("Microphone off.", reason);
    return;
  }
  const refused = $("problem").textContent;
  if (refused) {
    stop();
    report("Microphone off.", refused);
    return;
  }
  report("Reconnecting …", "The connection to the monitor is lost.");
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
  setPressed(false);
  report("Microphone off.", $("problem").textContent);
}

function setPressed(on) {
  $("microphone").setAttribute("aria-pressed", on);
  $("microphone").textContent = on ? "Stop microphone" : "Start microphone";
}

// ---- files

async function predictFile(file) {
  if (microphone) stop();
  upload?.abort();
  clear();
  $("file").value = "";
  if (file.size > settings.upload) {
    report("", `${file.name} is larger than ${Math.round(settings.upload / 2 ** 20)} MB.`);
    return;
  }
  const controller = (upload = new AbortController());
  report(`Classifying ${file.name} …`);
  try {
    let finished = false;
    await predict(file, $("model").value, (message) => {
      if (controller.signal.aborted) return; // the page shows another file
      finished ||= "done" in message || "error" in message;
      receive(message);
    }, controller.signal);
    if (controller.signal.aborted) return;
    if (!finished) throw new Error(`${file.name}: the connection to the monitor is lost.`);
    report(`${file.name}, ${clock(history.recording)}, ${history.predictions.length} windows.`, $("problem").textContent);
  } catch (error) {
    if (!controller.signal.aborted) report("", error.message);
  }
}

// ---- messages

function receive(message) {
  const { frames, prediction, recording, warning, error } = message;
  if (frames) history.addFrames(frames);
  if (recording) {
    history.recording = recording.seconds;
    setTitles();
  }
  if (recording?.warning) report($("status").textContent, `The file ${recording.warning}`);
  if (warning) report("Streaming.", warning[0].toUpperCase() + warning.slice(1));
  if (error) report($("status").textContent, error[0].toUpperCase() + error.slice(1));
  if (prediction) show({ ...prediction, model: $("model").value });
  changed = true;
}

function show(prediction) {
  const latency = microphone?.since(prediction.end);
  history.addPrediction(prediction);
  const { emotion, confidence, probabilities, latency_ms: inference } = prediction;
  $("emotion").textContent = emotion ?? "silence";
  $("emotion").dataset.emotion = emotion ?? "silence";
  $("emotion").style.setProperty("--mark", emotion ? colour(emotion, model().labels) : "var(--silence)");
  $("confidence").textContent = emotion ? `confidence ${percent(confidence)}` : "no speech detected (VAD)";
  for (const bar of $("bars").children) {
    const value = probabilities[bar.dataset.label] ?? 0;
    bar.querySelector("progress").value = value;
    bar.querySelector("output").textContent = emotion ? percent(value) : "";
  }
  $("inference").textContent = emotion && inference ? `${inference.toFixed(1)} ms` : "–";
  $("latency").textContent = latency == null ? "–" : `${Math.round(latency)} ms`;
  if (latency != null && $("status").textContent !== "Streaming.") report("Streaming.", $("problem").textContent);
  for (const id of ["download", "clear"]) $(id).disabled = false;
  announce(emotion ? `${emotion}, ${percent(confidence)}` : "silence", emotion ?? "silence");
  addRow(history.predictions.at(-1));
}

/** Announce a new emotion to screen readers, at most every two seconds. */
function announce(text, emotion) {
  const now = performance.now();
  if (emotion === lastAnnouncement.emotion || now - lastAnnouncement.at < 2000) return;
  lastAnnouncement = { emotion, at: now };
  $("announcement").textContent = text;
}

function addRow({ start, end, emotion, confidence }) {
  const row = $("rows").insertRow(0);
  for (const text of [clock(start), clock(end), emotion ?? "silence", emotion ? percent(confidence) : ""]) {
    row.insertCell().textContent = text;
  }
  if ($("rows").rows.length > 120) $("rows").deleteRow(-1);
}

function setTitles() {
  const whole = history.recording !== null;
  $("timeline-title").textContent = whole ? "Class probabilities, whole file" : "Class probabilities, last minute";
  $("waveform-title").textContent = whole ? "Waveform (full scale ±1), whole file" : "Waveform (full scale ±1), last 10 s";
}

const percent = (value) => `${Math.round(100 * value)} %`;

// ---- the other controls

function selectModel() {
  const { labels } = model();
  $("legend").replaceChildren(...[...labels, "silence"].map((label) => {
    const entry = document.createElement("li");
    entry.style.setProperty("--mark", label === "silence" ? "var(--silence)" : colour(label, labels));
    entry.textContent = label;
    return entry;
  }));
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
  if (!microphone?.connection) return;
  microphone.disconnect();
  connect();
}

function clear() {
  history.clear();
  if (microphone?.connection) {
    microphone.disconnect();
    connect();
  }
  $("rows").replaceChildren();
  $("emotion").textContent = "–";
  $("emotion").dataset.emotion = "";
  $("emotion").style.removeProperty("--mark");
  $("confidence").textContent = "\u00a0";
  $("inference").textContent = $("latency").textContent = "–";
  for (const bar of $("bars").children) {
    bar.querySelector("progress").value = 0;
    bar.querySelector("output").textContent = "";
  }
  for (const id of ["download", "clear"]) $(id).disabled = true;
  setTitles();
  changed = true;
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([history.csv(model().labels)], { type: "text/csv" }));
  link.download = "emotions.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => selectModel());
addEventListener("resize", () => (changed = true));
begin().catch((error) => report("", error.message));
