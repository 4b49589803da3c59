//! The thread that reads ahead: it takes sessions from the plan shortly before they start, hands
//! each to its worker, and has its audio framed by the time it is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::audio_cache::AudioCache;
use super::plan::Plan;
use super::script::Script;
use crate::clock::{Clock, RunClock};
use crate::dialect::Dialect;
use crate::live::gauges::Gauges;
use crate::trace::TraceError;
use crate::trace::stream::Bundle;
use crate::units::{NS_PER_S, RunTime};

/// How far ahead sessions and audio are read.
const AHEAD_NS: i64 = 5 * NS_PER_S;
/// Most sessions that are ready and have not started.
const MOST_READY: u64 = 32 * 1024;
/// Longest time without a look at what is needed.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time between looks while there is no room for more audio.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(2);

/// What the loader still has to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Sessions that have not started.
    pub(super) starts: bool,
    /// The audio of those that have.
    pub(super) audio: bool,
}

/// The audio that a script will need next: when, and of which of its stretches.
struct Need {
    at: RunTime,
    stretch: usize,
    script: Arc<Script>,
}

impl Need {
    /// What `script` needs from `stretch` on, if anything.
    fn of(script: Arc<Script>, stretch: usize, reactive: bool) -> Option<Need> {
        let at = script.needed_at(stretch, reactive)?;
        Some(Need {
            at,
            stretch,
            script,
        })
    }

    /// Nobody but us knows the script any more: its session is over.
    fn is_over(&self) -> bool {
        Arc::strong_count(&self.script) == 1
    }
}

impl PartialEq for Need {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Need {}

impl PartialOrd for Need {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Need {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.script.number).cmp(&(other.at, other.script.number))
    }
}

/// What is to be done next.
enum Next {
    /// More work, at once.
    Go,
    /// Nothing before this time has passed.
    Wait(Duration),
    /// The plan is at its end, and all audio was provided.
    Done,
}

/// Reads ahead of the workers.
pub(super) struct Loader {
    plan: Peekable<Plan>,
    audio_cache: AudioCache,
    workers: Vec<UnboundedSender<Arc<Script>>>,
    /// One for each session under way that still needs audio.
    needs: BinaryHeap<Reverse<Need>>,
    handed: u64,
    /// When those of them start that are still to.
    coming: VecDeque<RunTime>,
    /// Callers react: sessions may run ahead of what was recorded.
    reactive: bool,
}

impl Loader {
    /// A loader and where each of `workers` workers gets its sessions from.
    pub(super) fn new(
        dialect: Dialect,
        plan: Plan,
        bundle: Arc<Bundle>,
        limit_bytes: usize,
        workers: usize,
        reactive: bool,
    ) -> (Loader, Vec<UnboundedReceiver<Arc<Script>>>) {
        let (senders, receivers) = (0..workers).map(|_| unbounded_channel()).unzip();
        let loader = Loader {
            plan: plan.peekable(),
            audio_cache: AudioCache::new(dialect, bundle, limit_bytes),
            workers: senders,
            needs: BinaryHeap::new(),
            handed: 0,
            coming: VecDeque::new(),
            reactive,
        };
        (loader, receivers)
    }

    /// Reads all that is needed soon after the run's epoch, before the run begins.
    ///
    /// # Errors
    /// A trace that cannot be read, or a clip that is not what the trace says.
    pub(super) fn fill(&mut self) -> Result<(), TraceError> {
        while matches!(self.next(RunTime(0), 0)?, Next::Go) {}
        Ok(())
    }

    /// Reads ahead until the plan's end, or as far as is still needed.
    ///
    /// # Errors
    /// As for [`Loader::fill`].
    pub(super) fn run(
        mut self,
        clock: &RunClock,
        gauges: &Gauges,
        needed: impl Fn() -> Reading,
    ) -> Result<(), TraceError> {
        loop {
            let Reading { starts, audio } = needed();
            if !starts {
                // Workers learn from it that no more sessions will come.
                self.workers.clear();
                self.coming.clear();
            }
            if !audio {
                return Ok(());
            }
            let now = clock.now();
            self.offer(now, gauges);
            match self.next(now, gauges.started_sessions.load(Relaxed))? {
                Next::Go => {}
                Next::Wait(time) => std::thread::sleep(time),
                Next::Done if self.coming.is_empty() => return Ok(()),
                Next::Done => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Counts the sessions whose planned start has come, whatever the workers are doing.
    fn offer(&mut self, now: RunTime, gauges: &Gauges) {
        while self.coming.pop_front_if(|start| *start <= now).is_some() {
            gauges.offered_sessions.fetch_add(1, Relaxed);
        }
    }

    fn next(&mut self, now: RunTime, started: u64) -> Result<Next, TraceError> {
        let horizon = RunTime(now.0 + AHEAD_NS);
        let may_hand = self.handed < started + MOST_READY;
        let next = match self.workers.is_empty() {
            true => None,
            false => self.plan.peek(),
        };
        let start = match next {
            Some(Ok(script)) => Some(script.start),
            Some(Err(_)) => Some(RunTime(i64::MIN)),
            None => None,
        };
        if may_hand && start.is_some_and(|start| start <= horizon) {
            if let Some(script) = self.plan.next() {
                self.hand(Arc::new(script?));
            }
            return Ok(Next::Go);
        }
        let is_due = |need: &Reverse<Need>| need.0.at <= horizon;
        if self.needs.peek().is_some_and(is_due)
            && let Some(Reverse(need)) = self.needs.pop()
        {
            return self.provide(need);
        }
        if start.is_none() {
            self.workers.clear();
        }
        match (start, self.needs.is_empty()) {
            (None, true) => Ok(Next::Done),
            _ => Ok(Next::Wait(LOOK_EVERY)),
        }
    }

    /// Puts audio into its script, if there is room for it.
    fn provide(&mut self, need: Need) -> Result<Next, TraceError> {
        if need.is_over() {
            return Ok(Next::Go);
        }
        if self.audio_cache.provide(&need.script, need.stretch)? {
            let next = Need::of(need.script, need.stretch + 1, self.reactive);
            self.needs.extend(next.map(Reverse));
            return Ok(Next::Go);
        }
        self.needs.push(Reverse(need));
        // Room may be taken by audio of calls that have failed: nobody will send it.
        self.needs.retain(|Reverse(need)| !need.is_over());
        Ok(Next::Wait(WAIT_FOR_ROOM))
    }

    /// Gives a session to its worker, and notes what audio it will need.
    fn hand(&mut self, script: Arc<Script>) {
        let first = Need::of(script.clone(), 0, self.reactive);
        self.needs.extend(first.map(Reverse));
        let worker = (self.handed % self.workers.len() as u64) as usize;
        self.handed += 1;
        self.coming.push_back(script.start);
        // Refused only by a worker that has been told to stop.
        let _ = self.workers[worker].send(script);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Nature;
    use crate::replay::audio_cache::tests::bundle;
    use crate::replay::plan::Shape;
    use crate::replay::plan_extent::plan;

    /// Chunks of the 2-minute call, those that are cut in two counted twice.
    const CHUNKS: usize = 7_200;

    /// A loader of one call of 2 minutes, with room for about 16 s of it.
    fn loader() -> (tempfile::TempDir, Loader, UnboundedReceiver<Arc<Script>>) {
        let (dir, bundle, _) = bundle(120, true);
        let plan = plan(&bundle, &Shape::default(), Nature::default(), RunTime(0)).unwrap();
        let (loader, mut receivers) =
            Loader::new(Dialect::default(), plan, bundle, 600_000, 1, false);
        (dir, loader, receivers.remove(0))
    }

    fn is_waiting(next: &Next) -> bool {
        matches!(next, Next::Wait(_))
    }

    #[test]
    fn a_long_call_has_one_need_at_a_time_and_is_read_as_it_is_sent() {
        let (_dir, mut loader, mut scripts) = loader();
        loader.fill().unwrap();
        let script = scripts.try_recv().unwrap();
        assert_eq!(script.rows.events.len(), 1 + CHUNKS);
        assert_eq!(loader.needs.len(), 1);
        // What is needed within five seconds is there, and nothing else.
        assert!(script.take_audio(1).is_some());
        let mut now = RunTime(0);
        for (number, stretch) in script.index.stretches.iter().enumerate().skip(1) {
            assert!(
                script.take_audio(stretch.events.start).is_none(),
                "{number}"
            );
            now = RunTime(script.needed_at(number, false).unwrap().0 - NS_PER_S);
            while !is_waiting(&loader.next(now, 1).unwrap()) && !loader.needs.is_empty() {}
            assert!(
                script.take_audio(stretch.events.start).is_some(),
                "{number}"
            );
        }
        assert!(matches!(loader.next(now, 1).unwrap(), Next::Done));
    }

    #[test]
    fn a_session_is_offered_when_its_start_has_come_and_once() {
        let (_dir, mut loader, mut scripts) = loader();
        loader.fill().unwrap();
        let start = scripts.try_recv().unwrap().start;
        let gauges = Gauges::default();
        for (at, offered) in [(start.0 - 1, 0), (start.0, 1), (start.0 + 1, 1)] {
            loader.offer(RunTime(at), &gauges);
            assert_eq!(gauges.offered_sessions.load(Relaxed), offered);
        }
    }

    #[test]
    fn the_audio_of_a_call_that_has_ended_is_read_no_further() {
        let (_dir, mut loader, mut scripts) = loader();
        loader.fill().unwrap();
        drop(scripts.try_recv().unwrap());
        let later = RunTime(60 * NS_PER_S);
        while !matches!(loader.next(later, 1).unwrap(), Next::Done) {}
        assert!(loader.needs.is_empty());
    }
}
