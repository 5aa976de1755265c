//! Claims about the controller without a cluster.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::ExitCode;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        claim!(manifest_becomes_files_that_go_with_it, Controller, Kubeseal),
        claim!(bad_manifests_say_why_and_stop_nobody, Controller, Kubeseal),
        claim!(unreadable_file_takes_nothing_away, Controller, Kubeseal),
        claim!(
            edited_files_are_put_right_at_the_next_look,
            Controller,
            Kubeseal
        ),
        claim!(restart_keeps_keys_files_and_times, Controller, Kubeseal),
        claim!(
            key_that_is_restored_opens_what_none_could,
            Controller,
            Kubeseal
        ),
        claim!(
            wrong_folders_and_ports_are_refused_in_one_line,
            Controller,
            Kubeseal
        ),
        claim!(templates_are_rendered, Controller, Kubeseal),
        claim!(hostile_names_stay_inside_the_folder, Controller, Kubeseal),
        claim!(plaintext_is_in_no_log_and_no_status, Controller, Kubeseal),
        claim!(stalled_clients_do_not_delay_the_end, Controller, Kubeseal),
    ])
}

async fn manifest_becomes_files_that_go_with_it(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    fs::create_dir_all(standalone.manifests.join("deep/er"))?;
    fs::write(
        standalone.manifests.join("deep/er/db.yaml"),
        standalone
            .seal("db", &[("password", "opensesame"), ("user", "ali")])
            .await?,
    )?;
    standalone
        .wait_for_item("db", "password", Some("opensesame"))
        .await?;
    let volume = standalone.out.join("default/db");
    assert_eq!(fs::read_to_string(volume.join("..data/user"))?, "ali");
    assert_eq!(
        fs::metadata(volume.join("password"))?.permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(&standalone.keys)?.permissions().mode() & 0o777,
        0o700
    );
    let condition = standalone.synced("db", "True").await?;
    assert_eq!(condition["message"], "");
    assert_eq!(
        http::get(&standalone.address(), "/healthz").await?.body,
        "ok\n"
    );

    // Changed: one item replaced, one gone, one new.
    let changed = standalone
        .seal("db", &[("password", "simsalabim"), ("host", "cave")])
        .await?;
    fs::write(standalone.manifests.join("deep/er/db.yaml"), changed)?;
    standalone.wait_for_item("db", "host", Some("cave")).await?;
    assert_eq!(
        standalone.item("db", "password").as_deref(),
        Some("simsalabim")
    );
    standalone.wait_for_item("db", "user", None).await?;

    fs::remove_dir_all(standalone.manifests.join("deep"))?;
    standalone.wait_for_item("db", "password", None).await?;
    eventually(
        "the folder of the Secret going",
        DEADLINE,
        async || Ok((!standalone.out.join("default").exists()).then_some(())),
        async || "still there".to_owned(),
    )
    .await?;
    assert_eq!(controller.terminate(DEADLINE).await?.code(), Some(0));
    Ok(())
}

async fn bad_manifests_say_why_and_stop_nobody(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let good = standalone.seal("good", &[("a", "1")]).await?;
    standalone.put("renamed.yaml", &good.replace("name: good", "name: renamed"))?;
    standalone.put("bad.yaml", "kind: SealedSecret\nmetadata: [\n")?;
    standalone.put("base64.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: base64}\nspec: {encryptedData: {a: 'AgB!'}}\n")?;
    standalone.put("shape.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: shape}\nspec: [1]\n")?;
    standalone.put(
        "twice.yaml",
        &format!("{0}{0}", good.replace("name: good", "name: twice")),
    )?;
    standalone.put("good.yaml", &good)?;

    standalone.wait_for_item("good", "a", Some("1")).await?;
    for (name, reason, message) in [
        (
            "renamed",
            "UnsealFailed",
            "no key could decrypt secret (a)\na: wrong name, namespace or scope: its key",
        ),
        (
            "base64",
            "InvalidItem",
            "illegal base64 data at input byte 3 (a)",
        ),
        ("shape", "Malformed", "shape.yaml: line 4"),
        ("twice", "Duplicate", "defined more than once: twice.yaml:2"),
    ] {
        let condition = standalone.synced(name, "False").await?;
        assert_eq!(condition["reason"], reason, "{condition}");
        let text = condition["message"].as_str().unwrap_or_default();
        assert!(text.starts_with(message), "{text}");
        assert!(
            !standalone.out.join("default").join(name).exists(),
            "{name}"
        );
    }
    let status = standalone.status()?;
    assert_eq!(status["problems"][0]["file"], "bad.yaml", "{status}");
    controller
        .wait_for_output("msg=\"cannot read manifest\" file=bad.yaml", DEADLINE)
        .await?;
    Ok(())
}

async fn unreadable_file_takes_nothing_away(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let sealed = standalone.seal("db", &[("a", "1")]).await?;
    standalone.put("db.yaml", &sealed)?;
    standalone.wait_for_item("db", "a", Some("1")).await?;
    standalone.put(
        "db.yaml",
        &format!("{sealed}<<<<<<< SealedSecret conflict\n  x: [\n"),
    )?;
    let condition = standalone.synced("db", "False").await?;
    assert_eq!(condition["reason"], "Unreadable", "{condition}");
    assert_eq!(standalone.item("db", "a").as_deref(), Some("1"));
    // Emptied, as while a shell redirects into it.
    fs::write(standalone.manifests.join("db.yaml"), "")?;
    controller
        .wait_for_output("empty; delete the file", DEADLINE)
        .await?;
    assert_eq!(standalone.item("db", "a").as_deref(), Some("1"));
    // The same after a restart, and when the whole folder is away.
    controller.kill().await?;
    let mut controller = standalone.start("again", context.folder()).await?;
    let away = standalone.manifests.with_extension("away");
    fs::rename(&standalone.manifests, &away)?;
    controller
        .wait_for_output("cannot read manifests", DEADLINE * 2)
        .await?;
    assert_eq!(standalone.item("db", "a").as_deref(), Some("1"));
    fs::rename(&away, &standalone.manifests)?;
    standalone.put("db.yaml", &standalone.seal("db", &[("a", "2")]).await?)?;
    standalone.wait_for_item("db", "a", Some("2")).await?;
    Ok(())
}

async fn edited_files_are_put_right_at_the_next_look(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    standalone.put("db.yaml", &standalone.seal("db", &[("a", "1")]).await?)?;
    standalone.wait_for_item("db", "a", Some("1")).await?;
    fs::write(standalone.out.join("default/db/a"), "edited")?;
    // Any change of the folder brings the next look.
    standalone.put(
        "other.yaml",
        &standalone.seal("other", &[("b", "2")]).await?,
    )?;
    standalone.wait_for_item("db", "a", Some("1")).await?;
    let drift = async || -> Result<Option<Value>, TestError> {
        let status: Value = serde_json::from_slice(&fs::read(standalone.out.join("status.json"))?)?;
        let drift = status["items"]
            .as_array()
            .and_then(|items| items.iter().find(|item| item["name"] == "db"))
            .and_then(|item| item.get("drift"));
        Ok(drift.cloned())
    };
    let told = eventually("drift in the status", DEADLINE, drift, async || {
        format!(
            "{:?}",
            fs::read_to_string(standalone.out.join("status.json"))
        )
    })
    .await?;
    assert_eq!(told["corrections"], 1);
    assert_eq!(told["differed"], json!(["item a"]));
    controller
        .wait_for_output("put right: item a", DEADLINE)
        .await?;
    Ok(())
}

async fn restart_keeps_keys_files_and_times(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    standalone.put("db.yaml", &standalone.seal("db", &[("a", "1")]).await?)?;
    let before = standalone.synced("db", "True").await?;
    let target = fs::read_link(standalone.out.join("default/db/..data"))?;
    let certificate = http::get(&standalone.address(), "/v1/cert.pem").await?.body;
    controller.terminate(DEADLINE).await?;

    let mut controller = standalone.start("again", context.folder()).await?;
    assert_eq!(
        http::get(&standalone.address(), "/v1/cert.pem").await?.body,
        certificate
    );
    standalone.put("next.yaml", &standalone.seal("next", &[("b", "2")]).await?)?;
    standalone.synced("next", "True").await?;
    assert_eq!(standalone.synced("db", "True").await?, before);
    assert_eq!(
        fs::read_link(standalone.out.join("default/db/..data"))?,
        target
    );
    assert!(
        !controller.stdout()?.contains("default/db"),
        "no event without a change"
    );
    controller.still_running("restarted")?;
    Ok(())
}

async fn key_that_is_restored_opens_what_none_could(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let sealed = standalone.seal("db", &[("a", "1")]).await?;
    controller.terminate(DEADLINE).await?;
    let backup = standalone.keys.with_extension("backup");
    fs::rename(&standalone.keys, &backup)?;
    let _controller = standalone.start("again", context.folder()).await?;
    standalone.put("db.yaml", &sealed)?;
    standalone.synced("db", "False").await?;
    for entry in fs::read_dir(&backup)? {
        let entry = entry?;
        fs::copy(entry.path(), standalone.keys.join(entry.file_name()))?;
    }
    standalone.wait_for_item("db", "a", Some("1")).await?;
    Ok(())
}

async fn wrong_folders_and_ports_are_refused_in_one_line(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let refused =
        async |program: sealed_secrets_tests::process::Program, wanted: &str| -> TestResult {
            let outcome = program.run().await?;
            let stderr = outcome.stderr();
            let errors: Vec<&str> = stderr
                .lines()
                .filter(|line| line.starts_with("error: "))
                .collect();
            assert_eq!(outcome.code, Some(1), "{outcome}");
            assert!(
                errors.len() == 1 && errors[0].contains(wanted),
                "{wanted}: {outcome}"
            );
            Ok(())
        };
    let open = context.folder().join("open");
    fs::create_dir(&open)?;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755))?;
    refused(
        standalone.program().arg("--keys").arg(&open),
        "run: chmod 700",
    )
    .await?;
    refused(
        standalone.program().args(["--manifests", "/nonexistent"]),
        "cannot use folder /nonexistent",
    )
    .await?;
    refused(
        standalone
            .program()
            .arg("--out")
            .arg(standalone.manifests.join("out")),
        "must not be inside",
    )
    .await?;
    refused(
        standalone
            .program()
            .arg("--keys")
            .arg(standalone.manifests.join("keys")),
        "keys would be committed",
    )
    .await?;

    let _controller = standalone.start("controller", context.folder()).await?;
    refused(standalone.program(), "another controller already writes to").await?;
    let other = Standalone::new(&context)?;
    refused(
        other
            .program()
            .args(["--listen-addr", &standalone.address()]),
        "is another process using the port?",
    )
    .await?;
    // A key file that holds none is skipped.
    let other = Standalone::new(&context)?;
    fs::create_dir_all(&other.keys)?;
    fs::set_permissions(&other.keys, fs::Permissions::from_mode(0o700))?;
    fs::write(other.keys.join("bad.pem"), "garbage")?;
    let mut controller = other.start("other", context.folder()).await?;
    controller
        .wait_for_output("bad.pem holds no usable key", DEADLINE)
        .await?;
    Ok(())
}

async fn templates_are_rendered(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let _controller = standalone.start("controller", context.folder()).await?;
    let sealed = standalone.seal("db", &[("password", "opensesame")]).await?;
    let templated = sealed.replacen(
        "  template:\n",
        "  template:\n    data:\n      config: '{{ \"{{\" }} pw={{ .password | quote }}'\n",
        1,
    );
    assert_ne!(sealed, templated, "{sealed}");
    standalone.put("db.yaml", &templated)?;
    standalone
        .wait_for_item("db", "config", Some("{{ pw=\"opensesame\""))
        .await?;
    Ok(())
}

async fn hostile_names_stay_inside_the_folder(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let _controller = standalone.start("controller", context.folder()).await?;
    let manifest = |metadata: &str, item: &str| {
        format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {metadata}\nspec: {{encryptedData: {{'{item}': AgA=}}}}\n"
        )
    };
    standalone.put("name.yaml", &manifest("{name: ../../escaped}", "a"))?;
    standalone.put(
        "namespace.yaml",
        &manifest("{name: a, namespace: ../..}", "a"),
    )?;
    standalone.put("item.yaml", &manifest("{name: item}", "../../../escaped"))?;
    let outside = context.folder().join("outside.yaml");
    fs::write(&outside, manifest("{name: linked}", "a"))?;
    symlink(&outside, standalone.manifests.join("link.yaml"))?;
    let condition = standalone.synced("item", "False").await?;
    assert_eq!(condition["reason"], "InvalidItemName", "{condition}");
    let status = standalone.status()?;
    let files: Vec<_> = status["problems"]
        .as_array()
        .ok_or("no problems")?
        .iter()
        .map(|it| it["file"].clone())
        .collect();
    assert_eq!(files, ["name.yaml", "namespace.yaml"]);
    assert_eq!(
        status["items"].as_array().map(Vec::len),
        Some(1),
        "{status}"
    );
    Ok(())
}

async fn plaintext_is_in_no_log_and_no_status(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let program = standalone.program().arg("--log-level=DEBUG");
    let mut controller = program.start("controller", context.folder())?;
    http::serves(&standalone.address(), "/v1/cert.pem", &mut controller).await?;
    let sealed = standalone.seal("db", &[("password", "opensesame")]).await?;
    let failing = sealed.replacen(
        "  template:\n",
        "  template:\n    data:\n      config: '{{ fail .password }}'\n",
        1,
    );
    standalone.put("fails.yaml", &failing)?;
    let condition = standalone.synced("db", "False").await?;
    assert_eq!(condition["reason"], "TemplateFailed", "{condition}");
    standalone.put("fails.yaml", &sealed)?;
    standalone.synced("db", "True").await?;
    controller.terminate(DEADLINE).await?;
    let told = format!(
        "{}{}{}",
        controller.stdout()?,
        controller.stderr()?,
        standalone.status()?
    );
    assert!(told.contains("default/db"), "{told}");
    assert!(
        !told.contains("opensesame") && !told.contains("b3BlbnNlc2FtZQ"),
        "{told}"
    );
    Ok(())
}

async fn stalled_clients_do_not_delay_the_end(context: Context) -> TestResult {
    use tokio::io::AsyncWriteExt as _;
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let mut stalled = Vec::new();
    // The second round takes more connections than are served at once.
    for number in 0..600 {
        if number == 200 {
            let answer = http::get(&standalone.address(), "/healthz").await?;
            assert_eq!(answer.code, 200);
        }
        let mut stream = tokio::net::TcpStream::connect(standalone.address()).await?;
        stream
            .write_all(b"GET /v1/cert.pem HTTP/1.1\r\nHost")
            .await?;
        stalled.push(stream);
    }
    assert_eq!(controller.terminate(DEADLINE).await?.code(), Some(0));
    Ok(())
}
