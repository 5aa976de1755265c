//! Watches that list again when the API server no longer knows the version they are at.
//!
//! `kube`'s watcher does so when an event of a watch under way says 410 Gone. Where already the request
//! for a watch is refused with it, it would ask for the same version for ever.

use std::fmt::Debug;

use futures::{Stream, StreamExt as _};
use kube::Api;
use kube::runtime::watcher::{self, Config, Error, Event};
use serde::de::DeserializeOwned;

/// HTTP status of a version that is too old.
const GONE: u16 = 410;

/// The events of all that `api` has and `config` selects, without end.
pub(super) fn watch<K>(
    api: Api<K>,
    config: Config,
) -> impl Stream<Item = Result<Event<K>, Error>> + Send
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let begin = move || watcher::watcher(api.clone(), config.clone()).boxed();
    let first = begin();
    futures::stream::unfold((begin, first), |(begin, mut events)| async move {
        let event = events.next().await?;
        if is_refused_as_gone(&event) {
            events = begin();
        }
        Some((event, (begin, events)))
    })
}

fn is_refused_as_gone<K>(event: &Result<Event<K>, Error>) -> bool {
    matches!(event, Err(Error::WatchStartFailed(kube::Error::Api(status))) if status.code == GONE)
}
