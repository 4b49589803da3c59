// A server of OpenAI Realtime on the npm package `ws`, for callers that push to talk. It offers compression, sends
// each event in fragments with a ping in between, and says of each session how it was closed.

import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";

// Looked up where NODE_PATH says, which `import` does not.
const { WebSocketServer } = createRequire(import.meta.url)("ws");

const SOUND = Buffer.alloc(4_800, "\u0010\u0020").toString("base64");

class Session {
  constructor(socket) {
    this.socket = socket;
    this.asked = new Set();
    this.pings = 0;
    this.answered = 0;
    this.responses = 0;
    socket.on("pong", (payload) => {
      this.answered += this.asked.delete(payload.toString("hex")) ? 1 : 0;
    });
    socket.on("message", (message) => this.hear(JSON.parse(message).type));
    socket.on("close", (code) => {
      console.log(`closed with ${code}, ${this.answered} of ${this.pings} pings answered`);
    });
    socket.on("error", (error) => console.log(`refused: ${error.message}`));
    this.send("session.created", { session: { type: "realtime" } });
  }

  // Only the latest of several pings must be answered: the next waits for that.
  send(type, fields) {
    const text = Buffer.from(JSON.stringify({ type, ...fields }));
    const middle = text.length >> 1;
    this.socket.send(text.subarray(0, middle), { fin: false, binary: false });
    if (this.asked.size === 0) {
      const payload = randomBytes(this.pings % 126);
      this.asked.add(payload.toString("hex"));
      this.pings += 1;
      this.socket.ping(payload);
    }
    this.socket.send(text.subarray(middle), { fin: true, binary: false });
  }

  hear(type) {
    if (type === "session.update") this.send("session.updated", { session: { type: "realtime" } });
    if (type === "input_audio_buffer.commit") {
      this.send("input_audio_buffer.committed", { item_id: `said_${this.responses}` });
    }
    if (type === "response.create") this.answer();
  }

  answer() {
    const id = `resp_${this.responses}`;
    const part = { response_id: id, item_id: `item_${this.responses}`, output_index: 0, content_index: 0 };
    this.responses += 1;
    this.send("response.created", { response: { id, status: "in_progress" } });
    this.send("response.output_audio_transcript.delta", { delta: "Größe: 10 €, 你好", ...part });
    for (let count = 0; count < 5; count += 1) {
      this.send("response.output_audio.delta", { delta: SOUND, ...part });
    }
    this.send("response.done", { response: { id, status: "completed", output: [] } });
  }
}

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
server.on("connection", (socket) => new Session(socket));
server.on("listening", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
