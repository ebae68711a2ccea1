// Where sound comes from: a microphone over a WebSocket, or a file. Both give the same messages.

export class Microphone {
  /** Samples go to the server as they are heard; `hear(message)` is told what it answers, `lost()` that it is gone. */
  constructor(hear, lost) {
    this.hear = hear;
    this.lost = lost;
    this.sent = []; // [seconds of sound sent so far, when], to tell how long a result took
  }

  async open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("This browser gives no microphone to this page: it has to come from localhost, or by https.");
    }
    try {
      // as it was recorded for the corpora: nothing of what the browser does for telephone calls
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
      this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new Error(WHY[error.name] ?? `The microphone cannot be opened: ${error.message}`);
    }
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("worklet.js");
    this.tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0 });
    this.context.createMediaStreamSource(this.stream).connect(this.tap);
    this.stream.getAudioTracks()[0].addEventListener("ended", () => this.lost("The microphone is gone."));
  }

  connect(model) {
    const address = new URL("listen", location.href);
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
    socket.onmessage = ({ data }) => this.socket === socket && this.hear(JSON.parse(data));
    socket.onclose = () => this.socket === socket && this.lost(null);
  }

  /** Milliseconds since the sound at `seconds` had been heard; null where it is too long ago. */
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

const WHY = {
  NotAllowedError: "The browser refused the microphone. Allow it for this page, then try again.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "The microphone is in use by another program, or does not work.",
};

/** Send a file, and tell `hear` what is in it, message by message. */
export async function judge(file, model, hear, signal) {
  let answer;
  try {
    const address = `judge?model=${encodeURIComponent(model)}`;
    answer = await fetch(address, { method: "POST", body: file, signal });
  } catch (error) {
    if (error.name === "AbortError") return;
    throw new Error("The file could not be sent: the monitor does not answer.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({ error: `the monitor answered ${answer.status}.` }));
    throw new Error(`${file.name}: ${said.error}`);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done || signal.aborted) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) hear(JSON.parse(line));
  }
}
