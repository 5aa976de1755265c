//! sealed-secrets-controller
