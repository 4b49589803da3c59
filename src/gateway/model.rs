//! The model of the pipeline behind the gateway: when each part of an answer is ready.
//!
//! Pure: a seeded generator in, a plan out; no clock, no socket.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::distribution::Distribution;
use super::script;
use crate::units::NS_PER_MS;

/// Length of spoken text: about 15 characters a second, the pace of an unhurried speaker.
const SPEECH_NS_PER_CHAR: i64 = 65 * NS_PER_MS;

/// How long the stages of the pipeline take.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// Detected end of speech to final transcript.
    pub asr_final: Distribution,
    /// A free slot to the first text of the language model.
    pub llm_first_token: Distribution,
    /// Between two tokens (words) of the language model; one draw for each answer.
    pub llm_token_interval: Distribution,
    /// First text of a sentence to its first audio.
    pub tts_first_audio: Distribution,
    /// Synthesis time for each second of audio; bounds `tts_first_audio` from below, because a
    /// sentence is synthesised whole before its first audio.
    pub tts_real_time_factor: f64,
}

impl Default for ModelSpec {
    /// First token and first audio are those of a published run of the original gateway at 5 users:
    /// language model's first token p50 49 ms, p95 63 ms; speech synthesis p50 190 ms, p95 490 ms.
    /// Together they give its final transcript → first audio of p50 240 ms, p95 540 ms. The
    /// others were not published and are chosen small enough to leave these as they are.
    fn default() -> ModelSpec {
        let lognormal = |p50: i64, p95: i64| Distribution::Lognormal {
            p50_ns: p50 * NS_PER_MS,
            p95_ns: p95 * NS_PER_MS,
        };
        ModelSpec {
            asr_final: lognormal(60, 120),
            llm_first_token: lognormal(49, 63),
            llm_token_interval: Distribution::Constant(5 * NS_PER_MS),
            tts_first_audio: lognormal(190, 490),
            tts_real_time_factor: 0.04,
        }
    }
}

/// One answer, planned; instants count from the moment it gets its slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Detected end of speech to final transcript.
    pub asr_final_delay_ns: i64,
    /// Texts and sentences in the order they are ready.
    pub steps: Vec<Step>,
}

/// One part of an answer and when it is ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Nanoseconds since the answer got its slot.
    pub at_ns: i64,
    /// What is ready.
    pub part: Part,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// One token of the language model, a word with the space after it.
    Text(String),
    /// One synthesised sentence.
    Speech {
        /// Its length.
        audio_ns: i64,
        /// Whether SPEAKING goes before it: an unpunctuated tail comes without.
        announced: bool,
    },
}

/// The generator of one turn: the same for the same seed, session and turn.
#[must_use]
pub fn turn_rng(seed: u64, session_id: &str, turn: u32) -> ChaCha8Rng {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes());
    hash.update(&turn.to_le_bytes());
    hash.update(session_id.as_bytes());
    ChaCha8Rng::from_seed(*hash.finalize().as_bytes())
}

/// Plans one answer.
///
/// Sentence *k* begins synthesis at its first text, or when the one before it is ready. It is
/// ready after its draw of `tts_first_audio`, but no sooner than its whole text is there and
/// `tts_real_time_factor` × its length of synthesis has been done.
pub fn plan_answer(spec: &ModelSpec, rng: &mut impl Rng) -> Answer {
    let asr_final_delay_ns = spec.asr_final.sample(rng);
    let mut token_at_ns = spec.llm_first_token.sample(rng);
    let token_interval_ns = spec.llm_token_interval.sample(rng);
    let mut ready_ns = 0;
    let mut steps = Vec::new();
    for sentence in script::draw_answer(rng) {
        let begin_ns = token_at_ns.max(ready_ns);
        let mut text_done_ns = token_at_ns;
        for word in sentence.split(' ') {
            text_done_ns = token_at_ns;
            steps.push(Step {
                at_ns: token_at_ns,
                part: Part::Text(format!("{word} ")),
            });
            token_at_ns = token_at_ns.saturating_add(token_interval_ns);
        }
        let audio_ns = sentence.len() as i64 * SPEECH_NS_PER_CHAR;
        let synthesis_ns = (audio_ns as f64 * spec.tts_real_time_factor) as i64;
        ready_ns = begin_ns
            .saturating_add(spec.tts_first_audio.sample(rng))
            .max(text_done_ns.max(ready_ns).saturating_add(synthesis_ns));
        steps.push(Step {
            at_ns: ready_ns,
            part: Part::Speech {
                audio_ns,
                announced: script::is_punctuated(&sentence),
            },
        });
    }
    // Stable: a sentence stays behind its own text, and sentences in their order.
    steps.sort_by_key(|step| step.at_ns);
    Answer {
        asr_final_delay_ns,
        steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(answer: &Answer, wanted: fn(&Part) -> bool) -> i64 {
        let step = answer.steps.iter().find(|step| wanted(&step.part));
        step.expect("every answer has text and speech").at_ns
    }

    fn percentiles_ms(mut values: Vec<i64>) -> (f64, f64) {
        values.sort_unstable();
        let at = |q: f64| values[(values.len() as f64 * q) as usize] as f64 / 1e6;
        (at(0.5), at(0.95))
    }

    #[test]
    fn the_defaults_give_the_published_latencies() {
        let spec = ModelSpec::default();
        let answers: Vec<Answer> = (0..20_000)
            .map(|turn| plan_answer(&spec, &mut turn_rng(1, "s", turn)))
            .collect();
        let text = |a: &Answer| first(a, |part| matches!(part, Part::Text(_)));
        let audio = |a: &Answer| first(a, |part| matches!(part, Part::Speech { .. }));
        let close = |(p50, p95): (f64, f64), wanted: (f64, f64)| {
            assert!((p50 / wanted.0 - 1.0).abs() < 0.03, "p50 {p50} ms");
            assert!((p95 / wanted.1 - 1.0).abs() < 0.03, "p95 {p95} ms");
        };
        close(
            percentiles_ms(answers.iter().map(text).collect()),
            (49.0, 63.0),
        );
        close(
            percentiles_ms(answers.iter().map(|a| audio(a) - text(a)).collect()),
            (190.0, 490.0),
        );
        close(
            percentiles_ms(answers.iter().map(audio).collect()),
            (240.0, 540.0),
        );
    }

    #[test]
    fn a_turn_is_planned_the_same_again_and_differs_from_the_next() {
        let spec = ModelSpec::default();
        let plan = |turn| plan_answer(&spec, &mut turn_rng(7, "a-0", turn));
        assert_eq!(plan(0), plan(0));
        assert_ne!(plan(0), plan(1));
    }

    #[test]
    fn sentences_wait_for_their_text_their_synthesis_and_each_other() {
        let spec = ModelSpec {
            asr_final: Distribution::Constant(3),
            llm_first_token: Distribution::Constant(100),
            llm_token_interval: Distribution::Constant(10),
            tts_first_audio: Distribution::Constant(1),
            tts_real_time_factor: 1.0,
        };
        let answer = plan_answer(&spec, &mut turn_rng(7, "a-0", 0));
        assert_eq!(answer.asr_final_delay_ns, 3);
        assert!(answer.steps.is_sorted_by_key(|step| step.at_ns));
        let (mut words, mut ready_ns) = (0, 0);
        let mut texts = answer.steps.iter();
        // Constants take nothing from the generator, so that it draws the same sentences again.
        for sentence in script::draw_answer(&mut turn_rng(7, "a-0", 0)) {
            words += sentence.split(' ').count() as i64;
            let text_done_ns = 100 + (words - 1) * 10;
            let audio_ns = sentence.len() as i64 * SPEECH_NS_PER_CHAR;
            ready_ns = text_done_ns.max(ready_ns) + audio_ns;
            let speech = texts.find(|step| matches!(step.part, Part::Speech { .. }));
            let speech = speech.expect("one for each sentence");
            assert_eq!(speech.at_ns, ready_ns);
        }
    }
}
