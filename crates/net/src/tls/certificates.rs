//! Which certificate a peer is shown, by the name it asked for; replaced on reload while connections go on.
//!
//! **Keeps** one map name → key, swapped whole. Order: a host's own name, a name its certificate carries, a wildcard,
//! else the first host's (peers of 2000 send no name at all).

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use xmpp::Timestamp;

use super::end_point::{self, EndPoint};
use super::key_files::{self, CertificateError};
use super::{capture, self_signed};

/// Where a host's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Made by the server at first start, kept in this folder.
    SelfSigned {
        /// The folder, made if missing.
        folder: PathBuf,
    },
    /// An operator's PEM files.
    Files {
        /// The chain, leaf first.
        chain: PathBuf,
        /// The leaf's private key.
        key: PathBuf,
    },
}

/// The certificates of all hosts. Shared by the listeners; `reload` changes it for those who come after.
pub struct Certificates {
    sources: ArcSwap<Vec<(String, Source)>>,
    shown: ArcSwap<Shown>,
}

/// What is read from the files at one time.
struct Shown {
    by_name: HashMap<String, Arc<Entry>>,
    default: Option<Arc<Entry>>,
}

struct Entry {
    certified: Arc<CertifiedKey>,
    end_point: Option<EndPoint>,
}

impl Certificates {
    /// Reads (or makes) the certificate of every host. The first host's is shown where no name helps.
    pub fn load(sources: Vec<(String, Source)>) -> Result<Arc<Certificates>, CertificateError> {
        let shown = Shown::read(&sources)?;
        Ok(Arc::new(Certificates { sources: ArcSwap::from_pointee(sources), shown: ArcSwap::from_pointee(shown) }))
    }

    /// Reads all files again. On an error everything stays as it was. Connections are not disturbed.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.shown.store(Arc::new(Shown::read(&self.sources.load())?));
        Ok(())
    }

    /// As [`reload`](Self::reload), with another list of hosts and sources.
    pub fn replace(&self, sources: Vec<(String, Source)>) -> Result<(), CertificateError> {
        self.shown.store(Arc::new(Shown::read(&sources)?));
        self.sources.store(Arc::new(sources));
        Ok(())
    }

    /// What there is to say to people about the certificate shown for a name.
    pub fn describe(&self, name: &str) -> Option<Description> {
        Description::of(&self.shown.load().find(Some(name))?.certified)
    }

    /// SHA-256 of the certificate shown for a name, as `AB:CD:…`, for people to compare.
    pub fn fingerprint(&self, name: &str) -> Option<String> {
        self.describe(name).map(|description| description.fingerprint)
    }
}

/// A certificate in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// SHA-256 of the certificate, as `AB:CD:…`.
    pub fingerprint: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// The DNS names it is for, lower case; some may be wildcards.
    pub names: Vec<String>,
    /// Nobody but its owner vouches for it.
    pub self_signed: bool,
}

/// Reads a host's certificate as a start would, and makes none. `None`: a self-signed one that was not made yet.
pub fn inspect(host: &str, source: &Source) -> Result<Option<Description>, CertificateError> {
    let (chain, key) = match source {
        Source::Files { chain, key } => (chain.clone(), key.clone()),
        Source::SelfSigned { folder } => self_signed::paths(folder, host),
    };
    if matches!(source, Source::SelfSigned { .. }) && !(chain.exists() && key.exists()) {
        return Ok(None);
    }
    key_files::load(&chain, &key).map(|certified| Description::of(&certified))
}

impl Description {
    fn of(certified: &CertifiedKey) -> Option<Description> {
        let leaf = certified.cert.first()?;
        let digest = Sha256::digest(leaf.as_ref());
        let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
        let moment = |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp().saturating_mul(1000));
        Some(Description {
            fingerprint: digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"),
            not_before: moment(parsed.validity().not_before),
            not_after: moment(parsed.validity().not_after),
            names: names(&parsed),
            self_signed: parsed.issuer() == parsed.subject(),
        })
    }
}

/// The DNS names that a certificate carries, lower case.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(dns).collect()
}

impl Shown {
    fn read(sources: &[(String, Source)]) -> Result<Shown, CertificateError> {
        let mut shown = Shown { by_name: HashMap::new(), default: None };
        let mut entries = Vec::new();
        for (host, source) in sources {
            let entry = Arc::new(Entry::read(host, source)?);
            shown.default.get_or_insert_with(|| entry.clone());
            shown.by_name.insert(host.to_ascii_lowercase(), entry.clone());
            entries.push(entry);
        }
        for entry in entries {
            let names = Description::of(&entry.certified).map(|description| description.names);
            for name in names.unwrap_or_default() {
                shown.by_name.entry(name).or_insert_with(|| entry.clone());
            }
        }
        Ok(shown)
    }

    fn find(&self, name: Option<&str>) -> Option<Arc<Entry>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard = || name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
            self.by_name.get(&name).or_else(|| self.by_name.get(&wildcard()?))
        });
        named.or(self.default.as_ref()).cloned()
    }
}

impl Entry {
    fn read(host: &str, source: &Source) -> Result<Entry, CertificateError> {
        let certified = match source {
            Source::SelfSigned { folder } => {
                let (chain, key) = self_signed(folder, host)?;
                key_files::load(&chain, &key)?
            }
            Source::Files { chain, key } => key_files::load(chain, key)?,
        };
        let end_point = certified.cert.first().and_then(|leaf| end_point::of_certificate(leaf));
        Ok(Entry { certified: Arc::new(certified), end_point })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let entry = self.shown.load().find(hello.server_name())?;
        capture::note(|capture| {
            capture.server_name = hello.server_name().map(str::to_ascii_lowercase);
            capture.end_point = entry.end_point.clone();
        });
        Some(entry.certified.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("sources", &self.sources.load()).finish_non_exhaustive()
    }
}
