//! Claims about making keys: when, how many, whoever else makes some, and what is killed meanwhile.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::ControlPlane;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::Installation;
use sealed_secrets_tests::keys::{KeyPair, Keys, Kind, LABEL, other_certificate, starts};
use sealed_secrets_tests::process::Process;
use sealed_secrets_tests::sealed::{secret_item, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, runner};

/// A cutoff that keys of before are older than.
const CUTOFF: &str = "--key-cutoff-time=Mon, 01 Jan 2024 00:00:00 +0000";

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(three_replicas_make_one_key_for_each_period),
        claim!(
            sigusr1_makes_a_key_even_without_renewal,
            ControlPlane,
            Controller
        ),
        claim!(
            key_that_is_overdue_is_renewed_unless_renewal_is_off,
            ControlPlane,
            Controller
        ),
        claim!(
            key_from_before_the_cutoff_is_replaced_once,
            ControlPlane,
            Controller
        ),
        claim!(
            new_keys_have_the_labels_and_annotations_of_the_flags,
            ControlPlane,
            Controller
        ),
        claim!(
            sleep_of_many_periods_is_followed_by_one_key,
            ControlPlane,
            Controller
        ),
        claim!(
            renewal_that_fails_is_made_up_for_soon,
            ControlPlane,
            Controller
        ),
        cluster_claim!(kills_while_keys_are_made_lose_nothing).within(Duration::from_secs(300)),
        claim!(
            key_made_by_go_is_the_newest_for_us_and_ours_for_go,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        ),
    ])
}

async fn certificate(installation: &Installation) -> Result<String, TestError> {
    Ok(http::get(&installation.http(), "/v1/cert.pem").await?.body)
}

/// Seals a Secret for the newest key of this replica and applies it.
async fn seal(
    context: &Context,
    control_plane: &ControlPlane,
    installation: &Installation,
    namespace: &str,
    name: &str,
) -> TestResult {
    let url = format!("http://{}/v1/cert.pem", installation.http());
    let value = format!("value of {name}");
    let manifest = secret_manifest(namespace, name, &[("password", &value)]);
    let sealed = context
        .kubeseal()?
        .args(["--cert", &url])
        .input(manifest)
        .output()
        .await?;
    Ok(install::apply_text(control_plane, &sealed).await?)
}

/// Fails unless any two keys are `period` or more apart. Certificates count whole seconds.
fn one_for_each_period(starts: &[u64], period: u64) -> TestResult {
    for pair in starts.windows(2) {
        if pair[1] - pair[0] + 1 < period {
            return Err(format!("keys {pair:?} of {starts:?} are too close").into());
        }
    }
    Ok(())
}

async fn three_replicas_make_one_key_for_each_period(context: Context) -> TestResult {
    const PERIOD: u64 = 5;
    let control_plane = context.control_plane().await?;
    let first = Installation::new(&control_plane).await?;
    let (second, third) = (first.replica()?, first.replica()?);
    let replicas = [&first, &second, &third];
    let period = format!("--key-renew-period={PERIOD}s");
    let arguments = [period.as_str()];
    let since = Instant::now();
    // All at once, in a namespace without a key.
    let (one, two, three) = tokio::join!(
        first.start(&context, "one", &arguments),
        second.start(&context, "two", &arguments),
        third.start(&context, "three", &arguments),
    );
    let _running = (one?, two?, three?);
    let namespace = new_namespace(&control_plane.client()).await?;
    let keys = Keys::of(&control_plane);
    for count in 1..=4_usize {
        let there = keys.wait_for(count).await?;
        // Whoever made it, everybody serves it and opens what is sealed for it.
        let sealer = replicas[count % 3];
        let name = format!("sealed-{count}");
        seal(&context, &control_plane, sealer, &namespace, &name).await?;
        let value = secret_item(&control_plane, &namespace, &name, "password").await?;
        assert_eq!(value, format!("value of {name}"));
        one_for_each_period(&starts(&sealer.metrics()).await?, PERIOD)?;
        let most = 2 + since.elapsed().as_secs() / PERIOD;
        assert!(there.len() as u64 <= most, "{} keys", there.len());
    }
    eventually(
        "all replicas with the same keys",
        DEADLINE,
        async || {
            let mut all = Vec::new();
            for replica in replicas {
                all.push((
                    certificate(replica).await?,
                    starts(&replica.metrics()).await?,
                ));
            }
            all.dedup();
            Ok((all.len() == 1).then_some(()))
        },
        async || "they differ".to_owned(),
    )
    .await?;
    one_for_each_period(&starts(&third.metrics()).await?, PERIOD)
}

async fn sigusr1_makes_a_key_even_without_renewal(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let arguments = ["--key-renew-period=0"];
    let mut controller = installation
        .start(&context, "controller", &arguments)
        .await?;
    let keys = Keys::of(&control_plane);
    let mut before = certificate(&installation).await?;
    for count in 2..=4 {
        // Within the second of the key before, too, the new one is the newest.
        controller.signal(Signal::USR1)?;
        before = other_certificate(&installation.http(), &before).await?;
        assert_eq!(keys.active().await?.len(), count);
    }
    // Signals while a key is made ask for one more, however many they are.
    for _ in 0..50 {
        controller.signal(Signal::USR1)?;
    }
    keys.wait_for(5).await?;
    controller.terminate(DEADLINE).await?;
    assert!(keys.active().await?.len() <= 6);
    Ok(())
}

async fn key_that_is_overdue_is_renewed_unless_renewal_is_off(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let keys = Keys::of(&control_plane);
    let old = KeyPair::make(Kind::Rsa2048, 2020..=2060)?;
    keys.put("old", old.data()).await?;
    let mut off = installation
        .start(&context, "off", &["--rotate-period=0"])
        .await?;
    off.wait_for_output("key in use", DEADLINE).await?;
    assert_eq!(
        certificate(&installation).await?,
        old.certificate.replace("\r\n", "\n")
    );
    off.terminate(DEADLINE).await?;
    assert_eq!(keys.active().await?.len(), 1);

    let _on = installation.start(&context, "on", &[]).await?;
    keys.wait_for(2).await?;
    other_certificate(&installation.http(), &old.certificate.replace("\r\n", "\n")).await?;
    Ok(())
}

async fn key_from_before_the_cutoff_is_replaced_once(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let keys = Keys::of(&control_plane);
    let old = KeyPair::make(Kind::Rsa2048, 2020..=2060)?;
    keys.put("old", old.data()).await?;
    let arguments = [CUTOFF, "--key-renew-period=0"];
    let mut controller = installation.start(&context, "first", &arguments).await?;
    // The old certificate is not served at all.
    let served = certificate(&installation).await?;
    assert_ne!(served, old.certificate.replace("\r\n", "\n"));
    controller.terminate(DEADLINE).await?;
    let mut again = installation.start(&context, "again", &arguments).await?;
    assert_eq!(certificate(&installation).await?, served);
    again.terminate(DEADLINE).await?;
    assert_eq!(keys.active().await?.len(), 2);
    Ok(())
}

async fn new_keys_have_the_labels_and_annotations_of_the_flags(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let labels = format!("--privatekey-labels=team=core,{LABEL}=retired");
    let arguments = [
        labels.as_str(),
        "--privatekey-annotations=example.com/note=a=b,other=",
        "--key-prefix=own-prefix",
        "--my-cn=example.com",
    ];
    let _controller = installation
        .start(&context, "controller", &arguments)
        .await?;
    let key = Keys::of(&control_plane).wait_for(1).await?.remove(0);
    let (labels, annotations) = (key.metadata.labels, key.metadata.annotations);
    let labels = labels.unwrap_or_default();
    assert_eq!(
        (labels["team"].as_str(), labels[LABEL].as_str()),
        ("core", "active")
    );
    let annotations = annotations.unwrap_or_default();
    assert_eq!(annotations["example.com/note"], "a=b");
    assert_eq!(annotations["other"], "");
    let name = key.metadata.name.unwrap_or_default();
    let end = name.strip_prefix("own-prefix").ok_or(name.clone())?;
    assert!(end.len() == 5, "{name}");
    Ok(())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

async fn sleep_of_many_periods_is_followed_by_one_key(context: Context) -> TestResult {
    const PERIOD: u64 = 3;
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let period = format!("--key-renew-period={PERIOD}s");
    let mut controller = installation
        .start(&context, "controller", &[&period])
        .await?;
    controller.signal(Signal::STOP)?;
    let asleep = now();
    let woken = eventually(
        "four periods",
        DEADLINE,
        async || Ok(Some(now()).filter(|now| *now > asleep + 4 * PERIOD)),
        async || format!("asleep since {asleep}"),
    )
    .await?;
    controller.signal(Signal::CONT)?;
    let metrics = installation.metrics();
    let starts = eventually(
        "two keys after the sleep",
        DEADLINE,
        async || {
            let starts = starts(&metrics).await?;
            let after = starts.iter().filter(|start| **start >= woken).count();
            Ok((after >= 2).then_some(starts))
        },
        async || format!("{:?}", starts(&metrics).await),
    )
    .await?;
    one_for_each_period(&starts, PERIOD)
}

async fn renewal_that_fails_is_made_up_for_soon(context: Context) -> TestResult {
    let mut control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let mut controller = installation
        .start(&context, "controller", &["--key-renew-period=0"])
        .await?;
    let before = certificate(&installation).await?;
    control_plane.kill_api_server().await?;
    controller.signal(Signal::USR1)?;
    controller
        .wait_for_output("cannot make a new key, will retry", DEADLINE)
        .await?;
    // What isn't stored isn't served.
    assert_eq!(certificate(&installation).await?, before);
    control_plane.start_api_server().await?;
    other_certificate(&installation.http(), &before).await?;
    assert_eq!(Keys::of(&control_plane).active().await?.len(), 2);
    Ok(())
}

async fn kills_while_keys_are_made_lose_nothing(context: Context) -> TestResult {
    const KILLS: u64 = 12;
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    let keys = Keys::of(&control_plane);
    let start = async |name: String| -> Result<Process, TestError> {
        installation
            .start(&context, &name, &["--key-renew-period=0"])
            .await
    };
    let mut controller = start("controller-0".to_owned()).await?;
    for kill in 1..=KILLS {
        let name = format!("sealed-{kill}");
        seal(&context, &control_plane, &installation, &namespace, &name).await?;
        let before = keys.active().await?.len();
        controller.signal(Signal::USR1)?;
        // Not a wait for anything: the moment of the kill is what varies.
        tokio::time::sleep(Duration::from_millis(kill * 40)).await;
        controller.kill().await?;
        controller = start(format!("controller-{kill}")).await?;
        // Only now: the API server may have been at it when the controller was killed.
        let after = keys.active().await?.len();
        assert!((before..=before + 1).contains(&after), "{before}, {after}");
        let log = controller.stdout()? + &controller.stderr()?;
        assert!(!log.contains("making a new key"), "made at a restart");
    }
    for kill in 1..=KILLS {
        synced(
            &control_plane,
            &namespace,
            &format!("sealed-{kill}"),
            "True",
        )
        .await?;
    }
    assert!(!controller.stderr()?.contains("key skipped"));
    Ok(())
}

async fn key_made_by_go_is_the_newest_for_us_and_ours_for_go(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let ours = Installation::new(&control_plane).await?;
    let theirs = ours.replica()?;
    let mut go = theirs.start_go(&context, "go").await?;
    let mut controller = ours.start(&context, "ours", &[]).await?;
    assert_eq!(certificate(&ours).await?, certificate(&theirs).await?);
    // Theirs is the newest for us, at once.
    let before = certificate(&ours).await?;
    // Within one second of each other, keys have no order that both agree on.
    let last = starts(&ours.metrics()).await?.pop().unwrap_or_default();
    let later = async || Ok((now() > last).then_some(()));
    eventually("another second", DEADLINE, later, async || String::new()).await?;
    go.signal(Signal::USR1)?;
    let newer = other_certificate(&theirs.http(), &before).await?;
    assert_eq!(other_certificate(&ours.http(), &before).await?, newer);
    // Ours is for them, from their next start on.
    controller.signal(Signal::USR1)?;
    let newest = other_certificate(&ours.http(), &newer).await?;
    go.terminate(DEADLINE).await?;
    let _again = theirs.start_go(&context, "go-again").await?;
    assert_eq!(certificate(&theirs).await?, newest);
    controller.terminate(DEADLINE).await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    seal(&context, &control_plane, &theirs, &namespace, "db").await?;
    assert_eq!(
        secret_item(&control_plane, &namespace, "db", "password").await?,
        "value of db"
    );
    assert_eq!(Keys::of(&control_plane).active().await?.len(), 3);
    Ok(())
}
