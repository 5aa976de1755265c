//! Several replicas of our controller in one cluster, each behind a proxy of its own.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::context::{Context, new_namespace};
use crate::control_plane::ControlPlane;
use crate::eventually::{DEADLINE, eventually};
use crate::http;
use crate::installation::{Installation, NAME, NAMESPACE};
use crate::process::Process;
use crate::proxy::{Matching, Proxy, Request, Verb};
use crate::{TestError, TestResult};

/// The port of the first replica's proxy; the others follow.
const FIRST_PORT: u16 = 7443;

/// One replica.
#[derive(Debug)]
pub struct Replica {
    /// Its process. Dropped first.
    pub process: Process,
    /// Between it and the API server.
    pub proxy: Proxy,
    /// Its place in the cluster.
    pub installation: Installation,
    name: String,
}

/// All of them.
#[derive(Debug)]
pub struct Replicas {
    /// By number.
    pub all: Vec<Replica>,
    /// The cluster.
    pub control_plane: ControlPlane,
    /// A namespace for objects.
    pub namespace: String,
    arguments: Vec<String>,
    leases: Api<Lease>,
}

impl Replicas {
    /// Starts so many at once, with these arguments, and waits until one leads and all are ready.
    ///
    /// # Errors
    /// Fails when they don't get there.
    pub async fn start(
        context: &Context,
        count: u16,
        arguments: &[&str],
    ) -> Result<Self, TestError> {
        let control_plane = context.control_plane().await?;
        let first = Installation::new(&control_plane).await?;
        let mut all = Vec::new();
        for number in 0..count {
            let proxy = Proxy::start_at(&control_plane, FIRST_PORT + number).await?;
            let place = if number == 0 {
                first.clone()
            } else {
                first.replica()?
            };
            let installation = place.through_port(proxy.port());
            let name = format!("replica-{number}");
            let process = installation.launch(context, &name, arguments)?;
            all.push(Replica {
                process,
                proxy,
                installation,
                name,
            });
        }
        let mut replicas = Self {
            all,
            namespace: new_namespace(&control_plane.client()).await?,
            leases: Api::namespaced(control_plane.client(), NAMESPACE),
            control_plane,
            arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
        };
        for replica in &mut replicas.all {
            replica.is_ready().await?;
        }
        replicas.other_leader(None).await?;
        Ok(replicas)
    }

    /// The number of the replica that holds the Lease.
    ///
    /// # Errors
    /// Fails when the API server doesn't answer.
    pub async fn leader(&self) -> Result<Option<usize>, TestError> {
        let lease = self.leases.get_opt(NAME).await?;
        let holder = lease.and_then(|lease| lease.spec?.holder_identity);
        Ok(holder.and_then(|holder| {
            let mut names = self.all.iter().map(|it| it.installation.pod_name());
            names.position(|name| name == holder)
        }))
    }

    /// Waits until a replica other than `than` holds the Lease; returns its number.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn other_leader(&self, than: Option<usize>) -> Result<usize, TestError> {
        let leader = eventually(
            &format!("another leader than {than:?}"),
            DEADLINE,
            async || Ok(self.leader().await?.filter(|leader| Some(*leader) != than)),
            async || format!("{:?}", self.leases.get_opt(NAME).await),
        )
        .await?;
        Ok(leader)
    }

    /// Starts a replica again that has ended, and waits until it is ready.
    ///
    /// # Errors
    /// Fails when it doesn't get there.
    pub async fn restart(&mut self, context: &Context, number: usize) -> TestResult {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let replica = &mut self.all[number];
        let installation = &replica.installation;
        replica.process = installation.launch(context, &replica.name, &arguments)?;
        replica.is_ready().await
    }

    /// Forgets what all proxies have recorded.
    pub fn forget(&self) {
        for replica in &self.all {
            replica.proxy.forget();
        }
    }

    /// When the first write of a Secret after `since` was done, by any replica but `but`.
    #[must_use]
    pub fn first_write(&self, but: usize, since: Instant) -> Option<Instant> {
        let others = self.all.iter().enumerate().filter(|(it, _)| *it != but);
        let writes = others.flat_map(|(_, it)| it.writes(&Matching::to("secrets")));
        let done = writes.filter_map(|write| write.done());
        done.filter(|at| *at > since).min()
    }
}

impl Replica {
    /// Waits until `/readyz` says so.
    ///
    /// # Errors
    /// Fails when it ends, or time runs out.
    pub async fn is_ready(&mut self) -> TestResult {
        http::serves(&self.installation.http(), "/readyz", &mut self.process).await?;
        Ok(())
    }

    /// What it wrote, apart from its Lease, or tried to.
    pub fn writes(&self, matching: &Matching) -> impl Iterator<Item = Request> + use<> {
        let asked = self.proxy.requests(matching).into_iter();
        asked.filter(|it| Verb::WRITES.contains(&it.verb) && it.resource != "leases")
    }

    /// Waits until it has looked at the Lease after `since`, and thus knows who leads.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn has_looked(&self, since: Instant) -> TestResult {
        let leases = Matching::to("leases").verbs(&[Verb::Get]);
        let looks = || self.proxy.requests(&leases).into_iter();
        eventually(
            &format!("{} looking at the Lease", self.name),
            DEADLINE,
            async || {
                let looked = |it: Request| it.at > since && it.done().is_some();
                Ok(looks().any(looked).then_some(()))
            },
            async || format!("{} looks", looks().count()),
        )
        .await?;
        Ok(())
    }
}

/// Times that were measured, for people.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    /// The smallest that so many percent don't exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |percent| self.percentile(percent).as_secs_f64();
        write!(
            f,
            "p50 {:.2} s, p99 {:.2} s, max {:.2} s of {}",
            seconds(50),
            seconds(99),
            seconds(100),
            self.0.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut times = Times::default();
        for second in [3, 1, 2] {
            times.push(Duration::from_secs(second));
        }
        let seconds = |percent| times.percentile(percent).as_secs();
        assert_eq!((seconds(50), seconds(99), seconds(100)), (2, 3, 3));
        assert_eq!(Times::default().percentile(99), Duration::ZERO);
    }
}
