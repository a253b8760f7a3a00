//! The `tls-exporter` channel binding, which ties a login to the very connection it came over.
//!
//! **Source** RFC 9266 §2, RFC 8446 §7.1 and §7.5.

use rustls::SupportedCipherSuite;
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};

/// Label and length of RFC 9266 §2; the context is empty.
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const BINDING_BYTES: usize = 32;

/// The binding of a connection with this suite and exporter secret. None before TLS 1.3.
pub(super) fn channel_binding(suite: SupportedCipherSuite, exporter_secret: &[u8]) -> Option<[u8; BINDING_BYTES]> {
    let SupportedCipherSuite::Tls13(suite) = suite else { return None };
    let hash = suite.common.hash_provider;
    let nothing = hash.start().finish();
    let nothing = nothing.as_ref();

    let master = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(exporter_secret));
    let mut derived = zeroize::Zeroizing::new(vec![0; hash.output_len()]);
    expand_label(master.as_ref(), LABEL, nothing, &mut derived)?;

    let derived = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(&derived));
    let mut binding = [0; BINDING_BYTES];
    expand_label(derived.as_ref(), b"exporter", nothing, &mut binding)?;
    Some(binding)
}

/// HKDF-Expand-Label of RFC 8446 §7.1.
fn expand_label(from: &dyn HkdfExpander, label: &[u8], context: &[u8], out: &mut [u8]) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let context_length = [u8::try_from(context.len()).ok()?];
    let info: [&[u8]; 6] = [&length, &label_length, PREFIX, label, &context_length, context];
    from.expand_slice(&info, out).ok()
}
