//! Clients and servers behave through the recorder as they do without it: half-closes, statuses with
//! details, trailers, deadlines, cancellations, large and many messages, unknown fields.

use super::python::Python;
use super::raw;
use crate::support::Desk;

/// What every client must see of every server.
const EXPECTED: &str = "\
half-close: hello [how are you] replies [a, bb, , 3 in all] code 0 message [] details  count [3] seal 00ff10
tapped: hello [how are you] replies [a, bb, , 3 in all] code 0 message [] details  count [3] seal 00ff10
server first: hello [how are you] replies [first, a, bb, , 3 in all] code 0 message [] details  count [3] seal 00ff10
status: hello [how are you] replies [] code 3 message [n\u{e4}h: 100 %] details 080312026e6fff count [] seal 
refused: hello [] replies [] code 7 message [not for you] details  count [] seal 
large: hello [how are you] replies [4000000 bytes, sum 499994016, 1 in all] code 0 message [] details  count [1] seal 00ff10
large tapped: hello [how are you] replies [4000000 bytes, sum 499994016, 1 in all] code 0 message [] details  count [1] seal 00ff10
unknown fields: hello [how are you] replies [\u{fffd}?\u{3}abc\u{8}\u{fffd}\u{fffd}\u{fffd}\u{7f}\u{13}\u{14}, 1 in all] code 0 message [] details  count [1] seal 00ff10
burst: hello [how are you] replies [1001 replies, sum 66462189] code 0 message [] details  count [1000] seal 00ff10
deadline: over
the server saw 1 calls cancelled
the server saw 2 calls cancelled
";

fn ask(address: &str) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut told = runtime.block_on(raw::ask(address)).join("\n");
    told.push('\n');
    told
}

#[test]
fn tonic_sees_tonic_as_it_is() {
    let (_server, address) = raw::serve();
    pretty(&ask(&address), "directly");
    let (_server, address) = raw::serve();
    let desk = Desk::new();
    let (recorder, listens) = desk.recorder(&address, "--timing-only");
    pretty(&ask(&listens), "through the recorder");
    drop(recorder);
}

fn pretty(told: &str, how: &str) {
    for (told, expected) in told.lines().zip(EXPECTED.lines()) {
        assert_eq!(told, expected, "{how}");
    }
    assert_eq!(told.lines().count(), EXPECTED.lines().count(), "{how}");
}

#[test]
#[ignore = "needs Python with grpcio, which VOICELT_TEST_PYTHON may name"]
fn grpcio_sees_tonic_as_it_is() {
    let (_server, address) = raw::serve();
    pretty(&Python::ask(&address), "directly");
    let (_server, address) = raw::serve();
    let desk = Desk::new();
    let (_recorder, listens) = desk.recorder(&address, "--timing-only");
    pretty(&Python::ask(&listens), "through the recorder");
}

#[test]
#[ignore = "needs Python with grpcio, which VOICELT_TEST_PYTHON may name"]
fn tonic_sees_grpcio_as_it_is() {
    let (_server, address) = Python::serve();
    pretty(&ask(&address), "directly");
    let (_server, address) = Python::serve();
    let desk = Desk::new();
    let (_recorder, listens) = desk.recorder(&address, "--timing-only");
    pretty(&ask(&listens), "through the recorder");
}

#[test]
#[ignore = "needs Python with grpcio, which VOICELT_TEST_PYTHON may name"]
fn grpcio_sees_grpcio_as_it_is() {
    let (_server, address) = Python::serve();
    let desk = Desk::new();
    let (_recorder, listens) = desk.recorder(&address, "--timing-only");
    pretty(&Python::ask(&listens), "through the recorder");
}
