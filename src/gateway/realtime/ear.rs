//! What is heard of one session: its audio buffer, and speech in it.

use crate::dialect::realtime::server::settings::Settings;
use crate::gateway::endpoint::{Endpointer, Heard};
use crate::pcm::codec::{Codec, Format};
use crate::units::{NS_PER_MS, Samples};

/// What was noticed in the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noticed {
    /// The caller speaks; what belongs to it begins so many milliseconds into the session's audio.
    Began { from_ms: u64 },
    /// The caller has stopped.
    Ended {
        /// When that was noticed, in milliseconds of the session's audio.
        at_ms: u64,
        /// Length of the speech.
        speech_ns: i64,
    },
}

/// Listens to one session.
#[derive(Debug)]
pub(super) struct Ear {
    format: Format,
    /// None: the client says when an utterance has ended.
    endpointer: Option<Endpointer>,
    silence_ns: i64,
    prefix_ms: u64,
    early_ns: Option<i64>,
    /// Audio of the session before the endpointer began to listen.
    before_ns: i64,
    /// Bytes since then.
    since_bytes: u64,
    /// Bytes in the buffer.
    buffered_bytes: u64,
}

impl Ear {
    /// An ear at the beginning of a session; where the client does not say what ends an utterance, so much
    /// silence does. `early_ns` is a shorter one that is answered early.
    pub(super) fn new(settings: &Settings, silence_ns: i64, early_ns: Option<i64>) -> Ear {
        let mut ear = Ear {
            format: settings.input,
            endpointer: None,
            silence_ns,
            prefix_ms: 0,
            early_ns,
            before_ns: 0,
            since_bytes: 0,
            buffered_bytes: 0,
        };
        ear.set(settings);
        ear
    }

    /// Listens as the session is set now. What was buffered is forgotten.
    pub(super) fn set(&mut self, settings: &Settings) {
        self.before_ns += self.length_ns(self.since_bytes);
        self.since_bytes = 0;
        self.buffered_bytes = 0;
        self.format = settings.input;
        self.prefix_ms = settings
            .detection
            .map_or(0, |detection| detection.prefix_ms);
        self.endpointer = settings.detection.map(|detection| {
            let silence_ns = detection.silence_ms.and_then(|ms| i64::try_from(ms).ok());
            let silence_ns = silence_ns.map_or(self.silence_ns, |ms| ms * NS_PER_MS);
            Endpointer::new(self.format.rate, silence_ns, self.early_ns)
        });
    }

    /// Takes in the next piece of audio, as the session has it.
    pub(super) fn hear(&mut self, audio: &[u8]) -> Vec<Noticed> {
        self.since_bytes += audio.len() as u64;
        self.buffered_bytes += audio.len() as u64;
        let Some(endpointer) = &mut self.endpointer else {
            return Vec::new();
        };
        let heard = match self.format.codec {
            Codec::Pcm16 => endpointer.push(audio),
            codec => endpointer.push(&Codec::Pcm16.encode(&codec.decode(audio))),
        };
        let noticed = heard.into_iter().filter_map(|heard| self.noticed(heard));
        noticed.collect()
    }

    fn noticed(&self, heard: Heard) -> Option<Noticed> {
        match heard {
            Heard::Began(at) => Some(Noticed::Began {
                from_ms: self.session_ms(at).saturating_sub(self.prefix_ms),
            }),
            Heard::Speech(_) => None,
            Heard::EndOfSpeech { length, at } => Some(Noticed::Ended {
                at_ms: self.session_ms(at),
                speech_ns: length.duration_ns(self.format.rate),
            }),
        }
    }

    /// Length of what is in the buffer.
    pub(super) fn buffered_ns(&self) -> i64 {
        self.length_ns(self.buffered_bytes)
    }

    /// What was in the buffer is an item now; speech goes on being listened to.
    pub(super) fn empty(&mut self) {
        self.buffered_bytes = 0;
    }

    fn session_ms(&self, at: Samples) -> u64 {
        let ns = self.before_ns + at.duration_ns(self.format.rate);
        (ns / NS_PER_MS).unsigned_abs()
    }

    fn length_ns(&self, bytes: u64) -> i64 {
        let samples = Samples(bytes / self.format.bytes_per_sample() as u64);
        samples.duration_ns(self.format.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn set(settings: &Settings, input: &Value) -> Settings {
        let update = json!({"type": "realtime", "audio": {"input": input}});
        let update = update.as_object().expect("an object");
        settings.updated(update).expect("a valid update")
    }

    fn tone(format: Format, level: i16, ms: usize) -> Vec<u8> {
        let samples = vec![level; ms * format.rate.0 as usize / 1_000];
        format.codec.encode(&samples)
    }

    #[test]
    fn speech_is_found_at_its_place_in_the_session_whatever_the_format() {
        let fresh = Settings::new("s", "m", false, 500);
        for format in ["audio/pcm", "audio/pcmu", "audio/pcma"] {
            let settings = set(&fresh, &json!({"format": {"type": format}}));
            let mut ear = Ear::new(&settings, 0, None);
            let mut noticed = Vec::new();
            for (level, ms) in [(0, 1_000), (3_000, 700), (0, 600)] {
                noticed.extend(ear.hear(&tone(settings.input, level, ms)));
            }
            let expected = [
                Noticed::Began { from_ms: 700 },
                Noticed::Ended {
                    at_ms: 2_200,
                    speech_ns: 700 * NS_PER_MS,
                },
            ];
            assert_eq!(noticed, expected, "{format}");
            assert_eq!(ear.buffered_ns(), 2_300 * NS_PER_MS);
            ear.empty();
            assert_eq!(ear.buffered_ns(), 0);
        }
    }

    #[test]
    fn a_session_that_is_set_again_counts_on() {
        let first = Settings::new("s", "m", false, 500);
        let mut ear = Ear::new(&first, 0, None);
        assert_eq!(ear.hear(&tone(first.input, 0, 1_000)), []);
        let vad = json!({"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 0});
        let second = set(
            &first,
            &json!({"format": {"type": "audio/pcmu"}, "turn_detection": vad}),
        );
        ear.set(&second);
        let mut noticed = ear.hear(&tone(second.input, 3_000, 300));
        noticed.extend(ear.hear(&tone(second.input, 0, 200)));
        let expected = [
            Noticed::Began { from_ms: 1_000 },
            Noticed::Ended {
                at_ms: 1_500,
                speech_ns: 300 * NS_PER_MS,
            },
        ];
        assert_eq!(noticed, expected);
        let silent = set(&second, &json!({"turn_detection": null}));
        ear.set(&silent);
        assert_eq!(ear.hear(&tone(silent.input, 3_000, 900)), []);
        assert_eq!(ear.buffered_ns(), 900 * NS_PER_MS);
    }
}
