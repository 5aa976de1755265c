//! The same command line to both tools, and what came of it in terms that can be compared.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sealed_secrets_tests::TestError;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::process::{Outcome, ProcessError, Program};
use serde_json::{Value, json};

/// A tool that takes longer than this hangs: it takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(15);

/// Ours puts the mark of the key there.
const MARK: &str = "sealedsecrets.bitnami.com/key-fingerprint";

/// Certificate and key, in every folder.
const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../cli/tests/transcripts/fixtures"
);

/// A file that is in every folder.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

pub(crate) fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// A command line with what it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) args: Vec<String>,
    pub(crate) input: Vec<u8>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) yields: Yields,
}

/// What a run makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Yields {
    /// SealedSecrets on standard output.
    #[default]
    Sealed,
    /// The same in a file.
    SealedFile(String),
    /// One sealed value, for this name, namespace and scope annotation.
    Value(&'static str, &'static str, Option<&'static str>),
    /// Secrets in JSON on standard output.
    Secrets,
    /// Standard output as it is.
    Text,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// Exit code 0, and this: objects without what is random.
    Done(Vec<Value>),
    /// Another exit code.
    Failed {
        /// Something is on standard output all the same.
        printed: bool,
    },
    /// No end.
    Hung,
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(objects) => objects.iter().try_for_each(|object| write!(f, "{object} ")),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Both tools.
pub(crate) struct Pair {
    ours: Program,
    go: Program,
    folder: PathBuf,
}

impl Pair {
    pub(crate) fn new(context: &Context) -> Result<Self, TestError> {
        let clean = |program: Program| program.env_remove("KUBECONFIG");
        Ok(Self {
            ours: clean(context.kubeseal()?),
            go: clean(context.go_kubeseal()?),
            folder: context.folder().to_owned(),
        })
    }

    /// Runs both; what comes out is decrypted by both. Also returns what they said.
    pub(crate) async fn run(&self, run: &Run) -> Result<(Observed, Observed, String), TestError> {
        let (ours, said) = self.observe(&self.ours, run).await?;
        let (go, go_said) = self.observe(&self.go, run).await?;
        Ok((ours, go, format!("ours: {said}\nGo: {go_said}")))
    }

    async fn observe(&self, tool: &Program, run: &Run) -> Result<(Observed, String), TestError> {
        let folder = tempfile::tempdir_in(&self.folder)?;
        let folder = folder.path();
        for entry in fs::read_dir(FIXTURES)? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        for (name, content) in &run.files {
            fs::write(folder.join(name), content)?;
        }
        let mut program = tool
            .clone()
            .args(&run.args)
            .current_dir(folder)
            .input(run.input.clone());
        for (name, value) in &run.variables {
            program = program.env(name, value);
        }
        let outcome = match program.run_within(LIMIT).await {
            Ok(outcome) => outcome,
            Err(ProcessError::StillRunning { .. }) => return Ok((Observed::Hung, String::new())),
            Err(error) => return Err(error.into()),
        };
        let said = outcome.stderr();
        if outcome.code != Some(0) {
            let printed = !outcome.stdout.is_empty();
            return Ok((Observed::Failed { printed }, said));
        }
        let objects = self.objects(&outcome, folder, run).await?;
        Ok((Observed::Done(objects), said))
    }

    async fn objects(
        &self,
        outcome: &Outcome,
        folder: &Path,
        run: &Run,
    ) -> Result<Vec<Value>, TestError> {
        let sealed = match &run.yields {
            Yields::Text => return Ok(vec![outcome.stdout().into()]),
            Yields::Secrets => return Ok(json_stream(&outcome.stdout())?.map(plain).collect()),
            Yields::Sealed => documents(&outcome.stdout())?,
            Yields::SealedFile(name) => documents(&fs::read_to_string(folder.join(name))?)?,
            Yields::Value(name, namespace, annotation) => {
                let annotations: Value = annotation
                    .iter()
                    .map(|name| ((*name).to_owned(), Value::from("true")))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                vec![
                json!({
                    "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
                    "metadata": { "name": name, "namespace": namespace, "annotations": annotations },
                    "spec": { "encryptedData": { "value": outcome.stdout() } },
                })
                .to_string(),
            ]
            }
        };
        let mut objects = Vec::new();
        for text in sealed {
            let by_us = unseal(&self.ours, folder, &text).await?;
            let by_go = unseal(&self.go, folder, &text).await?;
            // What the template doesn't show is seen in JSON; YAML is for the other tool to read.
            let shell = serde_json::from_str(&text).map_or(Value::Null, shell);
            objects.push(json!({ "by us": by_us, "by Go": by_go, "sealed": shell }));
        }
        Ok(objects)
    }
}

/// The Secret that `tool` makes of a SealedSecret, or what it says.
async fn unseal(tool: &Program, folder: &Path, sealed: &str) -> Result<Value, TestError> {
    let outcome = tool
        .clone()
        .args([
            "--recovery-unseal",
            "--recovery-private-key",
            "key.pem",
            "-ojson",
        ])
        .current_dir(folder)
        .input(sealed)
        .run_within(LIMIT)
        .await?;
    match json_stream(&outcome.stdout())?.map(plain).next() {
        Some(secret) if outcome.code == Some(0) => Ok(secret),
        _ => Ok(format!("cannot be unsealed: {}", outcome.stderr()).into()),
    }
}

/// The documents of an output: JSON objects one after another, or YAML behind `---` lines.
fn documents(text: &str) -> Result<Vec<String>, TestError> {
    if text.trim_start().starts_with('{') {
        return Ok(json_stream(text)?.map(|value| value.to_string()).collect());
    }
    Ok(format!("\n{text}")
        .split("\n---\n")
        .filter(|document| !document.trim().is_empty())
        .map(str::to_owned)
        .collect())
}

fn json_stream(text: &str) -> Result<impl Iterator<Item = Value>, TestError> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect();
    Ok(values
        .map_err(|error| format!("{error} in {text}"))?
        .into_iter())
}

/// A Secret without the owner, which ours only names where it has a uid.
fn plain(mut secret: Value) -> Value {
    if let Some(metadata) = secret.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("ownerReferences");
    }
    without_nothings(secret)
}

/// A SealedSecret without ciphertexts and mark.
fn shell(mut sealed: Value) -> Value {
    if let Some(items) = sealed.pointer_mut("/spec/encryptedData") {
        let names: Vec<Value> = items
            .as_object()
            .map(|items| items.keys().map(|name| name.clone().into()).collect())
            .unwrap_or_default();
        *items = names.into();
    }
    let annotations = sealed.pointer_mut("/metadata/annotations");
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.remove(MARK);
    }
    without_nothings(sealed)
}

/// Without fields that are null or empty, which the tools write or leave out, and in one order.
fn without_nothings(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields
                .into_iter()
                .map(|(name, value)| (name, without_nothings(value)))
                .filter(|(_, value)| !value.is_null() && *value != json!({}) && *value != json!([]))
                .collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(mut values) => {
            if values.iter().all(Value::is_string) {
                values.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
            Value::Array(values.into_iter().map(without_nothings).collect())
        }
        other => other,
    }
}
