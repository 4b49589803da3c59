//! Streams of frames and Ogg by foreign encoders: rates, channels, files one behind the other, damage.

use std::path::{Path, PathBuf};

use voicelt::audio::{DecoderUsed, open};

use super::tools::{Planes, ffmpeg, folder, judge, ours, run, snr_db};

/// Decoded here, of ffmpeg's length and nearer to its samples than `least_db`.
fn check(path: &Path, judge_options: &str, least_db: f64) {
    let name = path.display();
    let (info, planes) = ours(path, None);
    let theirs = judge(path, judge_options, planes.len());
    assert_eq!(info.decoder, DecoderUsed::Native, "{name}");
    assert_eq!(planes[0].len(), theirs[0].len(), "{name}: {info:?}");
    let snr = snr_db(&planes, &theirs);
    assert!(snr >= least_db, "{name}: {snr:.1} dB; {info:?}");
}

fn by(command: &str, name: &str) -> PathBuf {
    run(&format!("{command} {name}"));
    folder().join(name)
}

/// The parts of a file, each with the samples of its channels.
fn parts(path: &Path) -> Vec<(u32, Planes)> {
    let mut decoder = open(path, None).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (mut parts, mut block) = (Vec::<(u32, Planes)>::new(), Vec::new());
    while let Some(format) = decoder.next_block(&mut block).expect("a block") {
        match parts.last_mut() {
            Some((rate_hz, planes))
                if (*rate_hz, planes.len()) == (format.rate_hz, block.len()) =>
            {
                for (plane, samples) in planes.iter_mut().zip(&block) {
                    plane.extend_from_slice(samples);
                }
            }
            _ => parts.push((format.rate_hz, block.clone())),
        }
    }
    parts
}

#[test]
#[ignore = "needs ffmpeg and lame"]
fn mp3_of_every_rate() {
    for rate in ["8", "11.025", "12", "16", "22.05", "24", "32", "44.1", "48"] {
        // The table of ffmpeg for 24 kHz has two other bands than the standard and LAME.
        let least_db = if rate == "24" { 30.0 } else { 105.0 };
        for (number, options) in ["-m m -V 3", "-m j -b 64", "-m s -p -b 96", "-m j -t -V 5"]
            .into_iter()
            .enumerate()
        {
            let lame = format!("lame --quiet {options} --resample {rate} speech.wav");
            let path = by(&lame, &format!("rate{rate}-{number}.mp3"));
            check(&path, "", least_db);
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and opusenc"]
fn vorbis_opus_and_flac_of_one_to_eight_channels() {
    for channels in 1..=8 {
        // Each channel is of another level.
        let gains = (0..channels).map(|c| format!("|c{c}={}*c{}", 1.0 - 0.1 * f64::from(c), c % 2));
        let pan = format!("-af pan={channels}c{}", gains.collect::<String>());
        ffmpeg(&format!("{pan} -ar 48000"), &format!("wide{channels}.wav"));
        let wide = |name: &str, options: &str| {
            by(
                &format!("ffmpeg -v quiet -y -i wide{channels}.wav {options}"),
                &format!("wide{channels}{name}"),
            )
        };
        check(&wide(".ogg", "-c:a libvorbis"), "", 120.0);
        check(&wide(".mka", "-c:a libvorbis"), "", 120.0);
        check(&wide(".flac", "-c:a flac"), "", f64::INFINITY);
        check(&wide(".oga", "-c:a flac"), "", f64::INFINITY);
        let opus = by(
            &format!("opusenc --quiet wide{channels}.wav"),
            &format!("wide{channels}.opus"),
        );
        check(&opus, "-c:a libopus", 55.0);
    }
}

#[test]
#[ignore = "needs ffmpeg, lame, flac and opusenc"]
fn files_one_behind_the_other_are_all_decoded() {
    let lame = |options: &str, name: &str| by(&format!("lame --quiet {options} speech.wav"), name);
    let kinds: [Vec<PathBuf>; 5] = [
        vec![
            lame("-b 128", "one.mp3"),
            lame("-m m --resample 16", "two.mp3"),
            lame("-V 5 --tt Three", "three.mp3"),
        ],
        vec![
            ffmpeg("-c:a aac -ar 48000", "one.aac"),
            ffmpeg("-c:a aac -ar 44100", "two.aac"),
            ffmpeg("-c:a aac -ar 16000 -ac 1", "three.aac"),
        ],
        vec![
            by("flac --silent --force speech.wav -o", "one.flac"),
            ffmpeg("-c:a flac -ar 16000 -ac 1", "two.flac"),
        ],
        vec![
            ffmpeg("-c:a libvorbis", "one.ogg"),
            ffmpeg("-c:a libvorbis -ar 22050 -ac 1", "two.ogg"),
        ],
        vec![
            by("opusenc --quiet speech.wav", "one.opus"),
            by("opusenc --quiet --downmix-mono speech.wav", "two.opus"),
        ],
    ];
    for files in kinds {
        let bytes: Vec<u8> = files
            .iter()
            .flat_map(|path| std::fs::read(path).expect("a file"))
            .collect();
        let all = files[0].with_file_name(format!(
            "all-{}",
            files[0]
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name")
        ));
        std::fs::write(&all, bytes).expect("a written file");
        let apart: Vec<(u32, Planes)> = files.iter().flat_map(|path| parts(path)).collect();
        assert!(parts(&all) == apart, "{}", all.display());
    }
}

#[test]
#[ignore = "needs ffmpeg and flac"]
fn flac_as_people_have_it() {
    let cue = "FILE \"a.wav\" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n";
    std::fs::write(folder().join("a.cue"), cue).expect("a written file");
    let flac = |options: &str, name: &str| {
        by(
            &format!("flac --silent --force {options} speech.wav -o"),
            name,
        )
    };
    let plain = flac("", "plain.flac");
    for path in [
        flac("--cuesheet=a.cue", "cue.flac"),
        flac("-b 192", "small.flac"),
        flac("--lax -l 32 -b 65535", "lax.flac"),
    ] {
        check(&path, "", f64::INFINITY);
    }
    let (_, expected) = ours(&plain, None);
    let whole = std::fs::read(&plain).expect("a file");
    let variant = |name: &str, bytes: Vec<u8>| {
        let path = folder().join(name);
        std::fs::write(&path, bytes).expect("a written file");
        assert!(ours(&path, None).1 == expected, "{name}");
    };
    let mut no_minimum = whole.clone();
    no_minimum[8..10].fill(0);
    variant("minimum.flac", no_minimum);
    variant("id3v1.flac", [&whole[..], b"TAG", &[b'x'; 125]].concat());
    variant("junk.flac", [&whole[..], &[0x55; 3_000]].concat());
    let mut metadata = whole;
    metadata[43] = 0x7f;
    variant("metadata.flac", metadata);
}
