//! Counts the bytes that values hold, so that a template cannot hold too many.
//!
//! The count belongs to the thread, like an allocator's, because values are dropped in places
//! that know nothing of a rendering. A rendering begins a count of its own and restores the
//! outer one at its end.

use std::cell::Cell;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Counts `bytes` more.
pub(crate) fn hold(bytes: usize) {
    HELD.with(|held| held.set(held.get().wrapping_add(bytes)));
}

/// Counts `bytes` fewer.
pub(crate) fn release(bytes: usize) {
    HELD.with(|held| held.set(held.get().wrapping_sub(bytes)));
}

/// The bytes held by the values of this thread.
pub(crate) fn held() -> usize {
    HELD.with(Cell::get)
}

/// A count of its own until it is dropped.
pub(crate) struct Scope(usize);

impl Scope {
    pub(crate) fn begin() -> Self {
        Self(HELD.with(|held| held.replace(0)))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        HELD.with(|held| held.set(self.0));
    }
}
