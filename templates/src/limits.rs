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
