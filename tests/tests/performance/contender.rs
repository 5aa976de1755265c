//! Who is measured, and how it is seen from outside that its work is done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sealed_secrets_tests::eventually::DEADLINE;
use sealed_secrets_tests::metrics::Exposition;
use sealed_secrets_tests::process::Process;
use sealed_secrets_tests::{TestError, http};

use crate::comparison::Run;
use crate::plan::Plan;

/// How long work may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1800);
/// Rest is a second in which hardly any processor time is used.
const REST: Duration = Duration::from_secs(1);
const REST_CPU: Duration = Duration::from_millis(20);
const INTERVAL: Duration = Duration::from_millis(20);

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Ours,
    /// Without the limit on its requests that it has by default.
    Go,
    /// As it is by default.
    GoLimited,
}

impl Contender {
    /// Those of a round: who comes first alternates.
    pub(crate) fn of_round(plan: &Plan, round: usize) -> Vec<Self> {
        let mut all = vec![Self::Ours];
        if plan.go {
            all.push(Self::Go);
        }
        if round % 2 == 1 {
            all.reverse();
        }
        all
    }

    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            // The keys of a measurement are made before it.
            Self::Ours | Self::GoLimited => &["--key-renew-period=0"],
            Self::Go => &["--key-renew-period=0", "--kubeclient-qps=-1"],
        }
    }
}

/// A running controller.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) contender: Contender,
    pub(crate) process: Process,
    /// When the process was started.
    pub(crate) since: Instant,
    /// `host:port` of the API and of the metrics.
    pub(crate) http: String,
    pub(crate) metrics: String,
}

impl Running {
    /// Waits until it has looked at so many objects and rests; tells when that began, and what it has
    /// used by then.
    ///
    /// The same for both: it answers, it has looked at every object, nothing waits or is under way, and
    /// it uses less than 20 ms of processor time in the following second.
    pub(crate) async fn settled(&mut self, objects: usize) -> Result<Run, TestError> {
        let mut samples: VecDeque<(Instant, Duration)> = VecDeque::new();
        while self.since.elapsed() < PATIENCE {
            // What is measured is a stretch of time, not an event that could be waited for.
            tokio::time::sleep(INTERVAL).await;
            self.process.still_running("settled")?;
            let (now, cpu) = (Instant::now(), self.process.cpu_time()?);
            samples.push_back((now, cpu));
            while let Some((then, before)) = samples.front().copied() {
                if now.duration_since(then) < REST {
                    break;
                }
                if cpu.saturating_sub(before) < REST_CPU {
                    if self.has_seen(objects).await? {
                        return Ok(Run {
                            seconds: then.duration_since(self.since).as_secs_f64(),
                            cpu: before.as_secs_f64(),
                            peak: self.process.memory()?.peak,
                        });
                    }
                    // To ask costs processor time, which is no reason to wait longer.
                    samples.clear();
                    break;
                }
                samples.pop_front();
            }
        }
        Err(format!("{:?} has not settled", self.contender).into())
    }

    async fn has_seen(&self, objects: usize) -> Result<bool, TestError> {
        let metrics = Exposition::scrape(&self.metrics).await?;
        let sum = |name: &str, label: Option<(&str, &str)>| -> f64 {
            let name = format!("sealed_secrets_controller_{name}");
            let series = metrics.samples.iter().filter(|sample| {
                sample.name == name
                    && label.is_none_or(|(label, value)| sample.labels[label] == value)
            });
            series.map(|sample| sample.value).sum()
        };
        if self.contender == Contender::Ours {
            let ready = http::get(&self.http, "/readyz").await?.code == 200;
            let seen = sum("objects", Some(("condition", "Synced"))) as usize;
            return Ok(ready && seen >= objects && sum("queue_depth", None) == 0.0);
        }
        // Each is a reconcile at its end. Without a queue to look at, rest has to do.
        Ok(sum("unseal_requests_total", None) as usize >= objects)
    }

    /// A metric of ours without labels, by the end of its name; `None` for the Go controller.
    pub(crate) async fn own_metric(&self, name: &str) -> Result<Option<f64>, TestError> {
        if self.contender != Contender::Ours {
            return Ok(None);
        }
        let metrics = Exposition::scrape(&self.metrics).await?;
        let name = format!("sealed_secrets_controller_{name}");
        Ok(Some(
            metrics
                .value(&name, &[])
                .ok_or_else(|| format!("no metric {name}"))?,
        ))
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> Result<(), TestError> {
        self.process.terminate(DEADLINE).await?;
        Ok(())
    }
}
