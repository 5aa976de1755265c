//! The committed CRD is the generated one.

#[test]
fn deploy_crd_yaml_is_what_the_code_generates() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/crd.yaml");
    let committed = std::fs::read_to_string(path).unwrap();
    let generated = sealed_secrets_crds::sealed_secret::crd_yaml().unwrap();
    assert!(
        committed == generated,
        "deploy/crd.yaml is stale; run: cargo run -p sealed-secrets-crds --example crd > deploy/crd.yaml"
    );
}
