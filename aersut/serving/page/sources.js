// The source of predictions: the server of this page, by a WebSocket and file uploads. The page that --mode=export
// writes replaces this module by aersut/export/web/sources.js, which has the same interface and messages.

/** The page's settings: models, largest file in bytes, text of the footer. */
export async function describe() {
  // POST, because the browser then states the page's origin, which the monitor may refuse
  const response = await fetch("models", { method: "POST" }).catch(() => null);
  if (!response) throw new Error("The monitor does not respond. Reload the page when it runs.");
  if (!response.ok) {
    const reason = response.headers.get("content-type")?.startsWith("text/plain") && (await response.text());
    throw new Error(reason || `The monitor responded with status ${response.status}. Reload the page.`);
  }
  const footer = "The audio stays on the machine that serves this page, and is not stored.";
  return { ...(await response.json()), footer };
}

/**
 * A live stream: `send(buffer)` takes 16-bit samples and returns whether they were sent. At its end, `onClose(opened)` is
 * called with whether there was a connection.
 */
export function connect(model, sampleRate, onMessage, onClose) {
  const address = new URL("stream", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  let opened = false;
  socket.onopen = () => {
    opened = true;
    socket.send(JSON.stringify({ model, sample_rate: sampleRate }));
  };
  socket.onmessage = ({ data }) => onMessage(JSON.parse(data));
  socket.onclose = () => onClose(opened);
  return {
    send(buffer) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(buffer);
      return true;
    },
    close: () => socket.close(),
  };
}

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
