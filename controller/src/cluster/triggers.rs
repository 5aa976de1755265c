//! What brings an object to a reconcile: one way for all reasons, so that what waits is counted.

use std::time::Instant;

use futures::Stream;
use kube::core::DynamicObject;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;

use crate::metrics::Queue;
use crate::unsealer::ObjectKey;

/// Triggers on their way to the controller; who sends more waits.
const ON_THE_WAY: usize = 1024;

/// Asks for reconciles.
#[derive(Clone, Debug)]
pub(super) struct Triggers {
    sender: mpsc::Sender<ObjectRef<DynamicObject>>,
    queue: Queue,
}

impl Triggers {
    /// The way to ask, and the objects that were asked for.
    pub(super) fn new(queue: Queue) -> (Self, impl Stream<Item = ObjectRef<DynamicObject>>) {
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        let asked = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|object| (object, receiver))
        });
        (Self { sender, queue }, asked)
    }

    /// Asks for a reconcile of `object`, even if there is none any more. Returns whether anybody
    /// listens still.
    pub(super) async fn send(&self, object: ObjectRef<DynamicObject>) -> bool {
        self.queue.requested(&key_of(&object), Instant::now());
        self.sender.send(object).await.is_ok()
    }
}

/// Namespace and name of an object.
pub(super) fn key_of(object: &ObjectRef<DynamicObject>) -> ObjectKey {
    let namespace = object.namespace.clone().unwrap_or_default();
    (namespace, object.name.clone())
}
