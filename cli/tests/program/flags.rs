//! The command line and the variables.

use crate::bench::{Bench, SECRET, sealed_secret};

#[test]
fn help_and_version_go_to_standard_output() {
    let bench = Bench::new();
    let help = bench.kubeseal(["--help"]).run().ok();
    assert!(
        help.contains("Usage: kubeseal") && help.contains("--recovery-private-key"),
        "{help}"
    );
    assert_eq!(
        bench.kubeseal(["-h", "-n", "x", "ignored"]).run().ok(),
        help
    );
    let version = bench.kubeseal(["--version"]).run().ok();
    assert_eq!(
        version,
        format!("kubeseal version: {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(bench.kubeseal(["--help", "--version"]).run().ok(), version);
    bench
        .kubeseal(["--help", "--bogus"])
        .run()
        .fails_with(2, "unknown flag: --bogus");
}

#[test]
fn wrong_flags_have_exit_code_2_and_leave_standard_output_empty() {
    let bench = Bench::new();
    for (args, wanted) in [
        (&["--bogus"][..], "unknown flag: --bogus"),
        (&["--certs=x"], "unknown flag: --certs"),
        (&["-q"], "unknown shorthand flag: 'q' in -q"),
        (
            &["--scope", "global"],
            "invalid argument \"global\" for --scope: unknown scope",
        ),
        (&["--raw=yes"], "invalid argument \"yes\" for --raw"),
        (&["--name"], "flag needs an argument: --name"),
        (&["-v", "x"], "invalid argument \"x\" for --v"),
    ] {
        bench.kubeseal(args).run().fails_with(2, wanted);
    }
}

#[test]
fn positional_arguments_are_ignored_wherever_they_stand() {
    let bench = Bench::new();
    bench
        .kubeseal(["seal", "--cert", "cert.pem", "x", "--", "--bogus"])
        .input(SECRET)
        .run()
        .ok();
}

#[test]
fn klog_flags_change_nothing() {
    let bench = Bench::new();
    bench
        .seal(
            &[
                "-v=9",
                "--logtostderr",
                "--v",
                "3",
                "--stderrthreshold=INFO",
                "--log_dir",
                "/nowhere",
            ],
            SECRET,
        )
        .ok();
}

#[test]
fn variables_stand_for_flags() {
    let bench = Bench::new();
    let text = bench
        .kubeseal(["--name", "mine"])
        .variable("SEALED_SECRETS_CERT", "cert.pem")
        .variable("SEALED_SECRETS_FORMAT", "yaml")
        .variable("SEALED_SECRETS_NAME", "theirs")
        .variable("SEALED_SECRETS_SCOPE", "namespace-wide")
        .input(SECRET)
        .run()
        .ok();
    let sealed = sealed_secret(&text);
    assert!(text.starts_with("---\n"));
    assert_eq!((sealed.name(), sealed.label().as_str()), ("mine", "shop"));

    let version = |value: &str| {
        bench
            .kubeseal(["--cert=cert.pem"])
            .variable("SEALED_SECRETS_VERSION", value)
            .input(SECRET)
            .run()
            .ok()
    };
    assert!(
        version("v0.27.1").starts_with('{'),
        "CI images set it to a version"
    );
    assert!(version("true").starts_with("kubeseal version"));
}

#[test]
fn a_scope_variable_that_is_none_is_an_error() {
    let bench = Bench::new();
    let run = |args: &[&str]| {
        bench
            .kubeseal(["--cert=cert.pem"].iter().chain(args))
            .variable("SEALED_SECRETS_SCOPE", "cluster")
            .input(SECRET)
            .run()
    };
    run(&[]).fails_with(2, "invalid value \"cluster\" of SEALED_SECRETS_SCOPE");
    run(&["--scope=strict"]).ok();
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let bench = Bench::new();
    bench
        .seal(&["--from-file=x"], SECRET)
        .fails("--from-file requires --raw");
    bench
        .seal(&["--validate", "-w", "out"], SECRET)
        .fails("--validate writes nothing to -w");
    bench
        .seal(&["--merge-into", "x", "-w", "out"], SECRET)
        .fails("--merge-into writes nothing to -w");
    bench
        .seal(&["--raw", "--from-file=a", "--from-file=b"], SECRET)
        .fails("--raw takes one --from-file");
    bench
        .seal(&["--raw", "--from-file=a", "-f", "b"], SECRET)
        .fails("both are given");
    assert_eq!(bench.files(), ["cert.pem", "key.pem"]);
}
