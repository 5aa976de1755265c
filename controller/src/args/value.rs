//! Values of flags: text to types, with errors that say how to write it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use sealed_secrets_core::keyring::KeyOrder;
use sealed_secrets_core::private_key::KeySize;

/// Labels or annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(pub BTreeMap<String, String>);

/// A time, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutoff(pub Option<Timestamp>);

/// Names of namespaces, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(pub BTreeSet<String>);

/// `host:port`, or `:port` for all addresses as Go has it.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let full = match text.strip_prefix(':') {
        Some(port) => format!("[::]:{port}"),
        None => text.replace("localhost:", "127.0.0.1:"),
    };
    full.parse()
        .map_err(|_| format!("invalid address {text:?}: write it like :8080 or 127.0.0.1:8080"))
}

/// The spellings that Go's `strconv.ParseBool` takes.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("invalid boolean {text:?}: write true or false")),
    }
}

pub(super) fn key_size(text: &str) -> Result<KeySize, String> {
    let bits: u32 = text
        .parse()
        .map_err(|_| format!("invalid key size {text:?}"))?;
    KeySize::try_from(bits).map_err(|error| error.to_string())
}

/// Five characters are appended to it for each key, and the whole must be a name.
pub(super) fn key_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 245 || !text.chars().all(allowed) || text.starts_with('-') {
        return Err(format!(
            "invalid key prefix {text:?}: lower-case letters, digits and '-', at most 245 characters"
        ));
    }
    Ok(text.to_owned())
}

/// Unknown orders mean the default, as in the reference.
pub(super) fn key_order(text: &str) -> Result<KeyOrder, std::convert::Infallible> {
    Ok(text.parse().unwrap_or(KeyOrder::CertNotBefore))
}

/// A time as RFC 1123 has it, with a numeric zone; nothing is none.
pub(super) fn cutoff(text: &str) -> Result<Cutoff, String> {
    if text.is_empty() {
        return Ok(Cutoff(None));
    }
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .map(|time| Cutoff(Some(time)))
        .map_err(|_| {
            format!("invalid time {text:?}: write it like \"Mon, 02 Jan 2006 15:04:05 -0700\"")
        })
}

/// A number of requests a second.
pub(super) fn rate(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|rate: &f32| rate.is_finite())
        .ok_or_else(|| format!("invalid number {text:?}"))
}

/// A number of tries; less than none is none, as in the reference.
pub(super) fn retries(text: &str) -> Result<u32, String> {
    let number: i64 = text
        .parse()
        .map_err(|_| format!("invalid number {text:?}"))?;
    u32::try_from(number.max(0)).map_err(|_| format!("invalid number {text:?}"))
}

/// One namespace.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let whole = (1..=63).contains(&text.len()) && text.chars().all(allowed);
    if !whole || text.starts_with('-') || text.ends_with('-') {
        return Err(format!(
            "invalid namespace {text:?}: lower-case letters, digits and '-', at most 63 characters"
        ));
    }
    Ok(text.to_owned())
}

/// Namespaces with commas between them.
pub(super) fn namespaces(text: &str) -> Result<Namespaces, String> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(namespace)
        .collect::<Result<_, _>>()
        .map(Namespaces)
}

/// Labels as `k=v,k=v`.
pub(super) fn labels(text: &str) -> Result<Pairs, String> {
    let pairs = annotations(text)?;
    for value in pairs.0.values() {
        if !is_label_value(value) {
            return Err(format!(
                "invalid label value {value:?}: letters, digits, '-', '_' and '.', at most 63 characters"
            ));
        }
    }
    Ok(pairs)
}

/// Annotations as `k=v,k=v`.
pub(super) fn annotations(text: &str) -> Result<Pairs, String> {
    if text.is_empty() {
        return Ok(Pairs::default());
    }
    let pair = |text: &str| {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("no '=' in {text:?}: write key=value,key=value"))?;
        let key = key.trim();
        if !is_qualified_name(key) {
            return Err(format!("invalid key {key:?}: write name or domain/name"));
        }
        Ok((key.to_owned(), value.trim().to_owned()))
    };
    text.split(',')
        .map(pair)
        .collect::<Result<_, _>>()
        .map(Pairs)
}

/// `name` or `domain/name`, as keys of labels and annotations are.
pub(super) fn is_qualified_name(key: &str) -> bool {
    let (domain, name) = match key.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, key),
    };
    let is_domain = |domain: &str| {
        domain.len() <= 253
            && domain.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
    };
    is_name_part(name) && domain.is_none_or(is_domain)
}

pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_name_part(value)
}

fn is_name_part(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= 63
        && name.chars().all(inside)
        && edge(name.chars().next())
        && edge(name.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_listens_everywhere() {
        assert_eq!(address(":8080").unwrap().to_string(), "[::]:8080");
        assert_eq!(address("10.1.2.3:80").unwrap().to_string(), "10.1.2.3:80");
        assert!(address("nonsense").is_err());
    }

    #[test]
    fn a_cutoff_time_has_a_numeric_zone() {
        let Cutoff(time) = cutoff("Mon, 02 Jan 2006 15:04:05 -0700").unwrap();
        assert_eq!(time.unwrap().to_string(), "2006-01-02T22:04:05Z");
        assert_eq!(cutoff(""), Ok(Cutoff(None)));
        assert!(cutoff("2006-01-02T15:04:05Z").is_err());
        assert!(cutoff("Tue, 02 Jan 2006 15:04:05 -0700").is_err());
    }

    #[test]
    fn keys_of_labels_are_qualified_names() {
        for good in ["a", "app.kubernetes.io/name", "A_b.c-d"] {
            assert!(is_qualified_name(good), "{good}");
        }
        for bad in ["", "a b", "/a", "a/", "a/b/c", "-a", "Ex.com/a"] {
            assert!(!is_qualified_name(bad), "{bad}");
        }
    }

    #[test]
    fn an_unknown_order_means_the_default() {
        assert_eq!(key_order("nonsense").unwrap(), KeyOrder::CertNotBefore);
        assert_eq!(
            key_order("SecretCreationTimestamp").unwrap(),
            KeyOrder::SecretCreationTimestamp
        );
    }
}
