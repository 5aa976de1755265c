//! Go's `text/template` with the functions of sprig 3.3, over byte strings, in Rust.
//!
//! [`render`] takes a flat map of byte strings (the decrypted values of a Secret) and gives the
//! bytes Go would have given, or an [`Error`] where Go gives one. A template can read nothing
//! else: no files, no network, no environment variables, no process. Time, depth, memory and
//! output are bounded by [`Limits`].
//!
//! ```
//! use sealed_secrets_templates::{Values, render};
//!
//! let values = Values::from([("user".into(), b"admin".to_vec()), ("port".into(), b"5432".to_vec())]);
//! let text = render("dsn", "postgres://{{ .user }}@db:{{ .port | default 80 }}/{{ .nope }}", &values)?;
//! assert_eq!(text, b"postgres://admin@db:5432/<no value>");
//! # Ok::<(), sealed_secrets_templates::Error>(())
//! ```

mod environment;
mod error;
mod exec;
mod fault;
mod fmt;
mod go;
mod json;
mod limits;
mod meter;
mod regexp;
mod renderer;
mod sprig;
mod stack;
mod syntax;
mod time;
mod value;

use std::collections::BTreeMap;

pub use environment::Environment;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use renderer::Renderer;

/// What a template can refer to: `.name` is the value under `name`.
pub type Values = BTreeMap<String, Vec<u8>>;

/// Renders `template`, called `name` in errors, with the values under `.`.
///
/// # Errors
/// Where Go's `text/template` fails to parse or to execute the template, and where the template
/// goes beyond the default [`Limits`].
pub fn render(name: &str, template: &str, values: &Values) -> Result<Vec<u8>, Error> {
    render_with(
        name,
        template,
        values,
        &mut Environment::system(),
        &Limits::default(),
    )
}

/// [`render`] with a given clock, randomness and limits.
///
/// # Errors
/// As [`render`], against the given limits.
pub fn render_with(
    name: &str,
    template: &str,
    values: &Values,
    environment: &mut Environment,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    Renderer::with_limits(values, environment, *limits, *limits).render(name, template)
}

/// Whether `template` parses; says nothing about how it runs.
///
/// # Errors
/// Where it doesn't parse, or goes beyond the default [`Limits`].
pub fn check(name: &str, template: &str) -> Result<(), Error> {
    let _scope = meter::Scope::begin();
    tree(name, template, &Limits::default()).map(drop)
}

fn tree(name: &str, template: &str, limits: &Limits) -> Result<syntax::tree::Tree, Error> {
    if template.len() > limits.template {
        return Err(Error::new(
            ErrorKind::Limit,
            name,
            (1, 0),
            None,
            "the template is too long",
        ));
    }
    syntax::parser::parse(name.as_bytes(), template, &sprig::find).map_err(|problem| {
        Error::new(
            problem.kind,
            name,
            exec::place(template.as_bytes(), problem.pos),
            None,
            problem.what,
        )
    })
}
