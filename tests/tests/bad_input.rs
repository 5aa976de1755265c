//! Claims about input that is garbage, or too much: it says what is wrong with it, stops nobody, and
//! leaves the controller at rest.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::scene::Scene;
use sealed_secrets_tests::sealed::{
    LENIENT_CRD, api, condition, item, secret_becomes, secret_manifest, synced,
};
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, install, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(garbage_in_every_field_stops_nobody).within(Duration::from_secs(600)),
        cluster_claim!(nesting_hides_neither_an_object_nor_its_neighbours),
        cluster_claim!(object_of_a_mebibyte_becomes_a_secret),
        cluster_claim!(object_with_thousands_of_items_becomes_a_secret),
        cluster_claim!(objects_that_take_long_do_not_hold_up_others)
            .within(Duration::from_secs(600)),
        claim!(
            manifest_with_ten_thousand_items_becomes_files,
            Controller,
            Kubeseal
        )
        .within(Duration::from_secs(600)),
        claim!(
            full_disk_loses_nothing_and_is_caught_up,
            Controller,
            Kubeseal
        ),
    ])
}

/// What a field may hold that it shouldn't.
fn garbage() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("\u{0}\u{7f}\u{202e}\u{1f980}"),
        json!("x".repeat(100_000)),
        json!([]),
        json!([[], {}, null, 1]),
        json!({}),
        json!({ "": "", "..": "x", "a/b": 1, "\u{0}": [] }),
        json!({ "a": { "b": { "c": { "d": { "e": {} } } } } }),
    ]
}

/// Fields of a SealedSecret, as JSON pointers.
const FIELDS: [&str; 17] = [
    "/spec",
    "/spec/encryptedData",
    "/spec/encryptedData/password",
    "/spec/data",
    "/spec/template",
    "/spec/template/metadata",
    "/spec/template/metadata/labels",
    "/spec/template/metadata/annotations",
    "/spec/template/metadata/finalizers",
    "/spec/template/metadata/ownerReferences",
    "/spec/template/type",
    "/spec/template/immutable",
    "/spec/template/data",
    "/spec/template/data/rendered",
    "/status",
    "/status/conditions",
    "/status/observedGeneration",
];

/// Puts `value` where `pointer` leads, making the objects on the way.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for field in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[field];
    }
    *place = value;
}

async fn garbage_in_every_field_stops_nobody(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let cluster = &scene.cluster;
    install::apply_text(&cluster.control_plane, LENIENT_CRD).await?;
    let all = api(&cluster.control_plane, &cluster.namespace);
    let good = cluster
        .seal(
            &context,
            "garbage",
            &[("password", "plaintext-beside-garbage")],
        )
        .await?;
    let good: Value = serde_json::from_str(&good)?;
    let mut applied = 0;
    for (field_number, field) in FIELDS.iter().enumerate() {
        for (number, value) in garbage().into_iter().enumerate() {
            let mut object = good.clone();
            let name = format!("garbage-{field_number}-{number}");
            object["metadata"]["name"] = json!(name);
            put(&mut object, field, value);
            let status = object.get("status").cloned();
            let params = PatchParams::default();
            // What not even the API server takes can't get to the controller.
            let made = all
                .create(&PostParams::default(), &serde_json::from_value(object)?)
                .await;
            if made.is_ok() {
                applied += 1;
            }
            if let Some(status) = status {
                let patch = Patch::Merge(json!({ "status": status }));
                let _ = all.patch_status(&name, &params, &patch).await;
            }
        }
    }
    println!("{applied} objects with garbage");
    assert!(applied > 150, "{applied}");
    let told = async || -> Result<Vec<String>, TestError> {
        let mut silent = Vec::new();
        for object in all.list(&ListParams::default()).await? {
            let generation = object.metadata.generation;
            let observed = object.data.pointer("/status/observedGeneration");
            let current = observed.and_then(Value::as_i64) == generation;
            if !current || condition(&object, "Synced").is_none() {
                silent.push(format!(
                    "{:?}: {}",
                    object.metadata.name, object.data["spec"]
                ));
            }
        }
        Ok(silent)
    };
    eventually(
        "every object having a status",
        DEADLINE * 2,
        async || Ok(told().await?.is_empty().then_some(())),
        async || format!("{:.3000}", format!("{:?} have none", told().await)),
    )
    .await?;
    // Those that became Secrets are not the scene's. One that is deleted before its object is seen
    // to be gone comes back once.
    let left = async |api: &Api<DynamicObject>| -> Result<Vec<String>, TestError> {
        let all = api.list(&ListParams::default()).await?.into_iter();
        let mut names: Vec<String> = all.filter_map(|object| object.metadata.name).collect();
        names.retain(|name| name.starts_with("garbage-"));
        Ok(names)
    };
    let secrets = Api::namespaced_with(
        cluster.control_plane.client(),
        &cluster.namespace,
        &ApiResource::erase::<Secret>(&()),
    );
    eventually(
        "nothing of it being left",
        DEADLINE * 2,
        async || {
            for api in [&all, &secrets] {
                for name in left(api).await? {
                    let _ = api.delete(&name, &DeleteParams::default()).await;
                }
            }
            Ok((left(&all).await?.is_empty() && left(&secrets).await?.is_empty()).then_some(()))
        },
        async || format!("{:?}", left(&secrets).await),
    )
    .await?;
    scene.unharmed().await
}

async fn nesting_hides_neither_an_object_nor_its_neighbours(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let sealed = cluster.seal(&context, "deep", &[("password", "plaintext-of-deep")]);
    let sealed: Value = serde_json::from_str(&sealed.await?)?;
    // Not as a value, which couldn't be read back.
    let nested = r#"{"x":["#.repeat(1000) + "1" + &"]}".repeat(1000);
    let spec = format!(r#""spec":{{"unknown":{nested},"#);
    let text = sealed.to_string().replacen(r#""spec":{"#, &spec, 1);
    assert!(text.contains(&nested));
    let kubectl = || cluster.control_plane.kubectl();
    let create = kubectl().args(["create", "--filename=-"]);
    create.input(text).output().await?;
    let (secrets, namespace) = (cluster.secrets(), cluster.namespace.clone());
    let right = |secret: Option<&Secret>| item(secret, "password") == Some(b"plaintext-of-deep");
    secret_becomes(&secrets, "deep", "being right", right).await?;
    let status = || {
        let synced = "jsonpath={.status.conditions[?(@.type==\"Synced\")].status}";
        let namespace = format!("--namespace={namespace}");
        kubectl().args([
            "get",
            "sealedsecret",
            "deep",
            &namespace,
            "--output",
            synced,
        ])
    };
    eventually(
        "the status saying so",
        DEADLINE,
        async || Ok((status().output().await? == "True").then_some(())),
        async || format!("{:?}", status().output().await),
    )
    .await?;

    // Whoever starts lists it together with all others.
    cluster.controller.terminate(DEADLINE).await?;
    secrets.delete("deep", &DeleteParams::default()).await?;
    cluster.controller = cluster.installation.start(&context, "again", &[]).await?;
    cluster.unseals(&context, "beside").await?;
    secret_becomes(&secrets, "deep", "being right again", right).await?;
    // By now nothing but its names is held of it.
    secrets.delete("deep", &DeleteParams::default()).await?;
    secret_becomes(&secrets, "deep", "being made once more", right).await
}

async fn object_of_a_mebibyte_becomes_a_secret(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let cluster = &scene.cluster;
    // All that a Secret can hold, but for the names.
    let value = format!("plaintext-large-{}", "x".repeat((1 << 20) - 2000));
    let sealed = cluster
        .seal(&context, "large", &[("value", &value)])
        .await?;
    assert!(sealed.len() > 1 << 20);
    let file = context.folder().join("large.json");
    std::fs::write(&file, sealed)?;
    // On the client's side it would be kept a second time, in an annotation that is too small.
    install::apply(&cluster.control_plane, &file).await?;
    synced(&cluster.control_plane, &cluster.namespace, "large", "True").await?;
    let secret = cluster.secrets().get("large").await?;
    let data = secret.data.unwrap_or_default();
    assert!(data.get("value").is_some_and(|it| it.0 == value.as_bytes()));
    let all = api(&cluster.control_plane, &cluster.namespace);
    all.delete("large", &DeleteParams::default()).await?;
    let _ = cluster
        .secrets()
        .delete("large", &DeleteParams::default())
        .await;
    scene.rests().await
}

/// An object of the API server holds 1.5 MiB, and so some 3,500 encrypted items at most.
async fn object_with_thousands_of_items_becomes_a_secret(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let cluster = &scene.cluster;
    let items: Vec<(String, String)> = (0..2000)
        .map(|n| (format!("item-{n}"), format!("{n}")))
        .collect();
    let items: Vec<(&str, &str)> = items
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let manifest = secret_manifest(&cluster.namespace, "many", &items);
    let kubeseal = cluster.kubeseal(&context)?.input(manifest);
    let path = kubeseal.path().to_owned();
    let sealed = kubeseal.run_within(DEADLINE * 3).await?.success(&path)?;
    let mut sealed: Value = serde_json::from_slice(&sealed.stdout)?;
    for plain in 0..200 {
        sealed["spec"]["template"]["data"][format!("plain-{plain}")] =
            json!("{{ index . \"item-7\" }}");
    }
    let file = context.folder().join("many.json");
    std::fs::write(&file, sealed.to_string())?;
    install::apply(&cluster.control_plane, &file).await?;
    synced(&cluster.control_plane, &cluster.namespace, "many", "True").await?;
    let data = cluster
        .secrets()
        .get("many")
        .await?
        .data
        .unwrap_or_default();
    assert_eq!(data.len(), 2_200);
    assert_eq!(data["item-1999"].0, b"1999");
    assert_eq!(data["plain-199"].0, b"7");
    let all = api(&cluster.control_plane, &cluster.namespace);
    all.delete("many", &DeleteParams::default()).await?;
    let _ = cluster
        .secrets()
        .delete("many", &DeleteParams::default())
        .await;
    scene.rests().await
}

/// More objects that take long than there are reconciles at once.
async fn objects_that_take_long_do_not_hold_up_others(context: Context) -> TestResult {
    const LARGE: usize = 64;
    let cluster = Cluster::new(&context).await?;
    let manifest = secret_manifest(&cluster.namespace, "any", &[("item", "plaintext-of-many")]);
    let kubeseal = cluster
        .kubeseal(&context)?
        .args(["--scope", "cluster-wide"]);
    let mut sealed: Value = serde_json::from_str(&kubeseal.input(manifest).output().await?)?;
    let item = sealed["spec"]["encryptedData"]["item"].clone();
    let items: serde_json::Map<String, Value> = (0..300)
        .map(|number| (format!("item-{number}"), item.clone()))
        .collect();
    sealed["spec"]["encryptedData"] = items.into();
    let all = api(&cluster.control_plane, &cluster.namespace);
    for number in 0..LARGE {
        sealed["metadata"]["name"] = json!(format!("large-{number}"));
        let object = serde_json::from_value(sealed.clone())?;
        all.create(&PostParams::default(), &object).await?;
    }
    cluster.unseals(&context, "small").await?;
    let done = cluster
        .secrets()
        .list_metadata(&ListParams::default())
        .await?
        .items
        .len();
    assert!(done < LARGE / 2, "{done}");
    Ok(())
}

async fn manifest_with_ten_thousand_items_becomes_files(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    // More than a cluster takes, so `kubeseal` doesn't make it: one item, ten thousand times. What
    // is sealed is bound to the object, not to the item.
    let value = "plaintext-of-many";
    let one = standalone.seal("many", &[("item", value)]).await?;
    let item = one
        .lines()
        .find_map(|line| line.trim().strip_prefix("item: "))
        .ok_or("no item")?;
    let items: serde_json::Map<String, Value> = (0..10_000)
        .map(|number| (format!("item-{number}"), json!(item)))
        .collect();
    let many = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": { "name": "many", "namespace": "default" },
        "spec": { "encryptedData": items },
    });
    standalone.put("many.json", &many.to_string())?;
    eventually(
        "all the files",
        DEADLINE * 5,
        async || Ok(standalone.item("many", "item-9999").is_some().then_some(())),
        async || format!("{:?}", standalone.status()),
    )
    .await?;
    for item in items.keys() {
        assert_eq!(standalone.item("many", item).as_deref(), Some(value));
    }
    controller.still_running("wrote ten thousand files")?;
    Ok(())
}

async fn full_disk_loses_nothing_and_is_caught_up(context: Context) -> TestResult {
    const MOUNT_AND_EXECUTE: &str =
        "mount -t tmpfs -o size=512k tmpfs \"$1\" && shift && exec \"$@\"";
    let standalone = Standalone::new(&context)?;
    std::fs::create_dir_all(&standalone.out)?;
    let program = standalone
        .program()
        .through(
            "sh",
            [
                "-c".as_ref(),
                MOUNT_AND_EXECUTE.as_ref(),
                "sh".as_ref(),
                standalone.out.as_os_str(),
            ],
        )
        .through("unshare", ["--mount", "--propagation", "private", "--"]);
    let mut controller = program.start("controller", context.folder())?;
    sealed_secrets_tests::http::serves(&standalone.address(), "/v1/cert.pem", &mut controller)
        .await?;
    // The disk is in the controller's mount namespace alone.
    let out = std::path::PathBuf::from(format!("/proc/{}/root", controller.id()))
        .join(standalone.out.strip_prefix("/")?);
    let item =
        |name: &str| std::fs::read_to_string(out.join("default").join(name).join("value")).ok();
    let holds = async |name: &str, value: &str| {
        eventually(
            &format!("{name} holding its value"),
            DEADLINE * 2,
            async || Ok((item(name).as_deref() == Some(value)).then_some(())),
            async || format!("{:?}", std::fs::read_to_string(out.join("status.json"))),
        )
        .await
    };
    let small = "plaintext-small-1";
    standalone.put(
        "small.yaml",
        &standalone.seal("small", &[("value", small)]).await?,
    )?;
    holds("small", small).await?;

    // Twice what there is room for; and a change of the small one, which may or may not fit.
    let large = format!("plaintext-too-large-{}", "x".repeat((1 << 20) - 2000));
    standalone.put(
        "large.yaml",
        &standalone.seal("large", &[("value", &large)]).await?,
    )?;
    controller
        .wait_for_output("No space left", DEADLINE)
        .await?;
    controller.still_running("outlived a full disk")?;
    assert_eq!(item("large"), None);
    assert_eq!(item("small").as_deref(), Some(small));

    // What fits goes on.
    let changed = "plaintext-small-2";
    standalone.put(
        "small.yaml",
        &standalone.seal("small", &[("value", changed)]).await?,
    )?;
    holds("small", changed).await?;
    // Room is made.
    let remount = sealed_secrets_tests::process::Program::new("nsenter")
        .arg("--mount")
        .args([
            "--target",
            &controller.id().to_string(),
            "mount",
            "-o",
            "remount,size=8m",
        ])
        .arg(&standalone.out);
    remount.output().await?;
    holds("large", &large).await?;
    let before = controller.cpu_time()?;
    eventually(
        "the controller being at rest",
        DEADLINE,
        async || {
            let before = controller.cpu_time()?;
            // What is measured is a stretch of time.
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok((controller.cpu_time()? - before < Duration::from_millis(200)).then_some(()))
        },
        async || format!("{before:?} used before"),
    )
    .await?;
    Ok(())
}
