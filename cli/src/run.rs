//! One run, from the command line to the exit code.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_core::PublicKey;
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::manifest;
use zeroize::Zeroizing;

use crate::args::{self, Options};
use crate::certificate::Origin;
use crate::clusters::{self, Cluster, ClusterError};
use crate::command::{self, Invocation, Parsed};
use crate::controller_client::Controller;
use crate::env::Environment;
use crate::error::Error;
use crate::input::Source;
use crate::merge::{self, MergeError};
use crate::message;
use crate::mode::Mode;
use crate::namespace::Namespaces;
use crate::output::{self, Destination, Format};
use crate::raw;
use crate::recover;
use crate::remote::{self, RemoteError};
use crate::seal::{self, Rules};
use crate::sealed_input;
use crate::settings;
use crate::target::{self, Target};

/// How long before its end a certificate is worth a warning.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

const SECRETS: &str = "Secrets in JSON or YAML";
const SEALED_SECRETS: &str = "SealedSecrets in JSON or YAML";

/// Does what the command line (without the program's name) asks for.
pub fn run(args: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    match execute(args, environment) {
        Ok(code) => code,
        Err(error) => {
            message::say(&error.report());
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<ExitCode, Error> {
    let mut args = args.into_iter().peekable();
    if args.peek().is_some_and(|first| command::is_name(first)) {
        return match Invocation::parse(args, environment)? {
            Parsed::Run(mut invocation) => {
                if let Some(target) = invocation.command.target() {
                    settings::complete(&mut invocation.options, target)?;
                }
                invocation
                    .command
                    .execute(&Run::new(&invocation.options, environment))
            }
            Parsed::Help(text) => {
                Destination::Stdout.write(text.as_bytes())?;
                Ok(ExitCode::SUCCESS)
            }
        };
    }
    let mut options = Options::parse(args, environment)?;
    for notice in &options.notices {
        message::note(notice);
    }
    let mode = Mode::of(&options)?;
    let clusters = match mode.target() {
        Some(target) => settings::complete(&mut options, target)?,
        None => Vec::new(),
    };
    let mut run = Run::new(&options, environment);
    run.clusters = clusters;
    run.mode(&mode)?;
    Ok(ExitCode::SUCCESS)
}

/// What every mode and subcommand needs to know.
pub(crate) struct Run<'run> {
    pub(crate) options: &'run Options,
    pub(crate) environment: &'run Environment,
    pub(crate) namespaces: Namespaces<'run>,
    pub(crate) now: Timestamp,
    /// Clusters to seal for, each into a file of its own; empty to seal with `--cert`.
    clusters: Vec<Cluster>,
}

impl<'run> Run<'run> {
    fn new(options: &'run Options, environment: &'run Environment) -> Self {
        Self {
            namespaces: Namespaces::new(options, environment),
            options,
            environment,
            now: Timestamp::now(),
            clusters: Vec::new(),
        }
    }

    fn mode(&self, mode: &Mode) -> Result<(), Error> {
        match mode {
            Mode::Version => Destination::Stdout
                .write(concat!("kubeseal version: ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?,
            Mode::Help => Destination::Stdout.write(args::usage().as_bytes())?,
            Mode::FetchCertificate => {
                let certificate = self.origin()?.load(self.options, self.environment)?;
                self.destination().write(&certificate)?;
            }
            Mode::Raw => self.raw()?,
            Mode::Seal => self.seal()?,
            Mode::MergeInto(path) => self.merge(path)?,
            Mode::Validate => {
                let sealed = self.sealed_secrets()?;
                remote::validate(&Controller::find(self.options, self.environment)?, &sealed)?;
            }
            Mode::ReEncrypt => self.re_encrypt()?,
            Mode::RecoveryUnseal => self.recover()?,
        }
        Ok(())
    }

    fn seal(&self) -> Result<(), Error> {
        let format = self.format()?;
        let origin = self.origin()?;
        let source = Source::of(&self.options.secret_file);
        if source.is_terminal() {
            return Err(Error::NoInput);
        }
        let documents = source.documents(&source.read(SECRETS)?, "Secret")?;
        let input = source.to_string();
        let objects = source.objects(&documents, "Secret")?;
        let ready = seal::prepare(&objects, &input, &self.rules(), &self.namespaces)?;
        let unquoted = seal::unquoted_values(&objects, &input);
        for warning in unquoted.iter().chain(&seal::warnings(&ready, &input)) {
            message::warn(warning);
        }
        if !self.clusters.is_empty() {
            return self.seal_for_clusters(&ready, &input);
        }
        let key = self.key(&origin)?;
        let sealed = seal::seal(&ready, &input, &key, rand::rng)?;
        let mut result = Zeroizing::new(String::new());
        for object in &sealed {
            result.push_str(&format.encode(object)?);
        }
        let destination = self.destination();
        if let Destination::File(path) = &destination {
            output::warn_of_plain(path);
        }
        Ok(destination.write(result.as_bytes())?)
    }

    fn seal_for_clusters(&self, ready: &[seal::Ready], input: &str) -> Result<(), Error> {
        let pattern = self.options.sealed_secret_file.to_string_lossy();
        let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut owners: BTreeMap<PathBuf, &str> = BTreeMap::new();
        for cluster in &self.clusters {
            let origin = Origin::of(&cluster.cert)?;
            let key = self.key(&origin)?;
            for object in seal::seal(ready, input, &key, rand::rng)? {
                let (name, namespace) = (object.name(), object.namespace());
                let path = clusters::file_name(&pattern, name, namespace, &cluster.name)?;
                let owner = owners.entry(path.clone()).or_insert(&cluster.name);
                if *owner != cluster.name {
                    return Err(ClusterError::SameFile {
                        first: (*owner).to_owned(),
                        second: cluster.name.clone(),
                        path,
                    }
                    .into());
                }
                let format = Format::of(&self.options.format, path.as_os_str())?;
                files
                    .entry(path)
                    .or_default()
                    .push_str(&format.encode(&object)?);
            }
        }
        files.keys().for_each(|path| output::warn_of_plain(path));
        Ok(clusters::write_all(&files)?)
    }

    fn raw(&self) -> Result<(), Error> {
        let label = raw::label(self.options, self.environment, &self.namespaces)?;
        let origin = self.origin()?;
        let value = raw::source(self.options).read("the value to seal")?;
        let key = self.key(&origin)?;
        let sealed = raw::seal(&value, &label, &key, &mut rand::rng())?;
        Ok(self.destination().write(sealed.as_bytes())?)
    }

    fn merge(&self, path: &Path) -> Result<(), Error> {
        // The file keeps its format, but -o has to name one.
        Format::of(&self.options.format, path.as_os_str())?;
        let mut target = Target::open(path).map_err(MergeError::Target)?;
        let origin = self.origin()?;
        let source = Source::of(&self.options.secret_file);
        let documents = source.documents(&source.read(SECRETS)?, "Secret")?;
        let objects = source.objects(&documents, "Secret")?;
        let input = source.to_string();
        let additions = merge::prepare(&target, &objects, &input, &self.rules(), &self.namespaces)?;
        for warning in seal::unquoted_values(&objects, &input) {
            message::warn(&warning);
        }
        let key = self.key(&origin)?;
        merge::merge(&mut target, &additions, &key, &mut rand::rng())?;
        Ok(target.save().map_err(MergeError::Target)?)
    }

    fn re_encrypt(&self) -> Result<(), Error> {
        let destination = self.re_encrypted_file();
        let format = Format::of(&self.options.format, destination)?;
        let source = Source::of(&self.options.secret_file);
        let content = source.read(SEALED_SECRETS)?;
        let documents = source.documents(&content, "SealedSecret")?;
        let objects = source.objects(&documents, "SealedSecret")?;
        let old = sealed_input::read(&objects, &source.to_string())?;
        let controller = Controller::find(self.options, self.environment)?;
        let new = remote::re_encrypt(&controller, &old)?;
        let in_place = destination == self.options.secret_file;
        let keeps_format = documents
            .iter()
            .all(|document| document.is_json == (format == Format::Json));
        let result = match source {
            Source::File(path) if in_place || keeps_format => {
                let edits = remote::changes(&objects, &old, &new);
                let text = String::from_utf8_lossy(&content);
                let edited = manifest::edit(&text, &edits).map_err(RemoteError::Edit)?;
                target::warn_of_rewriting(&path, &edited.rewritten);
                edited.text
            }
            _ => {
                let mut result = String::new();
                for object in &new {
                    result.push_str(&format.encode(object)?);
                }
                result
            }
        };
        Ok(Destination::of(destination).write(result.as_bytes())?)
    }

    /// Where re-encrypted SealedSecrets go: back where they came from, unless `-w` says otherwise.
    fn re_encrypted_file(&self) -> &OsStr {
        let Options {
            secret_file,
            sealed_secret_file,
            ..
        } = self.options;
        match Path::new(secret_file) {
            input
                if sealed_secret_file.is_empty()
                    && input.is_file()
                    && !input.starts_with("/dev") =>
            {
                secret_file
            }
            _ => sealed_secret_file,
        }
    }

    fn recover(&self) -> Result<(), Error> {
        let format = self.format()?;
        let keyring = recover::keyring(&self.options.recovery_private_keys, &mut rand::rng())?;
        let mut result = Zeroizing::new(String::new());
        for sealed in self.sealed_secrets()? {
            result.push_str(&recover::unseal(&sealed, &keyring, format)?);
        }
        Ok(self.destination().write(result.as_bytes())?)
    }

    fn sealed_secrets(&self) -> Result<Vec<SealedSecret>, Error> {
        let source = Source::of(&self.options.secret_file);
        let documents = source.documents(&source.read(SEALED_SECRETS)?, "SealedSecret")?;
        let objects = source.objects(&documents, "SealedSecret")?;
        Ok(sealed_input::read(&objects, &source.to_string())?)
    }

    fn rules(&self) -> Rules {
        Rules {
            name: Some(self.options.name.clone()).filter(|name| !name.is_empty()),
            scope: self.options.scope,
            allow_empty_data: self.options.allow_empty_data,
        }
    }

    /// The key to seal with.
    pub(crate) fn public_key(&self) -> Result<PublicKey, Error> {
        self.key(&self.origin()?)
    }

    /// The key of a certificate, which must not have expired; that it soon will is worth a warning.
    fn key(&self, origin: &Origin) -> Result<PublicKey, Error> {
        let certificate = origin.valid_certificate(self.options, self.environment, self.now)?;
        if certificate.not_after().duration_since(self.now) < EXPIRES_SOON {
            message::warn(&format!(
                "{} expires at {}",
                origin.name(),
                certificate.not_after()
            ));
            message::hint("kubeseal --fetch-cert > cert.pem gets the newest one");
        }
        Ok(certificate.public_key().clone())
    }

    fn origin(&self) -> Result<Origin, Error> {
        Ok(Origin::of(&self.options.cert)?)
    }

    fn format(&self) -> Result<Format, Error> {
        Ok(Format::of(
            &self.options.format,
            &self.options.sealed_secret_file,
        )?)
    }

    fn destination(&self) -> Destination {
        Destination::of(&self.options.sealed_secret_file)
    }
}
