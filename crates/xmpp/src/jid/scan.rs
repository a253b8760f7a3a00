//! Where an address is cut, and the one pass that recognises what is canonical already.

use super::{DOMAIN_BYTES, JidError, PART_BYTES, canonical};

/// Byte offsets into a canonical address. The longest has 3 × 1023 + 2 bytes, so they fit 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    start: u16,
    /// Where the domain starts; `start` when there is no localpart.
    domain: u16,
    domain_end: u16,
    end: u16,
}

impl Parts {
    pub(super) fn local(self, text: &str) -> Option<&str> {
        (self.domain > self.start).then(|| &text[self.start.into()..usize::from(self.domain) - 1])
    }

    pub(super) fn domain(self, text: &str) -> &str {
        &text[self.domain.into()..self.domain_end.into()]
    }

    pub(super) fn resource(self, text: &str) -> Option<&str> {
        (self.end > self.domain_end).then(|| &text[usize::from(self.domain_end) + 1..self.end.into()])
    }

    pub(super) fn whole(self, text: &str) -> &str {
        &text[self.start.into()..self.end.into()]
    }

    pub(super) fn bare(self, text: &str) -> &str {
        &text[self.start.into()..self.domain_end.into()]
    }

    pub(super) fn to_bare(self) -> Parts {
        Parts { end: self.domain_end, ..self }
    }

    pub(super) fn to_domain(self) -> Parts {
        Parts { start: self.domain, end: self.domain_end, ..self }
    }

    fn of(domain: usize, domain_end: usize, end: usize) -> Option<Parts> {
        let fit = |offset: usize| u16::try_from(offset).ok();
        Some(Parts { start: 0, domain: fit(domain)?, domain_end: fit(domain_end)?, end: fit(end)? })
    }
}

const LOCAL: u8 = 1;
const DOMAIN: u8 = 2;
const RESOURCE: u8 = 4;

/// In which parts each byte may stand in canonical ASCII.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = RESOURCE;
        if !canonical::forbidden_in_local(byte as u8 as char) && !(byte as u8).is_ascii_uppercase() {
            table[byte] |= LOCAL;
        }
        if matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_') {
            table[byte] |= DOMAIN;
        }
        byte += 1;
    }
    table
};

/// The parts of a text that is canonical as it stands; `None` when only [`canonicalise`] can tell.
pub(super) fn canonical_ascii(text: &str) -> Option<Parts> {
    let bytes = text.as_bytes();
    let (mut domain, mut cut) = (0, run(bytes, 0, LOCAL));
    if bytes.get(cut) == Some(&b'@') {
        if cut == 0 || cut > PART_BYTES {
            return None;
        }
        domain = cut + 1;
        cut = run(bytes, domain, DOMAIN);
    }
    if !plain_host(&bytes[domain..cut]) {
        return None;
    }
    match bytes.get(cut) {
        None => {}
        Some(b'/') if plain_resource(&bytes[cut + 1..]) => {}
        Some(_) => return None,
    }
    Parts::of(domain, cut, bytes.len())
}

/// The end of the run of bytes of this class that starts at `from`.
fn run(bytes: &[u8], from: usize, class: u8) -> usize {
    let rest = bytes[from..].iter();
    from + rest.take_while(|&&byte| CLASS[usize::from(byte)] & class != 0).count()
}

fn plain_resource(resource: &[u8]) -> bool {
    (1..=PART_BYTES).contains(&resource.len()) && run(resource, 0, RESOURCE) == resource.len()
}

/// Whether this is a host name that needs no mapping. A double hyphen may start an A-label: the slow path's.
fn plain_host(host: &[u8]) -> bool {
    if host.is_empty() || host.len() > DOMAIN_BYTES {
        return false;
    }
    let mut before = b'.';
    for &byte in host {
        let double = byte == before && (byte == b'.' || byte == b'-');
        if double || CLASS[usize::from(byte)] & DOMAIN == 0 {
            return false;
        }
        before = byte;
    }
    before != b'.'
}

/// Cuts a text at its first `/` and then at its first `@`, and canonicalises the parts.
pub(super) fn canonicalise(text: &str) -> Result<(String, Parts), JidError> {
    let (bare, resource) = match text.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (text, None),
    };
    let (local, domain) = match bare.split_once('@') {
        Some((local, domain)) => (Some(local), domain),
        None => (None, bare),
    };
    assemble(local, domain, resource)
}

/// Canonicalises parts and joins them.
pub(super) fn assemble(local: Option<&str>, domain: &str, resource: Option<&str>) -> Result<(String, Parts), JidError> {
    let domain = canonical::domain(domain)?;
    let local = local.map(canonical::local).transpose()?;
    let resource = resource.map(canonical::resource).transpose()?;
    Ok(join(local.as_deref(), &domain, resource.as_deref()))
}

/// Joins canonical parts.
pub(super) fn join(local: Option<&str>, domain: &str, resource: Option<&str>) -> (String, Parts) {
    let room = local.map_or(0, |part| part.len() + 1) + domain.len() + resource.map_or(0, |part| part.len() + 1);
    let mut text = String::with_capacity(room);
    if let Some(local) = local {
        text.push_str(local);
        text.push('@');
    }
    let start = text.len();
    text.push_str(domain);
    let domain_end = text.len();
    if let Some(resource) = resource {
        text.push('/');
        text.push_str(resource);
    }
    // Canonical parts are bounded by PART_BYTES and DOMAIN_BYTES, so the casts lose nothing.
    let parts = Parts { start: 0, domain: start as u16, domain_end: domain_end as u16, end: text.len() as u16 };
    (text, parts)
}

/// Drops the slash of `a@b/`.
pub(super) fn without_empty_resource(text: &str) -> &str {
    match text.split_once('/') {
        Some((bare, "")) => bare,
        _ => text,
    }
}
