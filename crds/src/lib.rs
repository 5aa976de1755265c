//! sealed-secrets-crds
