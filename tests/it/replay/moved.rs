//! The gateway's name moves while calls are made.

use crate::support::{Desk, Running, until};

#[test]
#[ignore = "needs unshare, which makes a hosts file of its own"]
fn calls_go_where_the_name_leads_and_the_report_says_so() {
    let desk = Desk::with_trace("--synth speech-like:1s --arrivals constant:10/s --sessions 80");
    let (_old, old) = desk.gateway("");
    let (_, port) = old.rsplit_once(':').unwrap();
    let (_new, new) = desk.serve(&format!("gateway --listen 127.0.0.2:{port}"));
    desk.write("hosts", "127.0.0.1 gateway.test\n");
    let replay = format!(
        "unshare --mount --map-root-user -- sh -c 'mount --bind hosts /etc/hosts && \
         exec voicelt replay calls.vtrace -t http://gateway.test:{port} -o run --allow-invalid \
         --resolve-every 200ms'"
    );
    let run = Running::start(&mut desk.shell(&replay));
    let dir = desk.path("run");
    until(|| dir.join("requests-00001.parquet").exists().then_some(()));
    desk.write("hosts", "127.0.0.2 gateway.test\n");
    let said = run.wait().exits(0);

    let rows = desk.requests("run");
    let of = |peer: &str| {
        let rows = rows.iter().filter(|row| row.peer.as_deref() == Some(peer));
        rows.filter(|row| row.status.is_success()).count()
    };
    let (before, after) = (of(&old), of(&new));
    assert!(before > 0 && after > 0, "{before} and {after}");
    assert_eq!(before + after, 80);
    let run = desk.run("run");
    let changes = run.manifest().address_changes.iter();
    let changes: Vec<_> = changes.map(|c| (c.address.as_str(), c.came)).collect();
    assert_eq!(changes, [(old.as_str(), false), (new.as_str(), true)]);
    said.says(&new);
}
