//! What a user reads when something is wrong, word for word: what it was, where, and what to do.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use crate::support::{Desk, Output};

/// A desk with a trace `good.vtrace`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.voicelt("prepare --synth speech-like:1s -o good.vtrace")
        .exits(0);
    desk
}

/// A desk with a trace `good.vtrace`, and a run `run`.
fn desk_with_run() -> Desk {
    let desk = desk();
    desk.voicelt("replay good.vtrace -t embedded -o run --allow-invalid --quiet")
        .exits(0);
    desk
}

/// The errors of lines of shell, each below the line and with its exit code; `hidden` is what
/// differs from run to run.
fn errors(desk: &Desk, lines: &[&str], hidden: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for line in lines {
        let output = Output::of(&mut desk.shell(line));
        let mut said = output.stderr.lines();
        let error = said.find(|said| said.starts_with("error: "));
        let error = error.unwrap_or_else(|| panic!("{line} says no error: {output:?}"));
        all += &format!("$ {line}\n{error} [{}]\n", output.code.unwrap());
    }
    for (what, name) in hidden {
        all = all.replace(what, name);
    }
    all
}

/// The one clip of a bundle.
fn clip(desk: &Desk, bundle: &str) -> PathBuf {
    desk.files(&format!("{bundle}/clips")).remove(0)
}

/// A port that something listens on, which does `serve` with each caller.
fn server(serve: fn(std::net::TcpStream)) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

#[test]
fn audio_that_is_none() {
    let desk = desk();
    desk.folder("empty");
    desk.write("texts/a.txt", "hello\n");
    desk.write("noise.pcm", [7; 640]);
    let said = errors(
        &desk,
        &[
            "voicelt prepare empty -o a.vtrace",
            "voicelt prepare texts -o a.vtrace",
            "voicelt prepare texts/a.txt -o a.vtrace",
            "voicelt prepare noise.pcm -o a.vtrace",
            "voicelt prepare nowhere -o a.vtrace",
            "voicelt run --audio empty -t embedded",
            "voicelt run --audio nowhere -t embedded",
            "voicelt run -t embedded",
        ],
        &[],
    );
    insta::assert_snapshot!(said, @r#"
    $ voicelt prepare empty -o a.vtrace
    error: No audio files found in empty; give WAV, FLAC, MP3, Opus or other audio files, a folder that holds some, or --raw FORMAT:RATE:CHANNELS for files without header [2]
    $ voicelt prepare texts -o a.vtrace
    error: No audio files found in texts (1 other file there was not tried: 1 .txt); give WAV, FLAC, MP3, Opus or other audio files, a folder that holds some, or --raw FORMAT:RATE:CHANNELS for files without header [2]
    $ voicelt prepare texts/a.txt -o a.vtrace
    error: none of 1 files could be converted: a.txt: not audio: it is a text file [2]
    $ voicelt prepare noise.pcm -o a.vtrace
    error: none of 1 files could be converted: noise.pcm: not audio: its content is of no known format (if it is audio without a header, say what it is with --raw FORMAT:RATE:CHANNELS) [2]
    $ voicelt prepare nowhere -o a.vtrace
    error: none of 1 files could be converted: nowhere: there is no file or folder of this name [2]
    $ voicelt run --audio empty -t embedded
    error: No WAV files found in empty, nor audio of other formats; name a folder that holds some, or make test audio there with `voicelt run --create-test-audio --audio-dir empty` [2]
    $ voicelt run --audio nowhere -t embedded
    error: --audio nowhere: there is no such folder, file or trace; name one, or make test audio there with `voicelt run --create-test-audio --audio-dir nowhere` [2]
    $ voicelt run -t embedded
    error: say what users say with --audio: a folder of audio, or a trace such as calls.vtrace [2]
    "#);
}

#[test]
fn one_thing_given_for_another() {
    let desk = desk_with_run();
    desk.folder("empty");
    std::fs::copy(clip(&desk, "good.vtrace"), desk.path("a.wav")).unwrap();
    let said = errors(
        &desk,
        &[
            "voicelt replay nowhere.vtrace",
            "voicelt replay empty",
            "voicelt replay a.wav",
            "voicelt replay run",
            "voicelt trace check run",
            "voicelt trace recover a.wav",
            "voicelt report nowhere",
            "voicelt report empty",
            "voicelt report a.wav",
            "voicelt report good.vtrace",
            "voicelt report latest",
            "voicelt compare good.vtrace run",
            "voicelt replay good.vtrace -t embedded -o run",
            "voicelt replay good.vtrace -t embedded -o a.wav",
            "voicelt prepare --synth speech-like:1s -o run",
            "voicelt prepare --synth speech-like:1s -o a.wav/x.vtrace",
        ],
        &[],
    );
    insta::assert_snapshot!(said, @r#"
    $ voicelt replay nowhere.vtrace
    error: nowhere.vtrace is not a trace bundle (there is nothing of this name); make one with `voicelt prepare AUDIO -o NAME.vtrace` [2]
    $ voicelt replay empty
    error: empty is not a trace bundle (it holds no trace.json); make one with `voicelt prepare AUDIO -o NAME.vtrace` [2]
    $ voicelt replay a.wav
    error: a.wav is not a trace bundle (it is a file, and a bundle is a folder); if it holds audio, make one with `voicelt prepare a.wav -o NAME.vtrace` [2]
    $ voicelt replay run
    error: run is not a trace bundle (it is a run); name the trace that it was made from, or see `voicelt report run` [2]
    $ voicelt trace check run
    error: run is not a trace bundle (it is a run); name the trace that it was made from, or see `voicelt report run` [2]
    $ voicelt trace recover a.wav
    error: a.wav holds no recording to recover (no journal.arrows); name the folder that the recorder wrote to [2]
    $ voicelt report nowhere
    error: no run at nowhere: there is nothing of this name; give a run directory, or `latest` for the newest one in runs/ [2]
    $ voicelt report empty
    error: no run at empty: there is no run.json in it; give a run directory, or `latest` for the newest one in runs/ [2]
    $ voicelt report a.wav
    error: no run at a.wav: it is a file, and a run is a folder; give a run directory, or `latest` for the newest one in runs/ [2]
    $ voicelt report good.vtrace
    error: no run at good.vtrace: it is a trace, not a run; `voicelt replay good.vtrace` makes one of it [2]
    $ voicelt report latest
    error: no run at runs/latest: no run has finished there yet; `voicelt replay` and `voicelt run` make one [2]
    $ voicelt compare good.vtrace run
    error: no run at good.vtrace: it is a trace, not a run; `voicelt replay good.vtrace` makes one of it [2]
    $ voicelt replay good.vtrace -t embedded -o run
    error: run is not empty; a run is never written over: choose another -o [2]
    $ voicelt replay good.vtrace -t embedded -o a.wav
    error: no run can be kept in a.wav: there is a file of this name; choose another -o [2]
    $ voicelt prepare --synth speech-like:1s -o run
    error: run exists and is not a trace bundle; it is left alone: choose another -o [2]
    $ voicelt prepare --synth speech-like:1s -o a.wav/x.vtrace
    error: no trace can be made in a.wav: it is a file; choose another -o [2]
    "#);
}

#[test]
fn bundles_and_runs_that_are_newer_edited_or_damaged() {
    let desk = desk_with_run();
    desk.voicelt("prepare --synth speech-like:2s -o other.vtrace")
        .exits(0);
    let copies = "for name in newer edited halved missing rate table; do cp -r good.vtrace $name.vtrace; done
        cp -r run newer
        cp other.vtrace/turns.parquet other.vtrace/sessions.parquet edited.vtrace
        sed -i 's/\"format\": \"1.0\"/\"format\": \"2.0\"/' newer.vtrace/trace.json newer/run.json
        rm table.vtrace/turns.parquet";
    Output::of(&mut desk.shell(copies)).exits(0);
    let name = clip(&desk, "good.vtrace");
    let name = name.file_name().unwrap().to_str().unwrap();
    let pcm = std::fs::read(clip(&desk, "good.vtrace")).unwrap();
    std::fs::write(clip(&desk, "halved.vtrace"), &pcm[..pcm.len() / 2]).unwrap();
    std::fs::remove_file(clip(&desk, "missing.vtrace")).unwrap();
    let mut slow = pcm;
    slow[24..28].copy_from_slice(&8_000_u32.to_le_bytes());
    slow[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    std::fs::write(clip(&desk, "rate.vtrace"), slow).unwrap();
    let said = errors(
        &desk,
        &[
            "voicelt replay newer.vtrace -t embedded",
            "voicelt report newer",
            "voicelt replay edited.vtrace -t embedded",
            "voicelt trace check halved.vtrace",
            "voicelt replay halved.vtrace -t embedded",
            "voicelt replay missing.vtrace -t embedded",
            "voicelt trace check rate.vtrace",
            "voicelt replay table.vtrace -t embedded",
        ],
        &[(name, "ID.wav"), (&format!("/{}/", &name[..2]), "/ID/")],
    );
    insta::assert_snapshot!(said, @r#"
    $ voicelt replay newer.vtrace -t embedded
    error: newer.vtrace has trace format 2.0; this voicelt reads up to 1.x: update voicelt, or make the trace again with this version [2]
    $ voicelt report newer
    error: newer/run.json has format 2.0, and this version reads up to 1.0; update voicelt to read it [2]
    $ voicelt replay edited.vtrace -t embedded
    error: edited.vtrace: edited since it was sealed; run `voicelt trace seal edited.vtrace` to accept the edit [2]
    $ voicelt trace check halved.vtrace
    error: halved.vtrace/clips/ID/ID.wav: cut off: its header promises 16000 samples, it holds 7989; restore it, or make the trace again [2]
    $ voicelt replay halved.vtrace -t embedded
    error: halved.vtrace/clips/ID/ID.wav: cut off: its header promises 16000 samples, it holds 7989; restore it, or make the trace again [2]
    $ voicelt replay missing.vtrace -t embedded
    error: missing.vtrace/clips/ID/ID.wav is missing; restore it, or make the trace again [2]
    $ voicelt trace check rate.vtrace
    error: rate.vtrace/clips/ID/ID.wav: holds 16000 samples at 8000 Hz, but clips.parquet says 16000 at 16000 Hz; make the trace again [2]
    $ voicelt replay table.vtrace -t embedded
    error: table.vtrace/turns.parquet is missing; restore it, or make the trace again [2]
    "#);
}

#[test]
fn a_disk_that_is_full() {
    let desk = desk_with_run();
    // No file may have more than so many blocks of 512 bytes: the disk is full for it.
    let said = errors(
        &desk,
        &[
            "trap '' XFSZ; ulimit -f 8; voicelt prepare --synth speech-like:5s -o full.vtrace",
            "trap '' XFSZ; ulimit -f 1; voicelt replay good.vtrace -t embedded -o full",
            "voicelt report run >/dev/full",
            "voicelt report run --json /dev/full >/dev/null",
        ],
        &[],
    );
    insta::assert_snapshot!(said, @r#"
    $ trap '' XFSZ; ulimit -f 8; voicelt prepare --synth speech-like:5s -o full.vtrace
    error: .full.vtrace.tmp/clips/unfinished-synthetic-0.wav: File too large; make room on that disk, or write to another [1]
    $ trap '' XFSZ; ulimit -f 1; voicelt replay good.vtrace -t embedded -o full
    error: full/run.json: File too large; make room on that disk, or write to another [1]
    $ voicelt report run >/dev/full
    error: could not write to standard output: No space left on device; make room on that disk, or write to another [1]
    $ voicelt report run --json /dev/full >/dev/null
    error: could not write /dev/full: No space left on device; make room on that disk, or write to another [1]
    "#);
}

#[test]
fn gateways_that_are_not_there_or_are_something_else() {
    let desk = desk();
    let http = server(|mut caller| {
        let _ = caller.read(&mut [0; 512]);
        let _ = caller.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        // Whoever hangs up first may take the answer with it.
        let _ = std::io::copy(&mut caller, &mut std::io::sink());
    });
    let rude = server(drop);
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let closed = free.local_addr().unwrap().port();
    drop(free);
    let replay = |target: &str| format!("voicelt replay good.vtrace -t {target}");
    let lines = [
        replay(&format!("127.0.0.1:{closed}")),
        replay("localhost"),
        replay("ftp://gateway:1"),
        replay("wss://gateway/v1?key=s3cret"),
        replay("https://gateway/v1?key=s3cret"),
        replay("http://me:s3cret@gateway:1"),
        replay(&format!("127.0.0.1:{http}")),
        replay(&format!("127.0.0.1:{rude}")),
        replay(&format!("https://127.0.0.1:{http} --ca nowhere.pem")),
        replay(&format!(
            "https://127.0.0.1:{http} --ca good.vtrace/trace.json"
        )),
        format!("voicelt gateway --listen 127.0.0.1:{http}"),
        format!("voicelt gateway --metrics-addr 127.0.0.1:{http} --listen 127.0.0.1:0"),
        format!(
            "voicelt record --listen 127.0.0.1:{http} --upstream 127.0.0.1:1 --timing-only -o r.vtrace"
        ),
        "voicelt gateway --listen 127.0.0.1".to_owned(),
        "voicelt record --listen 127.0.0.1:0 --upstream ws://gateway/v1?key=s3cret --timing-only -o r.vtrace"
            .to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let ports = [http, rude, closed].map(|port| format!(":{port}"));
    let hidden = ports.each_ref().map(|port| (port.as_str(), ":PORT"));
    insta::assert_snapshot!(errors(&desk, &lines, &hidden), @r#"
    $ voicelt replay good.vtrace -t 127.0.0.1:PORT
    error: cannot connect to 127.0.0.1:PORT: Connection refused; check that the gateway runs and listens on this port, and what lies between [3]
    $ voicelt replay good.vtrace -t localhost
    error: --target: `localhost` is no target; use host:port, or a URL with http://, https://, ws:// or wss:// [2]
    $ voicelt replay good.vtrace -t ftp://gateway:1
    error: --target: `ftp://gateway:1` is no target; use host:port, or a URL with http://, https://, ws:// or wss:// [2]
    $ voicelt replay good.vtrace -t wss://gateway/v1?key=s3cret
    error: --target: `wss://gateway:443/v1?key=(hidden)` is a WebSocket, and this dialect is gRPC; use host:port, http:// or https:// [2]
    $ voicelt replay good.vtrace -t https://gateway/v1?key=s3cret
    error: --target: `https://gateway:443/v1?key=(hidden)` has a path, and this dialect is gRPC, which has its own; leave the path out [2]
    $ voicelt replay good.vtrace -t http://me:s3cret@gateway:1
    error: --target: `http://(hidden)@gateway:1` holds a name or a password; give those as a header (--header KEY:VALUE) [2]
    $ voicelt replay good.vtrace -t 127.0.0.1:PORT
    error: 127.0.0.1:PORT does not speak HTTP/2: it answered in another protocol; check that this is the gateway's gRPC port, and use https:// if it speaks TLS [3]
    $ voicelt replay good.vtrace -t 127.0.0.1:PORT
    error: 127.0.0.1:PORT does not speak HTTP/2: it hung up at once; check that this is the gateway's gRPC port, and use https:// if it speaks TLS [3]
    $ voicelt replay good.vtrace -t https://127.0.0.1:PORT --ca nowhere.pem
    error: nowhere.pem: No such file or directory; --ca takes a PEM file of certificates [2]
    $ voicelt replay good.vtrace -t https://127.0.0.1:PORT --ca good.vtrace/trace.json
    error: good.vtrace/trace.json: it holds no certificate; --ca takes a PEM file of certificates [2]
    $ voicelt gateway --listen 127.0.0.1:PORT
    error: --listen: cannot listen on 127.0.0.1:PORT: Address already in use; give a free address of this machine, such as 127.0.0.1:0 [2]
    $ voicelt gateway --metrics-addr 127.0.0.1:PORT --listen 127.0.0.1:0
    error: --metrics-addr: cannot listen on 127.0.0.1:PORT: Address already in use; give a free address of this machine, such as 127.0.0.1:0 [2]
    $ voicelt record --listen 127.0.0.1:PORT --upstream 127.0.0.1:1 --timing-only -o r.vtrace
    error: cannot listen on 127.0.0.1:PORT: Address already in use; give a free address of this machine, such as 127.0.0.1:0 [2]
    $ voicelt gateway --listen 127.0.0.1
    error: --listen: cannot listen on 127.0.0.1: invalid socket address; give a free address of this machine, such as 127.0.0.1:0 [2]
    $ voicelt record --listen 127.0.0.1:0 --upstream ws://gateway/v1?key=s3cret --timing-only -o r.vtrace
    error: --upstream: `ws://gateway:80/v1?key=(hidden)` is a WebSocket, and this dialect is gRPC; use host:port, http:// or https:// [2]
    "#);
    let said = desk.voicelt("replay good.vtrace -t no-such-gateway.invalid:1");
    let said = said.exits(3).stderr;
    let known = "error: cannot resolve no-such-gateway.invalid: ";
    assert!(said.starts_with(known), "{said}");
    assert!(
        said.ends_with("; check the name and the network\n"),
        "{said}"
    );
}

#[test]
fn flags_with_values_that_mean_nothing() {
    let desk = desk();
    let said = errors(
        &desk,
        &[
            "voicelt run --scenario ligt --audio good.vtrace -t embedded",
            "voicelt run --scenario nowhere.toml --audio good.vtrace -t embedded",
            "voicelt replay good.vtrace --require 'respons.p95 < 800ms'",
            "voicelt replay good.vtrace --require 'response.q95 < 800ms'",
            "voicelt replay good.vtrace --require 'response.p95 < 800mz'",
            "voicelt replay good.vtrace --require 'errors < 5'",
            "voicelt trace cut good.vtrace -o x.vtrace --where 'foo = 1'",
            "voicelt replay good.vtrace --timeout 5x",
            "voicelt replay good.vtrace --speed fast",
            "voicelt replay good.vtrace --header token",
            "voicelt replay good.vtrace --clip-memory 5Q",
            "voicelt prepare --synth speechlike:3s -o x.vtrace",
            "voicelt prepare --synth speech-like:2s --arrivals poison:2/s -o x.vtrace",
            "voicelt gateway --error-rate 2",
            "voicelt gateway --stray-interims 2",
            "voicelt gateway --slots 0",
        ],
        &[],
    );
    insta::assert_snapshot!(said, @r#"
    $ voicelt run --scenario ligt --audio good.vtrace -t embedded
    error: --scenario ligt: there is no such scenario; use baseline, light, medium, heavy, spike, endurance, or a recipe such as my-day.toml [2]
    $ voicelt run --scenario nowhere.toml --audio good.vtrace -t embedded
    error: --scenario nowhere.toml: No such file or directory; check the name and the folder [2]
    $ voicelt replay good.vtrace --require 'respons.p95 < 800ms'
    error: invalid value 'respons.p95 < 800ms' for '--require <REQUIREMENT>': there is no metric `respons` (at character 1); did you mean `response`? Possible metrics: response, audible, first_text, final, asr, endpoint, llm_ttft, llm_total, tts, e2e, barge_in_latency, barge_in_stop, total, errors, success, underruns, early_endpoint, overlapped, lag, throughput, wer, goodput [2]
    $ voicelt replay good.vtrace --require 'response.q95 < 800ms'
    error: invalid value 'response.q95 < 800ms' for '--require <REQUIREMENT>': `response` has no statistic `q95` (at character 10); did you mean `p95`? Possible statistics: p50, p90, p95, p99, max, mean, min [2]
    $ voicelt replay good.vtrace --require 'response.p95 < 800mz'
    error: invalid value 'response.p95 < 800mz' for '--require <REQUIREMENT>': `800mz` is not a duration (at character 16); write `250ms`, `1.5s` or `1m30s` [2]
    $ voicelt replay good.vtrace --require 'errors < 5'
    error: invalid value 'errors < 5' for '--require <REQUIREMENT>': `5` has no unit (at character 10); write `5%` [2]
    $ voicelt trace cut good.vtrace -o x.vtrace --where 'foo = 1'
    error: invalid value 'foo = 1' for '--where <CONDITION>': `foo` is none of turns, start, duration, sample_rate, language, microphone, status [2]
    $ voicelt replay good.vtrace --timeout 5x
    error: invalid value '5x' for '--timeout <DURATION>': `5x` is not a duration; write it as `250ms`, `1m30s`, or a bare number of seconds [2]
    $ voicelt replay good.vtrace --speed fast
    error: invalid value 'fast' for '--speed <FACTOR>': a factor is a number from 0.001 to 1000 [2]
    $ voicelt replay good.vtrace --header token
    error: invalid value '(hidden)' for '--header <KEY:VALUE>': a header is KEY:VALUE [2]
    $ voicelt replay good.vtrace --clip-memory 5Q
    error: invalid value '5Q' for '--clip-memory <SIZE>': `5Q` is no size; use a number with KB, MB or GB, such as 256MB [2]
    $ voicelt prepare --synth speechlike:3s -o x.vtrace
    error: invalid value 'speechlike:3s' for '--synth <SIGNAL:DURATION>': unknown signal `speechlike`; known are silence, tone, noise, speech-like [2]
    $ voicelt prepare --synth speech-like:2s --arrivals poison:2/s -o x.vtrace
    error: invalid value 'poison:2/s' for '--arrivals <SPEC>': `poison:2/s` is no arrival process; use constant:RATE, poisson:RATE, uniform:N, burst:N@TIME or file:CSV, with RATE such as 2/s or 30/m [2]
    $ voicelt gateway --error-rate 2
    error: error rate 2 is not a share; give a number from 0 to 1 (--error-rate) [2]
    $ voicelt gateway --stray-interims 2
    error: stray interims at a rate of 2, which is not a share; give a number from 0 to 1 (--stray-interims) [2]
    $ voicelt gateway --slots 0
    error: a gateway with 0 slots answers nothing; give at least 1 (--slots) [2]
    "#);
    for (line, similar) in [
        ("replay good.vtrace --pacer timerf", "'timerfd'"),
        ("replay good.vtrace --balance frist", "'first'"),
        ("replay good.vtrace --turn-timing reactiv", "'reactive'"),
        ("replay good.vtrace --speeed 2", "'--speed'"),
        ("repaly good.vtrace", "'replay'"),
    ] {
        desk.voicelt(line).exits(2).says("a similar ").says(similar);
    }
}

#[test]
fn settings_that_cannot_be() {
    let desk = desk();
    desk.write("broken.toml", "quiet = true\n[replay\n");
    desk.write("key.toml", "[replay]\nsped = 2\n");
    desk.write("command.toml", "[repaly]\nspeed = 2\n");
    desk.write("switch.toml", "[replay]\nforce = \"yes\"\n");
    desk.write("many.toml", "[replay]\nspeed = [1, 2]\n");
    desk.write("value.toml", "[replay]\nspeed = \"fast\"\n");
    desk.write("place.toml", "[replay]\nquiet = true\n");
    let said = errors(
        &desk,
        &[
            "voicelt config show --config nowhere.toml",
            "voicelt config show --config broken.toml",
            "voicelt config show --config key.toml",
            "voicelt config show --config command.toml",
            "voicelt config show --config switch.toml",
            "voicelt config show --config many.toml",
            "voicelt config show --config value.toml",
            "voicelt config show --config place.toml",
            "VOICELT_QUIET=yes voicelt config show",
            "VOICELT_VERBOSE=10 voicelt config show",
            "voicelt config show traces",
            "voicelt config show qqq",
        ],
        &[],
    );
    insta::assert_snapshot!(said, @r"
    $ voicelt config show --config nowhere.toml
    error: the settings file nowhere.toml: No such file or directory; check the name and the folder [2]
    $ voicelt config show --config broken.toml
    error: broken.toml, line 2: unclosed table, expected `]` [2]
    $ voicelt config show --config key.toml
    error: key.toml, line 2: there is no setting `sped`; is `speed` meant? [2]
    $ voicelt config show --config command.toml
    error: command.toml, line 1: there is no command `repaly`; is `replay` meant? [2]
    $ voicelt config show --config switch.toml
    error: switch.toml, line 2: `force` is a switch; set it to true or false [2]
    $ voicelt config show --config many.toml
    error: many.toml, line 2: `speed` takes one value, not several [2]
    $ voicelt config show --config value.toml
    error: invalid value 'fast' for '--speed <FACTOR>': a factor is a number from 0.001 to 1000 [2]
    $ voicelt config show --config place.toml
    error: place.toml, line 2: `quiet` is a setting of all commands; set it at the top of the file [2]
    $ VOICELT_QUIET=yes voicelt config show
    error: VOICELT_QUIET: `yes` is neither true nor false; use one of them [2]
    $ VOICELT_VERBOSE=10 voicelt config show
    error: VOICELT_VERBOSE: `10` is no number up to 9; say how often the flag is given [2]
    $ voicelt config show traces
    error: there is no command `traces`; is `trace` meant? [2]
    $ voicelt config show qqq
    error: there is no command `qqq`; there are prepare, import, record, replay, run, gateway, report, compare, runs, trace, witness, schema, doctor, dialect, config, completions, man [2]
    ");
}
