//! TLS to a server whose certificate somebody else made: what is played is the stream, so any certificate will do.

use super::super::{StageError, Wire};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Puts TLS on a client's connection.
pub(super) async fn encrypt(wire: Box<dyn Wire>, host: &str) -> Result<Box<dyn Wire>, StageError> {
    let failed = |error: &dyn std::fmt::Display| StageError::Failed(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(trusting::anybody(provider))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    let encrypted = TlsConnector::from(Arc::new(config)).connect(name, wire).await;
    Ok(Box::new(encrypted.map_err(|error| failed(&error))?))
}
