//! Work on numbered items by all threads of a pool, whose results are taken in the order of the items: none is kept
//! for longer than those before it need.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far work may be ahead of the oldest item that is not done: what bounds the results that wait for it.
const AHEAD: usize = 1 << 14;

/// Does `work` for the items from 0 to `items`, and gives each result to `take` in the order of the items.
///
/// # Errors
/// The first one in the order of the items, whichever thread meets which first; no item is begun after that.
pub(super) fn each<T: Send, E: Send>(
    items: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
    take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    let line = Line {
        state: Mutex::new(State {
            begun: 0,
            items,
            taken: 0,
            waiting: BTreeMap::new(),
            take,
            failed: None,
        }),
        moved: Condvar::new(),
    };
    rayon::broadcast(|_| {
        let _guard = StopOnPanic(&line);
        while let Some(item) = line.begin() {
            line.done(item, work(item));
        }
    });
    let state = line.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    state.failed.map_or(Ok(()), Err)
}

struct State<T, E, F> {
    /// Items that were begun; one that fails lowers `items` to this.
    begun: usize,
    items: usize,
    taken: usize,
    waiting: BTreeMap<usize, Result<T, E>>,
    take: F,
    failed: Option<E>,
}

struct Line<T, E, F> {
    state: Mutex<State<T, E, F>>,
    moved: Condvar,
}

impl<T, E, F> Line<T, E, F> {
    fn lock(&self) -> MutexGuard<'_, State<T, E, F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item to work on, once it is not too far ahead; `None` when there is none.
    fn begin(&self) -> Option<usize> {
        let far = |s: &mut State<T, E, F>| s.begun < s.items && s.begun >= s.taken + AHEAD;
        let waited = self.moved.wait_while(self.lock(), far);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let item = state.begun;
        (item < state.items).then(|| {
            state.begun += 1;
            item
        })
    }
}

impl<T, E, F: FnMut(T) -> Result<(), E>> Line<T, E, F> {
    /// Takes the result of an item, and all that waited for it.
    fn done(&self, item: usize, result: Result<T, E>) {
        let state = &mut *self.lock();
        if result.is_err() {
            state.items = state.begun;
        }
        state.waiting.insert(item, result);
        while state.failed.is_none()
            && let Some(result) = state.waiting.remove(&state.taken)
        {
            state.taken += 1;
            state.failed = result.and_then(&mut state.take).err();
        }
        if state.failed.is_some() {
            state.items = state.begun;
        }
        self.moved.notify_all();
    }
}

/// Keeps the other threads from waiting for an item that a panic has ended.
struct StopOnPanic<'a, T, E, F>(&'a Line<T, E, F>);

impl<T, E, F> Drop for StopOnPanic<'_, T, E, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.items = state.begun;
            self.0.moved.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn on(threads: usize, work: impl FnOnce() + Send) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(work);
    }

    #[test]
    fn results_come_in_order_and_never_too_many_wait() {
        for threads in [1, 4] {
            on(threads, || {
                let (items, begun) = (3 * AHEAD, AtomicUsize::new(0));
                let mut taken = Vec::new();
                let done: Result<(), ()> = each(
                    items,
                    |item| {
                        begun.fetch_max(item, Ordering::Relaxed);
                        Ok(item)
                    },
                    |item| {
                        assert!(begun.load(Ordering::Relaxed) < item + AHEAD + threads);
                        taken.push(item);
                        Ok(())
                    },
                );
                assert_eq!(done, Ok(()));
                assert!(taken.iter().copied().eq(0..items));
            });
        }
    }

    #[test]
    fn the_first_failure_in_order_is_the_one_that_counts() {
        on(4, || {
            for _ in 0..50 {
                let mut taken = 0;
                let fails = |item| if item >= 37 { Err(item) } else { Ok(item) };
                let failed = each(10_000, fails, |_| {
                    taken += 1;
                    Ok(())
                });
                assert_eq!((failed, taken), (Err(37), 37));
                let full = |item| if item == 20 { Err(item) } else { Ok(()) };
                assert_eq!(each(10_000, Ok, full), Err(20));
            }
        });
    }

    #[test]
    fn a_panic_ends_the_work_of_all() {
        let ended = crate::fence::fenced(|| {
            on(2, || {
                let panics = |item| match item {
                    3 => std::panic::resume_unwind(Box::new("a worker that stumbles")),
                    _ => Ok::<usize, ()>(item),
                };
                let _ = each(100 * AHEAD, panics, |_| Ok(()));
            });
        });
        assert_eq!(ended, None);
    }
}
