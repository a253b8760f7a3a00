//! The `tls-server-end-point` channel binding, which ties a login to the certificate the server showed.
//!
//! **Source** RFC 5929 §4.1. The hash is that of the certificate's signature; MD5 and SHA-1 are raised to SHA-256.
//! Where a signature names no hash (Ed25519) the binding is undefined, so it is not offered.

use std::sync::Arc;

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

/// The binding's bytes, shared by all connections that were shown one certificate.
pub(super) type EndPoint = Arc<[u8]>;

/// The binding of a certificate in DER.
pub(super) fn of_certificate(der: &[u8]) -> Option<EndPoint> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
    hash_of(&certificate.signature_algorithm).map(|hash| hash(der))
}

type Hash = fn(&[u8]) -> EndPoint;

fn hash_of(signature: &AlgorithmIdentifier<'_>) -> Option<Hash> {
    match signature.algorithm.to_id_string().as_str() {
        // md5, sha1, sha256 with RSA; ecdsa with SHA-1, SHA-256
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.113549.1.1.11" => Some(digest::<Sha256>),
        "1.2.840.10045.4.1" | "1.2.840.10045.4.3.2" => Some(digest::<Sha256>),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(digest::<Sha384>),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(digest::<Sha512>),
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => Some(digest::<Sha224>),
        // RSASSA-PSS says its hash in the parameters.
        "1.2.840.113549.1.1.10" => {
            let parameters = RsaSsaPssParams::try_from(signature.parameters.as_ref()?).ok()?;
            plain_hash(parameters.hash_algorithm_oid())
        }
        _ => None,
    }
}

fn plain_hash(hash: &Oid<'_>) -> Option<Hash> {
    match hash.to_id_string().as_str() {
        "1.2.840.113549.2.5" | "1.3.14.3.2.26" | "2.16.840.1.101.3.4.2.1" => Some(digest::<Sha256>),
        "2.16.840.1.101.3.4.2.2" => Some(digest::<Sha384>),
        "2.16.840.1.101.3.4.2.3" => Some(digest::<Sha512>),
        "2.16.840.1.101.3.4.2.4" => Some(digest::<Sha224>),
        _ => None,
    }
}

fn digest<D: Digest>(der: &[u8]) -> EndPoint {
    Arc::from(&D::digest(der)[..])
}
