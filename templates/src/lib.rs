//! sealed-secrets-templates
