//! The keys of a benchmark: those that `bench/library` makes for both languages.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_core::{KeyEntry, KeyOrder, KeyPair, Keyring};

/// A folder with `0.key`, `0.crt`, `1.key` and so on, PEM, RSA 4096.
const FOLDER: &str = "SEALED_SECRETS_BENCH_KEYS";

/// Keys in use after five years of renewals each month.
pub(crate) const MANY: usize = 60;

/// A keyring of the first so many keys; each Secret is a day older than the one before it.
pub(crate) fn keyring(keys: usize) -> Keyring {
    let folder = std::env::var_os(FOLDER).expect("run bench/library: it makes the keys");
    let folder = PathBuf::from(folder);
    let mut keyring = Keyring::new(KeyOrder::SecretCreationTimestamp);
    for number in 0..keys {
        let read = |extension: &str| {
            fs::read(folder.join(format!("{number}.{extension}"))).expect("bench/library made it")
        };
        let age = SignedDuration::from_hours(24 * i64::try_from(number).expect("few"));
        keyring.insert(KeyEntry {
            name: number.to_string(),
            created_at: Timestamp::UNIX_EPOCH - age,
            pair: KeyPair::from_pem(&read("key"), &read("crt")).expect("bench/library made it"),
        });
    }
    keyring
}
