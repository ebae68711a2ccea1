// The microphone: 16-bit samples from an AudioWorklet to the source of predictions.
import { connect } from "./sources.js";

export class Microphone {
  /** Calls `onMessage(message)`, and `onClose(reason)` when the stream ends. */
  constructor(onMessage, onClose) {
    this.onMessage = onMessage;
    this.onClose = onClose;
    this.sent = []; // [seconds of audio sent so far, time], to measure the latency of a prediction
  }

  async open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("The browser allows the microphone only on pages from localhost, or over https.");
    }
    try {
      // unprocessed, as in the corpora: without the browser's processing for calls
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
      this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The microphone cannot be opened: ${error.message}`);
    }
    this.context = new AudioContext(); // at the device's rate: browsers resample in different ways
    await this.context.audioWorklet.addModule("worklet.js");
    this.tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0 });
    this.context.createMediaStreamSource(this.stream).connect(this.tap);
    this.stream.getAudioTracks()[0].addEventListener("ended", () => this.onClose("The microphone was disconnected."));
  }

  connect(model) {
    const { sampleRate } = this.context;
    const connection = connect(
      model,
      sampleRate,
      (message) => this.connection === connection && this.onMessage(message),
      () => this.connection === connection && this.onClose(null),
    );
    this.connection = connection;
    let samples = 0;
    this.sent = [];
    this.tap.port.onmessage = ({ data }) => {
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
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
  }
}

const REASONS = {
  NotAllowedError: "The browser refused the microphone. Allow it for this page, then try again.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone is in use by another program, or does not work.",
};
