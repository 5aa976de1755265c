//! Command lines for both tools, and which of them show a difference.

use crate::pair::{Run, Yields};

/// A command line.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    /// The difference that it shows, as docs/compatibility.md calls it.
    pub(crate) difference: Option<&'static str>,
}

/// Differences that need more than files to be seen: where they are shown, and by what.
pub(crate) const SHOWN_ELSEWHERE: [(&str, &str, &str); 10] = [
    (
        "failed-writes",
        "cli/tests/transcripts/bugs/11-failed-writes.txt",
        "/dev/full",
    ),
    (
        "nothing-to-ask",
        "cli/tests/transcripts/bugs/19-nothing-to-ask.txt",
        "--validate",
    ),
    (
        "in-place",
        "cli/tests/transcripts/merge-into/adds-and-replaces.txt",
        "# odd, but ours",
    ),
    (
        "no-ports",
        "cli/tests/transcripts/bugs/21-no-ports.txt",
        "has no ports",
    ),
    (
        "other-service",
        "cli/tests/transcripts/controller/found-by-labels.txt",
        "hint: using Service",
    ),
    (
        "key-mark",
        "cli/tests/transcripts/seal/json-by-default.txt",
        "key-fingerprint",
    ),
    (
        "project-file",
        "cli/tests/transcripts/project/rule.txt",
        ".kubeseal.yaml",
    ),
    (
        "warnings",
        "cli/tests/transcripts/seal/two-scopes.txt",
        "warning: ",
    ),
    (
        "gcp-auth",
        "cli/tests/transcripts/connection/gcp.txt",
        "gcp",
    ),
    (
        "terminal",
        "cli/tests/program/checks.rs",
        "fn without_input_on_a_terminal",
    ),
];

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: hunter2}\n";
const OTHER: &str = "metadata: {name: other, namespace: shop}\nstringData: {user: admin}\n";
const BARE: &str = "metadata: {name: db}\nstringData: {password: hunter2}\n";

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u, namespace: from-a}}\n\
    - {name: none, context: {cluster: c, user: u}}\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\n";

impl Case {
    fn new(name: &'static str, args: &str) -> Self {
        let args = args.split_whitespace().map(str::to_owned).collect();
        let input = SECRET.as_bytes().to_vec();
        let run = Run {
            args,
            input,
            ..Run::default()
        };
        Self {
            name,
            run,
            difference: None,
        }
    }

    /// Seals offline.
    fn seal(name: &'static str, args: &str) -> Self {
        Self::new(name, &format!("--cert cert.pem {args}"))
    }

    fn raw(name: &'static str, args: &str, yields: Yields) -> Self {
        Self::seal(name, &format!("--raw {args}")).yields(yields)
    }

    /// Adds to a SealedSecret that it finds.
    fn merge(name: &'static str, args: &str, target: &str) -> Self {
        Self::seal(name, &format!("--merge-into target.json {args}"))
            .file("target.json", target)
            .input(OTHER)
            .yields(Yields::SealedFile("target.json".to_owned()))
    }

    fn recover(name: &'static str, args: &str) -> Self {
        Self::new(name, &format!("--recovery-unseal {args}")).yields(Yields::Secrets)
    }

    fn input(mut self, input: impl AsRef<[u8]>) -> Self {
        self.run.input = input.as_ref().to_vec();
        self
    }

    fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.run
            .files
            .push((name.to_owned(), content.as_ref().to_vec()));
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.run.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts an argument before all others.
    fn first(mut self, argument: &str) -> Self {
        self.run.args.insert(0, argument.to_owned());
        self
    }

    fn yields(mut self, yields: Yields) -> Self {
        self.run.yields = yields;
        self
    }

    fn text(self) -> Self {
        self.yields(Yields::Text)
    }

    fn differs(mut self, id: &'static str) -> Self {
        self.difference = Some(id);
        self
    }
}

pub(crate) fn all() -> Vec<Case> {
    [
        input(),
        metadata(),
        flags(),
        raw(),
        merging(),
        recovery(),
        certificates(),
    ]
    .concat()
}

fn input() -> Vec<Case> {
    let seal = |name, input: &str| Case::seal(name, "").input(input);
    vec![
        seal("one document", SECRET),
        seal("two documents", &format!("{SECRET}---\n{OTHER}")),
        seal("json after yaml", &format!("{SECRET}---\n{{\"metadata\":{{\"name\":\"x\",\"namespace\":\"shop\"}},\"data\":{{\"k\":\"dg==\"}}}}\n")),
        seal("json objects in a row", "{\"metadata\":{\"name\":\"x\",\"namespace\":\"shop\"},\"data\":{\"k\":\"dg==\"}}\n{\"metadata\":{\"name\":\"y\",\"namespace\":\"shop\"},\"data\":{\"k\":\"dg==\"}}"),
        seal("empty documents", &format!("---\n---\n# nothing\n---\nnull\n---\n{{}}\n---\n{SECRET}---\n")),
        seal("comment behind dashes", &format!("{SECRET}--- # next\n{OTHER}")),
        seal("a byte order mark", &format!("\u{feff}{SECRET}")),
        seal("line ends of Windows", &SECRET.replace('\n', "\r\n")),
        seal("flow mapping that is not JSON", "{metadata: {name: x, namespace: shop}, stringData: {k: v}}"),
        seal("nothing", ""),
        seal("only comments", "# nothing\n---\n# at all\n"),
        seal("no items", "metadata: {name: x, namespace: shop}\n"),
        Case::seal("no items, allowed", "--allow-empty-data").input("metadata: {name: x, namespace: shop}\n"),
        seal("no name", "metadata: {namespace: shop}\nstringData: {k: v}\n"),
        seal("data is no base64", "metadata: {name: x, namespace: shop}\ndata: {k: '***'}\n"),
        seal("data is a number", "metadata: {name: x, namespace: shop}\ndata: {k: 1234}\n"),
        seal("data is a list", "metadata: {name: x, namespace: shop}\ndata: [a]\n"),
        seal("string data is a list", "metadata: {name: x, namespace: shop}\nstringData: {k: [a]}\n"),
        seal("base64 with spaces", "metadata: {name: x, namespace: shop}\ndata: {k: 'aGVs bG8='}\n"),
        seal("base64 without padding", "metadata: {name: x, namespace: shop}\ndata: {k: aGVsbG8}\n"),
        seal("base64 for URLs", "metadata: {name: x, namespace: shop}\ndata: {k: '_-8='}\n"),
        seal("base64 with stray bits", "metadata: {name: x, namespace: shop}\ndata: {k: YWF=}\n"),
        seal("duplicate keys", "metadata: {name: x, namespace: shop}\nstringData:\n  k: one\n  k: two\n"),
        seal("anchors", "metadata: {name: x, namespace: shop}\nstringData: {a: &v one, b: *v}\n"),
        seal("merge keys", "metadata: {name: x, namespace: shop}\nstringData:\n  <<: {a: one, b: one}\n  b: two\n"),
        seal("six hundred values", &many_values()),
        seal("unknown fields", "metadata: {name: x, namespace: shop, color: red}\nstringData: {k: v}\nspec: {a: 1}\n"),
        seal("unknown alias", "metadata: {name: x, namespace: shop}\nstringData: {a: *v}\n"),
        seal("bad second document", &format!("{SECRET}---\na: [\n")).differs("unreadable"),
        seal("scalar among documents", &format!("{SECRET}---\njust text\n")).differs("unreadable"),
        seal("garbage behind two objects", "{\"metadata\":{\"name\":\"x\",\"namespace\":\"shop\"},\"data\":{\"k\":\"dg==\"}}\n{\"metadata\":{\"name\":\"y\",\"namespace\":\"shop\"},\"data\":{\"k\":\"dg==\"}}\n}").differs("hangs"),
        Case::seal("a folder", "-f .").differs("hangs"),
        Case::seal("a file", "-f in.yaml").file("in.yaml", OTHER),
        Case::seal("a file that is not there", "-f missing"),
        Case::seal("a dash is a file", "-f -"),
        Case::seal("standard input by name", "-f /dev/stdin"),
        seal("later document fails", &format!("{SECRET}---\nmetadata: {{namespace: shop}}\nstringData: {{k: v}}\n")).differs("all-or-nothing"),
        seal("another kind", "kind: ConfigMap\nmetadata: {name: x, namespace: shop}\ndata: {k: dg==}\n").differs("kinds"),
        seal("a list", "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  apiVersion: v1\n  metadata: {name: x, namespace: shop}\n  stringData: {k: v}\n").differs("lists"),
        seal("field names in another case", "metadata: {name: x, namespace: shop}\nstringdata: {k: v}\n").differs("field-case"),
        seal("a number of many digits", "metadata: {name: x, namespace: shop}\nstringData: {k: 3.14159265358979}\n").differs("numbers"),
        seal("a number with an exponent", "metadata: {name: x, namespace: shop}\nstringData: {k: 1e3}\n").differs("numbers"),
        seal("a number with a zero behind the point", "metadata: {name: x, namespace: shop}\nstringData: {k: 1.0}\n").differs("numbers"),
        seal("a null that is none", "metadata: {name: x, namespace: shop}\nstringData: {k: !!null x}\n"),
        seal("not a number", "metadata: {name: x, namespace: shop}\nstringData: {k: .nan}\n").differs("numbers"),
        seal("eight after a zero", "metadata: {name: x, namespace: shop}\nstringData: {k: 08}\n").differs("numbers"),
        seal("a null name", "metadata: {name: x, namespace: shop}\nstringData: {~: v}\n"),
        seal("a name with a blank", "metadata: {name: x, namespace: shop}\nstringData: {a b: v}\n").differs("item-names"),
        seal("text that is not UTF-8", "").input(b"{\"metadata\":{\"name\":\"x\",\"namespace\":\"shop\"},\"stringData\":{\"k\":\"\xe9\"}}").differs("utf-8"),
        seal("values above a mebibyte", &format!("metadata: {{name: x, namespace: shop}}\nstringData: {{k: {}}}\n", "x".repeat((1 << 20) + 1))).differs("too-large"),
    ]
}

/// So many that ours seals them in another way.
fn many_values() -> String {
    let items: String = (0..600).map(|n| format!("  k{n}: v{n}\n")).collect();
    format!("metadata: {{name: x, namespace: shop}}\nstringData:\n{items}")
}

fn metadata() -> Vec<Case> {
    const WIDE: &str = "metadata: {name: x, namespace: shop, annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}}\nstringData: {k: v}\n";
    const BOTH: &str = "metadata: {name: x, namespace: shop, annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\", sealedsecrets.bitnami.com/namespace-wide: \"true\"}}\nstringData: {k: v}\n";
    let config = |name, args: &str| {
        Case::seal(name, args)
            .file("config", KUBECONFIG)
            .input(BARE)
    };
    vec![
        Case::seal("what a server adds", "").input(
            "type: kubernetes.io/basic-auth\nimmutable: true\nmetadata:\n  name: x\n  namespace: shop\n  labels: {l: '1'}\n  finalizers: [f/x]\n  generateName: g-\n  uid: u\n  resourceVersion: '5'\n  generation: 3\n  selfLink: /x\n  creationTimestamp: '2020-01-01T00:00:00Z'\n  deletionTimestamp: '2020-01-01T00:00:00Z'\n  deletionGracePeriodSeconds: 5\n  ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: y}]\n  annotations:\n    keep: me\n    kubectl.kubernetes.io/last-applied-configuration: x\n    kubecfg.ksonnet.io/last-applied-configuration: x\nstringData: {k: v}\n",
        ),
        Case::seal("managed fields", "")
            .input("metadata:\n  name: x\n  namespace: shop\n  managedFields: [{manager: m, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {}}]\nstringData: {k: v}\n")
            .differs("managed-fields"),
        Case::seal("scope of an annotation", "").input(WIDE),
        Case::seal("scope annotation in other letters", "").input(WIDE.replace("\"true\"", "\"True\"")),
        Case::seal("both scope annotations", "").input(BOTH),
        Case::seal("flag against annotation", "--scope namespace-wide").input(WIDE),
        Case::seal("wider flag against annotation", "--scope cluster-wide").input(BOTH),
        Case::seal("strict against annotation", "--scope strict").input(WIDE).differs("strict-flag"),
        Case::seal("unknown scope", "--scope global").differs("stderr"),
        Case::seal("another name", "--name other"),
        Case::seal("a name that is none", "--name Not/A/Name"),
        Case::seal("the same namespace", "-n shop"),
        Case::seal("another namespace", "-n other"),
        Case::seal("another namespace, cluster-wide", "-n other --scope cluster-wide"),
        Case::seal("no namespace", "").input(BARE),
        Case::seal("no namespace, cluster-wide", "--scope cluster-wide").input(BARE),
        Case::seal("namespace by flag", "--namespace other").input(BARE),
        config("namespace of the kubeconfig", "--kubeconfig config"),
        config("namespace of a context without one", "--kubeconfig config --context none"),
        config("kubeconfig by variable", "").variable("KUBECONFIG", "missing:config"),
        config("no such context", "--kubeconfig config --context gone"),
        Case::seal("no such kubeconfig", "--kubeconfig missing").input(BARE),
        Case::seal("no such kubeconfig, not needed", "--kubeconfig missing"),
    ]
}

fn flags() -> Vec<Case> {
    let file = |name: &str| Yields::SealedFile(name.to_owned());
    vec![
        Case::seal("json in any case", "-o JSON"),
        Case::seal("yaml in any case", "--format=YaML"),
        Case::seal("empty format", "--format="),
        Case::seal("nothing behind a letter and =", "-o=").differs("nothing-behind-letter"),
        Case::seal("unknown format", "-o toml"),
        Case::seal("value behind a letter", "-oyaml -nshop"),
        Case::seal(
            "last repetition",
            "--cert missing.pem --cert=cert.pem --name a --name b",
        ),
        Case::seal("to a file", "-w out.json").yields(file("out.json")),
        Case::seal("to a YAML file", "-o json -w out.yml").yields(file("out.yml")),
        Case::seal("over a file", "-w out.json")
            .file("out.json", "old")
            .yields(file("out.json")),
        Case::seal("positional arguments", "these are -- ignored"),
        Case::seal("klog", "-v=9 --logtostderr --v 3 --stderrthreshold=INFO"),
        Case::seal("the name of a subcommand", "")
            .input(SECRET)
            .first("set")
            .differs("subcommands"),
        Case::seal("unknown flag", "--bogus").differs("stderr"),
        Case::seal("flag without value", "--name").differs("stderr"),
        Case::seal("a value for --from-file", "--from-file x"),
        Case::new("variables", "")
            .variable("SEALED_SECRETS_CERT", "cert.pem")
            .variable("SEALED_SECRETS_SCOPE", "cluster-wide"),
        Case::seal("flag against variable", "--name mine")
            .variable("SEALED_SECRETS_NAME", "theirs"),
        Case::seal("empty variable", "").variable("SEALED_SECRETS_NAME", ""),
        Case::seal("version in a variable", "").variable("SEALED_SECRETS_VERSION", "v0.27.1"),
        Case::seal("scope variable that is none", "")
            .variable("SEALED_SECRETS_SCOPE", "cluster")
            .differs("scope-variable"),
        Case::seal("modes: fetch before raw", "--fetch-cert --raw").text(),
        Case::seal(
            "output of --merge-into",
            "--merge-into sealed.yaml -w out.yaml",
        )
        .text()
        .differs("output-refused"),
    ]
}

fn raw() -> Vec<Case> {
    const NAMESPACE: Option<&str> = Some("sealedsecrets.bitnami.com/namespace-wide");
    const CLUSTER: Option<&str> = Some("sealedsecrets.bitnami.com/cluster-wide");
    let strict = || Yields::Value("db", "shop", None);
    let wide = || Yields::Value("any", "where", CLUSTER);
    vec![
        Case::raw("raw strict", "--name db -n shop", strict()),
        Case::raw("raw without name", "-n shop", strict()),
        Case::raw("raw without namespace", "--name db", strict()),
        Case::raw(
            "raw namespace-wide",
            "-n shop --scope namespace-wide",
            Yields::Value("any", "shop", NAMESPACE),
        ),
        Case::raw("raw cluster-wide", "--scope cluster-wide -o yaml", wide()),
        Case::raw("raw, nothing", "--scope cluster-wide", wide()).input(""),
        Case::raw("raw, bytes", "--scope cluster-wide", wide()).input(b"\x00\xff\r\n"),
        Case::raw(
            "raw from a file",
            "--scope cluster-wide --from-file value",
            wide(),
        )
        .file("value", "from a file"),
        Case::raw(
            "raw from a file with a key",
            "--scope cluster-wide --from-file k=value",
            wide(),
        )
        .file("value", "from a file"),
        Case::raw(
            "raw from two files",
            "--scope cluster-wide --from-file value --from-file value",
            wide(),
        )
        .file("value", "x"),
        Case::raw(
            "raw from no file",
            "--scope cluster-wide --from-file missing",
            wide(),
        ),
        Case::raw(
            "raw with a kubeconfig that is not there",
            "--name db -n shop --kubeconfig missing",
            strict(),
        ),
        Case::raw(
            "raw with the namespace of the kubeconfig",
            "--name db --kubeconfig config",
            Yields::Value("db", "from-a", None),
        )
        .file("config", KUBECONFIG),
        Case::raw(
            "raw from the secret file",
            "--scope cluster-wide -f value",
            wide(),
        )
        .file("value", "from a file")
        .differs("raw-file"),
        Case::raw(
            "raw from the file of a variable",
            "--scope cluster-wide --from-file value",
            wide(),
        )
        .file("value", "x")
        .variable("SEALED_SECRETS_FROM_FILE", "missing")
        .differs("list-flags"),
    ]
}

/// A SealedSecret in JSON, with items and annotations.
fn target(items: &str, annotations: &str, template: &str) -> String {
    format!(
        "{{\"apiVersion\":\"bitnami.com/v1alpha1\",\"kind\":\"SealedSecret\",\"metadata\":{{\"name\":\"db\",\"namespace\":\"shop\",\"annotations\":{{{annotations}}}}},\
         \"spec\":{{{items}\"template\":{template}}}}}"
    )
}

fn merging() -> Vec<Case> {
    const FULL: &str = "{\"metadata\":{\"name\":\"db\",\"namespace\":\"shop\",\"labels\":{\"l\":\"1\"},\"annotations\":{\"a\":\"1\"}},\"type\":\"example.com/x\",\"immutable\":true}";
    const WIDE: &str = "\"sealedsecrets.bitnami.com/cluster-wide\":\"true\"";
    let none = "\"encryptedData\":{},";
    let plain = target(none, "", FULL);
    vec![
        Case::merge("merge an item", "", &plain),
        Case::merge("merge with the namespace", "-n shop", &plain),
        Case::merge("merge with another namespace", "-n other", &plain),
        Case::merge("merge labels and annotations", "", &plain)
            .input("type: Opaque\nmetadata: {name: x, labels: {l: '2', m: '3'}, annotations: {b: '4'}}\nstringData: {k: v}\n"),
        Case::merge("merge with a name", "--name other", &plain),
        Case::merge("merge nothing", "", &plain).input(""),
        Case::merge("merge without items", "", &plain).input("metadata: {name: x}\n"),
        Case::seal("merge into nothing", "--merge-into missing.json").text(),
        Case::merge("merge without encrypted data", "", &target("", "", FULL)).differs("merge-maps"),
        Case::merge("merge labels where there are none", "", &target(none, "", "{}"))
            .input("metadata: {name: x, labels: {l: '2'}}\nstringData: {k: v}\n")
            .differs("merge-maps"),
        Case::merge("merge into another scope", "", &target(none, WIDE, FULL)).differs("merge-scope"),
        Case::merge("merge several documents", "", &plain).input(format!("{OTHER}---\n{SECRET}")).differs("merge-all"),
        Case::seal("merge into YAML", "--merge-into target.yaml")
            .file("target.yaml", "# ours\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec: {encryptedData: {}, template: {}}\n")
            .input("stringData: {}\nmetadata: {name: x}\n")
            .text(),
    ]
}

fn recovery() -> Vec<Case> {
    const KEY: &str = "--recovery-private-key";
    let fixture =
        |name: &str| std::fs::read_to_string(crate::pair::fixture(name)).unwrap_or_default();
    let untyped = fixture("sealed.yaml");
    // Without a type, ours says Opaque.
    let sealed = untyped.replace("  template:\n", "  template:\n    type: example.com/x\n");
    let key = |name: &str| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"k\"}},\"type\":\"kubernetes.io/tls\",\"data\":{{\"tls.key\":\"{}\"}}}}",
            crate::pair::base64(&fixture(name))
        )
    };
    let (good, other) = (key("key.pem"), key("other-key.pem"));
    let list = |items: &[&str]| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}]}}",
            items.join(",")
        )
    };
    let recover = |name, keys: &str| Case::recover(name, &format!("{KEY} {keys}")).input(&sealed);
    let templated = sealed.replace(
        "  template:\n",
        "  template:\n    immutable: true\n    data: {host: h, url: 'db://{{ .password }}', none: '{{ .nothing }}', b: '{{ .password | b64enc }}'}\n",
    );
    vec![
        recover("recover", "key.pem"),
        recover("recover without a type", "key.pem").input(&untyped).differs("default-type"),
        recover("recover with PKCS#8", "key.pkcs8.pem"),
        recover("recover with two keys", "other-key.pem,key.pem"),
        Case::recover("recover with repeated keys", &format!("{KEY} other-key.pem {KEY} key.pem")).input(&sealed),
        recover("recover with the wrong key", "other-key.pem"),
        recover("recover with a key that is not there", "key.pem,missing.pem"),
        recover("recover with a certificate", "cert.pem"),
        Case::recover("recover without a key", "").input(&sealed),
        recover("recover with a Secret", "backup").file("backup", &good),
        recover("recover with a List", "backup").file("backup", list(&[&other, &good])),
        recover("recover with Secrets as documents", "backup").file("backup", format!("---\n{other}\n---\n{good}\n")),
        recover("recover with text around the key", "backup").file("backup", format!("text\n-----BEGIN X-----\nAAAA\n-----END X-----\n{}", fixture("key.pem"))),
        recover("recover a template", "key.pem").input(templated),
        recover("recover under another name", "key.pem").input(sealed.replace("name: db", "name: other")),
        recover("recover another kind", "key.pem").input(SECRET),
        recover("recover another version", "key.pem").input(sealed.replace("v1alpha1", "v1")),
        recover("recover what is not sealed", "key.pem").input("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: {a: aGVsbG8=}}\n"),
        recover("recover several documents", "key.pem").input(format!("{sealed}{sealed}")).differs("recovery-all"),
        recover("recover nothing", "key.pem").input("").differs("recovery-all"),
        recover("recover with a backup that begins with a List", "backup").file("backup", format!("{}\n---\n{good}\n", list(&[&other]))).differs("recovery-all"),
        Case::recover("recover with the keys of a variable", &format!("{KEY} key.pem"))
            .input(&sealed)
            .variable("SEALED_SECRETS_RECOVERY_PRIVATE_KEY", "missing.pem")
            .differs("list-flags"),
    ]
}

fn certificates() -> Vec<Case> {
    let with = |name, cert: &str| Case::new(name, &format!("--cert {cert}"));
    vec![
        with("a chain with text and line ends of Windows", "chain.pem"),
        with("an expired certificate", "expired.pem"),
        with("a certificate without RSA", "ec-cert.pem"),
        with("a public key", "public.pem"),
        with("a private key", "key.pem"),
        with("a file without certificate", "secret.yaml"),
        with("a certificate that is not there", "missing.pem"),
        with("a certificate by URL of a file", "file:///dev/null"),
        Case::new("fetch from a file", "--fetch-cert --cert chain.pem").text(),
        Case::new("fetch what is expired", "--fetch-cert --cert expired.pem").text(),
        Case::new("fetch what is none", "--fetch-cert --cert secret.yaml").text(),
        Case::new("no certificate and no cluster", ""),
    ]
}
