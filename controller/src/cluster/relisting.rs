//! Watches that notice when they have gone blind, or are behind for good.
//!
//! A connection may die without a word. A watch that waits on it would show nothing for minutes, while
//! requests over other connections, such as those about the Lease, go well. So every watch is begun anew
//! after [`LONGEST`] at most, where the last one ended.
//!
//! The API server may no longer know the version that a watch is at; then all is listed again.
//! `kube`'s watcher does so when an event of a watch under way says 410 Gone. Where already the request
//! for a watch is refused with it, it would ask for the same version for ever.

use std::fmt::Debug;

use futures::{Stream, StreamExt as _};
use kube::Api;
use kube::runtime::watcher::{self, Config, Error, Event};
use serde::de::DeserializeOwned;

/// Seconds after which the API server ends a watch. One from which nothing comes for five more is dead.
const LONGEST: u32 = 30;
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
    let config = config.timeout(LONGEST);
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
