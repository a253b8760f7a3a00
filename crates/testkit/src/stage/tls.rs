//! Certificates for a scene's server, and a client that trusts them and nothing else.

use super::{StageError, Wire};
use net::tls::{Certificates, Source};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_rustls::TlsConnector;

/// The server's certificates, in a folder that goes with them.
pub(super) struct Keys {
    folder: PathBuf,
    hosts: Vec<String>,
}

impl Keys {
    /// Makes a self-signed certificate for each host.
    pub(super) fn make(hosts: &[String]) -> Result<(Keys, Arc<Certificates>), StageError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("yatter-scene-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let keys = Keys { folder: std::env::temp_dir().join(name), hosts: hosts.to_vec() };
        let sources = hosts.iter().map(|host| (host.clone(), Source::SelfSigned { folder: keys.folder.clone() }));
        let certificates = Certificates::load(sources.collect()).map_err(failed)?;
        Ok((keys, certificates))
    }

    /// Puts TLS on a client's connection; only this server's certificates are trusted.
    pub(super) async fn encrypt(&self, wire: Box<dyn Wire>, host: &str) -> Result<Box<dyn Wire>, StageError> {
        let mut trusted = RootCertStore::empty();
        for host in &self.hosts {
            let (chain, _) = net::tls::self_signed(&self.folder, host).map_err(failed)?;
            let certificate = CertificateDer::from_pem_file(chain).map_err(failed)?;
            trusted.add(certificate).map_err(failed)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(failed)?.with_root_certificates(trusted).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(failed)?;
        let encrypted = TlsConnector::from(Arc::new(config)).connect(name, wire).await.map_err(failed)?;
        Ok(Box::new(encrypted))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // What stays behind is in the system's temporary folder.
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

fn failed(error: impl std::fmt::Display) -> StageError {
    StageError::Failed(error.to_string())
}
