//! kubeseal
