//! Whatever a writer left in the header of uncompressed audio, its samples are the same.

use voicelt::audio::library::{Progress, convert};
use voicelt::audio::spec::ConvertSpec;
use voicelt::audio::{BlockFormat, open};
use voicelt::pcm::synth::{Signal, render};
use voicelt::units::SampleRate;

use crate::support::Desk;

/// Half a second of something that is no silence.
fn voice() -> Vec<i16> {
    render(Signal::SpeechLike, 8_000, SampleRate::PREPARED, 3)
}

fn little(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn big(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_be_bytes()).collect()
}

/// A `fmt ` chunk: tag, channels, rate, bytes a second, bytes a frame, bits.
fn format(words: [u32; 6]) -> Vec<u8> {
    let [tag, channels, rate, second, frame, bits] = words;
    let mut chunk = b"fmt \x10\0\0\0".to_vec();
    chunk.extend((tag as u16).to_le_bytes());
    chunk.extend((channels as u16).to_le_bytes());
    chunk.extend(rate.to_le_bytes());
    chunk.extend(second.to_le_bytes());
    chunk.extend((frame as u16).to_le_bytes());
    chunk.extend((bits as u16).to_le_bytes());
    chunk
}

const MONO: [u32; 6] = [1, 1, 16_000, 32_000, 2, 16];

/// A WAV file whose header says that there are so many bytes of samples.
fn wav(words: [u32; 6], stated: u32, data: &[u8]) -> Vec<u8> {
    let size = stated.to_le_bytes();
    [
        b"RIFF\xff\xff\xff\xffWAVE",
        &*format(words),
        b"data",
        &size,
        data,
    ]
    .concat()
}

fn rifx(data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFX\0\0\0\0WAVEfmt \0\0\0\x10".to_vec();
    for word in [1_u16, 1, 0, 16_000, 0, 32_000, 2, 16] {
        file.extend(word.to_be_bytes());
    }
    [&*file, b"data", &(data.len() as u32).to_be_bytes(), data].concat()
}

fn rf64(stated: u64, data: &[u8]) -> Vec<u8> {
    let sizes = [0, stated, 0].map(u64::to_le_bytes).concat();
    let sizes = [b"ds64\x1c\0\0\0", &*sizes, &[0; 4]].concat();
    let start = [b"RF64\xff\xff\xff\xffWAVE", &*sizes, &*format(MONO)].concat();
    [&*start, b"data\xff\xff\xff\xff", data].concat()
}

/// An AIFF file, or an AIFC one of this codec, with this length of its samples' chunk.
fn aiff(codec: Option<&[u8; 4]>, bits: u16, stated: u32, data: &[u8]) -> Vec<u8> {
    let mut common = vec![0, 1, 0, 0, 0x1f, 0x40];
    common.extend(bits.to_be_bytes());
    // 16000 Hz in 80 bits.
    common.extend([0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0]);
    if let Some(codec) = codec {
        common.extend(codec);
        common.extend([0, 0]);
    }
    let form: &[u8] = if codec.is_some() { b"AIFC" } else { b"AIFF" };
    let length = (common.len() as u32).to_be_bytes();
    let start = [b"FORM\0\0\0\0", form, b"COMM", &length, &common].concat();
    [&*start, b"SSND", &stated.to_be_bytes(), &[0; 8], data].concat()
}

#[test]
fn every_way_to_store_the_same_samples_gives_the_same_clip() {
    let samples = voice();
    let (le, be) = (little(&samples), big(&samples));
    let bytes = le.len() as u32;
    let floats = samples.iter().map(|&s| f32::from(s) / 32_768.0);
    let (float_le, float_be): (Vec<_>, Vec<_>) =
        floats.map(|s| (s.to_le_bytes(), s.to_be_bytes())).unzip();
    let desk = Desk::new();
    let write = |name: &str, content: Vec<u8>| desk.write(&format!("audio/{name}"), content);
    write("plain.wav", wav(MONO, bytes, &le));
    for stated in [
        0,
        44 + bytes,
        2_000_000_000,
        0x7fff_f000,
        0x8000_0000,
        0xffff_ffdb,
        u32::MAX,
    ] {
        write(&format!("stated-{stated}.wav"), wav(MONO, stated, &le));
    }
    write("rifx.wav", rifx(&be));
    write("rf64.wav", rf64(bytes.into(), &le));
    write("rf64-stream.wav", rf64(u64::MAX, &le));
    write("align.wav", wav([1, 1, 16_000, 32_000, 1, 16], bytes, &le));
    write("align-0.wav", wav([1, 1, 16_000, 0, 0, 16], bytes, &le));
    let mut odd = wav(MONO, bytes + 1, &le);
    odd.push(7);
    write("odd.wav", odd);
    let float = [3, 1, 16_000, 64_000, 4, 32];
    write("float.wav", wav(float, 2 * bytes, float_le.as_flattened()));
    for (name, stated) in [
        ("aiff", bytes + 8),
        ("pipe-0", 0),
        ("pipe-1", u32::MAX),
        ("sox", 0x7f00_0008),
    ] {
        write(&format!("{name}.aiff"), aiff(None, 16, stated, &be));
        write(
            &format!("{name}-sowt.aifc"),
            aiff(Some(b"sowt"), 16, stated, &le),
        );
        let floats = float_be.as_flattened();
        let stated = if stated == bytes + 8 {
            2 * bytes + 8
        } else {
            stated
        };
        write(
            &format!("{name}-fl32.aifc"),
            aiff(Some(b"fl32"), 32, stated, floats),
        );
    }
    let output = desk
        .voicelt("prepare audio -o a.vtrace --no-dither")
        .exits(0);
    output.says("files     27 converted, 0 reused, 0 skipped, 2 noted as odd");
    output.says("stated-2000000000.wav: its header says 2,000,000,000 bytes of samples");
    let trace = desk.trace("a.vtrace");
    assert_eq!(trace.clips.len(), 1, "{:?}", trace.clips);
    assert_eq!(trace.clips[0].samples, 8_000);
}

#[test]
fn a_header_that_contradicts_itself_is_never_noise_of_double_length() {
    let data = little(&voice());
    let desk = Desk::new();
    // Stereo of 16 bits by its size, as its bytes a second say, and what may be either.
    let sure = [1, 2, 16_000, 64_000, 2, 16];
    desk.write("sure/a.wav", wav(sure, data.len() as u32, &data));
    let output = desk.voicelt("prepare sure -o a.vtrace").exits(0);
    output.says("1 converted");
    assert_eq!(desk.trace("a.vtrace").clips[0].samples, 4_000);
    let unsure = [1, 2, 16_000, 32_000, 2, 16];
    desk.write("unsure/a.wav", wav(unsure, data.len() as u32, &data));
    desk.voicelt("prepare unsure -o b.vtrace")
        .refused("a.wav: cannot be decoded: its header contradicts itself: 2 channels of 16 bits");
}

#[test]
fn what_is_no_number_is_silence_with_a_note_and_nobody_panics() {
    let mut samples: Vec<f32> = voice().iter().map(|&s| f32::from(s) / 32_768.0).collect();
    samples[100] = f32::NAN;
    samples[2_000] = f32::INFINITY;
    samples[3_000] = -1e30;
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let desk = Desk::new();
    // At another rate, so that a resampler has to take them.
    let float = [3, 1, 44_100, 176_400, 4, 32];
    desk.write("audio/a.wav", wav(float, data.len() as u32, &data));
    for normalize in ["off", "peak", "-23"] {
        let line = format!("prepare audio -o a.vtrace --normalize {normalize}");
        let output = desk.voicelt(&line).exits(0);
        output.says("noted     a.wav: taken as silence: 3 samples whose value is not finite");
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
        let clip = &desk.trace("a.vtrace").clips[0];
        assert!(clip.rms_dbfs > -40.0 && clip.rms_dbfs < 0.0, "{clip:?}");
    }
    let listed = desk.voicelt("prepare audio --list").exits(0);
    listed.says("taken as silence: 3 samples");
}

#[test]
fn values_far_over_full_scale_are_clipped_with_a_note_or_brought_down() {
    // Integers in the place of floating-point numbers.
    let data: Vec<u8> = voice()
        .iter()
        .flat_map(|&s| f32::from(s).to_le_bytes())
        .collect();
    let desk = Desk::new();
    let float = [3, 1, 16_000, 64_000, 4, 32];
    desk.write("audio/a.wav", wav(float, data.len() as u32, &data));
    let output = desk.voicelt("prepare audio -o a.vtrace").exits(0);
    output.says("dB over full scale, and is clipped unless --normalize lowers it");
    desk.voicelt("prepare audio -o b.vtrace --normalize peak")
        .exits(0);
    let peak = desk.trace("b.vtrace").clips[0].peak_dbfs;
    assert!((peak + 1.0).abs() < 0.1, "{peak}");
}

#[test]
fn surround_is_mixed_by_the_weights_of_bs_775_and_channels_can_still_be_chosen() {
    // Each channel is silent but in a second of its own.
    let mut data = Vec::new();
    for second in 0..6 {
        let frame: Vec<u8> = (0..6)
            .flat_map(|channel| (if channel == second { 16_384_i16 } else { 0 }).to_le_bytes())
            .collect();
        data.extend(frame.repeat(16_000));
    }
    let extensible = |mask: u32| {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        let mut chunk = format([0xfffe, 6, 16_000, 192_000, 12, 16]);
        chunk[4] = 40;
        chunk.extend([22, 0, 16, 0]);
        chunk.extend(mask.to_le_bytes());
        chunk.extend([
            1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
        ]);
        file.extend(chunk);
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(&data);
        file
    };
    let root = std::f32::consts::FRAC_1_SQRT_2;
    let plain = wav([1, 6, 16_000, 192_000, 12, 16], data.len() as u32, &data);
    let (front, centre) = (root, 1.0);
    for (name, file, weights) in [
        (
            "behind",
            extensible(0x3f),
            [front, front, centre, 0.0, 0.5, 0.5],
        ),
        (
            "sides",
            extensible(0x60f),
            [front, front, centre, 0.0, 0.5, 0.5],
        ),
        ("unsaid", plain, [front, front, centre, 0.0, 0.5, 0.5]),
        // 6.0: without effects, with a surround channel of its own.
        (
            "six",
            extensible(0x707),
            [front, front, centre, root, 0.5, 0.5],
        ),
    ] {
        let desk = Desk::new();
        desk.write("audio/a.wav", file);
        desk.voicelt("prepare audio -o a.vtrace --no-dither")
            .exits(0);
        let clip = desk
            .path("a.vtrace")
            .join(desk.trace("a.vtrace").clips[0].file.clone().unwrap());
        let samples = voicelt::pcm::wav::read(&clip).unwrap().1;
        let sum: f32 = weights.iter().sum();
        for (second, weight) in weights.iter().enumerate() {
            let expected = 16_384.0 * weight / sum;
            let found = f32::from(samples[second * 16_000 + 8_000]);
            assert!(
                (found - expected).abs() <= 1.0,
                "{name} {second}: {found}, not {expected}"
            );
        }
        desk.voicelt("prepare audio -o b.vtrace --channel right")
            .exits(0);
        let clip = &desk.trace("b.vtrace").clips[0];
        assert_eq!(clip.peak_dbfs.round(), -6.0, "{name}");
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_prepared_is_named_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audio/a.wav");
    std::fs::create_dir(folder.path().join("audio")).unwrap();
    let minute = little(&render(
        Signal::SpeechLike,
        60 * 16_000,
        SampleRate::PREPARED,
        1,
    ));
    std::fs::write(&path, wav(MONO, minute.len() as u32, &minute)).unwrap();
    std::fs::write(
        folder.path().join("audio/b.wav"),
        wav(MONO, 32_000, &minute[..32_000]),
    )
    .unwrap();
    let spec = ConvertSpec {
        inputs: vec![folder.path().join("audio")],
        jobs: Some(1),
        ..ConvertSpec::default()
    };
    let out = folder.path().join("out");
    // The first that is told of progress cuts the file that is being read.
    let cut = |_: Progress| {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(700_000).unwrap();
    };
    let pool = convert(&spec, &out, None, &cut).unwrap();
    assert_eq!(pool.skipped.files, 1, "{:?}", pool.skipped);
    let skipped = &pool.skipped.first[0];
    assert_eq!(skipped.path, "a.wav");
    assert!(
        skipped
            .text
            .contains("it changed while it was prepared (from 1,920,044 to 700,000 bytes)"),
        "{}",
        skipped.text
    );
    assert_eq!(pool.clips, 1);
}

#[test]
fn the_format_comes_with_each_block() {
    let desk = Desk::new();
    desk.write("a.wav", wav([1, 2, 8_000, 32_000, 4, 16], 40, &[0; 40]));
    let mut decoder = open(&desk.path("a.wav"), None).unwrap();
    let mut block = Vec::new();
    let BlockFormat { rate_hz, layout } = decoder.next_block(&mut block).unwrap().unwrap();
    assert_eq!((rate_hz, layout.channels(), block.len()), (8_000, 2, 2));
    assert_eq!(decoder.next_block(&mut block).unwrap(), None);
}
