//! Events about SealedSecrets and key Secrets.
//!
//! Written to core/v1: the reference's RBAC grants that, and not `events.k8s.io`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::PostParams;
use kube::{Api, Client};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::sealed_secret::{API_VERSION, KIND};
use sha2::{Digest as _, Sha256};

use crate::report::Report;

/// Name of the source in events.
const COMPONENT: &str = "sealed-secrets";
/// Most bytes of an object's name in the name of an event: with the time behind it, it has to be a name.
const MAX_NAME: usize = 220;
/// Most bytes of a message that the API server takes.
const MAX_MESSAGE: usize = 1024;

/// Emits an event, without keeping anybody waiting: a lost event is logged and that's it.
pub(super) fn emit(client: &Client, sealed: &SealedSecret, report: &Report, now: Timestamp) {
    let about = ObjectReference {
        api_version: Some(API_VERSION.to_owned()),
        kind: Some(KIND.to_owned()),
        name: sealed.metadata.name.clone(),
        namespace: sealed.metadata.namespace.clone(),
        uid: sealed.metadata.uid.clone(),
        resource_version: sealed.metadata.resource_version.clone(),
        field_path: None,
    };
    // As client-go names them: object and time, unique in practice.
    let mark = format!("{:x}", now.as_nanosecond());
    spawn(client, event(about, &mark, report, now));
}

/// Like [`emit`], but once for each version of the object: its name is taken when another replica,
/// or this one before a restart, has said it already.
pub(super) fn emit_once(client: &Client, about: ObjectReference, report: &Report, now: Timestamp) {
    let mut hash = Sha256::new();
    for part in [&about.uid, &about.resource_version] {
        hash.update(part.as_deref().unwrap_or_default());
        hash.update(b"/");
    }
    hash.update(report.reason);
    let mark: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    spawn(client, event(about, &mark, report, now));
}

fn spawn(client: &Client, event: Event) {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    tokio::spawn(async move {
        if let Err(error) = api.create(&PostParams::default(), &event).await {
            tracing::debug!(error = %crate::describe(&error), "cannot write an event");
        }
    });
}

fn event(about: ObjectReference, mark: &str, report: &Report, now: Timestamp) -> Event {
    let time = Some(Time(now));
    let name = about.name.as_deref().unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{mark}", name.get(..MAX_NAME).unwrap_or(name))),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: about,
        reason: Some(report.reason.to_owned()),
        message: Some(truncated(&report.message)),
        type_: Some(if report.warning { "Warning" } else { "Normal" }.to_owned()),
        source: Some(EventSource {
            component: Some(COMPONENT.to_owned()),
            host: None,
        }),
        first_timestamp: time.clone(),
        last_timestamp: time,
        count: Some(1),
        ..Event::default()
    }
}

fn truncated(message: &str) -> String {
    if message.len() <= MAX_MESSAGE {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(MAX_MESSAGE - '…'.len_utf8());
    format!("{}…", message.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::truncated;

    #[test]
    fn long_messages_fit_the_api() {
        let long = truncated(&"ä".repeat(2000));
        assert!(long.len() <= 1024 && long.ends_with('…'), "{}", long.len());
        assert_eq!(truncated("short"), "short");
    }
}
