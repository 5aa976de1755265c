//! Which of several replicas writes: a Lease of `coordination.k8s.io/v1` says so.
//!
//! - `candidate`: what to do about it, pure;
//! - `complaint`: what to say about requests that fail, pure;
//! - `simulation` (tests): many candidates under delays, losses and stops.
//!
//! Here the API server is asked, and everybody told. The requests are not those of the throttle: a
//! long queue of others must not cost us the Lease.

mod candidate;
mod complaint;
#[cfg(test)]
mod simulation;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use crate::leadership::{Seat, Tenure};
use crate::metrics::Metrics;
use candidate::{Answer, Candidate, Request};
use complaint::{Complaint, Heard, Word};

/// Longest time for a request about it. Two of them fit into the time that a renewal has.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time to give it back.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(4);
/// Tries to give it back at the end. The first may find that an answer before it was lost.
const RELEASE_TRIES: usize = 2;

/// The election under way, in which this replica stands.
#[derive(Debug)]
pub(super) struct Election {
    resign: CancellationToken,
    task: JoinHandle<()>,
}

/// A replica that takes part.
struct Participant {
    api: Api<Lease>,
    /// Name of the Lease, in the controller's namespace.
    name: String,
    namespace: String,
    candidate: Candidate,
    seat: Seat,
    gate: Gate,
    metrics: Metrics,
    /// Whether it has been known once who writes.
    decided: bool,
    /// What was logged last, to say it once.
    told: Option<Told>,
    complaint: Complaint,
}

/// What there is to say about who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Leading,
    Alone,
    Following { holder: String },
    Lost,
}

/// The name that a replica holds the Lease under.
///
/// A Pod's name is nobody else's, and whoever starts under it again comes after the one before has
/// ended, so it may go on with the Lease at once. Elsewhere chance makes it unique.
pub(super) fn identity() -> String {
    let pod = std::env::var("POD_NAME").unwrap_or_default();
    if !pod.is_empty() {
        return pod;
    }
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    format!("{host}_{:016x}", rand::random::<u64>())
}

impl Election {
    /// Stands for election, by the Lease of this name in `namespace`; `seat` hears how it goes.
    pub(super) fn stand(
        client: Client,
        name: String,
        namespace: &str,
        seat: Seat,
        gate: Gate,
        metrics: Metrics,
    ) -> Self {
        let identity = identity();
        tracing::info!(identity, "standing for election");
        let participant = Participant {
            api: Api::namespaced(client, namespace),
            name,
            namespace: namespace.to_owned(),
            candidate: Candidate::new(identity),
            seat,
            gate,
            metrics,
            decided: false,
            told: None,
            complaint: Complaint::default(),
        };
        let resign = CancellationToken::new();
        let task = tokio::spawn(participant.run(resign.clone()));
        Self { resign, task }
    }

    /// Writes no more, waits for the writes under way, and gives the Lease back, so that another
    /// takes it at once.
    pub(super) async fn resign(self) {
        self.resign.cancel();
        // One that panicked holds it no longer than its duration.
        let _ = self.task.await;
    }
}

impl Participant {
    async fn run(mut self, resign: CancellationToken) {
        let gate = self.gate.clone();
        let closed = async {
            resign.cancelled().await;
            gate.close().await;
        };
        // What is under way, writes and a request about the Lease, is waited for at the same time.
        tokio::join!(self.stand(&resign), closed);
        let held = self.leads();
        self.seat.settle(Tenure::None);
        self.metrics.leads(false);
        if !held {
            return;
        }
        let released = tokio::time::timeout(RELEASE_TIMEOUT, self.release()).await;
        if released.is_err() {
            tracing::warn!(
                lease = self.name,
                "no time left to release the Lease: another replica may write once it has expired"
            );
        }
    }

    /// Asks for the Lease, and renews it, until `resign`.
    async fn stand(&mut self, resign: &CancellationToken) {
        let mut due = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = resign.cancelled() => return,
                () = tokio::time::sleep_until(due.into()) => due = self.ask().await,
                // So late that the tenure is over: until the next request is answered, others write.
                () = end(self.candidate.tenure()), if self.leads() => {}
            }
            self.tell();
        }
    }

    fn leads(&self) -> bool {
        self.candidate.tenure().holds(Instant::now())
    }

    /// Sends one request; returns when to send the next.
    async fn ask(&mut self) -> Instant {
        let request = self.candidate.request(Timestamp::now());
        let began = Instant::now();
        let answered = ask(&self.api, &self.name, &request).await;
        let (answer, error) = match answered {
            Ok(lease) => (Answer::Found(Box::new(lease)), None),
            Err(error) => (error.answer(), Some(error)),
        };
        let heard = Heard::of(&request, &answer);
        let (now, chance) = (Instant::now(), rand::random_range(0.0..1.0));
        let due = self.candidate.answered(answer, began, now, chance);
        self.decided |= self.candidate.is_decided();
        if self.decided {
            self.seat.settle(self.candidate.tenure());
        }
        let word = self.complaint.hear(heard, self.candidate.follows(now));
        self.complain(word, error.as_ref());
        due
    }

    /// Gives the Lease back. Where that fails it is free after its duration.
    async fn release(&mut self) {
        for _ in 0..RELEASE_TRIES {
            let Some(lease) = self.candidate.release(Timestamp::now()) else {
                return;
            };
            let began = Instant::now();
            match ask(&self.api, &self.name, &Request::Replace(lease)).await {
                Ok(_) => {
                    tracing::info!(lease = self.name, "released: another replica may write");
                    return;
                }
                Err(error) if error.answer() == Answer::Conflict => {}
                Err(error) => {
                    tracing::warn!(lease = self.name, error = %crate::describe(&error), "cannot release the Lease");
                    return;
                }
            }
            self.candidate
                .answered(Answer::Conflict, began, Instant::now(), 0.0);
            self.ask().await;
        }
    }

    /// Says what is wrong, and when it is over.
    fn complain(&self, word: Option<Word>, error: Option<&AskError>) {
        match (word, error) {
            // Who works alone says that instead.
            (Some(Word::Failing), Some(error)) if self.candidate.tenure() != Tenure::Alone => {
                tracing::warn!(
                    lease = self.name,
                    namespace = self.namespace,
                    error = %crate::describe(error),
                    "cannot read or renew the Lease, will retry"
                );
            }
            (Some(Word::Over), _) => {
                tracing::info!(lease = self.name, "the Lease can be used again");
            }
            _ => {}
        }
    }

    /// Tells everybody what has become of us.
    fn tell(&mut self) {
        let now = Instant::now();
        let tenure = self.candidate.tenure();
        self.metrics.leads(tenure.holds(now));
        if !self.decided {
            return;
        }
        self.seat.look(now);
        let told = match tenure {
            Tenure::Alone => Told::Alone,
            Tenure::Until(_) if tenure.holds(now) => Told::Leading,
            Tenure::Until(_) => Told::Lost,
            Tenure::None => match self.candidate.holder() {
                Some(holder) => Told::Following {
                    holder: holder.to_owned(),
                },
                None => return,
            },
        };
        if self.told.as_ref() == Some(&told) {
            return;
        }
        match &told {
            Told::Leading => tracing::info!(lease = self.name, "leading: this replica writes"),
            Told::Following { holder } => {
                tracing::info!(
                    lease = self.name,
                    holder,
                    "following: another replica writes"
                );
            }
            Told::Alone => tracing::info!(
                lease = self.name,
                namespace = self.namespace,
                "no Lease can be used, so this replica works as the only one; to run several, allow create of leases.coordination.k8s.io, and get and update of this one"
            ),
            Told::Lost => tracing::warn!(
                lease = self.name,
                "the Lease was not renewed in time: this replica writes nothing until it is"
            ),
        }
        self.told = Some(told);
    }
}

/// Waits for the end of a tenure.
async fn end(tenure: Tenure) {
    match tenure {
        Tenure::Until(end) => tokio::time::sleep_until(end.into()).await,
        Tenure::None | Tenure::Alone => std::future::pending().await,
    }
}

/// Why there is no Lease to show for a request.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("there is no Lease")]
    Absent,
    #[error(transparent)]
    Request(Box<kube::Error>),
    #[error("no answer from the API server in time")]
    Timeout,
}

impl AskError {
    fn answer(&self) -> Answer {
        match self {
            Self::Absent => Answer::Absent,
            Self::Request(error) => match error.as_ref() {
                kube::Error::Api(status) if status.code == 409 => Answer::Conflict,
                // 404: the API server has no Leases, or there is no such namespace.
                kube::Error::Api(status) if matches!(status.code, 403 | 404) => Answer::Refused,
                _ => Answer::Failed,
            },
            Self::Timeout => Answer::Failed,
        }
    }
}

async fn ask(api: &Api<Lease>, name: &str, request: &Request) -> Result<Lease, AskError> {
    let params = PostParams::default();
    let asking = async {
        match request {
            Request::Look => api.get_opt(name).await,
            Request::Create(lease) => {
                let mut lease = lease.clone();
                lease.metadata.name = Some(name.to_owned());
                api.create(&params, &lease).await.map(Some)
            }
            Request::Replace(lease) => match api.replace(name, &params, lease).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                replaced => replaced.map(Some),
            },
        }
    };
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, asking).await;
    let answered = answered.map_err(|_elapsed| AskError::Timeout)?;
    let lease = answered.map_err(|error| AskError::Request(Box::new(error)))?;
    lease.ok_or(AskError::Absent)
}
