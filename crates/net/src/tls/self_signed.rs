//! A certificate that the server makes for itself, so that the first start needs no authority.
//!
//! **Keeps** `HOST.pem` and `HOST.key` (mode 0600) in a folder; made once, then read. An operator who wants another one
//! deletes both.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use super::key_files::CertificateError;

/// The files of the host's self-signed certificate, (chain, key); makes them if either is missing. ECDSA P-256.
pub fn self_signed(folder: &Path, host: &str) -> Result<(PathBuf, PathBuf), CertificateError> {
    let (chain, key) = paths(folder, host);
    if chain.exists() && key.exists() {
        return Ok((chain, key));
    }
    let (chain_text, key_text) = make(host)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable(folder))?;
    // The key goes first: a crash between the two leaves no certificate without its key.
    write_whole(&key, key_text.as_bytes(), 0o600).map_err(unwritable(&key))?;
    write_whole(&chain, chain_text.as_bytes(), 0o644).map_err(unwritable(&chain))?;
    Ok((chain, key))
}

/// Where a host's files are, (chain, key), whether they exist or not.
pub(super) fn paths(folder: &Path, host: &str) -> (PathBuf, PathBuf) {
    let stem = file_stem(host);
    (folder.join(format!("{stem}.pem")), folder.join(format!("{stem}.key")))
}

fn make(host: &str) -> Result<(String, zeroize::Zeroizing<String>), CertificateError> {
    let not_made = |cause: rcgen::Error| CertificateError::NotMade { host: host.into(), cause: cause.to_string() };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)?;
    let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(not_made)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);
    let certificate = params.self_signed(&key).map_err(not_made)?;
    Ok((certificate.pem(), zeroize::Zeroizing::new(key.serialize_pem())))
}

/// A host's name without what could leave the folder.
fn file_stem(host: &str) -> String {
    host.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '_' }).collect()
}

/// Writes beside and renames, so that a crash leaves the old file or the new one, never a part.
fn write_whole(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> CertificateError {
    move |cause| CertificateError::Unwritable { path: path.into(), cause }
}
