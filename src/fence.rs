//! A fence around libraries that may panic on a damaged file: it is damage of the file then, of
//! which the caller makes an error that names it, and nothing is said of it on standard error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static UP: Cell<bool> = const { Cell::new(false) };
}
/// Fences that are up on any thread.
static ANYWHERE: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();

/// What `work` returns; `None` where it panics. What a panic leaves behind must not be used again.
/// Threads that libraries start for their work are behind the fence too.
pub fn fenced<T>(work: impl FnOnce() -> T) -> Option<T> {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_up() && !is_of_a_library_at_work(panic) {
                before(panic);
            }
        }));
    });
    let was = UP.replace(true);
    ANYWHERE.fetch_add(1, Ordering::Relaxed);
    let made = catch_unwind(AssertUnwindSafe(work));
    ANYWHERE.fetch_sub(1, Ordering::Relaxed);
    UP.set(was);
    made.ok()
}

/// Whether this thread is behind the fence.
#[must_use]
pub fn is_up() -> bool {
    UP.get()
}

/// Whether a library panics on a thread of its own while there is a fence: the paths of our own
/// source are relative.
fn is_of_a_library_at_work(panic: &PanicHookInfo<'_>) -> bool {
    let place = panic.location().map(Location::file);
    let is_foreign = place.is_some_and(|file| file.starts_with('/'));
    is_foreign && ANYWHERE.load(Ordering::Relaxed) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_at_the_innermost_fence_and_leaves_the_outer_one_up() {
        let made = fenced(|| {
            let inner: Option<()> = fenced(|| panic!("a library that stumbles"));
            (inner, is_up())
        });
        assert_eq!(made, Some((None, true)));
        assert!(!is_up());
    }
}
