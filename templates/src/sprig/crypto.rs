//! To come.
use crate::exec::Function;
pub(super) const FUNCTIONS: &[Function] = &[];
