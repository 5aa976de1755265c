//! The certificates and keys of one control plane, made when it starts.

use std::{
    fs, io,
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// Files that the servers and their clients are started with, all PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority that signs both the server's and the administrator's certificate.
    pub ca: PathBuf,
    /// The API server's certificate and key.
    pub server: KeyFiles,
    /// A client of the group `system:masters`.
    pub admin: KeyFiles,
    /// The key that service account tokens are signed with.
    pub service_account_key: PathBuf,
    /// The key they are verified with.
    pub service_account_public_key: PathBuf,
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificatesError {
    /// One cannot be made.
    #[error("cannot make a certificate for the control plane")]
    Make(#[from] rcgen::Error),
    /// One cannot be stored.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Certificates {
    /// Makes all of them for an API server at `address`, into `folder`.
    ///
    /// # Errors
    /// Fails when a file can't be written.
    pub fn make(address: Ipv4Addr, folder: &Path) -> Result<Self, CertificatesError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = named("test-control-plane", None);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let ca_certificate = ca.self_signed(&ca_key)?;
        let authority = Issuer::new(ca, ca_key);

        let mut server = named("kube-apiserver", None);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.subject_alt_names = vec![SanType::IpAddress(address.into())];
        for name in [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
        ] {
            server
                .subject_alt_names
                .push(SanType::DnsName(name.try_into()?));
        }

        let mut admin = named("admin", Some("system:masters"));
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

        let tokens = KeyPair::generate()?;
        Ok(Self {
            ca: write(folder, "ca.crt", &ca_certificate.pem())?,
            server: sign(server, &authority, folder, "server")?,
            admin: sign(admin, &authority, folder, "admin")?,
            service_account_key: write(folder, "sa.key", &tokens.serialize_pem())?,
            service_account_public_key: write(folder, "sa.pub", &tokens.public_key_pem())?,
        })
    }
}

fn named(name: &str, organization: Option<&str>) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    if let Some(organization) = organization {
        subject.push(DnType::OrganizationName, organization);
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params
}

fn sign(
    params: CertificateParams,
    authority: &Issuer<'_, KeyPair>,
    folder: &Path,
    name: &str,
) -> Result<KeyFiles, CertificatesError> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(KeyFiles {
        certificate: write(folder, &format!("{name}.crt"), &certificate.pem())?,
        key: write(folder, &format!("{name}.key"), &key.serialize_pem())?,
    })
}

fn write(folder: &Path, name: &str, content: &str) -> Result<PathBuf, CertificatesError> {
    use io::Write as _;

    let path = folder.join(name);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(content.as_bytes()));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(CertificatesError::Write { path, source }),
    }
}
