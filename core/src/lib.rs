//! sealed-secrets-core
