//! A folder with a certificate, and kubeseal run in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_core::{
    CertificateTemplate, Hint, KeyEntry, KeyOrder, KeyPair, KeySize, Keyring, Label, PrivateKey,
};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::desired::{DesiredSecret, Options, desired_secret};
use sealed_secrets_crds::manifest;

/// Far longer than any run takes, so that only a hang reaches it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A Secret for most purposes.
pub(crate) const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
stringData:
  password: hunter2
";

/// A folder of its own, with `cert.pem` and `key.pem` of one key in it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// One run of the program, to be.
pub(crate) struct Run<'bench> {
    bench: &'bench Bench,
    args: Vec<OsString>,
    input: Vec<u8>,
    variables: Vec<(String, OsString)>,
    output: Option<PathBuf>,
}

/// What came out of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self::empty();
        bench.write("cert.pem", pair().certificate().to_pem());
        bench.write("key.pem", pair().private_key().to_pkcs1_pem().as_bytes());
        bench
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of all files, sorted: to see that none was left behind.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A run in this folder, with a home and no other variables.
    pub(crate) fn kubeseal<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Run<'_> {
        Run {
            bench: self,
            args: args.into_iter().map(Into::into).collect(),
            input: Vec::new(),
            variables: vec![("HOME".to_owned(), self.folder.path().into())],
            output: None,
        }
    }

    /// A run with the certificate in this folder.
    pub(crate) fn seal(&self, args: &[&str], input: impl AsRef<[u8]>) -> Outcome {
        self.kubeseal(["--cert", "cert.pem"].iter().chain(args))
            .input(input)
            .run()
    }

    /// A run that asks the API server at `url` for the certificate.
    pub(crate) fn fetch_cert(&self, url: &str, args: &[&str]) -> Outcome {
        self.kubeseal(["--fetch-cert", "--server", url].iter().chain(args))
            .run()
    }
}

impl Run<'_> {
    pub(crate) fn input(mut self, input: impl AsRef<[u8]>) -> Self {
        self.input = input.as_ref().to_vec();
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Sends standard output there instead of collecting it.
    pub(crate) fn output(mut self, path: impl Into<PathBuf>) -> Self {
        self.output = Some(path.into());
        self
    }

    /// Runs it, with an end to waiting.
    pub(crate) fn run(self) -> Outcome {
        let streams = tempfile::tempdir().unwrap();
        let stdout = streams.path().join("stdout");
        let stderr = streams.path().join("stderr");
        let sink = match &self.output {
            Some(path) => File::options().write(true).open(path).unwrap(),
            None => File::create(&stdout).unwrap(),
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubeseal"))
            .args(&self.args)
            .env_clear()
            .envs(self.variables)
            .current_dir(self.bench.folder.path())
            .stdin(Stdio::piped())
            .stdout(sink)
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = self.input;
        let feeder = std::thread::spawn(move || {
            // A program that doesn't read its input closes the pipe, which is its good right.
            let _ = stdin.write_all(&input);
        });
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > DEADLINE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!(
                    "kubeseal {:?} hangs: {}",
                    self.args,
                    fs::read_to_string(&stderr).unwrap()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        feeder.join().unwrap();
        Outcome {
            code: status.code(),
            stdout: fs::read_to_string(&stdout).unwrap_or_default(),
            stderr: fs::read_to_string(&stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// It worked and said nothing else: the output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// It failed with exit code 1 and one line that says `wanted`; nothing came out.
    #[track_caller]
    pub(crate) fn fails(self, wanted: &str) -> Self {
        self.fails_with(1, wanted)
    }

    #[track_caller]
    pub(crate) fn fails_with(self, code: i32, wanted: &str) -> Self {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "{self:?}"
        );
        let mut lines = self.stderr.lines();
        let error = lines.next().unwrap_or_default();
        assert!(
            error.starts_with("error: ") && error.contains(wanted),
            "{self:?}, wanted {wanted:?}"
        );
        assert!(lines.all(|line| line.starts_with("hint: ")), "{self:?}");
        assert!(!self.stderr.contains("hunter2"), "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn hints(self, wanted: &str) -> Self {
        let hint = self
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("hint: "));
        assert!(
            hint.is_some_and(|hint| hint.contains(wanted)),
            "{self:?}, wanted {wanted:?}"
        );
        self
    }
}

/// The SealedSecrets in `text`.
pub(crate) fn sealed_secrets(text: &str) -> Vec<SealedSecret> {
    manifest::read(text.as_bytes())
        .unwrap()
        .iter()
        .map(|document| {
            assert_eq!(
                document.node.field("kind").unwrap().text(),
                Some("SealedSecret")
            );
            assert_eq!(
                document.node.field("apiVersion").unwrap().text(),
                Some("bitnami.com/v1alpha1")
            );
            manifest::from_node(&document.node).unwrap()
        })
        .collect()
}

/// The only SealedSecret in `text`.
pub(crate) fn sealed_secret(text: &str) -> SealedSecret {
    let mut all = sealed_secrets(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// What the controller would make of `sealed`.
pub(crate) fn unsealed(sealed: &SealedSecret) -> DesiredSecret {
    desired_secret(sealed, &keyring(), &Hint::default(), Options::default()).unwrap()
}

/// The items of a Secret as text.
pub(crate) fn items(sealed: &SealedSecret) -> BTreeMap<String, String> {
    unsealed(sealed)
        .data
        .iter()
        .map(|(item, value)| (item.clone(), String::from_utf8(value.to_vec()).unwrap()))
        .collect()
}

/// The value that was sealed alone under `label`.
pub(crate) fn value(label: &str, text: &str) -> Vec<u8> {
    let label: Label = label.parse().unwrap();
    keyring()
        .unseal_item(&label, text, &Hint::default())
        .unwrap()
        .plaintext
        .to_vec()
}

/// The key of every [`Bench`].
pub(crate) fn pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| new_pair(Timestamp::now(), SignedDuration::from_hours(24 * 365)))
}

/// A new key with a certificate of these dates.
pub(crate) fn new_pair(not_before: Timestamp, valid_for: SignedDuration) -> KeyPair {
    let template = CertificateTemplate {
        common_name: "test".to_owned(),
        not_before,
        valid_for,
    };
    KeyPair::generate(&mut rand::rng(), KeySize::MIN, &template).unwrap()
}

fn keyring() -> Keyring {
    let key = PrivateKey::from_pem(pair().private_key().to_pkcs1_pem().as_bytes()).unwrap();
    let pair = KeyPair::new(key, pair().certificate().clone()).unwrap();
    let mut keyring = Keyring::new(KeyOrder::default());
    keyring.insert(KeyEntry {
        name: "test".to_owned(),
        created_at: Timestamp::now(),
        pair,
    });
    keyring
}
