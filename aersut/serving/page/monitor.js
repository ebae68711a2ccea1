// The page's controls and texts. The plots are in plots.js.
import { clock, History } from "./history.js";
import { Microphone } from "./microphone.js";
import { colour, draw } from "./plots.js";
import { describe, predict } from "./sources.js";

const NOTHING_SAID = { name: "", at: -Infinity };
const $ = (id) => document.getElementById(id);
const history = new History();
let settings; // models and limits of the source of predictions
let microphone = null;
let upload = null; // AbortController of the file that is being classified, with the file
let file = null; // the file whose predictions are shown
let fileStatus = ""; // the status of its predictions
let shown = null; // the prediction of the headline and the bars
let notice = ""; // what is wrong with the microphone
let doubt = ""; // what makes the latest predictions unreliable
let refusal = ""; // why the monitor ends the stream
let failures = 0; // connections that failed, one after the other
let retry = null;
let changed = true; // the plots are out of date
let lastAnnouncement = NOTHING_SAID;

const model = () => settings.models.find((one) => one.name === $("model").value);

async function begin() {
  settings = await describe();
  $("footer").textContent = settings.footer;
  $("elsewhere").hidden = !settings.in_browser;
  $("latencies").textContent = "Inference time: features and classifier of one window, on the machine that runs the model. "
    + "Latency: from the recording of a window’s last sample to its prediction here. "
    + `There is a prediction for every ${settings.hop} s of audio.`;
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
  $("resume").onclick = () => microphone?.resume();
  report("Ready.");
  selectModel();
  requestAnimationFrame(paint);
}

function paint() {
  if (changed) draw(history, model());
  changed = false;
  requestAnimationFrame(paint);
}

/** Show a status and a problem; text that does not change is not announced again. */
function report(status, problem = "") {
  if ($("status").textContent !== status) $("status").textContent = status;
  if ($("problem").textContent !== problem) $("problem").textContent = problem;
}

/** The status while nothing changes. */
const idle = () => (microphone ? "Streaming." : fileStatus || "Ready.");

// ---- microphone

async function start() {
  abort();
  const opened = new Microphone(receive, closed, notify);
  microphone = opened;
  label("Stop microphone");
  try {
    await opened.open();
  } catch (error) {
    opened.close();
    if (microphone !== opened) return;
    stop();
    report("Microphone off.", error.message);
    return;
  }
  if (microphone !== opened) {
    opened.close(); // stopped while the browser asked for permission
    return;
  }
  if (history.recording !== null) empty();
  connect();
}

function connect() {
  history.resume();
  refusal = "";
  microphone.connect($("model").value);
  report(`Streaming; the first prediction appears after ${model().seconds} s of audio.`, notice);
}

/** Show what makes the predictions unreliable, "" for nothing, unless something else is shown. */
function warn(warning) {
  const text = warning && `The audio ${warning}.`;
  const problem = $("problem").textContent;
  if (problem !== text && ["", doubt].includes(problem)) report($("status").textContent, text);
  doubt = text;
}

/** Show what is wrong with the microphone, "" for nothing; with a button where the browser suspended the audio. */
function notify(text, suspended) {
  $("resume").hidden = !suspended;
  if (text === notice) return;
  if (text || $("problem").textContent === notice) report($("status").textContent, text);
  notice = text;
}

function closed(reason, opened) {
  if (reason || refusal) {
    stop();
    report("Microphone off.", reason || refusal);
    return;
  }
  failures = opened ? 0 : failures + 1;
  const proxy = failures > 2 ? " If the monitor runs, a proxy in between may not forward WebSockets." : "";
  report("Reconnecting …", `The connection to the monitor is lost.${proxy}`);
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
  notify("", false);
  label("Start microphone");
  report("Microphone off.", $("problem").textContent);
}

function label(action) {
  $("microphone").textContent = action;
  $("microphone").classList.toggle("on", microphone !== null);
}

// ---- files

async function predictFile(chosen) {
  abort();
  $("file").value = "";
  if (chosen.size > settings.upload) {
    report(idle(), `${chosen.name} is larger than ${Math.round(settings.upload / 2 ** 20)} MB.`);
    return;
  }
  const controller = (upload = Object.assign(new AbortController(), { file: chosen }));
  enable();
  report(`Classifying ${chosen.name} …`);
  let finished = false;
  const receiveOne = (message) => {
    if (controller.signal.aborted) return; // the page shows another file
    if (message.recording) beginFile(chosen);
    finished ||= "done" in message || "error" in message;
    receive(message);
  };
  try {
    await predict(chosen, $("model").value, receiveOne, controller.signal);
    if (controller.signal.aborted) return;
    if (!finished) throw new Error(`${chosen.name}: the connection to the monitor is lost.`);
    if (shown) say();
    fileStatus = `${chosen.name}, ${clock(history.recording)}, ${history.predictions.length} windows.`;
    report(fileStatus, $("problem").textContent);
  } catch (error) {
    if (!controller.signal.aborted) report(idle(), error.message);
  } finally {
    if (upload === controller) upload = null;
    enable();
  }
}

/** Show a file in place of what is shown; called when the file can be read. */
function beginFile(chosen) {
  if (microphone) stop();
  empty();
  file = chosen;
  report(`Classifying ${chosen.name} …`);
}

function abort() {
  upload?.abort();
  upload = null;
}

// ---- messages

function receive(message) {
  const { frames, prediction, recording, error } = message;
  if (frames) history.addFrames(frames);
  if (recording) {
    history.recording = recording.seconds;
    setTitles();
  }
  if (error) {
    refusal = error[0].toUpperCase() + error.slice(1);
    report($("status").textContent, refusal);
  }
  if (prediction) show({ ...prediction, model: $("model").value });
  changed = true;
}

function show(prediction) {
  const latency = microphone?.since(prediction.end);
  history.addPrediction(prediction);
  headline(history.recording === null ? prediction : wholeFile());
  $("inference").textContent = prediction.latency_ms && prediction.emotion ? `${prediction.latency_ms.toFixed(1)} ms` : "–";
  $("latency").textContent = latency == null ? "–" : `${Math.round(latency)} ms`;
  if (latency != null && $("status").textContent !== "Streaming.") report("Streaming.", $("problem").textContent);
  // that a stream contains no speech is said once, and holds until it contains some
  if (prediction.warning || prediction.emotion) warn(prediction.warning ?? "");
  enable();
  addRow(history.predictions.at(-1));
}

/** The prediction for the whole file: the mean of the probabilities of its windows with speech. */
function wholeFile() {
  const { windows, probabilities } = history.mean(model().labels);
  const [label, confidence] = Object.entries(probabilities).reduce((a, b) => (b[1] > a[1] ? b : a), [null, 0]);
  const emotion = label && confidence < model().min_confidence ? "uncertain" : label;
  return { emotion, confidence, probabilities, note: `, mean of ${windows} windows with speech` };
}

/** Show a prediction as the headline and the bars; null: none. */
function headline(prediction) {
  shown = prediction;
  const { emotion, confidence, probabilities, note = "" } = prediction ?? { emotion: null, probabilities: {} };
  const name = emotion ?? (prediction ? "silence" : "");
  $("now-title").textContent = history.recording === null ? "Predicted emotion, last window" : "Predicted emotion, whole file";
  $("emotion").textContent = name || "–";
  $("emotion").dataset.emotion = name;
  $("emotion").style.setProperty("--mark", emotion ? colour(emotion, model().labels) : "var(--silence)");
  const silence = prediction ? "no speech detected (VAD)" : "\u00a0";
  $("confidence").textContent = emotion ? `confidence ${percent(confidence)}${note}` : silence;
  for (const bar of $("bars").children) {
    const value = probabilities[bar.dataset.label] ?? 0;
    bar.querySelector("progress").value = value;
    bar.querySelector(".value").textContent = emotion ? percent(value) : "";
  }
  if (prediction && history.recording === null) announce(name);
  else if (!prediction) $("inference").textContent = $("latency").textContent = "–";
}

function enable() {
  $("download").disabled = !history.predictions.length;
  $("clear").disabled = !history.predictions.length && !upload;
}

/** Announce the emotion of a stream to screen readers if it is a new one, at most every two seconds. */
function announce(name) {
  const now = performance.now();
  if (name === lastAnnouncement.name || now - lastAnnouncement.at < 2000) return;
  lastAnnouncement = { name, at: now };
  say();
}

/** Announce what the headline shows. */
function say() {
  const { emotion, confidence } = shown;
  $("announcement").textContent = emotion ? `${emotion}, ${percent(confidence)}` : "silence";
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

/** Select the model of the menu; what is shown is classified by it from now on, a file as a whole. */
function selectModel() {
  const again = upload?.file ?? file;
  showLabels();
  $("about").textContent = about(model());
  headline(null);
  if (microphone?.connection) {
    microphone.disconnect();
    connect();
  } else if (again) {
    predictFile(again);
  }
}

function about({ name, run, epoch, protocol, corpora, measured, synthetic, leaks }) {
  const origins = Object.entries(corpora ?? {}).map(([corpus, licence]) => (licence ? `${corpus} (${licence})` : corpus));
  const { uar, clips } = measured ?? {};
  return [
    run ? `Model ${name} of run ${run}, epoch ${epoch}.` : `Model ${name}.`,
    uar == null ? "" : `UAR ${uar.toFixed(3)} on ${clips.toLocaleString("en")} test clips (protocol ${protocol}).`,
    origins.length ? `Training data: ${origins.join(", ")}.` : "",
    synthetic ? "They are SYNTHETIC speech: the predictions do not apply to real speech." : "",
    leaks ? "The split of the training LEAKS: the UAR does not hold for unseen speakers." : "",
  ].filter(Boolean).join(" ");
}

/** The legend and the bars, in the colours of the present theme. */
function showLabels() {
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
    const value = document.createElement("span");
    value.className = "value"; // an <output> would be announced at each prediction
    bar.append(name, progress, value);
    return bar;
  }));
  changed = true;
}

function clear() {
  abort();
  empty();
  if (microphone?.connection) {
    microphone.disconnect();
    connect();
  } else if (!microphone) {
    report("Ready.");
  }
}

function empty() {
  history.clear();
  lastAnnouncement = NOTHING_SAID;
  $("announcement").textContent = "";
  doubt = "";
  file = null;
  fileStatus = "";
  $("rows").replaceChildren();
  headline(null);
  enable();
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

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (!settings) return;
  showLabels();
  headline(shown);
});
addEventListener("resize", () => (changed = true));
begin().catch((error) => report("", error.message));
