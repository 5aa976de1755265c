//! Where results go, and that nothing is half-written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::bench::{Bench, SECRET, sealed_secret};

#[test]
fn a_plain_secret_that_is_replaced_is_worth_a_warning() {
    let bench = Bench::new();
    bench.write("a.yaml", SECRET);
    let first = bench.seal(&["-w", "a.yaml"], SECRET);
    assert!(
        first.stderr.starts_with(
            "warning: a.yaml holds a plain Secret, which is replaced by the sealed one"
        ),
        "{}",
        first.stderr
    );
    assert_eq!(bench.seal(&["-w", "a.yaml"], SECRET).stderr, "");
    let clusters = ["--clusters=a=cert.pem", "-w", "{cluster}.yaml"];
    bench.write("a.yaml", SECRET);
    let replaced = bench.kubeseal(clusters).input(SECRET).run();
    assert!(
        replaced.stderr.contains("a.yaml holds a plain Secret"),
        "{}",
        replaced.stderr
    );
}

#[test]
fn files_are_replaced_whole_with_mode_0600() {
    let bench = Bench::new();
    bench.write(
        "out.json",
        "a much longer old content than any Secret ".repeat(1000),
    );
    fs::set_permissions(bench.path("out.json"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(bench.seal(&["-w", "out.json"], SECRET).ok(), "");
    sealed_secret(&bench.read("out.json"));
    assert_eq!(
        fs::metadata(bench.path("out.json"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    assert_eq!(bench.files(), ["cert.pem", "key.pem", "out.json"]);
}

#[test]
fn what_nobody_can_be_told_costs_neither_output_nor_exit_code() {
    let bench = Bench::new();
    bench.write("in.yaml", SECRET.replace("hunter2", "yes"));
    for (args, code) in [
        (&["--no-such-flag"][..], 2),
        (&["--cert=cert.pem", "-f", "in.yaml"], 0),
        (&["--cert=cert.pem", "-f", "missing"], 1),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_kubeseal"))
            .args(args)
            .current_dir(bench.path("."))
            .stderr(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        if code == 0 {
            sealed_secret(&String::from_utf8(output.stdout).unwrap());
        }
    }
}

#[test]
fn the_name_of_the_file_decides_its_format() {
    let bench = Bench::new();
    for (name, format, yaml) in [
        ("a.yaml", "json", true),
        ("a.yml", "nonsense", true),
        ("a.YAML", "json", false),
        ("a.json", "yaml", true),
        ("a", "json", false),
    ] {
        bench.seal(&["-w", name, "-o", format], SECRET).ok();
        assert_eq!(
            bench.read(name).starts_with("---\n"),
            yaml,
            "{name} {format}"
        );
    }
}

#[test]
fn an_error_leaves_the_old_file_and_nothing_beside_it() {
    let bench = Bench::new();
    bench.write("out.yaml", "old");
    for (args, input) in [
        (&["-w", "out.yaml"][..], "kind: ConfigMap\n"),
        (&["-w", "out.yaml", "-f", "missing"], ""),
        (&["-w", "out.yaml", "-n", "other"], SECRET),
        (&["-w", "out.yaml", "--cert=missing"], SECRET),
        (&["-w", "out.yaml", "--raw"], "v"),
    ] {
        bench.seal(args, input).fails("");
        assert_eq!(bench.read("out.yaml"), "old", "{args:?}");
    }
    assert_eq!(bench.files(), ["cert.pem", "key.pem", "out.yaml"]);
}

#[test]
fn files_that_cannot_be_written_are_named() {
    let bench = Bench::new();
    fs::create_dir(bench.path("folder")).unwrap();
    bench
        .seal(&["-w", "folder"], SECRET)
        .fails("cannot write folder: it is a directory");
    bench
        .seal(&["-w", "no/such/file"], SECRET)
        .fails("cannot write no/such/file: No such file")
        .hints("folder must exist");
    bench
        .seal(&["-w", "cert.pem/x"], SECRET)
        .fails("cannot write cert.pem/x: Not a directory");
    assert_eq!(bench.files(), ["cert.pem", "folder", "key.pem"]);
    assert_eq!(fs::read_dir(bench.path("folder")).unwrap().count(), 0);
}

#[test]
fn a_full_standard_output_is_an_error() {
    let bench = Bench::new();
    for args in [
        &["--cert=cert.pem"][..],
        &["--help"],
        &["--version"],
        &["--fetch-cert", "--cert=cert.pem"],
    ] {
        bench
            .kubeseal(args)
            .input(SECRET)
            .output("/dev/full")
            .run()
            .fails("cannot write to standard output: No space left on device");
    }
}

#[test]
fn devices_are_written_to_and_not_replaced() {
    let bench = Bench::new();
    let out = bench.seal(&["-w", "/dev/stdout"], SECRET).ok();
    sealed_secret(&out);
    assert!(fs::metadata("/dev/stdout").is_ok());
    bench
        .seal(&["-w", "/dev/full"], SECRET)
        .fails("cannot write /dev/full: No space left on device");
    assert!(
        fs::symlink_metadata("/dev/full")
            .unwrap()
            .permissions()
            .mode()
            & 0o170_000
            == 0o020_000
    );

    let pipe = bench.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    bench.seal(&["-w", "pipe"], SECRET).ok();
    sealed_secret(&reader.join().unwrap());
}

#[test]
fn a_symbolic_link_is_replaced_and_its_target_is_not() {
    let bench = Bench::new();
    bench.write("target", "old");
    std::os::unix::fs::symlink("target", bench.path("link")).unwrap();
    bench.seal(&["-w", "link"], SECRET).ok();
    assert_eq!(bench.read("target"), "old");
    sealed_secret(&bench.read("link"));
}
