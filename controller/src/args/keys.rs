//! Flags about the keys that the controller makes.

use std::time::Duration;

use clap::Args;
use sealed_secrets_core::keyring::KeyOrder;
use sealed_secrets_core::private_key::KeySize;

use super::value::{self, Cutoff, Pairs};
use crate::go_duration;

/// The flag of the renewal period.
pub(super) const KEY_RENEW_PERIOD: &str = "key-renew-period";
/// Its deprecated spelling.
pub(super) const ROTATE_PERIOD: &str = "rotate-period";

/// Flags about the keys that the controller makes.
#[derive(Clone, Debug, Args)]
pub struct KeyArgs {
    /// Prefix of the names of new keys.
    #[arg(long, default_value = "sealed-secrets-key", value_parser = value::key_prefix, value_name = "PREFIX")]
    pub key_prefix: String,
    /// Size of new keys in bits, 2048 to 8192.
    #[arg(long, default_value = "4096", value_parser = value::key_size, value_name = "BITS")]
    pub key_size: KeySize,
    /// How long the certificates of new keys are valid.
    #[arg(long, default_value = "87600h0m0s", value_parser = go_duration::parse, value_name = "DURATION")]
    pub key_ttl: Duration,
    /// Common name in the certificates of new keys.
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME"
    )]
    pub my_cn: String,
    /// Age of the newest key at which a new one is made; 0 means never.
    #[arg(long, alias = ROTATE_PERIOD, default_value = "720h0m0s", value_parser = go_duration::parse, value_name = "DURATION")]
    pub key_renew_period: Duration,
    /// Make a new key at start if the newest is older than this time, in the form of RFC 1123:
    /// "Mon, 02 Jan 2006 15:04:05 -0700".
    #[arg(long, default_value = "", hide_default_value = true, value_parser = value::cutoff, value_name = "TIME")]
    pub key_cutoff_time: Cutoff,
    /// What makes a key the newest: `CertNotBefore` or `SecretCreationTimestamp`.
    #[arg(long, default_value = "CertNotBefore", value_parser = value::key_order, value_name = "ORDER")]
    pub key_order_priority: KeyOrder,
    /// Labels of new keys.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = value::labels, value_name = "K=V,...")]
    pub privatekey_labels: Pairs,
    /// Annotations of new keys.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = value::annotations, value_name = "K=V,...")]
    pub privatekey_annotations: Pairs,
}
