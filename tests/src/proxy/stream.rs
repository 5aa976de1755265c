//! Answers that are slow, or stop coming, while they are under way.

use std::sync::Arc;

use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;

use super::{
    Body, Interruption,
    fault::{Fault, Faults},
    request::Request,
};

/// The body, subject to the faults that are in force when each piece of it arrives.
pub(super) fn troubled(body: Incoming, request: Request, faults: Arc<Faults>) -> Body {
    let pieces = stream::unfold(body, move |mut body| {
        let (request, faults) = (request.clone(), Arc::clone(&faults));
        async move {
            let piece = body.frame().await?;
            hold_back(&request, &faults).await;
            Some((piece.map_err(Interruption::Http), body))
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

async fn hold_back(request: &Request, faults: &Faults) {
    loop {
        // Asked for first, so that no change is missed in between.
        let change = faults.change();
        match faults.of_stream(request) {
            Some(Fault::Silent) => change.await,
            Some(Fault::Slow(delay)) => {
                tokio::select! {
                    () = tokio::time::sleep(delay) => return,
                    () = change => {}
                }
            }
            _ => return,
        }
    }
}
