//! A replica whose watch has gone blind, and that succeeds the one that writes.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::replicas::Replicas;
use sealed_secrets_tests::sealed::{self, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult};
use serde_json::{Value, json};

const NAME: &str = "rotated";
const ITEM: &str = "password";

pub(crate) async fn successor_that_is_behind_undoes_nothing(context: Context) -> TestResult {
    let mut replicas = Replicas::start(&context, 2, &[]).await?;
    let leader = replicas.leader().await?.ok_or("nobody leads")?;
    let follower = 1 - leader;
    let plane = &replicas.control_plane;
    let (objects, namespace) = (sealed::api(plane, &replicas.namespace), &replicas.namespace);
    let secrets: Api<Secret> = Api::namespaced(plane.client(), namespace);
    let old = seal(&context, &replicas, follower, "the-old-password").await?;
    let object: DynamicObject = serde_json::from_value(old)?;
    objects.create(&PostParams::default(), &object).await?;
    synced(plane, namespace, NAME, "True").await?;

    // From now on the follower sees Secrets and keys change, but no SealedSecret.
    let proxy = &replicas.all[follower].proxy;
    let watches = Matching::to("sealedsecrets").verbs(&[Verb::Watch]);
    proxy.inject(watches, Fault::Silent);
    let new = seal(&context, &replicas, follower, "the-new-password").await?;
    let change = async |sealed: &Value| {
        let patch = json!({ "spec": { "encryptedData": sealed["spec"]["encryptedData"] } });
        let params = PatchParams::default();
        objects.patch(NAME, &params, &Patch::Merge(patch)).await
    };
    change(&new).await?;
    let shows = async |password: &str| {
        let secret = secrets.get_opt(NAME).await?;
        let item = sealed::item(secret.as_ref(), ITEM);
        Ok::<_, TestError>((item == Some(password.as_bytes())).then_some(()))
    };
    let nothing = async || String::new();
    let is_new = async || shows("the-new-password").await;
    eventually("the new password", DEADLINE, is_new, nothing).await?;
    proxy.forget();

    replicas.all[leader].process.kill().await?;
    replicas.other_leader(Some(leader)).await?;
    // The Secret isn't what its picture of the SealedSecret asks for, so it has to make sure.
    let proxy = &replicas.all[follower].proxy;
    let lists = Matching::to("sealedsecrets").verbs(&[Verb::List]);
    let asked = async || {
        let lists = proxy.requests(&lists);
        Ok(lists.iter().any(|it| it.path.contains(NAME)).then_some(()))
    };
    eventually("a look at the SealedSecret", DEADLINE, asked, nothing).await?;
    proxy.heal();
    // Once it sees again it goes on, and that is the first that it writes.
    change(&seal(&context, &replicas, follower, "the-next-password").await?).await?;
    let is_next = async || shows("the-next-password").await;
    eventually("the next password", DEADLINE, is_next, nothing).await?;
    let writes = replicas.all[follower].writes(&Matching::to("secrets"));
    let writes: Vec<_> = writes
        .filter(|it| it.namespace.as_deref() == Some(&replicas.namespace))
        .collect();
    assert_eq!(writes.len(), 1, "{writes:?}");
    Ok(())
}

/// For the key that this replica serves.
async fn seal(
    context: &Context,
    replicas: &Replicas,
    replica: usize,
    value: &str,
) -> Result<Value, TestError> {
    let address = replicas.all[replica].installation.http();
    let certificate = format!("http://{address}/v1/cert.pem");
    let manifest = secret_manifest(&replicas.namespace, NAME, &[(ITEM, value)]);
    let kubeseal = context.kubeseal()?.args(["--cert", &certificate]);
    let sealed = kubeseal.input(manifest).output().await?;
    Ok(serde_json::from_str(&sealed)?)
}
