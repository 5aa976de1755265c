//! Slash-separated paths. No file is looked at.

use crate::exec::Function;
use crate::go::search::rfind;
use crate::value::{Type, Value};

const ONE: &[Type] = &[Type::Str];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", ONE, |_, a| Ok(Value::str(base(a[0].bytes())))),
    Function::new("dir", ONE, |_, a| Ok(Value::str(dir(a[0].bytes())))),
    Function::new("clean", ONE, |_, a| Ok(Value::str(clean(a[0].bytes())))),
    Function::new("ext", ONE, |_, a| Ok(Value::str(ext(a[0].bytes())))),
    Function::new("isAbs", ONE, |_, a| {
        Ok(Value::Bool(a[0].bytes().starts_with(b"/")))
    }),
    Function::new("osBase", ONE, |_, a| Ok(Value::str(base(a[0].bytes())))),
    Function::new("osDir", ONE, |_, a| Ok(Value::str(dir(a[0].bytes())))),
    Function::new("osClean", ONE, |_, a| Ok(Value::str(clean(a[0].bytes())))),
    Function::new("osExt", ONE, |_, a| Ok(Value::str(ext(a[0].bytes())))),
    Function::new("osIsAbs", ONE, |_, a| {
        Ok(Value::Bool(a[0].bytes().starts_with(b"/")))
    }),
];

fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let trimmed = &path[..path.len() - path.iter().rev().take_while(|&&b| b == b'/').count()];
    if trimmed.is_empty() {
        return b"/";
    }
    &trimmed[rfind(trimmed, b"/").map_or(0, |at| at + 1)..]
}

fn dir(path: &[u8]) -> Vec<u8> {
    clean(&path[..rfind(path, b"/").map_or(0, |at| at + 1)])
}

fn ext(path: &[u8]) -> &[u8] {
    let name = &path[rfind(path, b"/").map_or(0, |at| at + 1)..];
    rfind(name, b".").map_or(&[], |at| &name[at..])
}

/// `path.Clean`: the shortest path that names the same.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => {
                    parts.pop();
                }
                None if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let mut out = if rooted { b"/".to_vec() } else { Vec::new() };
    out.extend(parts.join(&b'/'));
    if out.is_empty() {
        out.push(b'.');
    }
    out
}
