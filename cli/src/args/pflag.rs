//! The syntax of command lines as Go's pflag has it.
//!
//! Scripts depend on its details, some of which no Rust crate for command lines has: a switch takes
//! a value only behind `=`, any other flag takes the next argument whatever it looks like,
//! positional arguments may stand anywhere, nothing may be abbreviated.

use std::ffi::{OsStr, OsString};

use super::FlagError;
use super::flags::{FLAGS, Flag, Takes};

/// A flag as it was given, with its value: for a switch without one, `true`.
#[derive(Debug)]
pub(super) struct Occurrence {
    pub(super) flag: &'static Flag,
    pub(super) value: OsString,
}

/// Takes a command line apart. Positional arguments are dropped.
pub(super) fn parse(
    args: impl IntoIterator<Item = OsString>,
) -> Result<Vec<Occurrence>, FlagError> {
    let mut found = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_encoded_bytes() {
            b"--" => break,
            [b'-', b'-', ..] => found.push(long(&arg, &mut args)?),
            [b'-', _, ..] => short(&arg, &mut args, &mut found)?,
            _ => {}
        }
    }
    Ok(found)
}

/// `--name`, `--name value` or `--name=value`.
fn long(arg: &OsStr, rest: &mut impl Iterator<Item = OsString>) -> Result<Occurrence, FlagError> {
    let bytes = arg.as_encoded_bytes();
    let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => (cut(arg, 2, at)?, Some(cut(arg, at + 1, bytes.len())?)),
        None => (cut(arg, 2, bytes.len())?, None),
    };
    let Some(name) = name
        .to_str()
        .filter(|name| !name.is_empty() && !name.starts_with('-'))
    else {
        return Err(FlagError::Syntax {
            arg: arg.to_string_lossy().into_owned(),
        });
    };
    let flag =
        FLAGS
            .iter()
            .find(|flag| flag.name == name)
            .ok_or_else(|| FlagError::UnknownLong {
                name: name.to_owned(),
            })?;
    let value = match (value, flag.takes) {
        (Some(value), _) => value,
        (None, Takes::Nothing) => "true".into(),
        (None, Takes::Value(_)) => rest.next().ok_or_else(|| FlagError::NoArgument {
            flag: format!("--{name}"),
        })?,
    };
    Ok(Occurrence { flag, value })
}

/// One or more letters behind one dash: `-h`, `-nvalue`, `-n=value`, `-n value`.
fn short(
    arg: &OsStr,
    rest: &mut impl Iterator<Item = OsString>,
    found: &mut Vec<Occurrence>,
) -> Result<(), FlagError> {
    let text = arg.to_string_lossy();
    let end = arg.as_encoded_bytes().len();
    let mut at = 1;
    while let Some(letter) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let flag = FLAGS
            .iter()
            .find(|flag| flag.short == Some(letter))
            .ok_or_else(|| FlagError::UnknownShort {
                letter,
                arg: text.clone().into_owned(),
            })?;
        // All letters that name a flag are one byte long.
        at += 1;
        let value = if arg.as_encoded_bytes().get(at) == Some(&b'=') {
            cut(arg, at + 1, end)?
        } else {
            match flag.takes {
                Takes::Nothing => {
                    found.push(Occurrence {
                        flag,
                        value: "true".into(),
                    });
                    continue;
                }
                Takes::Value(_) if at < end => cut(arg, at, end)?,
                Takes::Value(_) => rest.next().ok_or_else(|| FlagError::NoArgument {
                    flag: format!("-{letter}"),
                })?,
            }
        };
        found.push(Occurrence { flag, value });
        return Ok(());
    }
    Ok(())
}

/// A part of an argument, which on Unix need not be text.
fn cut(arg: &OsStr, start: usize, end: usize) -> Result<OsString, FlagError> {
    if let Some(part) = arg.to_str().and_then(|text| text.get(start..end)) {
        return Ok(part.into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        if let Some(part) = arg.as_bytes().get(start..end) {
            return Ok(OsStr::from_bytes(part).to_owned());
        }
    }
    Err(FlagError::Syntax {
        arg: arg.to_string_lossy().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Vec<(String, String)>, String> {
        parse(args.iter().map(OsString::from))
            .map(|found| {
                found
                    .into_iter()
                    .map(|one| (one.flag.name.to_owned(), one.value.into_string().unwrap()))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_may_follow_in_every_way_that_pflag_knows() {
        for args in [
            &["--namespace", "x"][..],
            &["--namespace=x"],
            &["-n", "x"],
            &["-nx"],
            &["-n=x"],
            &["ignored", "-n", "x", "also", "-"],
            &["-n", "x", "--", "--namespace=y"],
        ] {
            assert_eq!(
                parsed(args).unwrap(),
                [("namespace".into(), "x".into())],
                "{args:?}"
            );
        }
        assert_eq!(
            parsed(&["--name="]).unwrap(),
            [("name".into(), String::new())]
        );
        assert_eq!(
            parsed(&["-n="]).unwrap(),
            [("namespace".into(), String::new())]
        );
        assert_eq!(
            parsed(&["--from-file", "a=b=c"]).unwrap(),
            [("from-file".into(), "a=b=c".into())]
        );
        assert_eq!(
            parsed(&["--from-file=a=b"]).unwrap(),
            [("from-file".into(), "a=b".into())]
        );
    }

    #[test]
    fn the_next_argument_is_the_value_whatever_it_looks_like() {
        assert_eq!(
            parsed(&["--name", "--raw"]).unwrap(),
            [("name".into(), "--raw".into())]
        );
        assert_eq!(
            parsed(&["-n", "-n"]).unwrap(),
            [("namespace".into(), "-n".into())]
        );
        assert_eq!(
            parsed(&["--name", "--"]).unwrap(),
            [("name".into(), "--".into())]
        );
    }

    #[test]
    fn switches_take_a_value_only_behind_an_equals_sign() {
        assert_eq!(
            parsed(&["--raw", "false"]).unwrap(),
            [("raw".into(), "true".into())]
        );
        assert_eq!(
            parsed(&["--raw=false"]).unwrap(),
            [("raw".into(), "false".into())]
        );
        assert_eq!(
            parsed(&["-hnx"]).unwrap(),
            [
                ("help".into(), "true".into()),
                ("namespace".into(), "x".into())
            ]
        );
        assert_eq!(parsed(&["-h=f"]).unwrap(), [("help".into(), "f".into())]);
    }

    #[test]
    fn nothing_may_be_abbreviated_or_misspelt() {
        for (args, wanted) in [
            (&["--names", "x"][..], "unknown flag: --names"),
            (&["--names=x"], "unknown flag: --names"),
            (&["--rec"], "unknown flag: --rec"),
            (&["-x"], "unknown shorthand flag: 'x' in -x"),
            (&["-hx"], "unknown shorthand flag: 'x' in -hx"),
            (&["-é"], "unknown shorthand flag: 'é' in -é"),
            (&["--=x"], "bad flag syntax: --=x"),
            (&["---raw"], "bad flag syntax: ---raw"),
            (&["--name"], "flag needs an argument: --name"),
            (&["-n"], "flag needs an argument: -n"),
        ] {
            assert_eq!(parsed(args).unwrap_err(), wanted, "{args:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn values_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt as _;
        for arg in [&b"--cert=\xff"[..], b"-f\xff", b"-f=\xff"] {
            let found = parse([OsString::from_vec(arg.to_vec())]).unwrap();
            assert_eq!(found[0].value, OsString::from_vec(vec![0xff]), "{arg:?}");
        }
        parse([OsString::from_vec(b"--\xff=x".to_vec())]).unwrap_err();
        parse([OsString::from_vec(b"-\xff".to_vec())]).unwrap_err();
    }
}
