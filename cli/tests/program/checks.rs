//! What is looked at before anything is sealed, and how it is said.

use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};

use crate::bench::{Bench, SECRET, items, new_pair, sealed_secret};

#[test]
fn a_certificate_that_soon_expires_is_worth_a_warning() {
    let bench = Bench::new();
    let day = SignedDuration::from_hours(24);
    for (days, warned) in [(29, true), (31, false)] {
        let pair = new_pair(Timestamp::now(), day * days);
        bench.write("soon.pem", pair.certificate().to_pem());
        for args in [
            &[][..],
            &["--raw", "--scope=cluster-wide"],
            &["-w", "x.yaml"],
        ] {
            let outcome = bench
                .kubeseal(["--cert=soon.pem"].iter().chain(args))
                .input(SECRET)
                .run();
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
            let mut lines = outcome.stderr.lines();
            if warned {
                let warning = lines.next().unwrap_or_default();
                assert!(
                    warning.starts_with("warning: soon.pem expires at "),
                    "{outcome:?}"
                );
                assert!(
                    lines.next().unwrap_or_default().starts_with("hint: "),
                    "{outcome:?}"
                );
            }
            assert_eq!(lines.next(), None, "{outcome:?}");
        }
    }
}

#[test]
fn secrets_that_no_server_takes_are_refused() {
    let bench = Bench::new();
    let big = |bytes: usize| {
        let value = "x".repeat(bytes);
        format!("metadata: {{name: a, namespace: b}}\nstringData: {{k: {value}}}\n")
    };
    bench
        .seal(&[], big((1 << 20) + 1))
        .fails("the values of Secret a have 1048577 bytes, the API server takes 1048576")
        .hints("split it");
    let most = sealed_secret(&bench.seal(&[], big(1 << 20)).ok());
    assert_eq!(items(&most)["k"].len(), 1 << 20);

    let mut many = "metadata: {name: a, namespace: b}\nstringData:\n".to_owned();
    for item in 0..4200 {
        many.push_str(&format!("  k{item}: x\n"));
    }
    bench
        .seal(&[], many)
        .fails("etcd takes 1572864")
        .hints("split it");
}

#[test]
fn two_scope_annotations_are_worth_a_warning_and_the_wider_counts() {
    let bench = Bench::new();
    let both = SECRET.replace(
        "metadata:\n",
        "metadata:\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true', sealedsecrets.bitnami.com/namespace-wide: 'true'}\n",
    );
    let outcome = bench.seal(&[], &both);
    assert_eq!(
        outcome.stderr,
        "warning: standard input: document 1: Secret db has both scope annotations; it is sealed for cluster-wide\n"
    );
    assert_eq!(sealed_secret(&outcome.stdout).label().as_str(), "");
    let strict = sealed_secret(&bench.seal(&["--scope=strict"], &both).ok());
    assert_eq!(strict.label().as_str(), "shop/db");
}

/// What kubeseal says when `command` runs it on a terminal.
fn on_a_terminal(bench: &Bench, command: &str, no_color: bool) -> String {
    let mut script = Command::new("script");
    script
        .args(["-qec", command, "/dev/null"])
        .current_dir(bench.path(""))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TERM", "xterm")
        .env("KUBESEAL", env!("CARGO_BIN_EXE_kubeseal"))
        .env("HOME", bench.path(""))
        .stdin(Stdio::null());
    if no_color {
        script.env("NO_COLOR", "1");
    }
    let output = script.output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

#[test]
fn colours_are_for_terminals_and_can_be_turned_off() {
    let bench = Bench::new();
    let flag = "$KUBESEAL --nonsense";
    let said = on_a_terminal(&bench, flag, false);
    assert!(
        said.contains("\u{1b}[31merror:\u{1b}[0m unknown flag"),
        "{said:?}"
    );
    assert!(said.contains("\u{1b}[36mhint:\u{1b}[0m "), "{said:?}");
    let plain = on_a_terminal(&bench, flag, true);
    assert!(
        plain.contains("error: unknown flag: --nonsense\nhint: "),
        "{plain:?}"
    );
    // Standard error elsewhere.
    let piped = on_a_terminal(&bench, "$KUBESEAL --nonsense 2>&1 | cat", false);
    assert!(
        piped.contains("error: unknown flag") && !piped.contains('\u{1b}'),
        "{piped:?}"
    );
}

#[test]
fn without_input_on_a_terminal_there_is_short_help_and_no_waiting() {
    let bench = Bench::new();
    for args in ["", "--cert cert.pem -o yaml"] {
        let said = on_a_terminal(&bench, &format!("$KUBESEAL {args}; echo code $?"), true);
        assert!(said.starts_with("error: nothing to seal"), "{said}");
        for wanted in [
            "Usage: kubeseal",
            "--fetch-cert > cert.pem",
            "\n  inspect ",
            "hint: kubeseal --help",
            "code 1",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        assert!(said.lines().count() < 40, "{said}");
    }
}
