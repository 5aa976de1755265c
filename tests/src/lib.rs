//! sealed-secrets-tests
