//! Small files that unpack to more than memory holds: each is refused with its name, the figure and the limit, or read
//! in little memory.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel};
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use parquet::file::properties::WriterProperties;
use voicelt::table::{Row, write_all};
use voicelt::trace::model::{ClipRow, EventRow, SessionRow, SourceRow, TurnRow};

use crate::support::desk::VOICELT;
use crate::support::{Desk, Output};

/// Address space that a command may ask for here, in KB: it must refuse what needs more, not be refused it.
const ADDRESSES_KB: u32 = 4 * 1024 * 1024;

/// Runs voicelt where memory is short.
fn bounded(desk: &Desk, line: &str) -> Output {
    let command = format!("ulimit -v {ADDRESSES_KB}; exec {VOICELT} {line}");
    Output::of(&mut desk.shell(&command))
}

/// A bundle of 20 calls.
fn desk() -> Desk {
    Desk::with_trace("--synth speech-like:1s --sessions 20 --arrivals constant:5/s")
}

/// Lets the Parquet file `path` say that its rows come so many times: the groups of rows in its footer are repeated.
fn repeat(path: &Path, times: usize) -> i64 {
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&File::open(path).unwrap())
        .unwrap();
    let of_file = metadata.file_metadata();
    let groups = metadata.row_groups().iter().cloned().cycle();
    let groups: Vec<_> = groups.take(times * metadata.num_row_groups()).collect();
    let rows = of_file.num_rows() * times as i64;
    let file = FileMetaData::new(
        of_file.version(),
        rows,
        of_file.created_by().map(str::to_owned),
        of_file.key_value_metadata().cloned(),
        of_file.schema_descr_ptr(),
        of_file.column_orders().cloned(),
    );
    let repeated = ParquetMetaData::new(file, groups);
    let mut bytes = std::fs::read(path).unwrap();
    let footer = bytes.len() - 8;
    let length = u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap());
    bytes.truncate(footer - length as usize);
    let mut out = File::create(path).unwrap();
    out.write_all(&bytes).unwrap();
    let mut tail = Vec::new();
    ParquetMetaDataWriter::new(&mut tail, &repeated)
        .finish()
        .unwrap();
    out.write_all(&tail).unwrap();
    rows
}

/// Puts 65,536 times as many rows like `row` into its table of the bundle.
fn fill<R: Row>(desk: &Desk, row: R, times: usize) -> i64 {
    let path = desk
        .path("calls.vtrace")
        .join(format!("{}.parquet", R::TABLE));
    write_all(&path, 65_536, &[], &vec![row; 65_536]).unwrap();
    repeat(&path, times)
}

/// Fills a table with rows like its first.
fn multiply<R: Row>(desk: &Desk, times: usize) -> i64 {
    let path = desk
        .path("calls.vtrace")
        .join(format!("{}.parquet", R::TABLE));
    let rows: Vec<R> = voicelt::table::read_all(&path).unwrap();
    fill(desk, rows[0].clone(), times)
}

/// Every way in that a bundle has.
const READERS: [&str; 6] = [
    "trace check calls.vtrace",
    "trace info calls.vtrace",
    "trace seal calls.vtrace",
    "trace cut calls.vtrace --sessions 0 -o out.vtrace",
    "replay calls.vtrace --plan",
    "import log.csv --map start=t,unit=s --audio calls.vtrace -o out.vtrace",
];

#[test]
fn tables_of_millions_of_equal_rows_are_refused() {
    type Multiply = fn(&Desk, usize) -> i64;
    let multiplied: [(&str, Multiply); 4] = [
        ("clips", multiply::<ClipRow>),
        ("sessions", multiply::<SessionRow>),
        ("turns", multiply::<TurnRow>),
        ("events", multiply::<EventRow>),
    ];
    for (table, multiply) in multiplied {
        let desk = desk();
        desk.write("log.csv", "t\n1\n");
        assert!(multiply(&desk, 320) > 20_000_000);
        let bytes = std::fs::metadata(desk.path(&format!("calls.vtrace/{table}.parquet")))
            .unwrap()
            .len();
        assert!(bytes < 1_000_000, "{table}: {bytes}");
        // A session's events are read up to millions, to be named.
        let readers = if table == "events" { 1 } else { READERS.len() };
        for line in &READERS[..readers] {
            let output = bounded(&desk, line);
            assert_eq!(output.code, Some(2), "{table}: {line}: {}", output.said());
            output.says(&format!("{table}.parquet"));
        }
    }
    let desk = desk();
    multiply::<ClipRow>(&desk, 320);
    bounded(&desk, "trace check calls.vtrace").refused("clips.parquet: its rows take");
    let desk = self::desk();
    let source = SourceRow {
        path: "a.wav".to_owned(),
        bytes: 0,
        mtime_ns: 0,
        channel: "mix".to_owned(),
        codec: String::new(),
        rate_hz: 0,
        channels: 0,
        settings_hash: String::new(),
        clip: None,
        skipped: None,
        decoder: None,
        trim: None,
        note: None,
    };
    fill(&desk, source, 320);
    // All its tables but that one are as they were.
    let said = bounded(&desk, "trace check calls.vtrace");
    assert!(
        said.code == Some(2) && said.stderr.contains("sources.parquet"),
        "{}",
        said.said()
    );
    let again = bounded(&desk, "prepare --synth speech-like:1s -o calls.vtrace").exits(0);
    again.says("sources.parquet: its rows take");
}

/// Puts clips there whose transcripts are these.
fn with_transcripts(desk: &Desk, transcripts: &[&str]) {
    let path = desk.path("calls.vtrace/clips.parquet");
    let rows: Vec<ClipRow> = voicelt::table::read_all(&path).unwrap();
    let clips = (0..).zip(transcripts).map(|(clip, text)| ClipRow {
        clip,
        transcript: Some((*text).to_owned()),
        ..rows[0].clone()
    });
    write_all(&path, 8192, &[], &clips.collect::<Vec<_>>()).unwrap();
}

#[test]
fn tables_are_read_with_any_codec() {
    let desk = desk();
    let path = desk.path("calls.vtrace/clips.parquet");
    let clips: Vec<ClipRow> = voicelt::table::read_all(&path).unwrap();
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ] {
        let batch = voicelt::table::to_batch(&clips);
        let properties = WriterProperties::builder().set_compression(codec).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        desk.voicelt("trace check calls.vtrace").exits(0);
    }
}

#[test]
fn a_text_that_takes_hundreds_of_megabytes_is_refused() {
    let desk = desk();
    let long = "x".repeat(200 * 1024 * 1024);
    with_transcripts(&desk, &[&long]);
    for line in ["trace check calls.vtrace", "trace info calls.vtrace"] {
        bounded(&desk, line).refused("clips.parquet: its pages take");
    }
}

#[test]
fn one_text_in_many_rows_is_refused_before_it_fills_memory() {
    let desk = desk();
    let long = "x".repeat(512 * 1024);
    with_transcripts(&desk, &[&long[..]; 64]);
    repeat(&desk.path("calls.vtrace/clips.parquet"), 16);
    bounded(&desk, "trace check calls.vtrace").refused("clips.parquet: its rows take");
    // In a log, it is read a few rows at a time.
    let start: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..64).map(|n| n.to_string()),
    ));
    let text: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
        &long, 64,
    )));
    let batch = RecordBatch::try_from_iter([("t", start), ("who", text)]).unwrap();
    let file = File::create(desk.path("log")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    repeat(&desk.path("log"), 64);
    desk.voicelt("prepare --synth speech-like:1s -o library.vtrace")
        .exits(0);
    let line = "import log --map start=t,unit=s,session=who --audio library.vtrace -o out.vtrace";
    bounded(&desk, line)
        .exits(0)
        .says("4096 rows of map, 0 bad");
}
