//! The two things a template may learn about the world: what time it is, and chance.

use std::fmt;
use std::time::SystemTime;

use rand::rand_core::{Infallible, TryCryptoRng, TryRng};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The clock and the source of randomness behind `now`, `uuidv4`, `randAlphaNum`,
/// `genPrivateKey` and their like.
pub struct Environment {
    clock: Option<SystemTime>,
    random: Source,
    asked: bool,
}

enum Source {
    System,
    Fixed(Box<StdRng>),
}

impl Environment {
    /// The system's clock and its cryptographic randomness.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: None,
            random: Source::System,
            asked: false,
        }
    }

    /// A clock that stands still and randomness that repeats. For tests only: everything a
    /// template generates with it can be predicted from `seed`.
    #[must_use]
    pub fn fixed(now: SystemTime, seed: u64) -> Self {
        Self {
            clock: Some(now),
            random: Source::Fixed(Box::new(StdRng::seed_from_u64(seed))),
            asked: false,
        }
    }

    pub(crate) fn now(&mut self) -> SystemTime {
        self.asked = true;
        self.clock.unwrap_or_else(SystemTime::now)
    }

    /// Whether anything was asked for since the last call.
    pub(crate) fn take_asked(&mut self) -> bool {
        std::mem::take(&mut self.asked)
    }

    fn random(&mut self) -> &mut Source {
        self.asked = true;
        &mut self.random
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

impl TryRng for Environment {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(match self.random() {
            Source::System => rand::rng().next_u32(),
            Source::Fixed(rng) => rng.next_u32(),
        })
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(match self.random() {
            Source::System => rand::rng().next_u64(),
            Source::Fixed(rng) => rng.next_u64(),
        })
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match self.random() {
            Source::System => rand::rng().fill_bytes(bytes),
            Source::Fixed(rng) => rng.fill_bytes(bytes),
        }
        Ok(())
    }
}

impl TryCryptoRng for Environment {}
