//! `kubeseal edit`, with scripts for an editor.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::bench::{Bench, Outcome, items, sealed_secret};

const TWO: &str =
    "metadata: {name: db, namespace: shop}\nstringData:\n  password: hunter2\n  user: admin\n";

/// A bench with a SealedSecret in `t.yaml`, formatted by hand, and an editor that runs `script`
/// with the file as `$1`, after it has written down where that is.
fn bench(script: &str) -> Bench {
    let bench = Bench::new();
    let sealed = bench.seal(&["-oyaml"], TWO).ok();
    bench.write(
        "t.yaml",
        format!(
            "# ours\n{}",
            sealed.replace("spec:\n", "spec:   # sealed\n")
        ),
    );
    let note = "stat -c '%a %n' \"$1\" \"$(dirname \"$1\")\" > modes\necho \"$1\" > place.new\nmv place.new place\n";
    bench.write("editor.sh", format!("set -e\n{note}{script}\n"));
    bench
}

fn edit(bench: &Bench, args: &[&str]) -> Outcome {
    bench
        .kubeseal(["edit", "t.yaml", "--cert=cert.pem"].iter().chain(args))
        .variable("PATH", std::env::var_os("PATH").unwrap())
        .variable("KUBE_EDITOR", "sh editor.sh")
        .variable("EDITOR", "false")
        .run()
}

const KEY: &[&str] = &["--recovery-private-key=key.pem"];

/// The file that the editor had, and its folder, are gone.
fn nothing_is_left(bench: &Bench) {
    let file = PathBuf::from(bench.read("place").trim());
    assert!(
        !file.exists() && !file.parent().unwrap().exists(),
        "{file:?}"
    );
}

#[test]
fn new_and_changed_values_are_sealed_and_the_others_keep_their_bytes() {
    for args in [&[][..], KEY] {
        let bench =
            bench("sed -i -e 's/  user:.*/  user: root/' -e '/password/a\\  third: \"3\"' \"$1\"");
        let before = bench.read("t.yaml");
        assert_eq!(edit(&bench, args).ok(), "");
        let after = bench.read("t.yaml");
        let found = items(&sealed_secret(&after));
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            found,
            [("password", "hunter2"), ("third", "3"), ("user", "root")]
        );
        let kept = before
            .lines()
            .filter(|line| !after.lines().any(|new| new == *line));
        let lost: Vec<&str> = kept.collect();
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].starts_with("    user: "));
        nothing_is_left(&bench);
        let modes = bench.read("modes");
        let modes: Vec<&str> = modes
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(modes, ["600", "700"]);
    }
}

#[test]
fn values_are_shown_only_where_there_is_a_key() {
    let bench = bench("cp \"$1\" shown");
    for (args, shown) in [(&[][..], false), (KEY, true)] {
        let outcome = edit(&bench, args);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (Some(0), "nothing was changed\n")
        );
        let text = bench.read("shown");
        assert_eq!(text.contains("hunter2"), shown, "{text}");
        assert_eq!(text.contains("password: <keep>"), !shown, "{text}");
        assert!(
            text.starts_with("# Items of SealedSecret shop/db."),
            "{text}"
        );
    }
}

#[test]
fn lines_that_are_removed_remove_their_items() {
    let bench = bench("sed -i /user/d \"$1\"");
    edit(&bench, &[]).ok();
    let left = items(&sealed_secret(&bench.read("t.yaml")));
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["password"]);
}

#[test]
fn a_wrong_text_is_shown_again_with_what_is_wrong() {
    let fixed = "if [ -e again ]; then cp \"$1\" again; sed -i 's/: \\[.*/: root/' \"$1\"\n\
                 else touch again; sed -i 's/  user:.*/  user: [hunter3/' \"$1\"; fi";
    let bench = bench(fixed);
    edit(&bench, &[]).ok();
    assert_eq!(items(&sealed_secret(&bench.read("t.yaml")))["user"], "root");
    let again = bench.read("again");
    assert!(again.starts_with("#! document 1: line "), "{again}");
    nothing_is_left(&bench);
}

#[test]
fn nothing_changes_unless_the_editor_ends_well_with_a_good_text() {
    for (script, wanted) in [
        (
            "sed -i 's/  user:.*/  user: root/' \"$1\"; exit 3",
            "the editor sh editor.sh failed: exit status: 3",
        ),
        (
            "grep -q '^#!' \"$1\" || echo 'user: [hunter2' >> \"$1\"",
            "left with an error in it: document 1: line",
        ),
        (
            "echo 'user: [hunter2' > \"$1\"",
            "left with an error in it: document 1: line",
        ),
        (
            "sed -i 's/  user:.*/  user: x/' \"$1\"; echo '# else' >> t.yaml",
            "t.yaml was changed meanwhile",
        ),
    ] {
        let bench = bench(script);
        let before = bench.read("t.yaml");
        edit(&bench, &[]).fails(wanted);
        assert_eq!(bench.read("t.yaml").replace("# else\n", ""), before);
        nothing_is_left(&bench);
    }
    let bench = bench(": > \"$1\"");
    let before = bench.read("t.yaml");
    assert_eq!(edit(&bench, &[]).stderr, "nothing was changed\n");
    assert_eq!(bench.read("t.yaml"), before);
}

#[test]
fn a_name_of_several_lines_is_not_shown() {
    let bench = bench("touch opened");
    let sealed = bench.read("t.yaml");
    bench.write(
        "t.yaml",
        sealed.replace("  name: db\n", "  name: \"db\\nstringData: {}\"\n"),
    );
    edit(&bench, &[]).fails("the name of the SealedSecret has control characters");
    assert!(!bench.files().contains(&"opened".to_owned()));
}

#[test]
fn the_certificate_is_had_before_the_editor_opens() {
    let bench = bench("touch opened");
    bench
        .kubeseal(["edit", "t.yaml", "--cert=missing.pem"])
        .variable("PATH", std::env::var_os("PATH").unwrap())
        .variable("EDITOR", "sh editor.sh")
        .run()
        .fails("cannot read certificate missing.pem");
    assert!(!bench.files().contains(&"opened".to_owned()));
}

#[test]
fn a_signal_ends_the_editor_and_leaves_nothing_plain_behind() {
    for (editor, signal, code) in [
        ("sh editor.sh", Signal::TERM, 143),
        ("NOTE=1 sh editor.sh", Signal::TERM, 143),
        ("exec sh editor.sh", Signal::HUP, 129),
    ] {
        let bench = bench("echo $$ > pid.new; mv pid.new pid; exec sleep 600");
        let before = bench.read("t.yaml");
        let mut child = start(&bench, editor);
        until(&mut child, || bench.path("pid").exists());
        let file = PathBuf::from(bench.read("place").trim());
        assert!(fs::read_to_string(&file).unwrap().contains("hunter2"));
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        nothing_is_left(&bench);
        assert_eq!(bench.read("t.yaml"), before);
        let editor = Pid::from_raw(bench.read("pid").trim().parse().unwrap()).unwrap();
        until(&mut child, || test_kill_process(editor).is_err());
    }
}

#[test]
fn an_interrupt_is_left_to_the_editor() {
    let bench = bench(
        "trap 'touch interrupted' INT; touch ready\n\
         while ! [ -e interrupted ]; do sleep 0.01 || :; done\n\
         sed -i 's/  user:.*/  user: root/' \"$1\"",
    );
    let mut child = start(&bench, "sh editor.sh");
    until(&mut child, || bench.path("ready").exists());
    let group = Pid::from_child(&child);
    kill_process_group(group, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(items(&sealed_secret(&bench.read("t.yaml")))["user"], "root");
    nothing_is_left(&bench);
}

/// `kubeseal edit` with the key, in a process group of its own as under a terminal.
fn start(bench: &Bench, editor: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kubeseal"))
        .args(["edit", "t.yaml", "--cert=cert.pem", KEY[0]])
        .env("EDITOR", editor)
        .env_remove("KUBE_EDITOR")
        .env_remove("VISUAL")
        .current_dir(bench.path("."))
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn until(child: &mut Child, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            panic!("it does not come");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
