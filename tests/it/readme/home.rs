//! A home in which the README's commands are run, with what they speak of in it.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;

use crate::replay::replay_into;
use crate::support::desk::DEMO;
use crate::support::{Desk, Output};

/// Two requests at the gateway, as Envoy logs them.
const ENVOY: &str = "\
    {\"start_time\":\"2026-03-02T09:00:00.125Z\",\"path\":\"/voice_workflow.VoiceGateway/StreamAudio\",\
    \"duration\":2100,\"response_code\":200}\n\
    {\"start_time\":\"2026-03-02T09:00:00.500Z\",\"path\":\"/voice_workflow.VoiceGateway/StreamAudio\",\
    \"duration\":1900,\"response_code\":200}\n";

/// Two answered calls, as Asterisk writes them.
const CDR: &str = "\
    accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,\
    billsec,disposition,amaflags\n\
    ,100,200,in,x,a,b,Dial,c,2026-03-02 09:00:00,2026-03-02 09:00:02,2026-03-02 09:00:05,5,3,ANSWERED,3\n\
    ,101,200,in,x,a,b,Dial,c,2026-03-02 09:00:04,2026-03-02 09:00:05,2026-03-02 09:00:07,3,2,ANSWERED,3\n";

const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
    2023-11-16 18:17:03.9799600,8,10\n2023-11-16 18:17:04.0319569,4,27\n";

/// Requests on both sides of the window that the README takes.
const BURSTGPT: &str = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,\
    Total tokens,Log Type\n\
    1,1,2,ChatGPT,9,18,27,Conversation log\n\
    28802,2,2,ChatGPT,9,18,27,Conversation log\n\
    28806,3,2,ChatGPT,4,18,22,Conversation log\n";

const ARRIVALS: &str = "t,file\n0,hello.wav\n0.25,goodbye\n";

const RECIPE: &str =
    "audio = [\"calls\"]\noutput = \"calls.vtrace\"\narrivals = \"constant:2/s\"\nsessions = 3\n";

/// A folder like a user's, removed with it. It is also their home.
pub(crate) struct Home(pub(crate) Desk);

impl Home {
    /// A folder with audio, logs, recipes, traces and runs; `gateway` is called for the runs.
    pub(crate) fn new(gateway: &str) -> Home {
        let desk = Desk::new();
        put_audio(&desk);
        desk.write("said.csv", "path,transcript\nhello.wav,Hello there\n");
        put_logs(&desk);
        let described = format!("{}/proto", env!("CARGO_MANIFEST_DIR"));
        std::os::unix::fs::symlink(described, desk.path("proto")).unwrap();
        desk.write("calls.toml", RECIPE);
        desk.write("my-day.toml", short_stages());
        for (name, seed) in [
            ("calls", "1"),
            ("monday", "2"),
            ("tuesday", "3"),
            ("part", "4"),
        ] {
            desk.voicelt(&format!(
                "--quiet prepare --synth speech-like:600ms -o {name}.vtrace --sessions 4 \
                 --turns 1..2 --answer-time 600ms --think-time 100ms --arrivals constant:10/s \
                 --seed {seed}"
            ))
            .exits(0);
        }
        desk.voicelt(&replay_into(gateway, "runs/monday")).exits(0);
        let home = Home(desk);
        let copies = "cd runs; for run in tuesday base a b; do cp -r monday $run; done";
        Output::of(&mut home.shell(copies)).exits(0);
        home
    }

    /// Another folder with the same in it.
    pub(crate) fn copy(&self) -> Home {
        let copy = Desk::new();
        let line = format!("cp -r . {}", copy.path("").display());
        Output::of(&mut self.shell(&line)).exits(0);
        Home(copy)
    }

    /// A shell in this folder.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut shell = self.0.shell(line);
        shell.env("HOME", self.0.path(""));
        shell
    }
}

fn put_audio(desk: &Desk) {
    let mut spoken: Vec<_> = walkdir::WalkDir::new(format!("{DEMO}/clips"))
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    spoken.truncate(3);
    let calls = desk.path("calls");
    fs::create_dir(&calls).unwrap();
    for (from, name) in spoken.iter().zip(["hello.wav", "goodbye.wav", "one-file"]) {
        fs::copy(from, calls.join(name)).unwrap();
    }
    // Half a second of a square wave, two companies of it, and a file without a header.
    let tone = |sample: i16| if sample / 20 % 2 == 0 { 4000 } else { -4000 };
    let records = desk.path("records");
    fs::create_dir(&records).unwrap();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut stereo = hound::WavWriter::create(records.join("both.wav"), spec).unwrap();
    let mut raw = Vec::new();
    for sample in 0..4000 {
        stereo.write_sample(tone(sample)).unwrap();
        stereo.write_sample(tone(sample / 2)).unwrap();
        raw.push(if tone(sample) > 0 { 0x9f } else { 0x1f });
    }
    stereo.finalize().unwrap();
    fs::write(desk.path("dump.raw"), raw).unwrap();
}

fn put_logs(desk: &Desk) {
    desk.write("access.log", ENVOY);
    desk.write("Master.csv", CDR);
    desk.write("AzureLLMInferenceTrace_conv.csv", AZURE);
    desk.write("BurstGPT_1.csv", BURSTGPT);
    desk.write("arrivals.csv", ARRIVALS);
    let columns: [(&str, ArrayRef); 3] = [
        (
            "began",
            Arc::new(TimestampMillisecondArray::from(vec![0, 400])),
        ),
        ("call_id", Arc::new(StringArray::from(vec!["x", "y"]))),
        ("ms", Arc::new(Int64Array::from(vec![600, 700]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(desk.path("calls.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
/// The scenario of several stages that the README shows, with fewer users and less time.
fn short_stages() -> String {
    let readme = include_str!("../../../README.md");
    let (_, after) = readme.split_once("```toml\n").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    ["30s", "2m", "1m", "20s"]
        .iter()
        .fold(shown.to_owned(), |text, time| {
            text.replace(&format!("\"{time}\""), "\"300ms\"")
        })
        .replace("1s..3s", "50ms..100ms")
        .replace("users = 10", "users = 2")
        .replace("users = 40", "users = 3")
}
