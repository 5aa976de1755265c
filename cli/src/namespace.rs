//! The namespace to seal for.

use std::cell::OnceCell;

use sealed_secrets_core::Scope;

use crate::args::Options;
use crate::env::Environment;
use crate::error::Explain;
use crate::kubeconfig::{self, KubeconfigError};
use crate::pod::Pod;

/// Finds namespaces. The kubeconfig is read once, and only if a namespace is missing.
#[derive(Debug)]
pub struct Namespaces<'run> {
    options: &'run Options,
    environment: &'run Environment,
    fallback: OnceCell<String>,
}

/// Why there is no namespace to seal for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// `-n` contradicts the document.
    #[error("namespace is {document:?}, but {flag:?} was given with --namespace")]
    Mismatch {
        /// The document's namespace.
        document: String,
        /// The flag's.
        flag: String,
    },
    /// Nothing names one, and there is no kubeconfig.
    #[error("no namespace given, and no kubeconfig or pod to take it from")]
    Unknown,
    /// Nothing names one, and the kubeconfig is broken.
    #[error("no namespace given, and none can be taken from the kubeconfig")]
    Kubeconfig(#[from] KubeconfigError),
}

impl<'run> Namespaces<'run> {
    /// For a run with these options.
    pub fn new(options: &'run Options, environment: &'run Environment) -> Self {
        Self {
            options,
            environment,
            fallback: OnceCell::new(),
        }
    }

    /// The namespace of a document that has `own`, or nothing: its own, else `-n`, else what
    /// [`Namespaces::fallback`] finds. In cluster-wide scope its own, whatever it is.
    ///
    /// # Errors
    /// `-n` contradicts the document, or nothing names a namespace.
    pub fn of_document(
        &self,
        own: Option<&str>,
        scope: Scope,
    ) -> Result<Option<String>, NamespaceError> {
        if scope == Scope::ClusterWide {
            return Ok(own.map(str::to_owned));
        }
        match (own, self.flag()) {
            (Some(own), Some(flag)) if own != flag => Err(NamespaceError::Mismatch {
                document: own.to_owned(),
                flag: flag.to_owned(),
            }),
            (Some(namespace), _) | (None, Some(namespace)) => Ok(Some(namespace.to_owned())),
            (None, None) => self.fallback().map(|namespace| Some(namespace.to_owned())),
        }
    }

    /// `-n`, if it was given.
    pub fn flag(&self) -> Option<&'run str> {
        Some(self.options.namespace.as_str()).filter(|namespace| !namespace.is_empty())
    }

    /// The current context's namespace; where that says nothing, a pod's own, else `default`.
    ///
    /// # Errors
    /// There is neither a kubeconfig nor a pod, or the kubeconfig is broken.
    pub fn fallback(&self) -> Result<&str, NamespaceError> {
        if let Some(namespace) = self.fallback.get() {
            return Ok(namespace);
        }
        let namespace = self.look_up()?;
        Ok(self.fallback.get_or_init(|| namespace))
    }

    fn look_up(&self) -> Result<String, NamespaceError> {
        let connection = &self.options.connection;
        let kubeconfig = kubeconfig::load(connection, self.environment)?;
        let selection = kubeconfig::select(&kubeconfig, connection)?;
        let of_context = selection
            .as_ref()
            .and_then(|selection| selection.context.namespace.clone())
            .filter(|namespace| !namespace.is_empty());
        match (of_context, Pod::around(self.environment)) {
            (Some(namespace), _) => Ok(namespace),
            (None, Some(pod)) => Ok(pod.namespace(self.environment)),
            (None, None) if selection.is_some() => Ok("default".to_owned()),
            (None, None) => Err(NamespaceError::Unknown),
        }
    }
}

impl Explain for NamespaceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Mismatch { .. } => {
                Some("leave --namespace out, or change metadata.namespace".to_owned())
            }
            Self::Unknown | Self::Kubeconfig(_) => {
                Some("give --namespace, or set metadata.namespace in the Secret".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn found(
        args: &[&str],
        kubeconfig: Option<&str>,
        own: Option<&str>,
        scope: Scope,
    ) -> Result<Option<String>, NamespaceError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        if let Some(text) = kubeconfig {
            std::fs::write(&path, text).unwrap();
        }
        let environment: Environment = [("KUBECONFIG", path)].into_iter().collect();
        let options = Options::parse(args.iter().map(OsString::from), &environment).unwrap();
        Namespaces::new(&options, &environment).of_document(own, scope)
    }

    const WITH: &str = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: '', namespace: ctx}}, \
                        {name: b, context: {cluster: c, user: ''}}]\nclusters: [{name: c, cluster: {server: 'https://x'}}]\n";

    #[test]
    fn the_document_comes_first_then_the_flag_then_the_context() {
        let strict = Scope::Strict;
        assert_eq!(
            found(&[], Some("]broken"), Some("own"), strict)
                .unwrap()
                .unwrap(),
            "own"
        );
        assert_eq!(
            found(&["-nflag"], Some("]broken"), None, strict)
                .unwrap()
                .unwrap(),
            "flag"
        );
        assert_eq!(
            found(&[], Some(WITH), None, strict).unwrap().unwrap(),
            "ctx"
        );
        assert_eq!(
            found(&["--context=b"], Some(WITH), None, strict)
                .unwrap()
                .unwrap(),
            "default"
        );
        assert_eq!(
            found(&["-n="], Some(WITH), None, Scope::NamespaceWide)
                .unwrap()
                .unwrap(),
            "ctx"
        );
    }

    #[test]
    fn a_missing_namespace_is_an_error_only_where_one_is_needed() {
        for kubeconfig in [
            None,
            Some("]broken"),
            Some(""),
            Some("current-context: gone\n"),
        ] {
            assert!(
                found(&[], kubeconfig, None, Scope::Strict).is_err(),
                "{kubeconfig:?}"
            );
            assert!(
                found(&["-nx"], kubeconfig, None, Scope::Strict).is_ok(),
                "{kubeconfig:?}"
            );
            assert_eq!(
                found(&[], kubeconfig, None, Scope::ClusterWide).unwrap(),
                None
            );
        }
    }

    #[test]
    fn the_flag_must_not_contradict_the_document_unless_cluster_wide() {
        for scope in [Scope::Strict, Scope::NamespaceWide] {
            assert!(matches!(
                found(&["-na"], None, Some("b"), scope),
                Err(NamespaceError::Mismatch { .. })
            ));
            assert_eq!(
                found(&["-nb"], None, Some("b"), scope).unwrap().unwrap(),
                "b"
            );
        }
        assert_eq!(
            found(&["-na"], None, Some("b"), Scope::ClusterWide)
                .unwrap()
                .unwrap(),
            "b"
        );
        assert_eq!(
            found(&["-na"], None, None, Scope::ClusterWide).unwrap(),
            None
        );
    }
}
