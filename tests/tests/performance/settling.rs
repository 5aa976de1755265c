//! Cold start: every object is new. Restart: everything is as it should be already.

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::{TestError, TestResult};

use crate::comparison::{Comparison, Run};
use crate::contender::Contender;
use crate::objects::{Objects, Sealer};
use crate::stand::Stand;

pub(crate) async fn objects_of_three_values_settle(context: Context) -> TestResult {
    let stand = Stand::new(context, 1).await?;
    let mut comparison = Comparison::default();
    stand
        .rounds(&mut comparison, stand.plan.three, "three values")
        .await?;
    if stand.plan.go {
        let count = stand.plan.limited;
        let objects = stand.seal(Sealer::Ours, (count, 3), 1).await?;
        let what = format!("Cold start, {count} objects of three values, default limits");
        for contender in [Contender::Ours, Contender::GoLimited] {
            let run = stand.cold_start(contender, &objects).await?;
            comparison.add_run(&what, contender, &run);
            stand.delete_all().await?;
        }
    }
    comparison.finish(stand.plan.go);
    Ok(())
}

pub(crate) async fn objects_of_one_value_settle(context: Context) -> TestResult {
    let stand = Stand::new(context, 1).await?;
    let mut comparison = Comparison::default();
    stand
        .rounds(&mut comparison, stand.plan.one, "one value")
        .await?;
    comparison.finish(stand.plan.go);
    Ok(())
}

impl Stand {
    async fn rounds(
        &self,
        comparison: &mut Comparison,
        count: usize,
        values: &'static str,
    ) -> TestResult {
        let number = if values == "one value" { 1 } else { 3 };
        let objects = self.seal(Sealer::Ours, (count, number), 1).await?;
        for round in 0..self.plan.rounds {
            for contender in Contender::of_round(&self.plan, round) {
                let what = format!("{count} objects of {values}");
                let cold = self.cold_start(contender, &objects).await?;
                comparison.add_run(&format!("Cold start, {what}"), contender, &cold);
                let restart = self.restart(contender, &objects).await?;
                comparison.add_run(&format!("Restart, {what}"), contender, &restart);
                self.delete_all().await?;
            }
        }
        Ok(())
    }

    /// From the start of the process until every object is synced; what it has used is told once it
    /// rests.
    pub(crate) async fn cold_start(
        &self,
        contender: Contender,
        objects: &Objects,
    ) -> Result<Run, TestError> {
        self.create(&objects.sealed).await?;
        let count = objects.sealed.len();
        let synced = self.watch_synced(count).await?;
        let mut running = self.start(contender).await?;
        let synced = synced.await??;
        let settled = running.settled(count).await?;
        let run = Run {
            seconds: synced.duration_since(running.since).as_secs_f64(),
            ..settled
        };
        running.end().await?;
        self.check(objects).await?;
        Ok(run)
    }

    /// From the start of the process until it rests.
    async fn restart(&self, contender: Contender, objects: &Objects) -> Result<Run, TestError> {
        let mut running = self.start(contender).await?;
        let run = running.settled(objects.sealed.len()).await?;
        running.end().await?;
        self.check(objects).await?;
        Ok(run)
    }
}
