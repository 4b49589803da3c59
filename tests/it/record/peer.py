"""The peer of raw.rs with Python's grpcio: `peer.py serve` prints its address and serves until its
input ends; `peer.py ask ADDRESS` calls every method and prints what came of it."""

import sys
import threading
import time
from concurrent import futures

import grpc

TAPPED = "/voice_workflow.VoiceGateway/StreamAudio"
LIMITS = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]


class Peer(grpc.GenericRpcHandler):
    def __init__(self):
        self.cancelled = 0

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        asked = dict(details.invocation_metadata).get("x-ask")

        def answer(messages, context):
            if name == "Refused":
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")
            if asked and name != "Deadline":
                context.send_initial_metadata([("x-hello", asked)])
            if name == "First":
                yield b"first"
            if name == "Status":
                next(messages)
                context.set_trailing_metadata(
                    [("grpc-status-details-bin", b"\x08\x03\x12\x02no\xff")]
                )
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "n\u00e4h: 100 %")
            if name in ("Hang", "Deadline"):
                gone = threading.Event()
                context.add_callback(gone.set)
                if name == "Hang":
                    next(messages)
                    yield b"hanging"
                limited = context.time_remaining() is not None and context.time_remaining() < 60
                if limited == (name == "Deadline"):
                    gone.wait(30)
                    self.cancelled += 1
                return
            if name == "Cancelled":
                yield str(self.cancelled).encode()
                return
            count = 0
            for message in messages:
                count += 1
                yield message
            yield f"{count} in all".encode()
            context.set_trailing_metadata(
                [("x-count", str(count)), ("x-seal-bin", b"\x00\xff\x10")]
            )

        return grpc.stream_stream_rpc_method_handler(answer)


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(16), options=LIMITS)
    server.add_generic_rpc_handlers((Peer(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(0)


def told(name, replies, call):
    shown = [
        r.decode(errors="replace") if len(r) <= 20 else f"{len(r)} bytes, sum {sum(r)}"
        for r in replies
    ]
    shown = (
        ", ".join(shown)
        if len(shown) <= 5
        else f"{len(shown)} replies, sum {sum(sum(r) for r in replies)}"
    )
    initial = dict(call.initial_metadata() or ())
    trailing = dict(call.trailing_metadata() or ())
    code = call.code()
    # Whose clock runs out first, the client's or the server's, is chance.
    over = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    if name == "deadline" and code in over:
        return "deadline: over"
    return (
        f"{name}: hello [{initial.get('x-hello', '')}] replies [{shown}] code {code.value[0]} "
        f"message [{call.details()}] "
        f"details {trailing.get('grpc-status-details-bin', b'').hex()} "
        f"count [{trailing.get('x-count', '')}] seal {trailing.get('x-seal-bin', b'').hex()}"
    )


def ask(address):
    channel = grpc.insecure_channel(address, options=LIMITS)

    def call(path, messages, **more):
        method = channel.stream_stream(path)
        return method(messages, metadata=[("x-ask", "how are you")], **more)

    def whole(path, messages, **more):
        made, replies = call(path, iter(messages), **more), []
        try:
            replies.extend(made)
        except grpc.RpcError:
            pass
        return replies, made

    def forever(first):
        yield first
        stop.wait(30)

    def cancelled(count):
        for _ in range(100):
            replies, _made = whole("/conformance.Test/Cancelled", [b"x"])
            if replies == [str(count).encode()]:
                return f"the server saw {count} calls cancelled"
            time.sleep(0.1)
        raise SystemExit(f"the server did not see {count} calls cancelled")

    texts = [b"a", b"bb", b""]
    for name, path in [
        ("half-close", "/conformance.Test/Echo"),
        ("tapped", TAPPED),
        ("server first", "/conformance.Test/First"),
        ("status", "/conformance.Test/Status"),
        ("refused", "/conformance.Test/Refused"),
    ]:
        print(told(name, *whole(path, texts)))
    large = bytes(n % 251 for n in range(4_000_000))
    for name, path in [("large", "/conformance.Test/Echo"), ("large tapped", TAPPED)]:
        print(told(name, *whole(path, [large])))
    unknown = b"\xfa\x3f\x03abc\x08\xff\xff\xff\x7f\x13\x14"
    print(told("unknown fields", *whole(TAPPED, [unknown])))
    burst = [bytes([n % 256]) * n for n in range(1000)]
    print(told("burst", *whole(TAPPED, burst)))

    stop = threading.Event()
    made = call("/conformance.Test/Deadline", forever(b"x"), timeout=0.4)
    replies = []
    try:
        replies.extend(made)
    except grpc.RpcError:
        pass
    print(told("deadline", replies, made))
    print(cancelled(1))
    hanging = call("/conformance.Test/Hang", forever(b"x"))
    next(hanging)
    time.sleep(0.2)
    hanging.cancel()
    print(cancelled(2))
    stop.set()


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else ask(sys.argv[2])
