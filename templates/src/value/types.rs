//! Go's types and kinds, by the names templates can print.

use super::{Elem, MapKind, Value};

/// A Go type that a value has or a parameter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `interface {}`
    Any,
    /// `reflect.Value`: takes the value as it is.
    Reflect,
    Bool,
    Int,
    Int64,
    Uint8,
    Uint32,
    Uint64,
    Float,
    Complex,
    Str,
    List(Elem),
    Map(MapKind),
    Time,
    Duration,
    Month,
    Weekday,
    Location,
    Version,
    VersionPointer,
    Certificate,
}

/// `reflect.Kind`, in its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Invalid,
    Bool,
    Signed,
    Unsigned,
    Float,
    Complex,
    Str,
    Slice,
    Map,
    Struct,
    Pointer,
}

impl Type {
    /// The name `%T` prints.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float => "float64",
            Self::Complex => "complex128",
            Self::Str => "string",
            Self::List(Elem::Any) => "[]interface {}",
            Self::List(Elem::Str) => "[]string",
            Self::List(Elem::Int) => "[]int",
            Self::List(Elem::List) => "[][]interface {}",
            Self::List(Elem::Byte) => "[]uint8",
            Self::Map(MapKind::Any) => "map[string]interface {}",
            Self::Map(MapKind::Str) => "map[string]string",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
            Self::Location => "*time.Location",
            Self::Version => "semver.Version",
            Self::VersionPointer => "*semver.Version",
            Self::Certificate => "sprig.certificate",
        }
    }

    /// The name `kindOf` prints.
    pub(crate) fn kind_name(self) -> &'static str {
        match self {
            Self::Any => "interface",
            Self::Bool
            | Self::Int64
            | Self::Uint8
            | Self::Uint32
            | Self::Uint64
            | Self::Float
            | Self::Complex
            | Self::Str => self.name(),
            Self::Int | Self::Month | Self::Weekday => "int",
            Self::Duration => "int64",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Reflect | Self::Time | Self::Version | Self::Certificate => "struct",
            Self::Location | Self::VersionPointer => "ptr",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Any => Kind::Invalid,
            Self::Bool => Kind::Bool,
            Self::Int | Self::Int64 | Self::Duration | Self::Month | Self::Weekday => Kind::Signed,
            Self::Uint8 | Self::Uint32 | Self::Uint64 => Kind::Unsigned,
            Self::Float => Kind::Float,
            Self::Complex => Kind::Complex,
            Self::Str => Kind::Str,
            Self::List(_) => Kind::Slice,
            Self::Map(_) => Kind::Map,
            Self::Reflect | Self::Time | Self::Version | Self::Certificate => Kind::Struct,
            Self::Location | Self::VersionPointer => Kind::Pointer,
        }
    }
}

impl Value {
    /// The type, where there is a value.
    pub(crate) fn ty(&self) -> Option<Type> {
        Some(match self {
            Self::Invalid | Self::Nil => return None,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Int64(_) => Type::Int64,
            Self::Uint8(_) => Type::Uint8,
            Self::Uint32(_) => Type::Uint32,
            Self::Uint64(_) => Type::Uint64,
            Self::Float(_) => Type::Float,
            Self::Complex(..) => Type::Complex,
            Self::Str(_) => Type::Str,
            Self::List(list) => Type::List(list.elem()),
            Self::Map(map) => Type::Map(map.kind()),
            Self::Time(_) => Type::Time,
            Self::Duration(_) => Type::Duration,
            Self::Month(_) => Type::Month,
            Self::Weekday(_) => Type::Weekday,
            Self::Location(_) => Type::Location,
            Self::Version { pointer: true, .. } => Type::VersionPointer,
            Self::Version { .. } => Type::Version,
            Self::Certificate(_) => Type::Certificate,
        })
    }

    /// The name of the type, `<nil>` without one.
    pub(crate) fn type_name(&self) -> &'static str {
        self.ty().map_or("<nil>", Type::name)
    }

    /// The name of the kind, `invalid` without one.
    pub(crate) fn kind_name(&self) -> &'static str {
        self.ty().map_or("invalid", Type::kind_name)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.ty().map_or(Kind::Invalid, Type::kind)
    }
}
