//! Logs as others write them: odd quotes, separators, encodings, packings, units and hours are read, or named with their
//! line and what to do.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::program::{desk, import, imported};

/// So many rows of a start in seconds since 1970 and a duration, with more behind them.
fn rows(count: u32, more: impl Fn(u32) -> String) -> String {
    let rows = (0..count).map(|n| format!("{},5,{}\n", 1_700_000_000 + n, more(n)));
    format!("t,d,n\n{}", rows.collect::<String>())
}

const SECONDS: &str = "--map start=t,duration=d,duration-unit=s";

#[test]
fn quotes_inside_of_fields_cost_no_row() {
    let desk = desk();
    let stray = |n: u32| match n % 7 {
        3 => format!("{n}\" pipe"),
        5 => "say \"x\" twice".to_owned(),
        _ => "ok".to_owned(),
    };
    desk.write("log", rows(40, stray));
    let said = imported(&desk, "log", SECONDS);
    assert!(said.contains("log       40 rows of map, 0 bad"), "{said}");
    // A quote that opens a field and is not closed costs its own row.
    let open = |n: u32| {
        if n == 20 {
            "\"open".to_owned()
        } else {
            "ok".to_owned()
        }
    };
    desk.write("log", rows(40, open));
    let said = imported(&desk, "log", SECONDS);
    assert!(said.contains("log       39 rows of map, 1 bad"), "{said}");
    assert!(
        said.contains("line 22: its quote is not closed by line 41"),
        "{said}"
    );
}

#[test]
fn rows_of_another_width_are_named() {
    let desk = desk();
    desk.write(
        "log",
        "t,d\n2026-01-01 00:00:00,000,5\n2026-01-01 00:00:01,500,5\n",
    );
    let named = "line 2: 3 fields, more than the 2 of the header";
    import(&desk, "log", "--map start=t,duration=d").refused(named);
    desk.write(
        "log",
        "t,d,n\n1700000000,5,a\n1700000001,5\n1700000002,5,b,c\n1700000003,5,d,,\n",
    );
    let said = imported(&desk, "log", SECONDS);
    assert!(said.contains("log       2 rows of map, 2 bad"), "{said}");
    assert!(
        said.contains("line 3: 2 fields, fewer than the 3 of the header"),
        "{said}"
    );
    assert!(
        said.contains("line 4: 4 fields, more than the 3 of the header"),
        "{said}"
    );
}

#[test]
fn separators_marks_and_encodings_are_recognised() {
    let desk = desk();
    for text in [
        &b"t;d\n1700000000;5\n1700000001;\"5\"\n"[..],
        b"t\td\r\n1700000000\t5\r\n1700000001\t5\r\n",
        b"\xef\xbb\xbf\"t\"|d\n1700000000|5\n1700000001|5",
        b"M\xfcller;t;d\nJ\xf6rg;1700000000;5\nAnn;1700000001;5\n",
    ] {
        desk.write("log", text);
        let said = imported(&desk, "log", SECONDS);
        assert!(said.contains("log       2 rows of map, 0 bad"), "{said}");
    }
    desk.write("log", b"L\xe4nge;t\n5;1700000000\n");
    let said = imported(&desk, "log", "--map start=t,duration=Länge,duration-unit=s");
    assert!(said.contains("log       1 rows of map, 0 bad"), "{said}");
    import(&desk, "log", SECONDS)
        .refused("no column `d`; its columns, separated by `;`, are Länge, t");
}

#[test]
fn what_is_no_text_is_named_with_what_to_do() {
    let desk = desk();
    for (bytes, named) in [
        (
            &b"\x1f\x8b\x08\0\0\0"[..],
            "log is packed with gzip: unpack it with `gunzip`",
        ),
        (b"\x28\xb5\x2f\xfd\x04\0", "packed with zstd"),
        (b"BZh91AY&SY", "packed with bzip2"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (
            b"\xff\xfet\0,\0d\0",
            "text in UTF-16: convert it with `iconv",
        ),
        (b"t\0,\0d\0\n\0", "text in UTF-16"),
    ] {
        desk.write("log", bytes);
        for flags in [SECONDS, "--format cdr", "--format envoy"] {
            import(&desk, "log", flags).refused(named);
        }
    }
}

#[test]
fn a_status_is_a_number_however_it_is_written() {
    let desk = desk();
    let row = |code: &str| {
        let rest = r#""path":"/a","duration":6.0,"start_time":"2024-06-03T10:00:00.000Z"}"#;
        format!("{{\"response_code\":{code},{rest}\n")
    };
    desk.write(
        "log",
        ["200.0", "200", "\"200\"", "503.0"].map(row).concat(),
    );
    let said = imported(&desk, "log", "--format envoy --status 200");
    assert!(
        said.contains("log       3 rows of envoy, 1 others passed over, 0 bad"),
        "{said}"
    );
    let named = "4 are of another path, status or disposition than was asked for (line 1: `grpc_status` or `response_code` is `200.0`)";
    import(&desk, "log", "--format envoy --status 404").refused(named);
}

#[test]
fn objects_of_an_array_are_rows() {
    let desk = desk();
    let object = |n: u32| format!("{{\"t\":\"2026-01-01T00:00:0{n}Z\",\n   \"d\":100}}");
    let array = format!("[\n  {},\n  {},\n  {{\"d\":1}}\n]\n", object(0), object(1));
    desk.write("log", array);
    let said = imported(&desk, "log", "--map start=t,duration=d,duration-unit=ms");
    assert!(said.contains("log       2 rows of map, 1 bad"), "{said}");
    assert!(said.contains("line 6: `t` is empty or missing"), "{said}");
    let pretty = object(0).replacen('{', "{\n", 1) + "\n" + &object(1);
    desk.write("log", pretty);
    let said = imported(&desk, "log", "--map start=t,duration=d,duration-unit=ms");
    assert!(said.contains("log       2 rows of map, 0 bad"), "{said}");
}

#[test]
fn the_odd_unit_of_a_row_is_named_by_its_line() {
    let desk = desk();
    let us = ["1700000000000000", "1700000002000000", "1700000003000000"];
    for at in 0..=us.len() {
        let mut starts = us.to_vec();
        starts.insert(at, "1700000001000");
        let rows = starts.iter().map(|start| format!("{start},5s\n"));
        desk.write("log", format!("t,d\n{}", rows.collect::<String>()));
        let said = imported(&desk, "log", "--map start=t,duration=d");
        assert!(said.contains("log       3 rows of map, 1 bad"), "{said}");
        let named = format!(
            "line {}: `t` is `1700000001000`, which is in milliseconds by its size, among others in microseconds",
            at + 2
        );
        assert!(said.contains(&named), "{said}");
    }
    desk.write("log", "t,d\n1700000000,5s\n1700000001,5\n1700000002,7s\n");
    let said = imported(&desk, "log", "--map start=t,duration=d");
    assert!(
        said.contains("line 3: `d` is `5`, which is a plain number among durations"),
        "{said}"
    );
}

#[test]
fn an_hour_that_came_twice_is_told() {
    let desk = desk();
    let rows = |day: &str| {
        let times = ["01:59:59", "02:30:00", "02:59:59", "02:00:00", "03:00:00"];
        let rows = times.map(|time| format!("{day} {time},5s\n"));
        format!("t,d\n{}", rows.concat())
    };
    let map = "--map start=t,duration=d";
    desk.write("log", rows("2025-10-26"));
    let said = imported(&desk, "log", &format!("{map} --zone Europe/Berlin"));
    let twice = "3 of them, from line 3 on, in the hour that came twice";
    assert!(said.contains(twice), "{said}");
    assert!(!imported(&desk, "log", map).contains("twice"));
    desk.write("log", rows("2025-03-30"));
    let said = imported(&desk, "log", &format!("{map} --zone Europe/Berlin"));
    let left_out = "3 of them, from line 3 on, in the hour that was left out";
    assert!(said.contains(left_out), "{said}");
}

/// Every codec that Parquet has and can be read without a library of C's.
fn codecs() -> [Compression; 7] {
    [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ]
}

#[test]
fn parquet_is_read_with_any_codec() {
    let desk = desk();
    for codec in codecs() {
        let start: ArrayRef = Arc::new(Int64Array::from_iter_values(1_700_000_000..1_700_000_100));
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(
            (0..100).map(|n| format!("{}s", n % 5 + 1)),
        ));
        let batch = RecordBatch::try_from_iter([("t", start), ("d", text)]).unwrap();
        let properties = WriterProperties::builder().set_compression(codec).build();
        let file = File::create(desk.path("log")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let said = imported(&desk, "log", "--map start=t,duration=d");
        assert!(
            said.contains("log       100 rows of map, 0 bad"),
            "{codec:?}: {said}"
        );
    }
}

#[test]
fn a_thousand_open_quotes_cost_a_thousand_rows() {
    let desk = desk();
    // A quote on every hundredth line opens a field and ends nowhere.
    let text = rows(100_000, |n| {
        if n % 100 == 0 {
            format!("\"{n}")
        } else {
            "ok".to_owned()
        }
    });
    desk.write("log", text);
    let said = imported(&desk, "log", &format!("{SECONDS} --limit 10"));
    assert!(
        said.contains("log       99000 rows of map, 1000 bad"),
        "{said}"
    );
}
