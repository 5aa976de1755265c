//! A report for people.
//!
//! A block for each object, then a line for each problem, in the form that compilers use and editors
//! jump to: `file:line:column: message [code]`.

use std::fmt::Write as _;

use sealed_secrets_crds::inspect::{Inspection, Item, KeyMatch, Kind};

use crate::error::visible;

use super::{CertificateReport, Report};

impl Report {
    /// The report as text; with `quiet` the problems alone.
    pub fn text(&self, quiet: bool) -> String {
        let mut text = String::new();
        if !quiet {
            for file in &self.files {
                for found in &file.objects {
                    describe(&file.path, found, self.certificate.as_ref(), &mut text);
                }
            }
        }
        if let Some(certificate) = self.certificate.as_ref().filter(|cert| cert.expired) {
            line(
                &mut text,
                format_args!(
                    "{}: certificate expired at {} [certificate-expired]",
                    visible(&certificate.name),
                    certificate.not_after
                ),
            );
        }
        for (path, problem) in self.all_problems() {
            line(
                &mut text,
                format_args!(
                    "{}:{}:{}: {} [{}]",
                    visible(path),
                    problem.position.line,
                    problem.position.column,
                    visible(&problem.kind.to_string()),
                    problem.kind.code()
                ),
            );
        }
        text
    }
}

fn describe(
    path: &str,
    found: &Inspection,
    certificate: Option<&CertificateReport>,
    text: &mut String,
) {
    let kind = match found.kind {
        Kind::SealedSecret => "SealedSecret",
        _ => "Secret",
    };
    line(
        text,
        format_args!(
            "{kind} {} ({}, line {})",
            visible(&found.title()),
            visible(path),
            found.line
        ),
    );
    if found.kind == Kind::SealedSecret {
        line(
            text,
            format_args!("  scope: {}, label {:?}", found.scope, found.label),
        );
        if let Some(type_) = &found.type_ {
            line(text, format_args!("  type: {}", visible(type_)));
        }
        if let Some(fingerprint) = &found.key_fingerprint {
            line(text, format_args!("  key: {fingerprint}, as the file says"));
        }
    }
    if let (Some(certificate), Some(key_match)) = (certificate, found.key_match) {
        let verdict = match key_match {
            KeyMatch::Recorded => "matches: the file says so, and nothing speaks against it",
            KeyMatch::Possible => "can't be ruled out; more can't be told without the private key",
            KeyMatch::OtherRecorded => "the file says that it is sealed for another key",
            _ => "is not the one: the sealed values are for another key",
        };
        line(
            text,
            format_args!("  key of {}: {verdict}", visible(&certificate.name)),
        );
    }
    let width = found
        .items
        .iter()
        .map(|item| visible(&item.name).len())
        .max();
    for item in &found.items {
        item_line(item, width.unwrap_or(0), text);
    }
    for item in &found.templated {
        line(text, format_args!("  {}  from a template", visible(item)));
    }
    text.push('\n');
}

fn item_line(item: &Item, width: usize, text: &mut String) {
    let name = visible(&item.name);
    let detail = match (item.plaintext_bytes, item.sealed_bytes, item.key_bits) {
        (Some(plain), Some(sealed), Some(bits)) => {
            format!("{plain} bytes, sealed {sealed}, RSA {bits}")
        }
        (_, Some(sealed), _) => format!("sealed {sealed}"),
        _ => String::new(),
    };
    line(
        text,
        format_args!("{}", format!("  {name:width$}  {detail}").trim_end()),
    );
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{arguments}");
}
