//! What the pacer's thread does for each chunk, and what the sink's does for each row.
//!
//! `cargo bench --profile dist --package voicelt-bench --bench hot_path` prints times; rows a second
//! are those of one core.

use std::hint::black_box;
use std::iter::repeat_n;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use voicelt::clock::monotonic_ns;
use voicelt::dialect::Dialect;
use voicelt::live::gauges::Gauges;
use voicelt::replay::entry::{Message, Passage};
use voicelt::replay::message_queue::MessageQueue;
use voicelt::replay::timers::{CallKey, Timer, Timers};
use voicelt::results::row::{Direction, MessageRow, RequestRow};
use voicelt::results::sample;
use voicelt::table::{Row, write_all};
use voicelt::trace::model::EventKind;
use voicelt::units::RunTime;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Entries that are recorded between two times that the sink is emptied.
const BATCH: u64 = 10_000;

fn framing(c: &mut Criterion) {
    let pcm = vec![0_u8; 32_000];
    let frame_audio = |pcm: &[u8]| Dialect::StreamAudio.frame_audio(pcm, repeat_n(640, 50));
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Elements(50));
    group.bench_function("a second of audio in 50 chunks", |b| {
        b.iter(|| frame_audio(black_box(&pcm)));
    });
    let framed = frame_audio(&pcm);
    group.throughput(Throughput::Elements(1));
    group.bench_function("take a framed chunk", |b| {
        b.iter(|| framed.chunk(black_box(17)));
    });
    group.finish();
}

fn heap(c: &mut Criterion) {
    let mut timers = Timers::default();
    for nth in 0..1_000 {
        // All of one session: the heap does not look at whose they are.
        let key = CallKey::default();
        timers.set(RunTime(nth * 20_000), Timer::Send(key));
    }
    c.bench_function(
        "pacer heap of 1,000 sessions: take what is due, set the next",
        |b| {
            b.iter(|| {
                let (at, timer) = timers.take_due(RunTime(i64::MAX)).expect("never empty");
                timers.set(RunTime(at.0 + 20_000_000), timer);
            });
        },
    );
}

/// One allocation for each batch that is handed over, and none for a message.
fn recording(c: &mut Criterion) {
    let (sink, entries) = sync_channel(2 * BATCH as usize);
    let mut queue = MessageQueue::default();
    let mut record = |seq: u64| {
        let message = Message {
            session: 7,
            turn: 0,
            seq: seq as u32,
            bytes: 640,
            passage: Passage::Sent {
                kind: EventKind::Audio,
                intended: RunTime(1),
                released: RunTime(2),
                taken: RunTime(3),
                sent: RunTime(4),
            },
        };
        assert_eq!(queue.push(message, &sink), 0, "room");
    };
    let empty = || while entries.try_recv().is_ok() {};
    let region = Region::new(ALLOCATOR);
    (0..BATCH).for_each(&mut record);
    let (allocations, batches) = (region.change().allocations, entries.try_iter().count());
    assert!(
        allocations <= batches,
        "recording a message must not allocate: {allocations} in {batches} batches"
    );
    c.bench_function("record a message on the pacer's thread", |b| {
        b.iter_custom(|wanted| {
            let (mut done, mut time) = (0, Duration::ZERO);
            while done < wanted {
                let count = BATCH.min(wanted - done);
                let start_ns = monotonic_ns();
                (0..count).for_each(&mut record);
                time += Duration::from_nanos((monotonic_ns() - start_ns) as u64);
                empty();
                done += count;
            }
            time
        });
    });
}

/// What the pacer's thread writes for whoever watches: one for each chunk.
fn gauging(c: &mut Criterion) {
    let gauges = Gauges::default();
    let mut lag_ns = 0;
    let mut record = || {
        lag_ns = (lag_ns * 5 + 12_345) % 50_000_000;
        gauges.lag.record(black_box(lag_ns));
    };
    let region = Region::new(ALLOCATOR);
    (0..BATCH).for_each(|_| record());
    let allocations = region.change().allocations;
    assert_eq!(allocations, 0, "recording a lag must not allocate");
    c.bench_function("record a lag in the gauges", |b| b.iter(&mut record));
}

fn writing<R: Row + Clone>(c: &mut Criterion, name: &str, rows: &[R]) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("table.parquet");
    let mut group = c.benchmark_group("parquet");
    group.sample_size(10);
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function(name, |b| {
        b.iter_batched(
            || (),
            |()| write_all(&path, 128 * 1024, &[], rows).expect("written"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn tables(c: &mut Criterion) {
    let message = |n: u32| MessageRow {
        session_id: format!("calls-{:06}", n % 1_000),
        copy: 0,
        turn: 0,
        direction: Direction::Sent,
        kind: "audio".to_owned(),
        seq: n / 1_000,
        intended_ns: Some(i64::from(n) * 20_000),
        released_ns: Some(i64::from(n) * 20_000 + 9_000),
        taken_ns: Some(i64::from(n) * 20_000 + 11_000 + i64::from(n % 577)),
        sent_ns: Some(i64::from(n) * 20_000 + 12_000 + i64::from(n % 977)),
        received_ns: None,
        bytes: 640,
    };
    let messages: Vec<_> = (0..200_000).map(message).collect();
    writing(c, "messages", &messages);
    let requests: Vec<RequestRow> = (0..20_000).map(sample::row).collect();
    writing(c, "requests", &requests);
}

criterion_group!(benches, framing, heap, recording, gauging, tables);
criterion_main!(benches);
