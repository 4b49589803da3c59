// A k6 client of the voice gateway: each virtual user holds one stream and writes a chunk every
// 20 ms from an interval timer. k6's clock has steps of a millisecond.
import { Client, Stream } from "k6/net/grpc";
import { setInterval, clearInterval } from "k6/timers";

const sessions = Number(__ENV.SESSIONS);
const chunks = Number(__ENV.SECONDS) * 50;
const silence = "A".repeat(852) + "AA==".slice(0, 4);
const client = new Client();
client.load([__ENV.PROTO_DIR], "voice_workflow.proto");

export const options = {
  scenarios: { all: { executor: "per-vu-iterations", vus: sessions, iterations: 1, maxDuration: "10m" } },
};

export default function () {
  client.connect(__ENV.TARGET, { plaintext: true });
  const stream = new Stream(client, "voice_workflow.VoiceGateway/StreamAudio");
  stream.on("error", () => {});
  stream.on("end", () => client.close());
  stream.write({ config: { languageCode: "en-US", sessionId: `k6-${__VU}`, sampleRate: 16000 } });
  let sent = 0;
  const timer = setInterval(() => {
    stream.write({ audioChunk: silence });
    sent += 1;
    if (sent === chunks) {
      clearInterval(timer);
      stream.end();
    }
  }, 20);
}
