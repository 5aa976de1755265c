//! What a caller learns about a template that could not be rendered.

use std::fmt;

/// Why a template was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The template does not parse.
    Syntax,
    /// The template parses, and failed while it ran.
    Execution,
    /// The template needs more time, memory, depth or output than it is allowed.
    Limit,
}

/// A template that could not be rendered.
///
/// Displays as `template: NAME:LINE:COLUMN: FUNCTION: WHAT`, the function only where one failed.
/// `NAME` is the name given to [`render`](crate::render); lines count from 1, columns (in bytes)
/// from 0 as Go's do. Neither the display nor the debug form holds a value or any output: the
/// words come from the template's own text, from type names and from this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    template: String,
    line: usize,
    column: usize,
    function: Option<String>,
    what: String,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        template: &str,
        (line, column): (usize, usize),
        function: Option<&str>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            template: template.to_owned(),
            line,
            column,
            function: function.map(str::to_owned),
            what: what.into(),
        }
    }

    /// Why the template was refused.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The name of the template, as given to [`render`](crate::render).
    #[must_use]
    pub fn template(&self) -> &str {
        &self.template
    }

    /// The line of the failing action, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column of the failing node, in bytes, from 0.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The function that failed, where a function did.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "template: {}:{}:{}: ",
            self.template, self.line, self.column
        )?;
        if let Some(function) = &self.function {
            write!(f, "{function}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
