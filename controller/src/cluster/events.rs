//! Events about SealedSecrets and key Secrets.
//!
//! Written to core/v1: the reference's RBAC grants that, and not `events.k8s.io`. One that says the
//! same again is counted up, as `client-go` does, and nobody gets more than some at once. Nothing
//! waits for an event: when the API server is slow, what doesn't fit the queue is dropped.

mod book;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::sealed_secret::{API_VERSION, KIND};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::gate::is_not_leading;
use crate::report::Report;
use book::{Book, Entry};

/// Name of the source in events.
const COMPONENT: &str = "sealed-secrets";
/// Most bytes of an object's name in the name of an event: with the time behind it, it has to be a name.
const MAX_NAME: usize = 220;
/// Most bytes of a message that the API server takes.
const MAX_MESSAGE: usize = 1024;
/// Events that wait to be written.
const QUEUE: usize = 1000;
/// Longest time for one of them.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What happened to whom.
struct Note {
    about: ObjectReference,
    report: Report,
    at: Timestamp,
}

/// Writes events, one after the other.
pub(super) struct Recorder {
    queue: mpsc::Sender<Note>,
}

impl Recorder {
    /// Starts writing what is recorded.
    pub(super) fn start(client: Client) -> Self {
        let (queue, mut notes) = mpsc::channel::<Note>(QUEUE);
        tokio::spawn(async move {
            let mut book = Book::default();
            while let Some(note) = notes.recv().await {
                let key = note.about.uid.clone().unwrap_or_default();
                let entry = book.enter(&key, &note.report, note.at, Instant::now());
                let write = write(&client, &note, &entry);
                match tokio::time::timeout(TIMEOUT, write).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) if is_not_leading(&error) => {}
                    Ok(Err(error)) => {
                        tracing::warn!(error = %crate::describe(&error), "cannot write an event");
                    }
                    Err(_) => tracing::warn!("cannot write an event: the API server is too slow"),
                }
            }
        });
        Self { queue }
    }

    /// Emits an event, without keeping anybody waiting: a lost event is logged and that's it.
    pub(super) fn record(&self, sealed: &SealedSecret, report: Report, at: Timestamp) {
        let about = ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(KIND.to_owned()),
            name: sealed.metadata.name.clone(),
            namespace: sealed.metadata.namespace.clone(),
            uid: sealed.metadata.uid.clone(),
            resource_version: sealed.metadata.resource_version.clone(),
            field_path: None,
        };
        let note = Note { about, report, at };
        if let Err(error) = self.queue.try_send(note) {
            tracing::warn!(%error, "event dropped");
        }
    }
}

async fn write(client: &Client, note: &Note, entry: &Entry) -> Result<(), kube::Error> {
    let namespace = note.about.namespace.as_deref().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    match entry {
        Entry::TooMany => {
            tracing::debug!(
                reason = note.report.reason,
                "too many events about one object"
            );
            return Ok(());
        }
        Entry::Again { first, count } => {
            let more = json!({ "count": count, "lastTimestamp": Time(note.at) });
            let name = name(&note.about, &mark(*first));
            match api
                .patch(&name, &PatchParams::default(), &Patch::Merge(more))
                .await
            {
                Ok(_) => return Ok(()),
                // It has expired, or we may only create.
                Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {}
                Err(error) => return Err(error),
            }
        }
        Entry::First => {}
    }
    let (about, mark) = (note.about.clone(), mark(note.at));
    let event = event(about, &mark, &note.report, note.at);
    api.create(&PostParams::default(), &event).await.map(drop)
}

/// Emits an event once for each version of the object: its name is taken when another replica, or
/// this one before a restart, has said it already.
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
    let event = event(about, &mark, report, now);
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
    Event {
        metadata: ObjectMeta {
            name: Some(name(&about, mark)),
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

/// As client-go marks them: by the time, unique in practice.
fn mark(at: Timestamp) -> String {
    format!("{:x}", at.as_nanosecond())
}

fn name(about: &ObjectReference, mark: &str) -> String {
    let object = about.name.as_deref().unwrap_or_default();
    format!("{}.{mark}", object.get(..MAX_NAME).unwrap_or(object))
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
