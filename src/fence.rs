//! A fence around libraries that may panic on a damaged file: it is damage of the file then, of
//! which the caller makes an error, and nothing is said of it on standard error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static UP: Cell<bool> = const { Cell::new(false) };
}
static HOOK: Once = Once::new();

/// What `work` returns; `None` where it panics. What a panic leaves behind must not be used again.
pub fn fenced<T>(work: impl FnOnce() -> T) -> Option<T> {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_up() {
                before(panic);
            }
        }));
    });
    let was = UP.replace(true);
    let made = catch_unwind(AssertUnwindSafe(work));
    UP.set(was);
    made.ok()
}

/// Whether this thread is behind the fence.
#[must_use]
pub fn is_up() -> bool {
    UP.get()
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
