//! Makes keys when they are due, one for each occasion, whoever else makes some beside it.
//!
//! A key counts once it is stored, and not before: a process that dies while it makes one loses
//! nothing. Before a key is made the store itself is asked again, and two that make a successor of
//! the same key give it the same name, so only one of them is stored.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::key_pair::KeyPair;
use sealed_secrets_core::keyring::{KeyEntry, KeyOrder, Keyring};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::name::{Follows, key_name};
use super::renewal::{Next, Reason, Schedule};
use super::{GenerateError, SharedKeyring, generation};
use crate::args::KeyArgs;

/// Longest sleep: timers don't count the time that a machine is suspended.
const LOOK: Duration = Duration::from_secs(30);
/// How long a new key may take from the store to the keyring before the store is asked again.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Names to try. They are taken by retired keys, of which there can't be many with these names.
const ATTEMPTS: u32 = 100;

/// Where keys are kept.
pub trait KeyStore: Send + Sync + 'static {
    /// What can go wrong.
    type Error: Error + Send + Sync + 'static;
    /// The right to make a key, where it can be had.
    type Turn: Send;

    /// What tells this place from others where copies of its keys may be.
    fn place(&self) -> &[u8];

    /// Waits for others that make a key here.
    fn turn(&self) -> impl Future<Output = Result<Self::Turn, Self::Error>> + Send;

    /// A number that everybody gets who makes the first key at the same time, and nobody later.
    fn moment(&self) -> impl Future<Output = u64> + Send;

    /// The usable keys, as they are there at this moment.
    fn keys(&self) -> impl Future<Output = Result<Keyring, Self::Error>> + Send;

    /// Stores a key under a name, whole or not at all; false if the name is taken.
    fn create(
        &self,
        name: &str,
        pair: &KeyPair,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError<E: Error + 'static> {
    /// The store can't be read or written.
    #[error(transparent)]
    Store(E),
    /// It can't be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Retired keys have all its names.
    #[error(
        "every name for the new key is taken; delete retired keys whose names begin with {prefix}"
    )]
    Names {
        /// Start of the names.
        prefix: String,
    },
}

/// Listens for SIGUSR1, which asks for a new key. Until this is called the signal ends the process.
///
/// # Errors
/// Signals can't be received.
pub fn requests() -> io::Result<Signal> {
    signal(SignalKind::user_defined1())
}

/// Makes keys when they are due.
#[derive(Debug)]
pub struct Renewer<S> {
    store: S,
    args: KeyArgs,
    schedule: Schedule,
    /// The newest key when a request was first looked at, which may have to be tried again.
    asked_after: Option<Fingerprint>,
    /// Names that keys have had: a key that is gone may be restored under its name.
    names: BTreeSet<String>,
}

impl<S: KeyStore> Renewer<S> {
    /// With the schedule of `args`.
    pub fn new(store: S, args: KeyArgs) -> Self {
        if !args.key_renew_period.is_zero() && args.key_ttl < args.key_renew_period {
            tracing::warn!(
                "--key-ttl is shorter than --key-renew-period: in between nobody can seal"
            );
        }
        Self {
            schedule: Schedule::new(args.key_renew_period, args.key_cutoff_time),
            store,
            args,
            asked_after: None,
            names: BTreeSet::new(),
        }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Makes what must be there before anybody is served: the first key, and one after the cutoff.
    /// Returns whether anything was missing.
    ///
    /// # Errors
    /// There is no key and none can be made. Any other failure is tried again by [`Renewer::run`].
    pub async fn make_ready(&mut self, keyring: &Keyring) -> Result<bool, RenewError<S::Error>> {
        self.remember(keyring);
        let Next::Make(reason) = self.schedule.next(Timestamp::now(), keyring) else {
            return Ok(false);
        };
        let made = match reason {
            Reason::First | Reason::Cutoff => self.make(reason).await,
            Reason::Period | Reason::Request => return Ok(false),
        };
        match made {
            Ok(_) => Ok(true),
            Err(error) if reason == Reason::First => Err(error),
            Err(error) => {
                self.complain(&error);
                Ok(false)
            }
        }
    }

    /// Makes keys for as long as the process lives.
    pub async fn run(mut self, mut keyring: SharedKeyring, mut requests: Signal) {
        loop {
            let current = keyring.borrow_and_update().clone();
            self.remember(&current);
            let rest = match self.schedule.next(Timestamp::now(), &current) {
                Next::Wait(rest) => rest,
                Next::Make(reason) => {
                    match self.make(reason).await {
                        Ok(made) => {
                            let arrived = keyring.wait_for(|keyring| keyring.find(&made).is_some());
                            // If it is late, the store is asked again.
                            let _ = tokio::time::timeout(ARRIVAL, arrived).await;
                        }
                        Err(error) => self.complain(&error),
                    }
                    continue;
                }
            };
            tokio::select! {
                changed = keyring.changed() => if changed.is_err() { return },
                _ = requests.recv() => self.schedule.request(),
                () = tokio::time::sleep(rest.min(LOOK)) => {}
            }
        }
    }

    fn remember(&mut self, keyring: &Keyring) {
        for entry in keyring.entries() {
            if !self.names.contains(&entry.name) {
                self.names.insert(entry.name.clone());
            }
        }
    }

    fn complain(&mut self, error: &RenewError<S::Error>) {
        let pause = self.schedule.failed(Timestamp::now());
        tracing::error!(error = %crate::describe(error), again_in = ?pause, "cannot make a new key, will retry");
    }

    /// Makes a key, unless the store has one that does; returns that one.
    async fn make(&mut self, reason: Reason) -> Result<Fingerprint, RenewError<S::Error>> {
        let made = self.make_or_find(reason).await?;
        self.schedule.made(reason);
        if reason == Reason::Request {
            self.asked_after = None;
        }
        Ok(made)
    }

    async fn make_or_find(&mut self, reason: Reason) -> Result<Fingerprint, RenewError<S::Error>> {
        let _turn = self.store.turn().await.map_err(RenewError::Store)?;
        let keyring = self.store.keys().await.map_err(RenewError::Store)?;
        self.remember(&keyring);
        if let Some(found) = self.already_made(reason, &keyring) {
            return Ok(found);
        }
        tracing::info!(
            reason = reason.as_str(),
            bits = self.args.key_size.bits(),
            "making a new key"
        );
        let newest = keyring.newest();
        let pair =
            generation::generate(&self.args, newest.and_then(not_before_after(&keyring))).await?;
        let follows = match newest {
            Some(newest) => Follows::Key(newest),
            None => loop {
                let moment = self.store.moment().await;
                let keyring = self.store.keys().await.map_err(RenewError::Store)?;
                if let Some(found) = keyring.newest() {
                    return Ok(found.pair.fingerprint());
                }
                if self.store.moment().await == moment {
                    break Follows::Nothing { moment };
                }
            },
        };
        for attempt in 0..ATTEMPTS {
            let name = key_name(&self.args.key_prefix, self.store.place(), follows, attempt);
            let gone =
                self.names.contains(&name) && !keyring.entries().any(|entry| entry.name == name);
            if gone {
                continue;
            }
            let stored = self.store.create(&name, &pair).await;
            if stored.map_err(RenewError::Store)? {
                tracing::info!(
                    key = name,
                    fingerprint = %pair.fingerprint(),
                    certificate = pair.certificate().to_pem(),
                    "new key written"
                );
                return Ok(pair.fingerprint());
            }
            let now_there = self.store.keys().await.map_err(RenewError::Store)?;
            if let Some(found) = successor(&now_there, newest) {
                tracing::info!(key = found.name, "another made the new key");
                return Ok(found.pair.fingerprint());
            }
        }
        Err(RenewError::Names {
            prefix: self.args.key_prefix.clone(),
        })
    }

    /// The key that makes another one unnecessary.
    fn already_made(&mut self, reason: Reason, keyring: &Keyring) -> Option<Fingerprint> {
        let newest = keyring.newest().map(|newest| newest.pair.fingerprint());
        if reason == Reason::Request {
            let asked_after = *self.asked_after.get_or_insert(newest?);
            return newest.filter(|newest| *newest != asked_after);
        }
        match self.schedule.next(Timestamp::now(), keyring) {
            Next::Make(_) => None,
            Next::Wait(_) => newest,
        }
    }
}

/// The newest of these keys, if it came after `predecessor`.
fn successor<'a>(keyring: &'a Keyring, predecessor: Option<&KeyEntry>) -> Option<&'a KeyEntry> {
    let order = keyring.order();
    keyring.newest().filter(|newest| {
        predecessor.is_none_or(|predecessor| {
            newest.pair.fingerprint() != predecessor.pair.fingerprint()
                && newest.instant(order) >= predecessor.instant(order)
        })
    })
}

/// The first moment that makes a new certificate the newest. They count whole seconds, and the
/// newest so far may be from a clock that was ahead.
fn not_before_after(keyring: &Keyring) -> impl Fn(&KeyEntry) -> Option<Timestamp> {
    let order = keyring.order();
    move |newest| match order {
        KeyOrder::CertNotBefore => {
            let second = SignedDuration::from_secs(1);
            newest.instant(order).checked_add(second).ok()
        }
        KeyOrder::SecretCreationTimestamp => None,
    }
}
