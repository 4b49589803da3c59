//! One answer: final transcript, PROCESSING, then each part of its plan when it is ready. Noise may
//! be transcribed after it.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::counters::GatewayCounters;
use super::metrics::GatewayGauges;
use super::model::{Answer, Part, plan_answer};
use super::outbox::{Broken, Outbox};
use super::script;
use super::shared::Shared;
use super::spec::GatewaySpec;
use super::speech::Voices;
use super::turn::Turn;
use crate::clock::monotonic_ns;
use crate::conversation::message::ServerMessage;

/// The stream of a turn's generator that noise is drawn from, so that without noise nothing changes.
const NOISE: u64 = 1;

/// Answers `turn`, from its transcript to LISTENING and the noise that may follow.
pub(super) async fn give(
    shared: &Shared,
    outbox: &Outbox,
    voices: &Voices,
    turn: Turn,
) -> Result<(), Broken> {
    let mut rng = turn.rng.clone();
    rng.set_stream(NOISE);
    server_turn(shared, outbox, voices, turn).await?;
    outbox.send(ServerMessage::TurnEnded).await?;
    if rng.random_bool(shared.spec.stray_interims) {
        let noise = script::draw_noise(&mut rng);
        outbox.send(transcript(noise, false)).await?;
    }
    Ok(())
}

async fn server_turn(
    shared: &Shared,
    outbox: &Outbox,
    voices: &Voices,
    mut turn: Turn,
) -> Result<(), Broken> {
    let Drawn { fails, take, plan } = Drawn::of(&shared.spec, &mut turn.rng);
    if let Some(ended_ns) = turn.ended_ns {
        // The final transcript repeats the last interim one. Not every protocol says which is which.
        outbox.send(transcript(turn.text.clone(), false)).await?;
        sleep_until(ended_ns.saturating_add(plan.asr_final_delay_ns)).await;
    }
    let mut times = Times::begin(&shared.gauges, turn.ended_ns);
    outbox.send(transcript(turn.text, true)).await?;
    outbox.send(ServerMessage::Processing).await?;
    if fails {
        GatewayCounters::count(&shared.counters.errors);
        GatewayCounters::count(&shared.gauges.failed);
        let text = "injected failure of the language model".to_owned();
        return outbox.send(ServerMessage::Error(text)).await;
    }
    // First come, first served; nobody closes the semaphore.
    let mut slot = shared.slots.acquire().await.ok();
    let start_ns = monotonic_ns();
    let last = plan.steps.len().saturating_sub(1);
    for (number, step) in plan.steps.into_iter().enumerate() {
        sleep_until(start_ns.saturating_add(step.at_ns)).await;
        if number == last {
            // All of it is produced: what is left is up to the caller's reading.
            slot.take();
        }
        match step.part {
            Part::Text(text) => {
                times.text();
                outbox.send(ServerMessage::Text(text)).await?;
            }
            Part::Speech {
                audio_ns,
                announced,
            } => {
                times.speech();
                if announced {
                    outbox.send(ServerMessage::Speaking).await?;
                }
                for pcm in voices.pieces(take, audio_ns) {
                    outbox.send(ServerMessage::Audio(pcm)).await?;
                }
            }
        }
    }
    GatewayCounters::count(&shared.counters.answers);
    times.end();
    Ok(())
}

fn transcript(text: String, is_final: bool) -> ServerMessage {
    ServerMessage::Transcript {
        text,
        is_final: Some(is_final),
    }
}

/// When the final transcript of `turn` is there, in nanoseconds after the end of speech was noticed.
pub(super) fn transcript_delay_ns(shared: &Shared, turn: &Turn) -> i64 {
    let drawn = Drawn::of(&shared.spec, &mut turn.rng.clone());
    drawn.plan.asr_final_delay_ns
}

/// What chance decides of an answer.
struct Drawn {
    fails: bool,
    take: u64,
    plan: Answer,
}

impl Drawn {
    fn of(spec: &GatewaySpec, rng: &mut ChaCha8Rng) -> Drawn {
        Drawn {
            fails: rng.random_bool(spec.error_rate),
            take: rng.random(),
            plan: plan_answer(&spec.model, rng),
        }
    }
}

/// When the parts of an answer were ready, for the metrics.
struct Times<'a> {
    gauges: &'a GatewayGauges,
    transcript_ns: i64,
    first_text_ns: Option<i64>,
    last_text_ns: Option<i64>,
    first_audio_ns: Option<i64>,
}

impl<'a> Times<'a> {
    /// The final transcript is there, of what was spoken until `ended_ns`, if it was spoken.
    fn begin(gauges: &'a GatewayGauges, ended_ns: Option<i64>) -> Times<'a> {
        let transcript_ns = monotonic_ns();
        if let Some(ended_ns) = ended_ns {
            gauges.asr.record(transcript_ns - ended_ns);
        }
        Times {
            gauges,
            transcript_ns,
            first_text_ns: None,
            last_text_ns: None,
            first_audio_ns: None,
        }
    }

    fn text(&mut self) {
        let now_ns = monotonic_ns();
        self.last_text_ns = Some(now_ns);
        if self.first_text_ns.is_none() {
            self.first_text_ns = Some(now_ns);
            self.gauges.llm_ttft.record(now_ns - self.transcript_ns);
        }
    }

    fn speech(&mut self) {
        if self.first_audio_ns.is_none() {
            let now_ns = monotonic_ns();
            self.first_audio_ns = Some(now_ns);
            self.gauges.e2e.record(now_ns - self.transcript_ns);
            if let Some(text_ns) = self.first_text_ns {
                self.gauges.tts.record(now_ns - text_ns);
            }
        }
    }

    /// The answer was given.
    fn end(self) {
        if let Some(text_ns) = self.last_text_ns {
            self.gauges.llm_total.record(text_ns - self.transcript_ns);
        }
        GatewayCounters::count(&self.gauges.succeeded);
    }
}

/// Waits until that instant of the monotonic clock.
pub(super) async fn sleep_until(monotonic: i64) {
    let left_ns = monotonic.saturating_sub(monotonic_ns());
    if left_ns > 0 {
        tokio::time::sleep(Duration::from_nanos(left_ns.unsigned_abs())).await;
    }
}
