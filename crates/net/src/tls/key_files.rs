//! Reads a certificate and its key from PEM files, and says in one sentence what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Why a certificate cannot be used. Each sentence names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is not PEM.
    #[error("{} is not a PEM file: {cause}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        cause: String,
    },
    /// The file has no `BEGIN CERTIFICATE` block.
    #[error("{} contains no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file has no private key block.
    #[error("{} contains no private key", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The first certificate of the chain cannot be parsed.
    #[error("the first certificate in {} is damaged: {cause}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The key is of a kind that cannot sign for TLS.
    #[error("the key in {} cannot be used for TLS: {cause}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} does not belong to the first certificate in {}", key.display(), chain.display())]
    KeyMismatch {
        /// File of the chain.
        chain: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
    /// A self-signed certificate could not be made.
    #[error("cannot make a certificate for {host}: {cause}")]
    NotMade {
        /// Whom it was for.
        host: String,
        /// What went wrong.
        cause: String,
    },
    /// A self-signed certificate could not be kept.
    #[error("cannot write {}: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Reads a chain (leaf first) and the leaf's key.
pub(super) fn load(chain: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let certificates = read_chain(chain)?;
    let key_der = read_key(key)?;
    let bad_key = |cause: String| CertificateError::BadKey { path: key.into(), cause };
    let signing =
        super::provider().key_provider.load_private_key(key_der).map_err(|cause| bad_key(cause.to_string()))?;
    let certified = CertifiedKey::new(certificates, Arc::clone(&signing));
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(CertificateError::KeyMismatch { chain: chain.into(), key: key.into() })
        }
        Err(cause) => Err(CertificateError::BadCertificate { path: chain.into(), cause: cause.to_string() }),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(not_pem(path))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { path: path.into() });
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = zeroize::Zeroizing::new(read(path)?);
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(CertificateError::NoKey { path: path.into() }),
        Err(cause) => Err(not_pem(path)(cause)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|cause| CertificateError::Unreadable { path: path.into(), cause })
}

fn not_pem(path: &Path) -> impl Fn(pem::Error) -> CertificateError {
    move |cause| CertificateError::NotPem { path: path.into(), cause: cause.to_string() }
}
