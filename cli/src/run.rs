//! One run, from the command line to the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::args::{self, Options};
use crate::certificate::Origin;
use crate::env::Environment;
use crate::error::Error;
use crate::input::Source;
use crate::mode::{Mode, ModeError};
use crate::namespace::Namespaces;
use crate::output::{Destination, Format};
use crate::raw;
use crate::seal::{self, Rules};

/// Does what the command line (without the program's name) asks for.
pub fn run(args: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    match execute(args, environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", error.report());
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<(), Error> {
    let options = Options::parse(args, environment)?;
    for notice in &options.notices {
        eprintln!("{notice}");
    }
    let mode = Mode::of(&options)?;
    let run = Run {
        namespaces: Namespaces::new(&options, environment),
        options: &options,
        environment,
        now: Timestamp::now(),
    };
    match mode {
        Mode::Version => Destination::Stdout
            .write(concat!("kubeseal version: ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?,
        Mode::Help => Destination::Stdout.write(args::usage().as_bytes())?,
        Mode::FetchCertificate => {
            let certificate = run.origin()?.load(&options, environment)?;
            run.destination().write(&certificate)?;
        }
        Mode::Raw => run.raw()?,
        Mode::Seal => run.seal()?,
        Mode::RecoveryUnseal | Mode::Validate | Mode::ReEncrypt | Mode::MergeInto(_) => {
            return Err(ModeError::NotYet.into());
        }
    }
    Ok(())
}

/// What every mode needs to know.
struct Run<'run> {
    options: &'run Options,
    environment: &'run Environment,
    namespaces: Namespaces<'run>,
    now: Timestamp,
}

impl Run<'_> {
    fn seal(&self) -> Result<(), Error> {
        let format = self.format()?;
        let origin = self.origin()?;
        let source = Source::of(&self.options.secret_file);
        let documents = source.documents(&source.read("Secrets in JSON or YAML")?, "Secret")?;
        let input = source.to_string();
        let ready = seal::prepare(&documents, &input, &self.rules(), &self.namespaces)?;
        let key = origin.public_key(self.options, self.environment, self.now)?;
        let sealed = seal::seal(&ready, &input, &key, &mut rand::rng())?;
        let mut result = Zeroizing::new(String::new());
        for object in &sealed {
            result.push_str(&format.encode(object)?);
        }
        Ok(self.destination().write(result.as_bytes())?)
    }

    fn raw(&self) -> Result<(), Error> {
        let label = raw::label(self.options, self.environment, &self.namespaces)?;
        let origin = self.origin()?;
        let value = raw::source(self.options).read("the value to seal")?;
        let key = origin.public_key(self.options, self.environment, self.now)?;
        let sealed = raw::seal(&value, &label, &key, &mut rand::rng())?;
        Ok(self.destination().write(sealed.as_bytes())?)
    }

    fn rules(&self) -> Rules {
        Rules {
            name: Some(self.options.name.clone()).filter(|name| !name.is_empty()),
            scope: self.options.scope,
            allow_empty_data: self.options.allow_empty_data,
        }
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
