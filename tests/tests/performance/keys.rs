//! One key in the cluster against many, with objects sealed for all of them.

use sealed_secrets_tests::TestResult;
use sealed_secrets_tests::context::Context;

use crate::comparison::Comparison;
use crate::contender::Contender;
use crate::objects::Sealer;
use crate::stand::Stand;

pub(crate) async fn cold_starts_with_one_key_and_with_many(context: Context) -> TestResult {
    let keys = crate::plan::Plan::from_env()?.keys;
    let stand = Stand::new(context, keys).await?;
    let (plan, size) = (&stand.plan, (stand.plan.keyed, 1));
    let ours = "sealed by our kubeseal";
    let go = "sealed by the Go kubeseal";
    let cases = [
        (1, ours, stand.seal(Sealer::Ours, size, 1).await?),
        (keys, ours, stand.seal(Sealer::Ours, size, keys).await?),
        (keys, go, stand.seal(Sealer::Go, size, keys).await?),
    ];
    let mut comparison = Comparison::default();
    for round in 0..plan.rounds {
        for (keys, sealer, objects) in &cases {
            stand.install_keys(*keys).await?;
            let what = format!(
                "Cold start, {} objects of one value, keys: {keys}, {sealer}",
                plan.keyed
            );
            for contender in Contender::of_round(plan, round) {
                let run = stand.cold_start(contender, objects).await?;
                comparison.add_run(&what, contender, &run);
                stand.delete_all().await?;
            }
        }
    }
    comparison.finish(plan.go);
    Ok(())
}
