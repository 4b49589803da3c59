//! A library of audio files becomes clips: what is kept, what is skipped, what is not done twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use voicelt::audio::library::{AudioError, Earlier, Pool, Progress, convert};
use voicelt::audio::list::list;
use voicelt::audio::spec::{ChannelChoice, ConvertSpec, Normalize, SynthSpec};
use voicelt::pcm::level::Level;
use voicelt::pcm::synth::{Signal, render, speech_like};
use voicelt::pcm::wav;
use voicelt::trace::model::{ClipRow, SourceRow, SpeechMethod};
use voicelt::trace::tables::read_table;
use voicelt::units::{NS_PER_MS, NS_PER_S, SampleRate};

const RATE: SampleRate = SampleRate::PREPARED;

/// What was made: the counts, and the tables.
#[derive(Debug, PartialEq)]
struct Made {
    pool: Pool,
    clips: Vec<ClipRow>,
    sources: Vec<SourceRow>,
}

impl std::ops::Deref for Made {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

/// A folder of audio and a folder for bundles.
struct Library {
    dir: TempDir,
}

impl Library {
    fn new() -> Library {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("audio")).unwrap();
        Library { dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join("audio").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn wav(&self, name: &str, rate: SampleRate, samples: &[i16]) {
        wav::write(&self.file(name), rate, samples).unwrap();
    }

    fn stereo(&self, name: &str, rate: u32, left: &[i16], right: &[i16]) {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(self.file(name), spec).unwrap();
        for (&l, &r) in left.iter().zip(right) {
            file.write_sample(l).unwrap();
            file.write_sample(r).unwrap();
        }
        file.finalize().unwrap();
    }

    fn bundle(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn spec(&self) -> ConvertSpec {
        ConvertSpec {
            inputs: vec![self.dir.path().join("audio")],
            ..ConvertSpec::default()
        }
    }

    fn convert(&self, spec: &ConvertSpec, bundle: &str) -> Result<Made, AudioError> {
        self.convert_after(None, spec, bundle)
    }

    /// Converts what has changed since the bundle `earlier` was made, of which only the tables are there.
    fn convert_after(
        &self,
        earlier: Option<&str>,
        spec: &ConvertSpec,
        bundle: &str,
    ) -> Result<Made, AudioError> {
        let earlier = earlier.map(|earlier| Earlier::open(&self.bundle(earlier)).unwrap());
        let folder = self.bundle(bundle);
        let pool = convert(spec, &folder, earlier.as_ref(), &|_| {})?;
        Ok(Made {
            pool,
            clips: read_table(&folder).unwrap(),
            sources: read_table(&folder).unwrap(),
        })
    }

    /// The files of clips in a bundle.
    fn clip_files(&self, bundle: &str) -> BTreeSet<String> {
        files_below(&self.bundle(bundle).join("clips"))
    }

    fn samples(&self, bundle: &str, clip: &ClipRow) -> Vec<i16> {
        let path = self.bundle(bundle).join(clip.file.as_deref().unwrap());
        wav::read(&path).unwrap().1
    }
}

fn voice(seconds: u64, seed: u64) -> Vec<i16> {
    render(Signal::SpeechLike, seconds * 16_000, RATE, seed)
}

fn files_below(folder: &Path) -> BTreeSet<String> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            entry
                .path()
                .strip_prefix(folder)
                .unwrap()
                .display()
                .to_string()
        })
        .collect()
}

#[test]
fn what_is_right_already_passes_bit_for_bit_under_the_name_of_its_content() {
    let library = Library::new();
    let samples = voice(2, 1);
    library.wav("a.wav", RATE, &samples);
    let pool = library.convert(&library.spec(), "out").unwrap();

    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let id = blake3::hash(&bytes).to_hex().to_string();
    let clip = &pool.clips[0];
    assert_eq!(clip.clip_id, id);
    assert_eq!(
        clip.file.as_deref(),
        Some(&*format!("clips/{}/{id}.wav", &id[..2]))
    );
    assert_eq!(library.samples("out", clip), samples);
    assert_eq!((clip.samples, clip.sample_rate_hz), (32_000, 16_000));
    assert_eq!(clip.rms_dbfs, Level::of(&samples).rms_dbfs());
    assert_eq!(clip.speech_method, SpeechMethod::Vad);
    assert!(clip.speech_start_samples.abs_diff(3_200) < 320);
    assert!(clip.speech_end_samples.abs_diff(28_800) < 320);
    assert_eq!(clip.source_path.as_deref(), Some("a.wav"));

    let source = &pool.sources[0];
    assert_eq!((source.clip, source.codec.as_str()), (Some(0), "pcm_s16le"));
    assert_eq!((source.rate_hz, source.channels), (16_000, 1));
    assert_eq!((pool.converted, pool.reused), (1, 0));
    assert_eq!(library.clip_files("out").len(), 1);
}

#[test]
fn the_result_is_the_same_on_one_thread_and_on_many_and_twice() {
    let library = Library::new();
    for i in 0..7 {
        let rate = [8_000, 44_100, 48_000][i % 3];
        let clip = render(
            Signal::SpeechLike,
            u64::from(rate),
            SampleRate(rate),
            i as u64,
        );
        library.wav(&format!("{}/{i}.wav", i % 2), SampleRate(rate), &clip);
    }
    let jobs = |jobs| ConvertSpec {
        jobs: Some(jobs),
        ..library.spec()
    };
    let one = library.convert(&jobs(1), "one").unwrap();
    let many = library.convert(&jobs(4), "many").unwrap();
    assert_eq!(one, many);
    assert_eq!(one.clips.len(), 7);
    assert!(one.clips.iter().all(|clip| clip.samples == 16_000));
    let order: Vec<_> = one.sources.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(
        order,
        [
            "0/0.wav", "0/2.wav", "0/4.wav", "0/6.wav", "1/1.wav", "1/3.wav", "1/5.wav"
        ]
    );
    assert_eq!(library.clip_files("one"), library.clip_files("many"));
}

#[test]
fn equal_audio_is_stored_once() {
    let library = Library::new();
    for name in ["a.wav", "b/a.wav", "c.wav"] {
        library.wav(name, RATE, &voice(1, u64::from(name == "c.wav")));
    }
    let pool = library.convert(&library.spec(), "out").unwrap();
    let clips: Vec<_> = pool.sources.iter().map(|s| s.clip).collect();
    assert_eq!(clips, [Some(0), Some(0), Some(1)]);
    assert_eq!((pool.clips.len(), pool.converted), (2, 3));
    assert_eq!(library.clip_files("out").len(), 2);
}

#[test]
fn what_has_not_changed_is_not_converted_again() {
    let library = Library::new();
    for i in 0..4u8 {
        let rate = SampleRate(8_000);
        let clip = render(Signal::SpeechLike, 8_000, rate, u64::from(i));
        library.wav(&format!("{i}.wav"), rate, &clip);
    }
    let spec = library.spec();
    let first = library.convert(&spec, "first").unwrap();
    assert_eq!((first.converted, first.reused), (4, 0));
    let folder = library.bundle("first");
    let again =
        |spec: &ConvertSpec, out: &str| library.convert_after(Some("first"), spec, out).unwrap();

    let second = again(&spec, "second");
    assert_eq!((second.converted, second.reused), (0, 4));
    assert_eq!(
        (&second.clips, &second.sources),
        (&first.clips, &first.sources)
    );
    assert_eq!(library.clip_files("second"), library.clip_files("first"));

    // Another setting changes every clip, another file only its own.
    let other = ConvertSpec {
        dither: false,
        ..spec.clone()
    };
    assert_eq!(again(&other, "other").reused, 0);
    library.wav("2.wav", SampleRate(8_000), &voice(1, 9));
    let third = again(&spec, "third");
    assert_eq!((third.converted, third.reused), (1, 3));

    // A clip that has gone from the old bundle is made anew.
    std::fs::remove_file(folder.join(first.clips[0].file.as_deref().unwrap())).unwrap();
    let fourth = again(&spec, "fourth");
    assert_eq!((fourth.converted, fourth.reused), (2, 2));
    assert_eq!(fourth.clips[0], first.clips[0]);
}

#[test]
fn bad_files_are_named_and_the_rest_goes_on() {
    let library = Library::new();
    library.wav("good.wav", RATE, &voice(1, 1));
    library.wav("none.wav", RATE, &[]);
    library.wav("short.wav", RATE, &[5; 100]);
    library.wav("cut.wav", RATE, &voice(1, 2));
    let cut = std::fs::read(library.file("cut.wav")).unwrap();
    std::fs::write(library.file("cut.wav"), &cut[..5_000]).unwrap();
    std::fs::write(library.file("empty.mp3"), "").unwrap();
    std::fs::write(library.file("text.wav"), "these are words\n").unwrap();
    std::fs::write(library.file("notes.txt"), "not tried\n").unwrap();

    let pool = library.convert(&library.spec(), "out").unwrap();
    let skipped: Vec<_> = pool
        .skipped
        .first
        .iter()
        .map(|s| (s.path.as_str(), s.text.as_str()))
        .collect();
    let expected = [
        ("empty.mp3", "no bytes"),
        ("none.wav", "no samples"),
        ("short.wav", "too short: 6.25 ms"),
        ("text.wav", "text"),
    ];
    assert_eq!(skipped.len(), expected.len(), "{skipped:?}");
    for ((path, reason), (expected, what)) in skipped.into_iter().zip(expected) {
        assert_eq!(path, expected);
        assert!(reason.contains(what), "{path}: {reason}");
    }
    assert_eq!((pool.converted, pool.clips.len()), (2, 2));
    assert_eq!(pool.untried.to_string(), "1 .txt");
    let noted = &pool.noted.first[0];
    assert_eq!(noted.path, "cut.wav");
    assert!(noted.text.starts_with("cut short: decoded 0."), "{noted:?}");
    let rows: Vec<_> = pool.sources.iter().map(|s| s.skipped.is_some()).collect();
    assert_eq!(rows, [false, true, false, true, true, true]);
    assert_eq!(
        library.clip_files("out").len(),
        2,
        "no temporary file stays"
    );

    let strict = ConvertSpec {
        strict: true,
        ..library.spec()
    };
    let error = library.convert(&strict, "strict").unwrap_err();
    assert!(matches!(error, AudioError::Strict { .. }), "{error}");
}

#[test]
fn nothing_to_convert_says_what_to_do() {
    let library = Library::new();
    std::fs::write(library.file("a.txt"), "x").unwrap();
    let error = library
        .convert(&library.spec(), "out")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("No audio files found in "), "{error}");
    assert!(
        error.contains("(1 other file there was not tried: 1 .txt)"),
        "{error}"
    );

    for i in 0..5 {
        std::fs::write(library.file(&format!("{i}.wav")), "").unwrap();
    }
    let error = library
        .convert(&library.spec(), "out")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("none of 5 files could be converted: 0.wav: empty"),
        "{error}"
    );
    assert!(error.ends_with("and 2 more"), "{error}");

    let missing = ConvertSpec {
        inputs: vec![library.bundle("missing")],
        ..ConvertSpec::default()
    };
    let error = library.convert(&missing, "out").unwrap_err().to_string();
    assert!(
        error.contains("there is no file or folder of this name"),
        "{error}"
    );
}

#[test]
fn channels_are_mixed_chosen_or_split() {
    let library = Library::new();
    let (left, right) = (voice(1, 1), voice(1, 2));
    library.stereo("call.wav", 16_000, &left, &right);
    library.wav("mono.wav", RATE, &left);
    let with = |channel, out: &str| {
        let spec = ConvertSpec {
            channel,
            dither: false,
            ..library.spec()
        };
        let pool = library.convert(&spec, out).unwrap();
        let rows: Vec<_> = pool
            .sources
            .iter()
            .map(|s| (s.channel.clone(), s.clip))
            .collect();
        let clips: Vec<_> = pool.clips.iter().map(|c| library.samples(out, c)).collect();
        (rows, clips)
    };
    let named = |rows: &[(&str, u32)]| -> Vec<(String, Option<u32>)> {
        rows.iter()
            .map(|&(name, clip)| (name.to_owned(), Some(clip)))
            .collect()
    };
    let (rows, clips) = with(ChannelChoice::Split, "split");
    assert_eq!(rows, named(&[("left", 0), ("right", 1), ("mix", 0)]));
    assert_eq!(clips, [left.clone(), right.clone()]);
    assert_eq!(
        with(ChannelChoice::Right, "right").1,
        [right.clone(), left.clone()]
    );
    let (rows, clips) = with(ChannelChoice::Mix, "mix");
    assert_eq!(rows, named(&[("mix", 0), ("mix", 1)]));
    let off = clips[0]
        .iter()
        .zip(left.iter().zip(&right))
        .map(|(&mix, (&l, &r))| (f64::from(mix) - f64::midpoint(f64::from(l), f64::from(r))).abs());
    assert!(off.fold(0.0, f64::max) <= 0.5);
}

#[test]
fn levels_lengths_and_labels_are_as_asked() {
    let library = Library::new();
    library.wav(
        "a.wav",
        SampleRate(8_000),
        &render(Signal::SpeechLike, 40_000, SampleRate(8_000), 1),
    );
    std::fs::write(
        library.bundle("labels.csv"),
        "path,start_s,end_s\na.wav,0.5,9\nb.wav,0,1\n",
    )
    .unwrap();
    let spec = ConvertSpec {
        max_clip_ns: Some(3 * NS_PER_S),
        normalize: Normalize::Peak,
        speech_labels: Some(library.bundle("labels.csv")),
        ..library.spec()
    };
    let pool = library.convert(&spec, "out").unwrap();
    let clip = &pool.clips[0];
    assert_eq!(clip.samples, 48_000);
    assert!((clip.peak_dbfs + 1.0).abs() < 0.01, "{}", clip.peak_dbfs);
    assert_eq!(clip.speech_method, SpeechMethod::Label);
    assert_eq!(
        (clip.speech_start_samples, clip.speech_end_samples),
        (8_000, 48_000)
    );
    assert_eq!(pool.unused_labels, ["b.wav"]);

    let quieter = ConvertSpec {
        normalize: Normalize::Lufs(-35.0),
        ..library.spec()
    };
    let clip = library
        .convert(&quieter, "quieter")
        .unwrap()
        .clips
        .remove(0);
    let mut meter = voicelt::pcm::level::Loudness::new(RATE).unwrap();
    let samples = library.samples("quieter", &clip);
    let audio: Vec<f32> = samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
    meter.push(&audio).unwrap();
    assert!((meter.lufs() + 35.0).abs() < 0.1, "{}", meter.lufs());
}

#[test]
fn audio_can_be_made_up_without_any_input() {
    let library = Library::new();
    let synth = [
        Signal::SpeechLike,
        Signal::SpeechLike,
        Signal::Tone,
        Signal::Silence,
    ];
    let spec = ConvertSpec {
        inputs: vec![],
        synth: synth
            .map(|signal| SynthSpec {
                signal,
                duration_ns: 1_500 * NS_PER_MS,
            })
            .to_vec(),
        ..ConvertSpec::default()
    };
    let pool = library.convert(&spec, "out").unwrap();
    let methods: Vec<_> = pool.clips.iter().map(|c| c.speech_method.name()).collect();
    assert_eq!(methods, ["label", "label", "none", "none"]);
    assert_eq!(
        pool.clips[0].source_path.as_deref(),
        Some("synth:speech-like:1.50 s")
    );
    assert!(pool.clips.iter().all(|clip| clip.samples == 24_000));
    assert_eq!(pool.clips[3].rms_dbfs, f64::NEG_INFINITY);
    assert!(pool.sources.is_empty());
}

#[test]
fn headerless_files_are_read_as_told() {
    let library = Library::new();
    let samples = speech_like(16_000, 0..16_000, RATE, 1);
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    std::fs::write(library.file("a.raw"), bytes).unwrap();
    library.wav("b.wav", RATE, &voice(1, 2));
    let spec = ConvertSpec {
        raw: "s16le:16000:1".parse().ok(),
        ..library.spec()
    };
    let pool = library.convert(&spec, "out").unwrap();
    assert_eq!(library.samples("out", &pool.clips[0]), samples);
    assert_eq!(library.samples("out", &pool.clips[1]), voice(1, 2));
}

#[test]
fn progress_ends_where_everything_is_done() {
    let library = Library::new();
    library.wav("a.wav", RATE, &voice(1, 1));
    std::fs::write(library.file("b.wav"), "").unwrap();
    let last = std::sync::Mutex::new(Progress::default());
    let spec = library.spec();
    convert(&spec, &library.bundle("out"), None, &|now| {
        *last.lock().unwrap() = now;
    })
    .unwrap();
    let last = last.into_inner().unwrap();
    assert_eq!((last.files, last.files_done), (2, 2));
    assert_eq!((last.bytes, last.bytes_done), (32_044, 32_044));
    assert_eq!(last.audio_ns, NS_PER_S);
}

#[test]
fn a_library_is_listed_without_converting_it() {
    let library = Library::new();
    library.stereo("a.wav", 44_100, &[16_384; 44_100], &[16_384; 44_100]);
    std::fs::write(library.file("b.wav"), "").unwrap();
    let rows = list(&library.spec()).unwrap();
    let audio = rows[0].audio.as_ref().unwrap();
    assert_eq!(
        (audio.codec.as_str(), audio.rate_hz, audio.channels),
        ("pcm_s16le", 44_100, 2)
    );
    assert_eq!(audio.duration_ns, NS_PER_S);
    assert!((audio.rms_dbfs + 6.02).abs() < 0.01);
    assert!(rows[1].audio.as_ref().unwrap_err().contains("empty"));
}
