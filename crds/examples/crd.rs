//! Prints the CRD: the text of `deploy/crd.yaml`.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let yaml = sealed_secrets_crds::sealed_secret::crd_yaml()?;
    std::io::stdout().write_all(yaml.as_bytes())?;
    Ok(())
}
