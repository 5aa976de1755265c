//! Masterminds' semantic versions and constraints.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::OnceLock;

use crate::exec::{Cx, Function};
use crate::fault::{Fault, Meter, fail};
use crate::go::number::parse_uint;
use crate::go::search::find;
use crate::limits::Limits;
use crate::regexp::Regex;
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Type::Str], |cx, a| {
        let version = Version::parse(&mut cx.meter, a[0].bytes())?;
        Ok(Value::Version {
            version: Rc::new(version),
            pointer: true,
        })
    }),
    Function::new("semverCompare", &[Type::Str, Type::Str], compare),
];

/// `semver.Version`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) pre: Vec<u8>,
    pub(crate) metadata: Vec<u8>,
    pub(crate) original: Vec<u8>,
}

const TAIL: &str =
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

/// A constraint's version, where parts may be wildcards.
fn wild() -> String {
    format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{TAIL}")
}

fn regex(cell: &'static OnceLock<Regex>, pattern: impl FnOnce() -> String) -> &'static Regex {
    cell.get_or_init(|| {
        let mut meter = Meter::new(&Limits::default());
        Regex::new(&mut meter, pattern().as_bytes()).expect("the pattern is a constant")
    })
}

impl Version {
    pub(crate) fn zero() -> Self {
        Self {
            major: 0,
            minor: 0,
            patch: 0,
            pre: Vec::new(),
            metadata: Vec::new(),
            original: Vec::new(),
        }
    }

    /// `semver.NewVersion`.
    pub(crate) fn parse(meter: &mut Meter, text: &[u8]) -> Result<Self, Fault> {
        static VERSION: OnceLock<Regex> = OnceLock::new();
        let regex = regex(&VERSION, || {
            format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{TAIL}$")
        });
        meter.spend(2 + text.len() as u64)?;
        let Some(groups) = regex.captures(text) else {
            return fail("invalid semantic version");
        };
        let group = |n: usize| {
            groups
                .get(n)
                .copied()
                .flatten()
                .map_or(&[][..], |(s, e)| &text[s..e])
        };
        let number = |n: usize| {
            let digits = group(n);
            let digits = digits.strip_prefix(b".").unwrap_or(digits);
            if digits.is_empty() {
                return Ok(0);
            }
            parse_uint(digits, 10).map_err(|_| Fault::new("error parsing version segment"))
        };
        let version = Self {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3)?,
            pre: group(5).to_vec(),
            metadata: group(8).to_vec(),
            original: text.to_vec(),
        };
        check_prerelease(&version.pre)?;
        Ok(version)
    }

    /// `String`.
    pub(crate) fn to_text(&self) -> Vec<u8> {
        let mut out = format!("{}.{}.{}", self.major, self.minor, self.patch).into_bytes();
        if !self.pre.is_empty() {
            out.push(b'-');
            out.extend_from_slice(&self.pre);
        }
        if !self.metadata.is_empty() {
            out.push(b'+');
            out.extend_from_slice(&self.metadata);
        }
        out
    }

    /// The fields as `%d` and such print them.
    pub(crate) fn fields(&self) -> [(&'static str, Value); 6] {
        [
            ("major", Value::Uint64(self.major)),
            ("minor", Value::Uint64(self.minor)),
            ("patch", Value::Uint64(self.patch)),
            ("pre", Value::str(self.pre.clone())),
            ("metadata", Value::str(self.metadata.clone())),
            ("original", Value::str(self.original.clone())),
        ]
    }

    /// The same with its `original` renewed, keeping a leading `v`.
    fn renewed(mut self, old: &Self) -> Self {
        let mut original = if old.original.starts_with(b"v") {
            b"v".to_vec()
        } else {
            Vec::new()
        };
        original.extend(self.to_text());
        self.original = original;
        self
    }

    fn bare(&self) -> Self {
        Self {
            pre: Vec::new(),
            metadata: Vec::new(),
            ..self.clone()
        }
    }

    pub(crate) fn inc_patch(&self) -> Self {
        let mut next = self.bare();
        if self.pre.is_empty() {
            next.patch = next.patch.wrapping_add(1);
        }
        next.renewed(self)
    }

    pub(crate) fn inc_minor(&self) -> Self {
        let next = Self {
            minor: self.minor.wrapping_add(1),
            patch: 0,
            ..self.bare()
        };
        next.renewed(self)
    }

    pub(crate) fn inc_major(&self) -> Self {
        let next = Self {
            major: self.major.wrapping_add(1),
            minor: 0,
            patch: 0,
            ..self.bare()
        };
        next.renewed(self)
    }

    pub(crate) fn with_prerelease(&self, pre: &[u8]) -> Result<Self, Fault> {
        check_prerelease(pre)?;
        Ok(Self {
            pre: pre.to_vec(),
            ..self.clone()
        }
        .renewed(self))
    }

    pub(crate) fn with_metadata(&self, metadata: &[u8]) -> Result<Self, Fault> {
        if !metadata.is_empty()
            && !metadata
                .split(|&b| b == b'.')
                .all(|part| part.iter().all(allowed))
        {
            return fail("invalid metadata string");
        }
        Ok(Self {
            metadata: metadata.to_vec(),
            ..self.clone()
        }
        .renewed(self))
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prerelease(&self.pre, &other.pre),
            }
        })
    }
}

fn allowed(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'-'
}

fn check_prerelease(pre: &[u8]) -> Result<(), Fault> {
    if pre.is_empty() {
        return Ok(());
    }
    for part in pre.split(|&b| b == b'.') {
        if part.iter().all(u8::is_ascii_digit) {
            if part.len() > 1 && part[0] == b'0' {
                return fail("version segment starts with 0");
            }
        } else if !part.iter().all(allowed) {
            return fail("invalid prerelease string");
        }
    }
    Ok(())
}

fn compare_prerelease(a: &[u8], b: &[u8]) -> Ordering {
    let mut left = a.split(|&c| c == b'.');
    let mut right = b.split(|&c| c == b'.');
    loop {
        let (x, y) = (left.next(), right.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = compare_part(x.unwrap_or_default(), y.unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_part(a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    if a.is_empty() {
        return Ordering::Less;
    }
    if b.is_empty() {
        return Ordering::Greater;
    }
    match (parse_uint(a, 10), parse_uint(b, 10)) {
        // Equal numbers written differently can't be told apart by Go either: less.
        (Ok(x), Ok(y)) => {
            if x > y {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Err(_), Err(_)) => a.cmp(b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
    }
}

/// One operator with its version.
struct Constraint {
    operator: Vec<u8>,
    version: Version,
    /// Some part is missing or a wildcard; the minor; the patch.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

fn compare(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let constraints = parse_constraints(&mut cx.meter, a[0].bytes())?;
    let version = Version::parse(&mut cx.meter, a[1].bytes())?;
    let holds = constraints
        .iter()
        .any(|all| all.iter().all(|c| c.holds(&version)));
    Ok(Value::Bool(holds))
}

fn parse_constraints(meter: &mut Meter, text: &[u8]) -> Result<Vec<Vec<Constraint>>, Fault> {
    static VALID: OnceLock<Regex> = OnceLock::new();
    static FIND: OnceLock<Regex> = OnceLock::new();
    let valid = regex(&VALID, || {
        let wild = wild();
        format!(r"^(\s*({OPERATORS})\s*({wild})\s*)((?:\s+|,\s*)({OPERATORS})\s*({wild})\s*)*$")
    });
    let each = regex(&FIND, || format!(r"({OPERATORS})\s*({})", wild()));
    // The expressions are large for what they match; hostile constraints pay for it.
    meter.spend(20 + text.len() as u64 * 8)?;
    let text = rewrite_ranges(text);
    let mut alternatives = Vec::new();
    let mut rest = Some(text.as_slice());
    while let Some(all) = rest {
        let (one, tail) = match find(all, b"||") {
            Some(at) => (&all[..at], Some(&all[at + 2..])),
            None => (all, None),
        };
        rest = tail;
        if valid.captures(one).is_none() {
            return fail("improper constraint");
        }
        let mut constraints = Vec::new();
        let mut from = one;
        while let Some(groups) = each.captures(from) {
            let Some((start, end)) = groups.first().copied().flatten() else {
                break;
            };
            constraints.push(Constraint::parse(meter, &from[start..end])?);
            from = &from[end..];
        }
        alternatives.push(constraints);
    }
    Ok(alternatives)
}

/// `1.2 - 1.4` becomes `>= 1.2, <= 1.4 `.
fn rewrite_ranges(text: &[u8]) -> Vec<u8> {
    static RANGE: OnceLock<Regex> = OnceLock::new();
    let regex = regex(&RANGE, || {
        let wild = wild();
        format!(r"\s*({wild})\s+-\s+({wild})\s*")
    });
    let mut out = Vec::new();
    let mut from = text;
    while let Some(groups) = regex.captures(from) {
        let group = |n: usize| groups.get(n).copied().flatten().unwrap_or((0, 0));
        let ((start, end), low, high) = (group(0), group(1), group(11));
        out.extend_from_slice(&from[..start]);
        out.extend_from_slice(b">= ");
        out.extend_from_slice(&from[low.0..low.1]);
        out.extend_from_slice(b", <= ");
        out.extend_from_slice(&from[high.0..high.1]);
        out.push(b' ');
        from = &from[end..];
    }
    out.extend_from_slice(from);
    out
}

impl Constraint {
    fn parse(meter: &mut Meter, text: &[u8]) -> Result<Self, Fault> {
        static ONE: OnceLock<Regex> = OnceLock::new();
        let regex = regex(&ONE, || format!(r"^\s*({OPERATORS})\s*({})\s*$", wild()));
        let Some(groups) = regex.captures(text) else {
            return fail("improper constraint");
        };
        let group = |n: usize| {
            groups
                .get(n)
                .copied()
                .flatten()
                .map_or(&[][..], |(s, e)| &text[s..e])
        };
        let missing = |part: &[u8]| {
            let part = part.strip_prefix(b".").unwrap_or(part);
            matches!(part, b"" | b"x" | b"X" | b"*")
        };
        let (mut dirty, mut minor_dirty, mut patch_dirty) = (false, false, false);
        let version = if missing(group(3)) {
            dirty = true;
            [b"0.0.0", group(6)].concat()
        } else if missing(group(4)) {
            (dirty, minor_dirty) = (true, true);
            [group(3), b".0.0", group(6)].concat()
        } else if missing(group(5)) {
            (dirty, patch_dirty) = (true, true);
            [group(3), group(4), b".0", group(6)].concat()
        } else {
            group(2).to_vec()
        };
        let version =
            Version::parse(meter, &version).map_err(|_| Fault::new("constraint parser error"))?;
        Ok(Self {
            operator: group(1).to_vec(),
            version,
            dirty,
            minor_dirty,
            patch_dirty,
        })
    }

    fn holds(&self, v: &Version) -> bool {
        let c = &self.version;
        // A release constraint never admits a prerelease, but for `!=` with all parts given.
        let prerelease = !v.pre.is_empty() && c.pre.is_empty();
        let order = v.compare(c);
        match self.operator.as_slice() {
            b"!=" => self.differs(v, prerelease),
            _ if prerelease => false,
            b">" => self.above(v),
            b"<" => order.is_lt(),
            b">=" | b"=>" => order.is_ge(),
            b"<=" | b"=<" if !self.dirty => order.is_le(),
            b"<=" | b"=<" => {
                v.major < c.major || v.major == c.major && (v.minor <= c.minor || self.minor_dirty)
            }
            b"~" | b"~>" => self.tilde(v),
            b"^" => self.caret(v),
            _ if self.dirty => self.tilde(v),
            _ => order.is_eq(),
        }
    }

    fn differs(&self, v: &Version, prerelease: bool) -> bool {
        let c = &self.version;
        if !self.dirty {
            return v.compare(c).is_ne();
        }
        if prerelease {
            return false;
        }
        if c.major != v.major {
            return true;
        }
        if self.minor_dirty {
            return false;
        }
        if c.minor != v.minor {
            return true;
        }
        if self.patch_dirty {
            let some = !v.pre.is_empty() || !c.pre.is_empty();
            return some && compare_prerelease(&v.pre, &c.pre).is_ne();
        }
        if c.patch != v.patch {
            return true;
        }
        v.compare(c).is_ne()
    }

    fn above(&self, v: &Version) -> bool {
        let c = &self.version;
        if !self.dirty {
            return v.compare(c).is_gt();
        }
        match v.major.cmp(&c.major) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if self.minor_dirty => false,
            Ordering::Equal if self.patch_dirty => v.minor > c.minor,
            Ordering::Equal => v.compare(c).is_gt(),
        }
    }

    fn tilde(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.compare(c).is_lt() {
            return false;
        }
        if (c.major, c.minor, c.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        v.major == c.major && (v.minor == c.minor || self.minor_dirty)
    }

    fn caret(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.compare(c).is_lt() {
            return false;
        }
        if c.major > 0 || self.minor_dirty {
            return v.major == c.major;
        }
        if v.major > 0 {
            return false;
        }
        if c.minor > 0 || self.patch_dirty {
            return v.minor == c.minor;
        }
        v.minor == 0 && v.patch == c.patch
    }
}
