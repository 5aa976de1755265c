//! Recursion that cannot overflow: where little stack is left, more is allocated.

/// Runs `f` with at least 128 KiB of stack.
pub(crate) fn grow<T>(f: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 1 << 20, f)
}
