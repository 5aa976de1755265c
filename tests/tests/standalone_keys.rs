//! Claims about keys without a cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::Signal;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::keys::{KeyPair, Kind, metric, other_certificate, starts};
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};

fn main() -> ExitCode {
    runner::run([
        claim!(
            two_controllers_on_one_key_folder_make_one_key_for_each_period,
            Controller,
            Kubeseal
        ),
        claim!(sigusr1_makes_a_key, Controller, Kubeseal),
        claim!(old_key_is_replaced_at_start_if_asked, Controller, Kubeseal),
        claim!(
            bad_key_files_are_counted_and_stop_nobody,
            Controller,
            Kubeseal
        ),
        claim!(
            kills_while_keys_are_made_leave_nothing_torn,
            Controller,
            Kubeseal
        ),
    ])
}

/// Names in the key folder.
fn names(standalone: &Standalone) -> Result<Vec<String>, TestError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(&standalone.keys)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn key_files(standalone: &Standalone) -> Result<usize, TestError> {
    let names = names(standalone)?;
    Ok(names.iter().filter(|name| name.ends_with(".pem")).count())
}

/// Makes a key folder that holds this file.
fn put_key(standalone: &Standalone, file: &str, content: &str) -> TestResult {
    fs::create_dir_all(&standalone.keys)?;
    fs::set_permissions(&standalone.keys, fs::Permissions::from_mode(0o700))?;
    let next = standalone.keys.join(format!(".{file}.next"));
    fs::write(&next, content)?;
    fs::rename(next, standalone.keys.join(file))?;
    Ok(())
}

async fn certificate(standalone: &Standalone) -> Result<String, TestError> {
    Ok(http::get(&standalone.address(), "/v1/cert.pem").await?.body)
}

async fn start(
    standalone: &Standalone,
    name: &str,
    folder: &Path,
    arguments: &[&str],
) -> Result<sealed_secrets_tests::process::Process, TestError> {
    let mut process = standalone.program().args(arguments).start(name, folder)?;
    http::serves(&standalone.address(), "/v1/cert.pem", &mut process).await?;
    Ok(process)
}

async fn two_controllers_on_one_key_folder_make_one_key_for_each_period(
    context: Context,
) -> TestResult {
    const PERIOD: u64 = 4;
    let one = Standalone::new(&context)?;
    let mut two = Standalone::new(&context)?;
    let keys = one.keys.clone();
    let shared = ["--keys", keys.to_str().ok_or("not UTF-8")?];
    two.keys = one.keys.clone();
    let period = format!("--key-renew-period={PERIOD}s");
    let arguments = [period.as_str(), shared[0], shared[1]];
    let (first, second) = tokio::join!(
        start(&one, "one", context.folder(), &arguments),
        start(&two, "two", context.folder(), &arguments),
    );
    let _running = (first?, second?);
    let starts = eventually(
        "four keys",
        DEADLINE,
        async || {
            let starts = (starts(&one.metrics()).await?, starts(&two.metrics()).await?);
            Ok((starts.0.len() >= 4 && starts.0 == starts.1).then_some(starts.0))
        },
        async || format!("{:?}", names(&one)),
    )
    .await?;
    for pair in starts.windows(2) {
        assert!(pair[1] - pair[0] + 1 >= PERIOD, "{starts:?}");
    }
    one.put("db.yaml", &two.seal("db", &[("a", "1")]).await?)?;
    one.wait_for_item("db", "a", Some("1")).await?;
    Ok(())
}

async fn sigusr1_makes_a_key(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let arguments = ["--key-renew-period=0"];
    let mut controller = start(&standalone, "one", context.folder(), &arguments).await?;
    let first = certificate(&standalone).await?;
    let old = standalone.seal("old", &[("a", "1")]).await?;
    controller.signal(Signal::USR1)?;
    let second = other_certificate(&standalone.address(), &first).await?;
    assert_eq!(key_files(&standalone)?, 2);
    standalone.put("old.yaml", &old)?;
    standalone.put("new.yaml", &standalone.seal("new", &[("a", "2")]).await?)?;
    standalone.wait_for_item("old", "a", Some("1")).await?;
    standalone.wait_for_item("new", "a", Some("2")).await?;
    controller.terminate(DEADLINE).await?;
    let _again = start(&standalone, "again", context.folder(), &arguments).await?;
    assert_eq!(certificate(&standalone).await?, second);
    for name in names(&standalone)? {
        let mode = fs::metadata(standalone.keys.join(&name))?
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    Ok(())
}

async fn old_key_is_replaced_at_start_if_asked(context: Context) -> TestResult {
    let old = KeyPair::make(Kind::Rsa2048, 2020..=2060)?;
    let certificate_of_old = old.certificate.replace("\r\n", "\n");
    let content = format!("{}{}", old.key, old.certificate);
    for (arguments, replaced) in [
        (&["--key-renew-period=0"][..], false),
        (&[][..], true),
        (
            &[
                "--key-renew-period=0",
                "--key-cutoff-time=Mon, 01 Jan 2024 00:00:00 +0000",
            ][..],
            true,
        ),
    ] {
        let standalone = Standalone::new(&context)?;
        put_key(&standalone, "old.pem", &content)?;
        let name = format!("controller-{}", standalone.address());
        let mut controller = start(&standalone, &name, context.folder(), arguments).await?;
        if replaced {
            other_certificate(&standalone.address(), &certificate_of_old).await?;
        } else {
            assert_eq!(certificate(&standalone).await?, certificate_of_old);
        }
        controller.terminate(DEADLINE).await?;
        assert_eq!(key_files(&standalone)?, 1 + usize::from(replaced));
    }
    Ok(())
}

async fn bad_key_files_are_counted_and_stop_nobody(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let elliptic = KeyPair::make(Kind::P256, 2020..=2060)?;
    let (one, two) = (
        KeyPair::make(Kind::Rsa2048, 2020..=2060)?,
        KeyPair::make(Kind::Rsa2048, 2020..=2060)?,
    );
    let join = |key: &str, certificate: &str| format!("{key}{certificate}");
    put_key(&standalone, "garbage.pem", "x")?;
    let mut controller = start(&standalone, "one", context.folder(), &[]).await?;
    controller
        .wait_for_output("level=ERROR msg=\"no key file is usable", DEADLINE)
        .await?;
    put_key(
        &standalone,
        "p256.pem",
        &join(&elliptic.key, &elliptic.certificate),
    )?;
    put_key(
        &standalone,
        "mismatched.pem",
        &join(&one.key, &two.certificate),
    )?;
    let metrics = standalone.metrics();
    let bad = async |wanted: f64| {
        eventually(
            &format!("{wanted} bad keys"),
            DEADLINE,
            async || Ok((metric(&metrics, "key_load_errors").await? == wanted).then_some(())),
            async || format!("{:?}", metric(&metrics, "key_load_errors").await),
        )
        .await
    };
    bad(3.0).await?;
    for name in ["garbage", "p256", "mismatched"] {
        controller
            .wait_for_output(&format!("key={name} error="), DEADLINE)
            .await?;
    }
    put_key(
        &standalone,
        "mismatched.pem",
        &join(&one.key, &one.certificate),
    )?;
    bad(2.0).await?;
    standalone.put("db.yaml", &standalone.seal("db", &[("a", "1")]).await?)?;
    standalone.wait_for_item("db", "a", Some("1")).await?;
    Ok(())
}

async fn kills_while_keys_are_made_leave_nothing_torn(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let arguments = ["--key-renew-period=0"];
    let mut controller = start(&standalone, "controller-0", context.folder(), &arguments).await?;
    let mut sealed = Vec::new();
    for kill in 1..=15_u64 {
        let name = format!("sealed-{kill}");
        sealed.push((name.clone(), standalone.seal(&name, &[("a", "1")]).await?));
        let before = key_files(&standalone)?;
        controller.signal(Signal::USR1)?;
        // Not a wait for anything: the moment of the kill is what varies.
        tokio::time::sleep(Duration::from_millis(kill * 25)).await;
        controller.kill().await?;
        let after = key_files(&standalone)?;
        assert!(after == before || after == before + 1, "{before}, {after}");
        let name = format!("controller-{kill}");
        controller = start(&standalone, &name, context.folder(), &arguments).await?;
        assert_eq!(key_files(&standalone)?, after, "none is made at a restart");
    }
    for (name, text) in &sealed {
        standalone.put(&format!("{name}.yaml"), text)?;
    }
    for (name, _) in &sealed {
        standalone.wait_for_item(name, "a", Some("1")).await?;
    }
    assert!(!controller.stderr()?.contains("key skipped"));
    // The next key takes what the killed ones left with it.
    fs::write(standalone.keys.join(".tmp-left"), "half a key")?;
    let before = certificate(&standalone).await?;
    controller.signal(Signal::USR1)?;
    other_certificate(&standalone.address(), &before).await?;
    let names = names(&standalone)?;
    assert!(
        !names.iter().any(|name| name.starts_with(".tmp-")),
        "{names:?}"
    );
    Ok(())
}
