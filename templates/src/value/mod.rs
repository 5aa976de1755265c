//! What a template handles: Go's values, with Go's types.
//!
//! Strings are bytes. Lists are immutable and shared; maps are shared and can be changed, so
//! that `set` is seen through every reference, as in Go.

mod cast;
mod equal;
mod list;
mod map;
mod text;
mod types;

use std::rc::Rc;

pub(crate) use cast::{float_to_int, to_float, to_int};
pub(crate) use equal::deep_equal;
pub(crate) use list::{Elem, List, appended_many, grown};
pub(crate) use map::{Map, MapKind, break_cycles};
pub(crate) use text::Str;
pub(crate) use types::{Kind, Type};

use crate::sprig::semver::Version;
use crate::time::{Time, Zone};

/// A value as a template sees it.
#[derive(Clone, Default)]
pub(crate) enum Value {
    /// No value at all: what a missing key gives, and what `nil` becomes in a pipeline. Prints
    /// as `<no value>`.
    #[default]
    Invalid,
    /// A nil inside a list or map, or an argument that is nil. Prints as `<nil>`.
    Nil,
    Bool(bool),
    Int(i64),
    Int64(i64),
    Uint8(u8),
    Uint32(u32),
    Uint64(u64),
    Float(f64),
    Complex(f64, f64),
    Str(Str),
    List(List),
    Map(Map),
    Time(Rc<Time>),
    Duration(i64),
    Month(i64),
    Weekday(i64),
    Location(Zone),
    /// `*semver.Version`, or `semver.Version` where not a pointer.
    Version {
        version: Rc<Version>,
        pointer: bool,
    },
    Certificate(Rc<Certificate>),
}

/// What `genCA` and its like give: a certificate and its key, in PEM.
pub(crate) struct Certificate {
    pub(crate) cert: Str,
    pub(crate) key: Str,
}

impl Value {
    pub(crate) fn str(text: impl Into<Str>) -> Self {
        Self::Str(text.into())
    }

    pub(crate) fn strings(items: Vec<Vec<u8>>) -> Self {
        Self::List(List::new(
            Elem::Str,
            items.into_iter().map(Self::str).collect(),
        ))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(Elem::Any, items))
    }

    /// As an argument of type `interface{}`: no value is nil.
    pub(crate) fn or_nil(self) -> Self {
        match self {
            Self::Invalid => Self::Nil,
            other => other,
        }
    }

    /// Out of its interface: nil is no value.
    pub(crate) fn or_invalid(self) -> Self {
        match self {
            Self::Nil => Self::Invalid,
            other => other,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Invalid | Self::Nil)
    }

    /// The bytes of a string, empty for anything else.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Str(text) => text,
            _ => &[],
        }
    }

    /// `isTrue` of `text/template`, for `if` and its like.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Invalid | Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(n)
            | Self::Int64(n)
            | Self::Duration(n)
            | Self::Month(n)
            | Self::Weekday(n) => *n != 0,
            Self::Uint8(n) => *n != 0,
            Self::Uint32(n) => *n != 0,
            Self::Uint64(n) => *n != 0,
            Self::Float(n) => *n != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(list) => list.len() > 0,
            Self::Map(map) => map.len() > 0,
            Self::Time(_) | Self::Location(_) | Self::Version { .. } | Self::Certificate(_) => true,
        }
    }

    /// sprig's `empty`: the opposite of truth, structs never empty.
    pub(crate) fn is_empty(&self) -> bool {
        !self.truth()
    }

    /// A signed integer of any type.
    pub(crate) fn as_signed(&self) -> Option<i64> {
        match self {
            Self::Int(n)
            | Self::Int64(n)
            | Self::Duration(n)
            | Self::Month(n)
            | Self::Weekday(n) => Some(*n),
            _ => None,
        }
    }

    /// An unsigned integer of any type.
    pub(crate) fn as_unsigned(&self) -> Option<u64> {
        match self {
            Self::Uint8(n) => Some(u64::from(*n)),
            Self::Uint32(n) => Some(u64::from(*n)),
            Self::Uint64(n) => Some(*n),
            _ => None,
        }
    }
}

/// Drops what `pending` holds without recursion, however deep it is nested.
pub(crate) fn dismantle(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(list) => list.take_unshared(&mut pending),
            Value::Map(map) => map.take_unshared(&mut pending),
            _ => {}
        }
    }
}
