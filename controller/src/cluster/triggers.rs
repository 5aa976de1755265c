//! What brings an object to a reconcile: one way for all reasons, so that what waits is counted.

use std::time::Instant;

use futures::Stream;
use kube::runtime::reflector::{Lookup, ObjectRef};
use tokio::sync::mpsc;

use super::watched::Reference;
use crate::metrics::Queue;
use crate::unsealer::ObjectKey;

/// Triggers on their way to the controller; who sends more waits.
const ON_THE_WAY: usize = 1024;

/// Asks for reconciles.
#[derive(Clone, Debug)]
pub(super) struct Triggers {
    sender: mpsc::Sender<Reference>,
    queue: Queue,
}

impl Triggers {
    /// The way to ask, and the objects that were asked for.
    pub(super) fn new(queue: Queue) -> (Self, impl Stream<Item = Reference>) {
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        let asked = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|object| (object, receiver))
        });
        (Self { sender, queue }, asked)
    }

    /// Asks for a reconcile of `object`, even if there is none any more. Returns whether anybody
    /// listens still.
    pub(super) async fn send(&self, object: Reference) -> bool {
        self.queue.requested(&key_of(&object), Instant::now());
        self.sender.send(object).await.is_ok()
    }
}

/// Namespace and name of an object.
pub(super) fn key_of<K: Lookup>(object: &ObjectRef<K>) -> ObjectKey {
    let namespace = object.namespace.clone().unwrap_or_default();
    (namespace, object.name.clone())
}
