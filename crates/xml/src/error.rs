//! Why a peer's XML was refused; each reason maps to one stream error (RFC 6120 §4.9.3).

/// What was wrong with what the peer sent. After an error a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A rule of XML 1.0 was broken: `not-well-formed`.
    #[error("not well-formed XML: {0}")]
    NotWellFormed(&'static str),
    /// A comment, processing instruction, document type or entity that XMPP forbids: `restricted-xml` (RFC 6120 §11.1).
    #[error("XML that XMPP forbids: {0}")]
    RestrictedXml(&'static str),
    /// The XML declaration names an encoding other than UTF-8: `unsupported-encoding`.
    #[error("only UTF-8 is spoken here")]
    UnsupportedEncoding,
    /// The bytes are not UTF-8: `bad-format`, or `unsupported-encoding` in the header.
    #[error("bytes are not UTF-8")]
    BadUtf8,
    /// Text between the elements of a stream: `bad-format`.
    #[error("text between stanzas")]
    StrayText,
    /// More bytes than the named limit allows: `policy-violation`.
    #[error("larger than {0} allows")]
    TooBig(&'static str),
    /// Elements nested too deeply: `policy-violation`.
    #[error("elements nested too deeply")]
    TooDeep,
    /// Too many elements and attributes in one stanza: `policy-violation`.
    #[error("too many elements and attributes in one stanza")]
    TooManyNodes,
    /// Too many attributes on one element: `policy-violation`.
    #[error("too many attributes on one element")]
    TooManyAttributes,
    /// The name of an element or attribute is too long: `policy-violation`.
    #[error("name too long")]
    NameTooLong,
    /// A prefix that nothing declares: `bad-namespace-prefix`.
    #[error("namespace prefix that was never declared")]
    BadNamespacePrefix,
    /// An element in the content namespace of another kind of stream: `unsupported-stanza-type`.
    #[error("stanza of another kind of stream")]
    ForeignContent,
    /// A declaration that Namespaces in XML forbids (reserved names, `xmlns:p=''`): `not-well-formed`.
    #[error("namespace declaration that is not allowed")]
    InvalidNamespace,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;
