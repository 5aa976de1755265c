//! Failures inside a function, and the budget every function draws on.

use crate::limits::Limits;
use crate::meter;

/// Why a function failed. Its words never hold a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Go fails here too.
    Failed(String),
    /// A limit of this crate.
    Limit(&'static str),
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }
}

/// Fails as Go would, for the given reason.
pub(crate) fn fail<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::new(what))
}

/// What is left of the limits of a rendering.
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    steps: u64,
    hashing: u32,
    keys: u32,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            steps: limits.steps,
            hashing: limits.hashing,
            keys: limits.keys,
        }
    }

    /// What is left of what is used up.
    pub(crate) fn left(&self) -> Limits {
        Limits {
            steps: self.steps,
            hashing: self.hashing,
            keys: self.keys,
            ..self.limits
        }
    }

    /// Takes `steps` of work and checks what values hold.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), Fault> {
        match self.steps.checked_sub(steps) {
            Some(left) => self.steps = left,
            None => return Err(Fault::Limit("the template does too much work")),
        }
        if meter::held() > self.limits.memory {
            return Err(Fault::Limit("the template uses too much memory"));
        }
        Ok(())
    }

    /// Takes the work of handling `bytes`.
    pub(crate) fn handle(&mut self, bytes: usize) -> Result<(), Fault> {
        self.spend(bytes as u64 / 32)
    }

    /// Checks that there is room for `bytes` more, before they are allocated.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Fault> {
        if meter::held().saturating_add(bytes) > self.limits.memory {
            return Err(Fault::Limit("the template uses too much memory"));
        }
        Ok(())
    }

    /// Goes one level deeper into a value.
    pub(crate) fn enter(&self, depth: &mut usize) -> Result<(), Fault> {
        *depth += 1;
        if *depth > self.limits.nesting {
            return Err(Fault::Limit("a value is nested too deep"));
        }
        Ok(())
    }

    /// Takes the time of hashing a password slowly.
    pub(crate) fn hash(&mut self, milliseconds: u32) -> Result<(), Fault> {
        match self.hashing.checked_sub(milliseconds) {
            Some(left) => self.hashing = left,
            None => return Err(Fault::Limit("the template hashes too many passwords")),
        }
        Ok(())
    }

    /// Takes the generation of a key that costs as much as `units` RSA-2048 keys.
    pub(crate) fn generate(&mut self, units: u32) -> Result<(), Fault> {
        match self.keys.checked_sub(units) {
            Some(left) => self.keys = left,
            None => return Err(Fault::Limit("the template generates too many keys")),
        }
        Ok(())
    }
}
