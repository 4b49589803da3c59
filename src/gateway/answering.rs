//! An answer under way: the pipeline's messages, one after the other.

use std::future::pending;
use std::pin::Pin;

use tokio::sync::mpsc;

use super::answer;
use super::outbox::{Abort, Broken, Outbox};
use super::shared::Shared;
use super::turn::Turn;
use crate::conversation::message::ServerMessage;
use crate::units::SampleRate;

/// The pipeline at work on one turn. Dropping it frees its slot.
pub(super) struct Answering<'a> {
    work: Pin<Box<dyn Future<Output = Result<(), Broken>> + Send + 'a>>,
    parts: mpsc::Receiver<Result<ServerMessage, Abort>>,
}

impl<'a> Answering<'a> {
    /// Begins to answer; the sound of it has this rate.
    pub(super) fn begin(shared: &'a Shared, turn: Turn, rate: SampleRate) -> Answering<'a> {
        let voices = shared.speech.at(rate);
        let (outbox, parts) = mpsc::channel(1);
        let work = async move {
            let outbox = Outbox::new(outbox);
            answer::give(shared, &outbox, &voices, turn).await
        };
        Answering {
            work: Box::pin(work),
            parts,
        }
    }

    /// The next message; `None` when there is no more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<ServerMessage> {
        let part = tokio::select! {
            biased;
            part = self.parts.recv() => part,
            // It ended, or waits no more for room: what it sent last is there.
            _ = &mut self.work => self.parts.try_recv().ok(),
        };
        part?.ok()
    }
}

/// The next part of the answer under way; waits for ever while there is none.
pub(super) async fn next_part(answering: &mut Option<Answering<'_>>) -> Option<ServerMessage> {
    match answering {
        Some(answering) => answering.next().await,
        None => pending().await,
    }
}
