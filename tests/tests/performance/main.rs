//! How fast, lean and flat the controller is, beside the Go controller on the same API server.
//!
//! With the other tests everything is tiny, and all that is claimed is that everything was measured and
//! came out right. `bench/controller` measures.

mod changes;
mod comparison;
mod contender;
mod keys;
mod objects;
mod plan;
mod replicas;
mod requests;
mod settling;
mod stand;
mod verifying;

use std::process::ExitCode;
use std::time::Duration;

use sealed_secrets_tests::{claim, runner};

use changes::changes_are_followed;
use keys::cold_starts_with_one_key_and_with_many;
use replicas::replicas_rest;
use requests::requests_are_counted;
use settling::{objects_of_one_value_settle, objects_of_three_values_settle};
use verifying::verify_requests_are_answered;

/// The Go controller with its usual limit on requests takes a quarter of an hour for a thousand objects.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

fn main() -> ExitCode {
    let claims = [
        claim!(objects_of_three_values_settle),
        claim!(objects_of_one_value_settle),
        claim!(requests_are_counted),
        claim!(changes_are_followed),
        claim!(cold_starts_with_one_key_and_with_many),
        claim!(verify_requests_are_answered),
        claim!(replicas_rest),
    ];
    runner::run(claims.map(|claim| {
        use sealed_secrets_tests::preparation::Need::{
            Controller, GarbageCollection, GoTools, Kubeseal,
        };
        [Controller, GarbageCollection, GoTools, Kubeseal]
            .into_iter()
            .fold(claim, |claim, need| claim.needing(need))
            .within(LIMIT)
    }))
}
