//! The SealedSecrets in a folder of manifests.
//!
//! Git work trees hold many things. Only files named `*.yaml`, `*.yml` or `*.json` that mention
//! SealedSecret are parsed; hidden folders (`.git`) are passed over; symbolic links inside the
//! folder are not followed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::manifest::{self, Node, Value};
use sealed_secrets_crds::sealed_secret::{API_VERSION, KIND};
use walkdir::WalkDir;
use zeroize::Zeroizing;

use super::regular_file::{self, Links};
use crate::unsealer::ObjectKey;

/// Largest file that is read. A Secret holds at most 1 MiB.
const MAX_FILE: u64 = 32 << 20;

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// Every SealedSecret by namespace and name, each with all the places that define it.
    pub(super) objects: BTreeMap<ObjectKey, Vec<Found>>,
    /// Files, or documents without a usable name, that can't be read, with the reason.
    pub(super) problems: BTreeMap<PathBuf, String>,
}

/// A SealedSecret in a file.
#[derive(Debug)]
pub(super) struct Found {
    /// The file, relative to the folder.
    pub(super) file: PathBuf,
    /// Where in the file.
    pub(super) line: usize,
    /// The object, or what keeps it from being one.
    pub(super) sealed: Result<SealedSecret, String>,
}

/// Reads a folder.
///
/// # Errors
/// The folder itself can't be read. Whatever is in it is reported in the result.
pub(super) fn read(folder: &Path, default_namespace: &str) -> io::Result<Manifests> {
    let folder = folder.canonicalize()?;
    fs::read_dir(&folder)?;
    let mut manifests = Manifests::default();
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    for entry in WalkDir::new(&folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(visible)
    {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                // Files come and go while the folder is read.
                let gone = error
                    .io_error()
                    .is_some_and(|it| it.kind() == io::ErrorKind::NotFound);
                if let Some(path) = error.path().filter(|_| !gone) {
                    manifests
                        .problems
                        .insert(relative(path, &folder), reason(&error));
                }
                continue;
            }
        };
        let extension = entry
            .path()
            .extension()
            .and_then(|extension| extension.to_str());
        if !entry.file_type().is_file() || !matches!(extension, Some("yaml" | "yml" | "json")) {
            continue;
        }
        let file = relative(entry.path(), &folder);
        if file.to_str().is_none() {
            // The status file and logs couldn't name it.
            let shown = PathBuf::from(file.to_string_lossy().into_owned());
            manifests
                .problems
                .insert(shown, "file name is not UTF-8; rename it".to_owned());
            continue;
        }
        match text_of(entry.path()) {
            Ok(Some(text)) => manifests.add_file(&file, &text, default_namespace),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                manifests.problems.insert(file, error.to_string());
            }
        }
    }
    Ok(manifests)
}

fn reason(error: &walkdir::Error) -> String {
    error
        .io_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn relative(path: &Path, folder: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap_or(path).to_owned()
}

/// The file's content, if it mentions a SealedSecret.
fn text_of(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let text = regular_file::read(path, MAX_FILE, Links::Refuse)?;
    let mentions = text
        .windows(KIND.len())
        .any(|window| window == KIND.as_bytes());
    Ok(mentions.then_some(text))
}

impl Manifests {
    /// Why a file, or the folder it is in, can't be read.
    pub(super) fn problem_of(&self, file: &Path) -> Option<&str> {
        file.ancestors()
            .find_map(|path| self.problems.get(path))
            .map(String::as_str)
    }

    fn add_file(&mut self, file: &Path, text: &[u8], default_namespace: &str) {
        match manifest::read(text) {
            Ok(documents) => {
                for document in documents {
                    self.add_node(file, &document.node, default_namespace);
                }
            }
            Err(error) => {
                self.problems.insert(file.to_owned(), error.to_string());
            }
        }
    }

    /// Adds an object, or the objects of a List.
    fn add_node(&mut self, file: &Path, node: &Node, default_namespace: &str) {
        let word = |field: &str| node.field(field).and_then(Node::as_wanted_string);
        let (api_version, kind) = (word("apiVersion"), word("kind"));
        if let (Some("v1" | API_VERSION), Some("List" | "SealedSecretList")) = (api_version, kind) {
            if let Some(Value::Sequence(items)) = node.field("items").map(|items| &items.value) {
                items
                    .iter()
                    .for_each(|item| self.add_node(file, item, default_namespace));
            }
            return;
        }
        if (api_version, kind) != (Some(API_VERSION), Some(KIND)) {
            return;
        }
        let line = node.position.line;
        match identity(node, default_namespace) {
            Ok((namespace, name)) => {
                let sealed = manifest::from_node::<SealedSecret>(node)
                    .map(|mut sealed| {
                        sealed.metadata.namespace = Some(namespace.clone());
                        sealed
                    })
                    .map_err(|error| error.to_string());
                let found = Found {
                    file: file.to_owned(),
                    line,
                    sealed,
                };
                self.objects
                    .entry((namespace, name))
                    .or_default()
                    .push(found);
            }
            Err(problem) => {
                let problem = format!("line {line}: SealedSecret {problem}");
                self.problems
                    .entry(file.to_owned())
                    .and_modify(|text| {
                        text.push_str("; ");
                        text.push_str(&problem);
                    })
                    .or_insert(problem);
            }
        }
    }
}

/// Namespace and name, which become folders: only what the API server would take.
fn identity(node: &Node, default_namespace: &str) -> Result<ObjectKey, String> {
    let field = |field: &str| {
        node.field("metadata")
            .and_then(|metadata| metadata.field(field))
            .and_then(Node::as_wanted_string)
            .filter(|text| !text.is_empty())
    };
    let name = field("name").ok_or("has no metadata.name")?;
    let namespace = field("namespace").unwrap_or(default_namespace);
    if !is_dns_label(namespace) {
        return Err(format!(
            "has an invalid namespace {namespace:?}: lower-case letters, digits and '-', at most 63"
        ));
    }
    let valid = name.len() <= 253 && name.split('.').all(is_dns_part);
    if !valid {
        return Err(format!(
            "has an invalid name {name:?}: lower-case letters, digits, '-' and '.', at most 253"
        ));
    }
    Ok((namespace.to_owned(), name.to_owned()))
}

/// RFC 1123 label of at most 63 characters.
fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_dns_part(text)
}

fn is_dns_part(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Manifests) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let manifests = read(folder.path(), "default").unwrap();
        (folder, manifests)
    }

    fn sealed(metadata: &str) -> String {
        format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {metadata}\nspec: {{encryptedData: {{}}}}\n"
        )
    }

    fn keys(manifests: &Manifests) -> Vec<String> {
        manifests
            .objects
            .keys()
            .map(|(namespace, name)| format!("{namespace}/{name}"))
            .collect()
    }

    #[test]
    fn sealed_secrets_are_found_in_all_folders_documents_and_lists() {
        let two = format!(
            "{}---\n{}",
            sealed("{name: b, namespace: x}"),
            sealed("{name: c}")
        );
        let list = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"d"},"spec":{"encryptedData":{}}}]}"#;
        let (_folder, manifests) = folder(&[
            ("a.yaml", &sealed("{name: a}")),
            ("deep/er/two.yml", &two),
            ("list.json", list),
            (".git/hidden.yaml", &sealed("{name: hidden}")),
            ("notes.txt", &sealed("{name: text}")),
            (
                "configmap.yaml",
                "kind: ConfigMap\nmetadata: {name: SealedSecret}\n",
            ),
            ("helm.yaml", "{{ if .Values.x }}\nnot: [yaml\n"),
        ]);
        assert_eq!(
            keys(&manifests),
            ["default/a", "default/c", "default/d", "x/b"]
        );
        assert!(manifests.problems.is_empty(), "{:?}", manifests.problems);
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_of_its_file() {
        let (_folder, manifests) = folder(&[
            ("bad.yaml", "kind: SealedSecret\nmetadata: [\n"),
            ("good.yaml", &sealed("{name: good}")),
            ("name.yaml", &sealed("{name: ../../etc}")),
            ("namespace.yaml", &sealed("{name: a, namespace: ..}")),
            ("none.yaml", &sealed("{}")),
        ]);
        assert_eq!(keys(&manifests), ["default/good"]);
        let problems: Vec<_> = manifests
            .problems
            .keys()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(
            problems,
            ["bad.yaml", "name.yaml", "namespace.yaml", "none.yaml"]
        );
    }

    #[test]
    fn an_object_of_the_wrong_shape_keeps_its_name() {
        let text = sealed("{name: a}").replace("{encryptedData: {}}", "[1]");
        let (_folder, manifests) = folder(&[("a.yaml", &text)]);
        let found = &manifests.objects[&("default".to_owned(), "a".to_owned())][0];
        assert!(
            found.sealed.as_ref().unwrap_err().contains("line 4"),
            "{:?}",
            found.sealed
        );
    }
}
