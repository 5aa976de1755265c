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
use crate::leadership::Leadership;

/// Longest sleep: timers don't count the time that a machine is suspended.
const LOOK: Duration = Duration::from_secs(30);
/// How long a new key may take from the store to the keyring before the store is asked again.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Names to try. They are taken by retired keys, of which there can't be many with these names.
const ATTEMPTS: u32 = 100;

/// What brings about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is due: for whoever leads to make.
    Due,
    /// Somebody asked this very process for it.
    Asked,
}

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
        occasion: Occasion,
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
    leadership: Leadership,
    schedule: Schedule,
    /// The newest key when a request was first looked at, which may have to be tried again.
    asked_after: Option<Fingerprint>,
    /// Names that keys have had: a key that is gone may be restored under its name.
    names: BTreeSet<String>,
}

impl<S: KeyStore> Renewer<S> {
    /// With the schedule of `args`, for as long as this process leads.
    pub fn new(store: S, args: KeyArgs, leadership: Leadership) -> Self {
        if !args.key_renew_period.is_zero() && args.key_ttl < args.key_renew_period {
            tracing::warn!(
                "--key-ttl is shorter than --key-renew-period: in between nobody can seal"
            );
        }
        Self {
            schedule: Schedule::new(args.key_renew_period, args.key_cutoff_time.0),
            store,
            args,
            leadership,
            asked_after: None,
            names: BTreeSet::new(),
        }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Makes what must be there before anybody is served: the first key, and one after the cutoff.
    /// Returns whether anything was missing. Where others lead it is theirs to make.
    ///
    /// # Errors
    /// There is no key and none can be made. Any other failure is tried again by [`Renewer::run`].
    pub async fn make_ready(&mut self, keyring: &Keyring) -> Result<bool, RenewError<S::Error>> {
        self.remember(keyring);
        if !self.leadership.holds() {
            return Ok(false);
        }
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
        let mut leadership = self.leadership.clone();
        loop {
            let leads = leadership.holds();
            let current = keyring.borrow_and_update().clone();
            self.remember(&current);
            let rest = match self.schedule.next(Timestamp::now(), &current) {
                Next::Wait(rest) => rest,
                Next::Make(reason) if !leads && occasion(reason) == Occasion::Due => LOOK,
                Next::Make(reason) => {
                    match self.make(reason).await {
                        Ok(made) => {
                            let arrived = keyring.wait_for(|keyring| keyring.find(&made).is_some());
                            // If it is late, the store is asked again.
                            let _ = tokio::time::timeout(ARRIVAL, arrived).await;
                        }
                        // It is another's to make now.
                        Err(_) if leads && !leadership.holds() => {}
                        Err(error) => self.complain(&error),
                    }
                    continue;
                }
            };
            tokio::select! {
                changed = keyring.changed() => if changed.is_err() { return },
                () = leadership.changed() => {}
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
            let stored = self.store.create(&name, &pair, occasion(reason)).await;
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

fn occasion(reason: Reason) -> Occasion {
    match reason {
        Reason::First | Reason::Cutoff | Reason::Period => Occasion::Due,
        Reason::Request => Occasion::Asked,
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, MutexGuard};

    use sealed_secrets_core::certificate::{Certificate, CertificateTemplate};
    use sealed_secrets_core::private_key::PrivateKey;

    use super::*;
    use crate::args::Args;
    use crate::keys::keyring_of;

    /// Keys in memory, shared like a namespace.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Content>>);

    #[derive(Default)]
    struct Content {
        keys: Vec<Arc<KeyEntry>>,
        /// Names of keys that are there and don't count.
        retired: BTreeSet<String>,
        /// What the next attempts to store a key come to, after it is stored.
        answers: Vec<Lost>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the answer was lost")]
    struct Lost;

    impl Memory {
        fn content(&self) -> MutexGuard<'_, Content> {
            self.0.lock().unwrap()
        }

        fn names(&self) -> Vec<String> {
            let content = self.content();
            content.keys.iter().map(|key| key.name.clone()).collect()
        }

        fn renewer(&self) -> Renewer<Memory> {
            let line = ["c", "--key-size=2048", "--key-renew-period=1h"];
            let args = Args::read(line).unwrap().cluster.keys;
            Renewer::new(self.clone(), args, Leadership::alone())
        }

        /// Lets the keys there are have been made two periods ago.
        fn age(&self) {
            let mut content = self.content();
            let old = Timestamp::now() - SignedDuration::from_hours(2);
            for key in &mut content.keys {
                let private = key.pair.private_key().to_pkcs1_pem();
                let private = PrivateKey::from_pem(private.as_bytes()).unwrap();
                let template = CertificateTemplate {
                    common_name: String::new(),
                    not_before: old,
                    valid_for: SignedDuration::from_hours(9),
                };
                let mut rng = rand::rng();
                let certificate = Certificate::self_signed(&mut rng, &private, &template).unwrap();
                *key = Arc::new(KeyEntry {
                    name: key.name.clone(),
                    created_at: old,
                    pair: KeyPair::new(private, certificate).unwrap(),
                });
            }
        }
    }

    impl KeyStore for Memory {
        type Error = Lost;
        type Turn = ();

        fn place(&self) -> &[u8] {
            b"memory"
        }

        async fn turn(&self) -> Result<(), Lost> {
            Ok(())
        }

        async fn moment(&self) -> u64 {
            0
        }

        async fn keys(&self) -> Result<Keyring, Lost> {
            // Others get their turn between any two requests.
            tokio::task::yield_now().await;
            let keys = self.content().keys.clone();
            Ok(keyring_of(KeyOrder::CertNotBefore, keys.into_iter().map(Ok)).0)
        }

        async fn create(&self, name: &str, pair: &KeyPair, _: Occasion) -> Result<bool, Lost> {
            tokio::task::yield_now().await;
            let mut content = self.content();
            let taken = content.keys.iter().any(|key| key.name == name);
            if taken || content.retired.contains(name) {
                return Ok(false);
            }
            let private = pair.private_key().to_pkcs1_pem();
            let certificate = pair.certificate().to_pem();
            content.keys.push(Arc::new(KeyEntry {
                name: name.to_owned(),
                created_at: Timestamp::now(),
                pair: KeyPair::from_pem(private.as_bytes(), certificate.as_bytes()).unwrap(),
            }));
            content.answers.pop().map_or(Ok(true), Err)
        }
    }

    #[tokio::test]
    async fn replicas_make_one_key_for_each_occasion() {
        let memory = Memory::default();
        let mut replicas = [memory.renewer(), memory.renewer(), memory.renewer()];
        for (count, reason) in [(1, Reason::First), (2, Reason::Period), (3, Reason::Period)] {
            let [a, b, c] = &mut replicas;
            let made = tokio::join!(a.make(reason), b.make(reason), c.make(reason));
            let made = [made.0.unwrap(), made.1.unwrap(), made.2.unwrap()];
            assert_eq!(memory.names().len(), count);
            assert_eq!(made, [made[0]; 3]);
            // Too early for another, whoever thinks otherwise.
            assert_eq!(replicas[0].make(Reason::Period).await.unwrap(), made[0]);
            assert_eq!(memory.names().len(), count);
            memory.age();
        }
    }

    #[tokio::test]
    async fn names_of_retired_and_of_lost_keys_are_passed_over() {
        let memory = Memory::default();
        memory.renewer().make(Reason::First).await.unwrap();
        let retired = memory.content().keys.remove(0).name.clone();
        memory.content().retired.insert(retired.clone());
        let mut renewer = memory.renewer();
        renewer.make(Reason::First).await.unwrap();
        assert_ne!(memory.names(), [retired]);
        // A key that is gone may come back from a backup.
        let lost = memory.content().keys.remove(0).name.clone();
        renewer.names.insert(lost.clone());
        renewer.make(Reason::First).await.unwrap();
        assert_ne!(memory.names(), [lost]);
    }

    #[tokio::test]
    async fn request_whose_answer_is_lost_is_not_answered_twice() {
        let memory = Memory::default();
        let mut renewer = memory.renewer();
        renewer.make(Reason::First).await.unwrap();
        memory.content().answers.push(Lost);
        renewer.make(Reason::Request).await.unwrap_err();
        renewer.make(Reason::Request).await.unwrap();
        assert_eq!(memory.names().len(), 2);
        renewer.make(Reason::Request).await.unwrap();
        assert_eq!(memory.names().len(), 3);
    }
}
