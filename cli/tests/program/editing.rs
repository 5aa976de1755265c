//! The subcommands that change a SealedSecret in a file.

use crate::bench::{Bench, SECRET, items, sealed_secret};

#[test]
fn a_new_file_is_made_and_then_changed() {
    let bench = Bench::new();
    let set = |args: &[&str], value: &str| {
        bench
            .kubeseal(["set", "t.yaml", "--cert=cert.pem"].iter().chain(args))
            .input(value)
            .run()
    };
    set(&["password", "--value-stdin"], "hunter2").fails("needs --name");
    let new = ["--name=db", "-n", "shop", "password", "--value-stdin"];
    assert_eq!(set(&new, "hunter2").ok(), "");
    bench.write("value", "admin\n");
    set(&["user", "--from-file", "value"], "").ok();
    set(&["password", "--value-stdin", "--name=db"], "new").ok();
    let sealed = sealed_secret(&bench.read("t.yaml"));
    assert_eq!((sealed.namespace(), sealed.name()), ("shop", "db"));
    assert_eq!(
        items(&sealed),
        [("password", "new"), ("user", "admin\n")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    );
}

#[test]
fn directives_stay_in_front_of_the_document() {
    let bench = Bench::new();
    let head = "%YAML 1.1\n# ours\n";
    let secret = format!("{head}---\n{SECRET}  more: x\n");
    let sealed = bench.seal(&["-o=yaml"], secret).ok();
    bench.write("t.yaml", format!("{head}{sealed}"));
    let set = ["set", "t.yaml", "user", "--value-stdin", "--cert=cert.pem"];
    bench.kubeseal(set).input("admin").run().ok();
    bench.kubeseal(["unset", "t.yaml", "more"]).run().ok();
    let after = bench.read("t.yaml");
    assert!(after.starts_with(&format!("{head}---\n")), "{after}");
    let after = items(&sealed_secret(&after));
    assert_eq!(after.into_keys().collect::<Vec<_>>(), ["password", "user"]);
}

#[test]
fn flags_must_not_contradict_the_file() {
    let bench = Bench::new();
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    let before = bench.read("t.yaml");
    for (flag, wanted) in [
        ("--name=other", "--name other was given"),
        ("--namespace=other", "namespace is \"shop\""),
        ("--scope=cluster-wide", "shop/db has scope strict"),
    ] {
        bench
            .kubeseal([
                "set",
                "t.yaml",
                "k",
                "--value-stdin",
                "--cert=cert.pem",
                flag,
            ])
            .run()
            .fails(wanted);
    }
    assert_eq!(bench.read("t.yaml"), before);
}

#[test]
fn values_on_the_command_line_are_refused_and_not_repeated() {
    let bench = Bench::new();
    for args in [
        &["set", "t.yaml", "password", "hunter2", "--value-stdin"][..],
        &["set", "t.yaml", "password", "hunter2"],
    ] {
        bench
            .kubeseal(args.iter().copied())
            .run()
            .fails_with(2, "too many arguments");
    }
    bench
        .kubeseal(["set", "t.yaml", "password=hunter2", "--value-stdin"])
        .run()
        .fails("KEY must consist of")
        .hints("--value-stdin");
    assert_eq!(bench.files(), ["cert.pem", "key.pem"]);
}

#[test]
fn items_are_removed() {
    let bench = Bench::new();
    bench
        .seal(
            &["-w", "t.yaml"],
            format!("{SECRET}  user: admin\n  third: x\n"),
        )
        .ok();
    assert_eq!(
        bench
            .kubeseal(["unset", "t.yaml", "user", "third"])
            .run()
            .ok(),
        ""
    );
    let left = items(&sealed_secret(&bench.read("t.yaml")));
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["password"]);
}

#[test]
fn an_item_that_is_not_there_cannot_be_removed() {
    let bench = Bench::new();
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    let before = bench.read("t.yaml");
    bench
        .kubeseal(["unset", "t.yaml", "password", "other"])
        .run()
        .fails("shop/db has no item other");
    assert_eq!(bench.read("t.yaml"), before);
}

#[test]
fn wrong_command_lines_of_subcommands_exit_with_2() {
    let bench = Bench::new();
    bench
        .kubeseal(["unset", "t.yaml"])
        .run()
        .fails_with(2, "<KEY>")
        .hints("kubeseal unset --help");
    let help = bench.kubeseal(["unset", "--help"]).run().ok();
    assert!(help.contains("Usage: kubeseal unset"), "{help}");
}

#[test]
fn a_name_of_a_subcommand_counts_in_the_first_place_only() {
    let bench = Bench::new();
    let sealed = bench.seal(&["unset"], SECRET).ok();
    assert_eq!(items(&sealed_secret(&sealed))["password"], "hunter2");
}

#[test]
fn values_are_made_and_public_keys_printed() {
    let bench = Bench::new();
    let set = |key: &str, kind: &str| {
        bench
            .kubeseal(["set", "t.yaml", key, "--generate", kind, "--cert=cert.pem"])
            .variable("SEALED_SECRETS_NAME", "db")
            .variable("SEALED_SECRETS_NAMESPACE", "shop")
            .run()
    };
    assert_eq!(set("password", "password:40").ok(), "");
    assert_eq!(set("id", "uuid").ok(), "");
    let public = set("ssh", "ssh-ed25519").ok();
    assert!(
        public.starts_with("ssh-ed25519 ") && public.ends_with(" shop/db\n"),
        "{public}"
    );
    let made = items(&sealed_secret(&bench.read("t.yaml")));
    assert_eq!((made["password"].len(), made["id"].len()), (40, 36));
    assert!(made["ssh"].starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    set("x", "password:4").fails_with(2, "expected a length from 16 to 1024");
}

#[test]
fn items_come_from_a_file_of_variables() {
    let bench = Bench::new();
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    bench.write("vars", "# ours\nA=1\nB = 2\n");
    let set = || bench.kubeseal(["set", "t.yaml", "--from-env-file=vars", "--cert=cert.pem"]);
    set().run().fails("vars: line 3: expected NAME=value");
    bench.write("vars", "# ours\nA=1\nFROM_OUTSIDE\npassword=new\n");
    set().variable("FROM_OUTSIDE", "x").run().ok();
    let found = items(&sealed_secret(&bench.read("t.yaml")));
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        found,
        [("A", "1"), ("FROM_OUTSIDE", "x"), ("password", "new")]
    );
}
