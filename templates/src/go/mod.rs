//! Pieces of Go's standard library whose exact behaviour a template can see.

pub(crate) mod base;
pub(crate) mod der;
pub(crate) mod float;
pub(crate) mod number;
pub(crate) mod pem;
pub(crate) mod quote;
pub(crate) mod runes;
pub(crate) mod search;
