//! Completion scripts and manual pages.

use std::process::Command;

use crate::bench::Bench;

#[test]
fn each_shell_gets_a_script_and_bash_can_read_its() {
    let bench = Bench::new();
    for (shell, wanted) in [
        ("bash", "complete -F _kubeseal"),
        ("zsh", "#compdef kubeseal"),
        ("fish", "complete -c kubeseal"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = bench.kubeseal(["completion", shell]).run().ok();
        assert!(script.contains(wanted), "{shell}");
        assert!(
            script.contains("recovery-private-key") && script.contains("inspect"),
            "{shell}"
        );
    }
    bench
        .kubeseal(["completion", "tcsh"])
        .run()
        .fails_with(2, "tcsh");

    let script = "source <(kubeseal completion bash); COMP_WORDS=(kubeseal --merge); COMP_CWORD=1; \
                  _kubeseal kubeseal --merge kubeseal; echo \"${COMPREPLY[@]}\"";
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_kubeseal"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", script])
        .env("PATH", path)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "--merge-into\n",
        "{output:?}"
    );
}

#[test]
fn manual_pages_are_printed_by_name() {
    let bench = Bench::new();
    let page = bench.kubeseal(["man"]).run().ok();
    assert!(
        page.contains(".TH kubeseal 1") && page.contains("merge\\-into"),
        "{page}"
    );
    let page = bench.kubeseal(["man", "inspect"]).run().ok();
    assert!(page.contains(".TH kubeseal-inspect 1"), "{page}");
    bench
        .kubeseal(["man", "nothing"])
        .run()
        .fails("no manual page for \"nothing\"");
}

#[test]
fn help_names_the_subcommands() {
    let bench = Bench::new();
    let help = bench.kubeseal(["--help"]).run().ok();
    assert!(
        help.contains("\n  inspect     Tell what is in sealed files"),
        "{help}"
    );
    let help = bench.kubeseal(["inspect", "--help"]).run().ok();
    assert!(help.contains("exits with 1"), "{help}");
}
