//! How much a template may use.

/// Bounds on one rendering. A template is hostile input: it runs beside private keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Units of work: about one for each node evaluated and each 32 bytes a function handles.
    pub steps: u64,
    /// Templates called from templates. Go's own bound is 100,000.
    pub depth: usize,
    /// Values inside values (lists in lists, maps in maps).
    pub nesting: usize,
    /// Bytes of output.
    pub output: usize,
    /// Bytes held by values at one time, approximately.
    pub memory: usize,
    /// Bytes of template text.
    pub template: usize,
    /// Slow password hashing (bcrypt, scrypt), in milliseconds of a common machine.
    pub hashing: u32,
    /// Generated private keys, in units of one RSA-2048 key.
    pub keys: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 1_500_000,
            depth: 100_000,
            nesting: 10_000,
            output: 1 << 20,
            memory: 32 << 20,
            template: 1 << 20,
            hashing: 750,
            keys: 8,
        }
    }
}

impl Limits {
    /// Bounds on all templates of one object together: what a few of the largest may do, each.
    pub fn for_all() -> Self {
        let one = Self::default();
        Self {
            steps: 4 * one.steps,
            hashing: 4 * one.hashing,
            keys: 4 * one.keys,
            // Twice of what a Secret can hold.
            output: 2 << 20,
            ..one
        }
    }

    /// The stricter of both, for what is used up.
    pub(crate) fn at_most(&self, left: &Self) -> Self {
        Self {
            steps: self.steps.min(left.steps),
            hashing: self.hashing.min(left.hashing),
            keys: self.keys.min(left.keys),
            output: self.output.min(left.output),
            ..*self
        }
    }

    /// Takes what was used up between `before` and `after`.
    pub(crate) fn take(&mut self, before: &Self, after: &Self) {
        let used = before.steps.saturating_sub(after.steps);
        self.steps = self.steps.saturating_sub(used);
        let used = before.hashing.saturating_sub(after.hashing);
        self.hashing = self.hashing.saturating_sub(used);
        let used = before.keys.saturating_sub(after.keys);
        self.keys = self.keys.saturating_sub(used);
    }
}
