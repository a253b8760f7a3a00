//! What ties a login to its TLS connection.

use subtle::ConstantTimeEq;

/// A kind of channel binding that this server can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    /// Keying material of this very connection (RFC 9266).
    TlsExporter,
    /// The hash of the server's certificate (RFC 5929 §4); survives a TLS terminator that shares it.
    TlsServerEndPoint,
}

impl Binding {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Binding::TlsExporter => "tls-exporter",
            Binding::TlsServerEndPoint => "tls-server-end-point",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Binding> {
        [Binding::TlsExporter, Binding::TlsServerEndPoint].into_iter().find(|binding| binding.name() == name)
    }
}

/// The binding data of one connection, by kind. Empty on a stream without TLS; then no -PLUS mechanism is offered.
#[derive(Debug, Clone, Default)]
pub struct Bindings(Vec<(Binding, Vec<u8>)>);

impl Bindings {
    /// No channel binding.
    pub fn none() -> Bindings {
        Bindings::default()
    }

    /// Adds the data of one kind.
    #[must_use]
    pub fn with(mut self, binding: Binding, data: Vec<u8>) -> Bindings {
        self.0.push((binding, data));
        self
    }

    /// Whether -PLUS mechanisms are offered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds there are, to be announced (XEP-0440).
    pub fn kinds(&self) -> impl Iterator<Item = Binding> + '_ {
        self.0.iter().map(|(binding, _)| *binding)
    }

    pub(super) fn data(&self, wanted: Binding) -> Option<&[u8]> {
        self.0.iter().find(|(binding, _)| *binding == wanted).map(|(_, data)| &data[..])
    }
}

/// Compares without telling how much is equal.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
