//! Unsealing with private keys at hand.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::bench::{Bench, SECRET, new_pair};

const UNSEAL: [&str; 2] = ["--recovery-unseal", "--recovery-private-key"];

fn unseal(bench: &Bench, keys: &str, input: &str) -> crate::bench::Outcome {
    bench
        .kubeseal([UNSEAL[0], UNSEAL[1], keys])
        .input(input)
        .run()
}

/// A key Secret as the controller makes it.
fn key_secret(pem: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "sealed-secrets-keyx", "namespace": "kube-system"},
        "stringData": {"tls.key": pem, "tls.crt": "ignored"},
    })
}

fn other_key() -> String {
    let pair = new_pair(Timestamp::now(), SignedDuration::from_hours(1));
    pair.private_key().to_pkcs1_pem().to_string()
}

#[test]
fn a_sealed_secret_becomes_the_secret_it_was() {
    let bench = Bench::new();
    let input = json!({
        "kind": "Secret", "type": "example.com/x", "immutable": true,
        "metadata": {"name": "db", "namespace": "shop", "labels": {"l": "1"}, "annotations": {"a": "2"}},
        "data": {"k": "/wA="},
    });
    let sealed = bench.seal(&[], input.to_string()).ok();
    let secret: Value = serde_json::from_str(&unseal(&bench, "key.pem", &sealed).ok()).unwrap();
    assert_eq!(
        secret,
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "example.com/x", "immutable": true,
            "metadata": {"name": "db", "namespace": "shop", "labels": {"l": "1"}, "annotations": {"a": "2"}},
            "data": {"k": "/wA="},
        }),
        "no owner reference without a uid"
    );
    let yaml = bench
        .kubeseal([UNSEAL[0], UNSEAL[1], "key.pem", "-w", "out.yaml"])
        .input(&sealed)
        .run()
        .ok();
    assert_eq!(yaml, "");
    assert!(bench.read("out.yaml").starts_with("---\n"));
}

#[test]
fn every_document_is_unsealed_in_order_or_none() {
    let bench = Bench::new();
    let first = bench.seal(&["-oyaml"], SECRET).ok();
    let second = bench.seal(&["-oyaml", "--name=other"], SECRET).ok();
    let text = unseal(&bench, "key.pem", &format!("{first}{second}")).ok();
    let names: Vec<Value> = serde_json::Deserializer::from_str(&text)
        .into_iter::<Value>()
        .map(|secret| secret.unwrap()["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["db", "other"]);

    let moved = second.replace("namespace: shop", "namespace: elsewhere");
    unseal(&bench, "key.pem", &format!("{first}{moved}"))
        .fails("cannot unseal elsewhere/other: no key could decrypt secret (password)")
        .hints("name, namespace and scope annotations");
}

#[test]
fn keys_come_as_pem_or_secrets_or_lists_of_them_in_any_number() {
    let bench = Bench::new();
    let sealed = bench.seal(&[], SECRET).ok();
    let (own, other) = (bench.read("key.pem"), other_key());
    bench.write("other.pem", &other);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [key_secret(&other), key_secret(&own)]});
    for (name, content) in [
        (
            "plain.pem",
            format!("text\n-----BEGIN X-----\nAAAA\n-----END X-----\n{own}"),
        ),
        ("secret.json", key_secret(&own).to_string()),
        ("list.json", list.to_string()),
        (
            "two.json",
            format!("{}\n{}", key_secret(&other), key_secret(&own)),
        ),
        (
            "list-first.yaml",
            format!(
                "{}\n---\n{}\n",
                json!({"kind": "List", "items": [key_secret(&other)]}),
                key_secret(&own)
            ),
        ),
        (
            "secret.yaml",
            format!(
                "# backup\nkind: Secret\nstringData:\n  tls.key: |\n    {}\n",
                own.trim().replace('\n', "\n    ")
            ),
        ),
    ] {
        bench.write(name, content);
        unseal(&bench, name, &sealed).ok();
    }
    unseal(&bench, "other.pem,key.pem", &sealed).ok();
    bench
        .kubeseal([UNSEAL[0], UNSEAL[1], "other.pem", UNSEAL[1], "key.pem"])
        .input(&sealed)
        .run()
        .ok();
    bench
        .kubeseal([UNSEAL[0]])
        .variable("SEALED_SECRETS_RECOVERY_PRIVATE_KEY", "key.pem")
        .input(&sealed)
        .run()
        .ok();
    unseal(&bench, "other.pem", &sealed)
        .fails("no key could decrypt secret (password)")
        .hints("give the key");
    bench
        .kubeseal(["--recovery-private-key=missing", "--cert=cert.pem"])
        .input(SECRET)
        .run()
        .ok();
}

#[test]
fn unusable_key_files_are_errors() {
    let bench = Bench::new();
    let sealed = bench.seal(&[], SECRET).ok();
    bench
        .kubeseal([UNSEAL[0]])
        .input(&sealed)
        .run()
        .fails("--recovery-unseal needs --recovery-private-key");
    unseal(&bench, "", &sealed).fails("needs --recovery-private-key");
    unseal(&bench, "key.pem,missing", &sealed)
        .fails("cannot read private key missing: No such file");
    for (name, content, wanted) in [
        (
            "empty",
            String::new(),
            "empty is neither a private key in PEM nor a Secret with one",
        ),
        (
            "text",
            "hello".to_owned(),
            "text is neither a private key in PEM nor a Secret with one",
        ),
        (
            "yaml",
            "a: [".to_owned(),
            "yaml is neither a private key in PEM nor a readable manifest: document 1: line",
        ),
        (
            "cert",
            bench.read("cert.pem"),
            "cert is neither a private key in PEM nor",
        ),
        (
            "config",
            "kind: ConfigMap\ndata: {a: b}\n".to_owned(),
            "config: line 1, column 1: expected a Secret, found ConfigMap",
        ),
        (
            "nokey",
            "kind: Secret\nmetadata: {name: x}\nstringData: {tls.crt: y}\n".to_owned(),
            "nokey: Secret x has no item tls.key",
        ),
        (
            "badkey",
            key_secret("hello").to_string(),
            "cannot use the private key in badkey: no PEM block with an RSA private key found",
        ),
        (
            "broken",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n".to_owned(),
            "cannot use the private key in broken: private key is malformed",
        ),
        (
            "locked",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
                .to_owned(),
            "private key is encrypted",
        ),
    ] {
        bench.write(name, content);
        unseal(&bench, &format!("key.pem,{name}"), &sealed).fails(wanted);
    }
}

#[test]
fn what_is_not_a_sealed_secret_is_refused() {
    let bench = Bench::new();
    for (input, wanted) in [
        ("", "standard input: no SealedSecret found"),
        (SECRET, "expected a SealedSecret, found Secret"),
        (
            "kind: SealedSecret\napiVersion: v2\nspec: {encryptedData: {}}",
            "expected a SealedSecret, found SealedSecret of v2",
        ),
        (
            "kind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: text}",
            "line 3, column 23: a string instead of a map",
        ),
        (
            "kind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: {k: [x]}}",
            "value is not a string (k)",
        ),
        (
            "kind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: {k: '?'}}",
            "illegal base64 data at input byte 0 (k)",
        ),
        (
            "kind: SealedSecret\nmetadata: {name: a}\nspec: {data: AAAA}",
            "spec.data is deprecated",
        ),
    ] {
        unseal(&bench, "key.pem", input).fails(wanted);
    }
    // Kind and version may be missing.
    let sealed = bench.seal(&["-oyaml"], SECRET).ok();
    let bare = sealed.replace("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n", "");
    assert_ne!(bare, sealed);
    unseal(&bench, "key.pem", &bare).ok();
}

#[test]
fn templates_are_rendered_with_items_and_plain_siblings() {
    let bench = Bench::new();
    let mut sealed: Value = serde_json::from_str(&bench.seal(&[], SECRET).ok()).unwrap();
    sealed["metadata"]["uid"] = "u-1".into();
    sealed["spec"]["template"]["data"] = json!({
        "user": "admin", "url": "{{ .user }}:{{ .password }}@{{ .nobody }}", "password": "never",
    });
    let secret: Value =
        serde_json::from_str(&unseal(&bench, "key.pem", &sealed.to_string()).ok()).unwrap();
    assert_eq!(secret["data"]["url"], "YWRtaW46aHVudGVyMkA8bm8gdmFsdWU+");
    assert_eq!(secret["data"]["password"], "aHVudGVyMg==");
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], "u-1");

    sealed["spec"]["template"]["metadata"]["annotations"] =
        json!({"sealedsecrets.bitnami.com/skip-set-owner-references": "true"});
    let secret: Value =
        serde_json::from_str(&unseal(&bench, "key.pem", &sealed.to_string()).ok()).unwrap();
    assert_eq!(secret["metadata"]["ownerReferences"], Value::Null);
}

#[test]
fn the_template_cannot_widen_the_scope() {
    let bench = Bench::new();
    let mut sealed: Value =
        serde_json::from_str(&bench.seal(&["--scope=cluster-wide"], SECRET).ok()).unwrap();
    unseal(&bench, "key.pem", &sealed.to_string()).ok();
    sealed["metadata"]["annotations"] = json!({});
    unseal(&bench, "key.pem", &sealed.to_string()).fails("no key could decrypt secret");
}
