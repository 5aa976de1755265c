//! One case of a vectors file: a template, its values, and what Go made of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealed_secrets_templates::{Values, render};
use serde_json::Value;

/// A line of the file.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) template: String,
    pub(crate) values: Values,
    expected: Expected,
}

enum Expected {
    Bytes(Vec<u8>),
    Pattern(String),
    Failure,
}

impl Case {
    /// Reads a line, or says what is wrong with it.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let case: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let text = |key: &str| case.get(key).and_then(Value::as_str).map(str::to_owned);
        let decode = |text: &str| STANDARD.decode(text).map_err(|e| e.to_string());
        let mut values = Values::new();
        for (key, value) in case
            .get("data")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = value.as_str().ok_or("a value is not a string")?;
            values.insert(key.clone(), value.as_bytes().to_vec());
        }
        for (key, value) in case
            .get("data_b64")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            values.insert(
                key.clone(),
                decode(value.as_str().ok_or("a value is not a string")?)?,
            );
        }
        let expected = if case.get("ok") != Some(&Value::Bool(true)) {
            Expected::Failure
        } else if let Some(output) = text("output") {
            Expected::Bytes(output.into_bytes())
        } else if let Some(output) = text("output_b64") {
            Expected::Bytes(decode(&output)?)
        } else {
            Expected::Pattern(text("output_regex").ok_or("nothing is expected")?)
        };
        Ok(Self {
            id: text("id").ok_or("no id")?,
            template: text("template").ok_or("no template")?,
            values,
            expected,
        })
    }

    /// The part of the id before the first dot.
    #[allow(dead_code, reason = "only the test counts by category")]
    pub(crate) fn category(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }

    /// Renders the case and compares, or says how it differs.
    pub(crate) fn run(&self) -> Result<(), String> {
        let got = render(&self.id, &self.template, &self.values);
        let same = match (&got, &self.expected) {
            (Ok(got), Expected::Bytes(wanted)) => got == wanted,
            (Ok(got), Expected::Pattern(pattern)) => {
                let pattern = regex::bytes::Regex::new(pattern).map_err(|e| e.to_string())?;
                pattern.is_match(got)
            }
            (Err(_), Expected::Failure) => true,
            _ => false,
        };
        if same {
            return Ok(());
        }
        let wanted = match &self.expected {
            Expected::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            Expected::Pattern(pattern) => format!("a match of {pattern:?}"),
            Expected::Failure => "a failure".to_owned(),
        };
        let got = match got {
            Ok(bytes) => format!("{:?}", String::from_utf8_lossy(&bytes)),
            Err(error) => format!("the error {error}"),
        };
        Err(format!("wanted {wanted}, got {got}"))
    }
}
