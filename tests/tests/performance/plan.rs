//! How much is measured: tiny unless a variable says otherwise.

use std::time::Duration;

use sealed_secrets_tests::TestError;
use sealed_secrets_tests::keys::Kind;

/// Words that say how much: `full` or nothing for the tiny form, `ours` to leave the Go controller out,
/// and `NAME=NUMBER` for a single number.
const SIZE: &str = "SEALED_SECRETS_TESTS_BENCH";

/// Numbers of objects and the like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How often everything is measured.
    pub(crate) rounds: usize,
    /// Objects of three values.
    pub(crate) three: usize,
    /// Objects of one value.
    pub(crate) one: usize,
    /// Objects of three values for the Go controller with its usual limit on requests.
    pub(crate) limited: usize,
    /// Objects of three values whose requests are counted.
    pub(crate) counted: usize,
    /// Keys, where there are many.
    pub(crate) keys: usize,
    /// Objects of one value, sealed for these keys.
    pub(crate) keyed: usize,
    /// Objects that are changed.
    pub(crate) changing: usize,
    /// Changes a second.
    pub(crate) rate: usize,
    /// Seconds of changes.
    pub(crate) seconds: usize,
    /// Seconds of verify requests.
    pub(crate) verify: usize,
    /// Seconds in which nothing happens.
    pub(crate) rest: usize,
    /// Kind of the keys.
    pub(crate) kind: Kind,
    /// Whether the Go controller is measured as well.
    pub(crate) go: bool,
}

impl Plan {
    /// What the variable says.
    pub(crate) fn from_env() -> Result<Self, TestError> {
        let words = std::env::var(SIZE).unwrap_or_default();
        let mut plan = Self::tiny();
        for word in words.split_whitespace() {
            match word.split_once('=') {
                None if word == "full" => plan = Self::full(),
                None if word == "ours" => plan.go = false,
                Some((name, number)) => *plan.number(name)? = number.parse()?,
                None => return Err(format!("{SIZE} has the unknown word {word}").into()),
            }
        }
        Ok(plan)
    }

    fn tiny() -> Self {
        Self {
            rounds: 1,
            three: 6,
            one: 9,
            limited: 3,
            counted: 5,
            keys: 3,
            keyed: 6,
            changing: 10,
            rate: 20,
            seconds: 2,
            verify: 1,
            rest: 2,
            kind: Kind::Rsa2048,
            go: true,
        }
    }

    fn full() -> Self {
        Self {
            rounds: 3,
            three: 1000,
            one: 5000,
            limited: 100,
            counted: 1000,
            keys: 60,
            keyed: 1000,
            changing: 1000,
            rate: 100,
            seconds: 60,
            verify: 10,
            rest: 30,
            // As either controller makes them.
            kind: Kind::Rsa4096,
            go: true,
        }
    }

    fn number(&mut self, name: &str) -> Result<&mut usize, TestError> {
        Ok(match name {
            "rounds" => &mut self.rounds,
            "three" => &mut self.three,
            "one" => &mut self.one,
            "limited" => &mut self.limited,
            "counted" => &mut self.counted,
            "keys" => &mut self.keys,
            "keyed" => &mut self.keyed,
            "changing" => &mut self.changing,
            "rate" => &mut self.rate,
            "seconds" => &mut self.seconds,
            "verify" => &mut self.verify,
            "rest" => &mut self.rest,
            _ => return Err(format!("{SIZE} has the unknown number {name}").into()),
        })
    }

    /// How long changes are made.
    pub(crate) fn changes_for(&self) -> Duration {
        Duration::from_secs(self.seconds as u64)
    }

    /// How long verify requests are sent.
    pub(crate) fn verify_for(&self) -> Duration {
        Duration::from_secs(self.verify as u64)
    }

    /// How long it is watched that nothing happens.
    pub(crate) fn rest_for(&self) -> Duration {
        Duration::from_secs(self.rest as u64)
    }
}
