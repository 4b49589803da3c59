//! What nothing here decodes, decoded by an `ffmpeg` found on `PATH`.
//!
//! It writes WAV to a pipe: the header tells rate and channels, so that no second program and no
//! second pass are needed.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use super::error::DecodeError;
use super::pcm_stream::PcmStream;
use super::wav::{self, WavCodec, WavHeader};

/// The program that is asked.
const PROGRAM: &str = "ffmpeg";
/// How much of ffmpeg's complaints is kept.
const MAX_MESSAGE_BYTES: u64 = 4_096;

/// Starts ffmpeg on the first audio track of `path`, a file of `codec`. `demuxer` is ffmpeg's name
/// for a format that has no header and so has to be named.
///
/// # Errors
/// [`DecodeError::NoDecoder`] when there is no ffmpeg, [`DecodeError::Damaged`] with its own words
/// when it cannot read the file.
pub(super) fn open(
    path: &Path,
    codec: &str,
    demuxer: Option<&str>,
) -> Result<(WavHeader, PcmStream), DecodeError> {
    open_by(PROGRAM, path, codec, demuxer)
}

fn open_by(
    program: &str,
    path: &Path,
    codec: &str,
    demuxer: Option<&str>,
) -> Result<(WavHeader, PcmStream), DecodeError> {
    let mut output = Output::spawn(program, path, demuxer).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DecodeError::NoDecoder {
            codec: codec.to_owned(),
        },
        _ => DecodeError::Io(e),
    })?;
    let header = wav::read_header(&mut output)?;
    let WavCodec::Pcm(format) = header.codec else {
        return Err(DecodeError::damaged(
            "ffmpeg wrote samples of an unknown format",
        ));
    };
    let channels = header.channels;
    Ok((header, PcmStream::new(Box::new(output), format, channels)))
}

/// The samples that a running ffmpeg writes. Dropping it ends the process.
struct Output {
    child: Child,
    samples: ChildStdout,
    /// Collects the complaints, so that ffmpeg never waits for someone to read them.
    complaints: Option<JoinHandle<String>>,
}

impl Output {
    fn spawn(program: &str, path: &Path, demuxer: Option<&str>) -> io::Result<Self> {
        // `file:` keeps a name with a colon or a leading dash from being a protocol or an option.
        let mut input = std::ffi::OsString::from("file:");
        input.push(path);
        let mut child = Command::new(program)
            .args(["-nostdin", "-v", "error"])
            .args(["-protocol_whitelist", "file,pipe"])
            .args(demuxer.iter().flat_map(|name| ["-f", name]))
            .arg("-i")
            .arg(input)
            .args(["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(samples), Some(complaints)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("ffmpeg was started without pipes"));
        };
        let complaints = std::thread::spawn(move || first_words(complaints));
        Ok(Self {
            child,
            samples,
            complaints: Some(complaints),
        })
    }

    /// What the process says about its end, once it has closed its output.
    fn judge_end(&mut self) -> Result<(), DecodeError> {
        let status = self.child.wait()?;
        let words = self
            .complaints
            .take()
            .map_or(Ok(String::new()), JoinHandle::join);
        if status.success() {
            return Ok(());
        }
        let words = words.unwrap_or_default();
        if words.contains("matches no streams") {
            return Err(DecodeError::NotAudio("it has no audio track".to_owned()));
        }
        Err(DecodeError::Damaged(match words.lines().next() {
            Some(line) => format!("ffmpeg says: {line}"),
            None => format!("ffmpeg failed with {status}"),
        }))
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.samples.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.complaints.is_some() {
            self.judge_end().map_err(io::Error::other)?;
        }
        Ok(read)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // These fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(complaints) = self.complaints.take() {
            let _ = complaints.join();
        }
    }
}

/// The first of what a process says; the rest is read and forgotten.
fn first_words(mut pipe: impl Read) -> String {
    let mut words = Vec::new();
    // A pipe that cannot be read has nothing to tell.
    let _ = (&mut pipe).take(MAX_MESSAGE_BYTES).read_to_end(&mut words);
    let _ = io::copy(&mut pipe, &mut io::sink());
    String::from_utf8_lossy(&words).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(program: &str) -> DecodeError {
        open_by(program, Path::new("a.gsm"), "gsm", Some("gsm"))
            .err()
            .unwrap()
    }

    #[test]
    fn without_the_program_its_user_is_told_what_to_install() {
        assert_eq!(
            error_of("voicelt-has-no-such-program").to_string(),
            "no decoder for gsm: install ffmpeg, so that it is found on PATH, and try again"
        );
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        assert_eq!(
            error_of("false").to_string(),
            "damaged: ffmpeg failed with exit status: 1"
        );
        // It takes our arguments for a file that it does not find.
        let error = error_of("cat").to_string();
        assert!(error.starts_with("damaged: ffmpeg says: cat: "), "{error}");
    }
}
