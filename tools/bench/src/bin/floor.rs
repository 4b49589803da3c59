//! What a chunk costs on this kernel at the least: a write of its own, and its share of a write of many, over
//! loopback to a receiver that reads and throws away.
//!
//! `floor [CHUNKS_A_SECOND]` prints nanoseconds of the sender's time a chunk for both, measured in turns at so many
//! chunks a second.

use std::hint::spin_loop;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::Result;
use voicelt::clock::monotonic_ns;

/// 20 ms of audio at 16 kHz in its frame.
const CHUNK: usize = 662;
const MANY: usize = 24;
const ROUNDS: usize = 20;
const CHUNKS_A_ROUND: usize = 4_800;
/// As far apart as the chunks of 2,000 sessions.
const CHUNKS_A_SECOND: i64 = 100_000;

fn main() -> Result<()> {
    let given = std::env::args().nth(1);
    let rate = given.map_or(Ok(CHUNKS_A_SECOND), |rate| rate.parse())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    stream.set_nodelay(true)?;
    let (mut receiver, _) = listener.accept()?;
    std::thread::spawn(move || {
        let mut thrown = vec![0; 1 << 20];
        while receiver.read(&mut thrown).is_ok_and(|bytes| bytes > 0) {}
    });
    let chunks = vec![7; CHUNK * MANY];
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(cost_ns(&mut stream, &chunks, 1, rate)?);
        many.push(cost_ns(&mut stream, &chunks, MANY, rate)?);
    }
    let median = |mut costs: Vec<i64>| {
        costs.sort_unstable();
        costs[costs.len() / 2]
    };
    let (one, many) = (median(one), median(many));
    writeln!(
        std::io::stdout(),
        "{{\"one_ns\": {one}, \"of_{MANY}_ns\": {many}}}"
    )?;
    Ok(())
}

/// Time in the writes, a chunk, of `at_once` to a write, at so many chunks a second.
fn cost_ns(stream: &mut TcpStream, chunks: &[u8], at_once: usize, rate: i64) -> Result<i64> {
    let begun = monotonic_ns();
    let mut cost_ns = 0;
    for write in 0..CHUNKS_A_ROUND / at_once {
        let due = begun + (write * at_once) as i64 * 1_000_000_000 / rate;
        while monotonic_ns() < due {
            spin_loop();
        }
        let before = monotonic_ns();
        stream.write_all(&chunks[..CHUNK * at_once])?;
        cost_ns += monotonic_ns() - before;
    }
    Ok(cost_ns / CHUNKS_A_ROUND as i64)
}
