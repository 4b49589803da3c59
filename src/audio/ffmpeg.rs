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
use super::wav::{self, WavHeader};

/// How much of ffmpeg's complaints is kept.
const MAX_MESSAGE_BYTES: u64 = 4_096;

/// Starts ffmpeg on the first audio track of `path`, a file of `codec`.
///
/// # Errors
/// [`DecodeError::NoDecoder`] when there is no ffmpeg, [`DecodeError::Damaged`] with its own words
/// when it cannot read the file.
pub(super) fn open(path: &Path, codec: &str) -> Result<(WavHeader, PcmStream), DecodeError> {
    let mut output = Output::spawn(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DecodeError::NoDecoder {
            codec: codec.to_owned(),
        },
        _ => DecodeError::Io(e),
    })?;
    let header = wav::read_header(&mut output).map_err(|e| match output.failure() {
        Some(reason) if reason.contains("matches no streams") => {
            DecodeError::NotAudio("it has no audio track".to_owned())
        }
        Some(reason) => DecodeError::Damaged(reason),
        None => e,
    })?;
    let format = header
        .format
        .ok_or_else(|| DecodeError::damaged("ffmpeg wrote samples of an unknown format"))?;
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
    fn spawn(path: &Path) -> io::Result<Self> {
        // `file:` keeps a name with a colon or a leading dash from being a protocol or an option.
        let mut input = std::ffi::OsString::from("file:");
        input.push(path);
        let mut child = Command::new("ffmpeg")
            .args([
                "-nostdin",
                "-v",
                "error",
                "-protocol_whitelist",
                "file,pipe",
                "-i",
            ])
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

    /// Waits for the end of the process; what it complained about if it failed.
    fn failure(&mut self) -> Option<String> {
        // A process that still writes is of no more use, and must not be waited for.
        let _ = self.child.kill();
        let status = self.child.wait().ok()?;
        let words = self.complaints.take()?.join().unwrap_or_default();
        (!status.success()).then(|| match words.lines().next() {
            Some(line) => format!("ffmpeg says: {line}"),
            None => format!("ffmpeg failed with {status}"),
        })
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.samples.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.complaints.is_some() {
            let status = self.child.wait()?;
            if !status.success()
                && let Some(reason) = self.failure()
            {
                return Err(io::Error::other(reason));
            }
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
