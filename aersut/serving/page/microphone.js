// The microphone: 16-bit samples from an AudioWorklet to the source of predictions.
import { connect } from "./sources.js";

const NO_SOUND_MS = 2000; // of exact zeros, which no microphone records

export class Microphone {
  /**
   * Calls `onMessage(message)`; `onClose(reason, opened)` when the stream ends, with a null reason if the connection is
   * lost; and every half second `onNotice(text, suspended)`, where the text is "" if everything works.
   */
  constructor(onMessage, onClose, onNotice) {
    Object.assign(this, { onMessage, onClose, onNotice });
    this.sent = []; // [seconds of audio sent so far, time], to measure the latency of a prediction
  }

  async open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("The browser allows the microphone only on pages from localhost, or over https.");
    }
    this.context = new AudioContext(); // at the click: some browsers suspend one that is made later
    try {
      // unprocessed, as in the corpora: without the browser's processing for calls
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
      this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The microphone cannot be opened: ${error.message}`);
    }
    if (this.context.state === "closed") return; // `close` was called meanwhile; the caller closes the stream, too
    [this.track] = this.stream.getAudioTracks();
    const source = this.source();
    await this.context.audioWorklet.addModule("worklet.js");
    this.tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0 });
    source.connect(this.tap);
    this.track.addEventListener("ended", () => this.onClose(DISCONNECTED));
    this.onDevices = () => this.checkDevices();
    navigator.mediaDevices.addEventListener("devicechange", this.onDevices);
    this.resume();
    this.opened = this.soundAt = performance.now();
    this.timer = setInterval(() => this.check(), 500);
  }

  /** The microphone as an audio node, at the device's own rate: browsers resample in different ways. */
  source() {
    // Firefox refuses a context with another rate than the microphone's, which it does not tell
    const rates = [null, this.track.getSettings().sampleRate, 48000, 44100, 32000, 16000, 96000, 8000];
    for (const sampleRate of rates.filter((rate) => rate !== undefined)) {
      if (sampleRate) {
        this.context.close();
        this.context = new AudioContext({ sampleRate });
      }
      try {
        return this.context.createMediaStreamSource(this.stream);
      } catch (error) {
        if (error.name !== "NotSupportedError") throw error;
      }
    }
    throw new Error("The browser cannot read the microphone at its sample rate. In the sound settings of the system, "
      + "set the same rate for microphone and speakers, or use another browser.");
  }

  /** Start the audio, which browsers may suspend until a click. */
  resume() {
    this.context.resume().catch(() => {}); // `check` reports it
  }

  check() {
    const now = performance.now();
    if (this.context.state !== "running") {
      this.soundAt = now;
      if (now - this.opened > 1000) this.onNotice(SUSPENDED, true);
    } else if (now - this.soundAt > NO_SOUND_MS) {
      this.onNotice(this.track.muted ? MUTED : NO_SOUND, false);
    } else {
      this.onNotice("", false);
    }
  }

  async checkDevices() {
    const { deviceId } = this.track.getSettings();
    const devices = await navigator.mediaDevices.enumerateDevices();
    if (!devices.some((one) => one.kind === "audioinput" && one.deviceId === deviceId)) this.onClose(DISCONNECTED);
  }

  connect(model) {
    const { sampleRate } = this.context;
    const connection = connect(
      model,
      sampleRate,
      (message) => this.connection === connection && this.onMessage(message),
      (opened) => this.connection === connection && this.onClose(null, opened),
    );
    this.connection = connection;
    let samples = 0;
    this.sent = [];
    this.tap.port.onmessage = ({ data }) => {
      if (new Int16Array(data).some((sample) => sample !== 0)) this.soundAt = performance.now();
      if (!connection.send(data)) return;
      samples += data.byteLength / 2;
      this.sent.push([samples / sampleRate, performance.now()]);
      if (this.sent.length > 250) this.sent.shift();
    };
  }

  /** Milliseconds since the audio at `seconds` was recorded; null if it is too old. */
  since(seconds) {
    const found = this.sent.find(([until]) => until >= seconds);
    return found ? performance.now() - found[1] : null;
  }

  disconnect() {
    const connection = this.connection;
    this.connection = null;
    connection?.close();
  }

  close() {
    this.disconnect();
    clearInterval(this.timer);
    navigator.mediaDevices?.removeEventListener("devicechange", this.onDevices);
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close().catch(() => {}); // it may be closed already
  }
}

const DISCONNECTED = "The microphone was disconnected. Connect it, or select another one in the browser, then start it again.";
const SUSPENDED = "The browser has suspended the audio of this page. Press “Resume audio”.";
const MUTED = "No sound arrives: the system or the browser has muted the microphone. Unmute it there, or at its switch.";
const NO_SOUND = "No sound arrives: the microphone sends zeros only. Check its switch and its plug, the input in the sound "
  + "settings of the system, and which microphone this page uses in the browser's settings.";
const REASONS = {
  NotAllowedError: "The browser refused the microphone. Allow it for this page, then try again.",
  NotFoundError: "No microphone was found. Connect one, then try again.",
  NotReadableError: "The microphone is in use by another program, or does not work. Close that program, then try again.",
};
