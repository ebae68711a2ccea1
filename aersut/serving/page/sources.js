// Audio sources: a microphone over a WebSocket, and a file upload. Both return the same messages.

export class Microphone {
  /** Streams samples to the server. Calls `onMessage(message)`, and `onClose(reason)` when the stream ends. */
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
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("worklet.js");
    this.tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0 });
    this.context.createMediaStreamSource(this.stream).connect(this.tap);
    this.stream.getAudioTracks()[0].addEventListener("ended", () => this.onClose("The microphone was disconnected."));
  }

  connect(model) {
    const address = new URL("stream", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.socket = new WebSocket(address));
    let samples = 0;
    this.sent = [];
    socket.onopen = () => {
      socket.send(JSON.stringify({ model, sample_rate: this.context.sampleRate }));
      this.tap.port.onmessage = ({ data }) => {
        if (socket.readyState !== WebSocket.OPEN) return;
        socket.send(data);
        samples += data.byteLength / 2;
        this.sent.push([samples / this.context.sampleRate, performance.now()]);
        if (this.sent.length > 250) this.sent.shift();
      };
    };
    socket.onmessage = ({ data }) => this.socket === socket && this.onMessage(JSON.parse(data));
    socket.onclose = () => this.socket === socket && this.onClose(null);
  }

  /** Milliseconds since the audio at `seconds` was recorded; null if it is too old. */
  since(seconds) {
    const found = this.sent.find(([until]) => until >= seconds);
    return found ? performance.now() - found[1] : null;
  }

  disconnect() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
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

/** Upload an audio file; calls `onMessage` with each message of the response. */
export async function predict(file, model, onMessage, signal) {
  let response;
  try {
    const address = `predict?model=${encodeURIComponent(model)}`;
    response = await fetch(address, { method: "POST", body: file, signal });
  } catch (error) {
    if (error.name === "AbortError") return;
    throw new Error("The file could not be sent: the monitor does not respond.");
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => ({ error: `the monitor responded with status ${response.status}.` }));
    throw new Error(`${file.name}: ${answer.error}`);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done || signal.aborted) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) onMessage(JSON.parse(line));
  }
}
