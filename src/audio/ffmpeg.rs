//! What nothing here decodes, decoded by an `ffmpeg` found on `PATH`.
//!
//! It writes WAV to a pipe: the header tells rate and channels, so that no second program and no
//! second pass are needed. What it says meanwhile tells the codec, the length and what it complains of.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::error::DecodeError;
use super::ffmpeg_words::Words;
use super::pcm_stream::PcmStream;
use super::wav::{self, WavCodec, WavHeader};

/// The program that is asked.
const PROGRAM: &str = "ffmpeg";

/// Demuxers that may be tried: of audio, and of video with sound. None of playlists and descriptions,
/// which make ffmpeg open other files, and none that takes anything for its own.
const DEMUXERS: &str = "3dostr,aa,aac,aax,ac3,act,adf,adp,ads,aea,afc,aiff,aix,alaw,alp,amr,amrnb,\
    amrwb,anm,apc,ape,apm,aptx,aptx_hd,asf,ast,au,avi,avr,binka,bonk,boa,brstm,bfstm,caf,codec2,\
    derf,dfpwm,dsf,dss,dts,dtshd,dv,eac3,ea,epaf,flac,flv,fsb,fwse,g722,g723_1,g726,g726le,g729,genh,\
    gsm,gxf,hca,hcom,iff,ilbc,ircam,kux,laf,live_flv,loas,lvf,mca,matroska,webm,mlp,mlv,mov,mp4,m4a,\
    3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,msf,mtaf,mulaw,musx,mxf,nistsphere,nsp,nsv,nut,nuv,ogg,oma,\
    osq,oss,paf,pvf,qcp,qoa,r3d,redspark,rka,rm,rsd,rso,s16le,sbc,sds,sdr2,sdx,shn,sln,sol,sox,spdif,\
    svag,svs,swf,tak,thp,truehd,tta,ty,vag,vividas,vivo,voc,vpk,vqf,w64,wady,wav,wsaud,wsd,wtv,wv,wve,\
    xa,xmd,xvag,xwma";

/// A running ffmpeg.
pub(super) struct Foreign {
    pub(super) header: WavHeader,
    pub(super) stream: PcmStream,
    pub(super) words: SharedWords,
}

/// What an ffmpeg has said; all of it when its samples have ended.
#[derive(Clone, Default)]
pub(super) struct SharedWords(Arc<Mutex<Words>>);

impl SharedWords {
    /// What it has said so far.
    pub(super) fn lock(&self) -> MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts ffmpeg on the first audio track of `path`. `input` are options for a file whose format is
/// known: it has no header.
///
/// # Errors
/// [`DecodeError::NoFfmpeg`], and [`DecodeError::Damaged`] with its own words when it cannot read the
/// file.
pub(super) fn open(path: &Path, input: &[String]) -> Result<Foreign, DecodeError> {
    open_by(PROGRAM, path, input)
}

fn open_by(program: &str, path: &Path, input: &[String]) -> Result<Foreign, DecodeError> {
    let words = SharedWords::default();
    let output = Output::spawn(program, path, input, words.clone());
    let mut output = output.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DecodeError::NoFfmpeg,
        _ => DecodeError::Io(e),
    })?;
    let header = wav::read_header(&mut output)?;
    let WavCodec::Pcm(format) = header.codec else {
        return Err(DecodeError::damaged(
            "ffmpeg wrote samples of an unknown format",
        ));
    };
    let channels = header.layout.channels();
    Ok(Foreign {
        header,
        stream: PcmStream::new(Box::new(output), format, channels),
        words,
    })
}

/// The samples that a running ffmpeg writes. Dropping it ends the process.
struct Output {
    child: Child,
    samples: ChildStdout,
    /// Takes in what it says, so that ffmpeg never waits for someone to read it.
    listener: Option<JoinHandle<()>>,
    words: SharedWords,
}

impl Output {
    fn spawn(program: &str, path: &Path, input: &[String], words: SharedWords) -> io::Result<Self> {
        // `file:` keeps a name with a colon or a leading dash from being a protocol or an option.
        let mut name = std::ffi::OsString::from("file:");
        name.push(path);
        let mut child = Command::new(program)
            .args(["-nostdin", "-hide_banner", "-nostats", "-v", "level+info"])
            .args(["-protocol_whitelist", "file,pipe"])
            .args(["-format_whitelist", DEMUXERS])
            .args(input)
            .arg("-i")
            .arg(name)
            .args(["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(samples), Some(said)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("ffmpeg was started without pipes"));
        };
        let heard = words.clone();
        // The caller names the file; its folders are nobody's business.
        let place = format!("file:{}: ", path.display());
        let listener = std::thread::spawn(move || {
            listen(said, &|line| heard.lock().take(&line.replace(&place, "")));
        });
        Ok(Self {
            child,
            samples,
            listener: Some(listener),
            words,
        })
    }

    /// What the process says about its end, once it has closed its output.
    fn judge_end(&mut self) -> Result<(), DecodeError> {
        let status = self.child.wait()?;
        if let Some(listener) = self.listener.take() {
            // It only reads lines; a panic of it would leave them as they are.
            let _ = listener.join();
        }
        if status.success() {
            return Ok(());
        }
        let words = self.words.lock();
        if words.no_track {
            return Err(DecodeError::Unrecognized(
                "it has no audio track".to_owned(),
            ));
        }
        Err(DecodeError::Damaged(match &words.complaint {
            Some(line) => format!("ffmpeg says: {line}"),
            None => format!("ffmpeg failed with {status}"),
        }))
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.samples.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.listener.is_some() {
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
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// Takes in the lines that a process writes, whatever their length.
fn listen(mut pipe: impl Read, take: &dyn Fn(&str)) {
    /// As much of a line as is kept.
    const KEPT: usize = 1_000;
    let mut line = Vec::new();
    let mut buffer = [0; 4_096];
    // A pipe that cannot be read has nothing to tell.
    while let Ok(read @ 1..) = pipe.read(&mut buffer) {
        for &byte in &buffer[..read] {
            if byte == b'\n' || byte == b'\r' {
                take(&String::from_utf8_lossy(&line));
                line.clear();
            } else if line.len() < KEPT {
                line.push(byte);
            }
        }
    }
    take(&String::from_utf8_lossy(&line));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(program: &str) -> DecodeError {
        let input = ["-f".to_owned(), "gsm".to_owned()];
        let opened = open_by(program, Path::new("a.gsm"), &input);
        opened.err().unwrap()
    }

    #[test]
    fn that_there_is_no_program_is_an_error_of_its_own() {
        let error = error_of("voicelt-has-no-such-program");
        assert!(matches!(error, DecodeError::NoFfmpeg), "{error}");
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
