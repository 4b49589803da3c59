// Calls of Twilio Media Streams put through to OpenAI Realtime, by the npm packages `@openai/agents` and
// `@openai/agents-extensions`: one agent a call. Says where it listens, and of each call what went wrong in it.
//
//     node agents_bridge.mjs ADDRESS      that of a server which speaks OpenAI Realtime, with NODE_PATH set

import { createRequire } from "node:module";

// Looked up where NODE_PATH says, which `import` does not.
const require = createRequire(import.meta.url);
const { WebSocketServer } = require("ws");
const { RealtimeAgent, RealtimeSession } = require("@openai/agents/realtime");
const { TwilioRealtimeTransportLayer } = require("@openai/agents-extensions");

const url = `ws://${process.argv[2]}/v1/realtime?model=gpt-realtime`;
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });

server.on("connection", (socket) => {
  const faults = [];
  const counts = {};
  const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket: socket });
  const session = new RealtimeSession(new RealtimeAgent({ name: "clerk", instructions: "Be brief." }), {
    transport,
    model: "gpt-realtime",
    // Else the session would be of PCM at 24 kHz.
    config: { audio: { input: { format: "g711_ulaw" }, output: { format: "g711_ulaw" } } },
  });
  transport.on("*", (event) => {
    const kind = event.type === "twilio_message" ? event.message.event : event.type;
    counts[kind] = (counts[kind] ?? 0) + 1;
  });
  session.on("error", ({ error }) => faults.push(error?.message ?? JSON.stringify(error)));
  socket.on("close", (code) => {
    console.log(`closed with ${code}, marks ${counts.mark ?? 0}, faults ${JSON.stringify(faults)}`);
  });
  session.connect({ apiKey: "sk-none", url }).catch((error) => faults.push(`connecting: ${error.message}`));
});

server.on("listening", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
