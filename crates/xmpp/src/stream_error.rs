//! Stream errors: why a connection ends, in the words of today and of 2000.

use std::borrow::Cow;
use std::fmt;

use xml::{Builder, Element};

use crate::ns;

/// Declares the conditions with their names, the text that a stream of 2000 gets, and a constructor for each.
macro_rules! conditions {
    ($($(#[doc = $doc:literal])+ $variant:ident $constructor:ident $name:literal $legacy:literal;)+) => {
        /// Why a stream ends (RFC 6120 §4.9.3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum StreamCondition { $($(#[doc = $doc])+ $variant,)+ }

        impl StreamCondition {
            /// Every condition, in the order of the alphabet.
            pub const ALL: &[StreamCondition] = &[$(StreamCondition::$variant,)+];

            /// The name of the element inside `<stream:error/>`.
            pub const fn name(self) -> &'static str {
                match self { $(StreamCondition::$variant => $name,)+ }
            }

            /// What jabberd 1.x said in this case, or else the condition in plain English.
            pub const fn legacy_text(self) -> &'static str {
                match self { $(StreamCondition::$variant => $legacy,)+ }
            }
        }

        impl StreamError {
            $($(#[doc = $doc])+
            pub const fn $constructor() -> StreamError {
                StreamError::new(StreamCondition::$variant)
            })+
        }
    };
}

conditions! {
    /// What came is XML, but nothing that belongs on a stream.
    BadFormat bad_format "bad-format" "Invalid XML";
    /// A namespace prefix was never declared.
    BadNamespacePrefix bad_namespace_prefix "bad-namespace-prefix" "Invalid XML";
    /// Somebody else has taken the session or the stream.
    Conflict conflict "conflict" "Disconnected";
    /// The peer was silent for too long, or did not log in in time.
    ConnectionTimeout connection_timeout "connection-timeout" "Timeout waiting for authentication";
    /// The host is no longer served here.
    HostGone host_gone "host-gone" "Host Gone";
    /// The host is not served here.
    HostUnknown host_unknown "host-unknown" "Did not specify a valid to argument";
    /// An address is missing or unusable where one is needed.
    ImproperAddressing improper_addressing "improper-addressing" "Did not specify a valid to argument";
    /// The server is at fault.
    InternalServerError internal_server_error "internal-server-error" "Internal Server Error";
    /// A stanza claims to come from somebody else.
    InvalidFrom invalid_from "invalid-from" "Invalid From";
    /// A namespace of the stream is not the right one.
    InvalidNamespace invalid_namespace "invalid-namespace" "Invalid Namespace";
    /// The XML breaks its own declared rules.
    InvalidXml invalid_xml "invalid-xml" "Invalid XML";
    /// The peer has not logged in, or may no longer be here.
    NotAuthorized not_authorized "not-authorized" "Disconnected";
    /// What came is no XML.
    NotWellFormed not_well_formed "not-well-formed" "Invalid XML";
    /// A rule of this place was broken.
    PolicyViolation policy_violation "policy-violation" "Policy Violation";
    /// Another server that is needed cannot be reached.
    RemoteConnectionFailed remote_connection_failed "remote-connection-failed" "Remote Connection Failed";
    /// The stream has to be opened again.
    Reset reset "reset" "Disconnected";
    /// A limit of the server is reached.
    ResourceConstraint resource_constraint "resource-constraint" "Resource Constraint";
    /// XML that XMPP forbids: comments, processing instructions, document types, entities.
    RestrictedXml restricted_xml "restricted-xml" "Invalid XML";
    /// Another server should be asked; the condition holds its address.
    SeeOtherHost see_other_host "see-other-host" "See Other Host";
    /// The server is going down.
    SystemShutdown system_shutdown "system-shutdown" "Disconnected";
    /// None of the others.
    UndefinedCondition undefined_condition "undefined-condition" "Undefined Condition";
    /// Only UTF-8 is spoken here.
    UnsupportedEncoding unsupported_encoding "unsupported-encoding" "Invalid XML";
    /// A feature that was demanded is not known.
    UnsupportedFeature unsupported_feature "unsupported-feature" "Unsupported Feature";
    /// A top-level element that is no stanza.
    UnsupportedStanzaType unsupported_stanza_type "unsupported-stanza-type" "Unsupported Stanza Type";
    /// The stream's version is not spoken here.
    UnsupportedVersion unsupported_version "unsupported-version" "Unsupported Version";
}

impl StreamCondition {
    /// The condition of this name.
    pub fn from_name(name: &str) -> Option<StreamCondition> {
        StreamCondition::ALL.iter().copied().find(|condition| condition.name() == name)
    }
}

/// A stream error as a value. After it, the stream is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamError {
    /// Why.
    pub condition: StreamCondition,
    /// A sentence for people.
    pub text: Option<Cow<'static, str>>,
    /// What a stream of 2000 is told, where it is not the condition's usual text.
    pub legacy_text: Option<&'static str>,
    /// The address of [`StreamCondition::SeeOtherHost`].
    pub address: Option<Box<str>>,
    /// The application's own condition.
    pub application: Option<Element>,
}

impl StreamError {
    /// An error with its condition and nothing more.
    pub const fn new(condition: StreamCondition) -> StreamError {
        StreamError { condition, text: None, legacy_text: None, address: None, application: None }
    }

    /// The prefix `stream` of the header is bound to something else.
    pub const fn invalid_stream_namespace() -> StreamError {
        StreamError::invalid_namespace().with_legacy_text("Invalid Stream Namespace")
    }

    /// What came is larger, deeper or richer than the limits allow.
    pub const fn over_limit() -> StreamError {
        StreamError::policy_violation().with_legacy_text("Invalid XML")
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> StreamError {
        self.text = Some(text.into());
        self
    }

    /// Another text for streams of 2000.
    #[must_use]
    pub const fn with_legacy_text(mut self, text: &'static str) -> StreamError {
        self.legacy_text = Some(text);
        self
    }

    /// Adds the address of the host that should be asked.
    #[must_use]
    pub fn with_address(mut self, address: &str) -> StreamError {
        self.address = Some(address.into());
        self
    }

    /// Adds the application's own condition.
    #[must_use]
    pub fn with_application(mut self, element: Element) -> StreamError {
        self.application = Some(element);
        self
    }

    /// Appends `<stream:error>` with the condition. The stream's header declares the prefix.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<stream:error>");
        for child in self.children() {
            child.root().write_inside(out, ns::CLIENT);
        }
        out.extend_from_slice(b"</stream:error>");
    }

    /// Appends `<stream:error>` with a text, as jabberd 1.x did.
    pub fn write_legacy(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<stream:error>");
        xml::write_escaped_text(out, self.legacy_text.unwrap_or(self.condition.legacy_text()));
        out.extend_from_slice(b"</stream:error>");
    }

    fn children(&self) -> impl Iterator<Item = Element> {
        let one = |name, text: &str| Builder::new(ns::STREAM_ERRORS, name).text(text).finish();
        let condition = one(self.condition.name(), self.address.as_deref().unwrap_or_default());
        let text = self.text.as_ref().map(|text| one("text", text));
        std::iter::once(condition).chain(text).chain(self.application.clone())
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> StreamError {
        StreamError::new(condition)
    }
}

/// What a peer is told whose XML was refused.
impl From<xml::Error> for StreamError {
    fn from(error: xml::Error) -> StreamError {
        use xml::Error as E;
        let told = match error {
            E::RestrictedXml(_) => StreamError::restricted_xml(),
            // RFC 6120 §4.9.3.22 names violations of UTF-8 itself.
            E::UnsupportedEncoding | E::BadUtf8 => StreamError::unsupported_encoding(),
            E::StrayText => StreamError::bad_format(),
            E::TooBig(_) | E::TooDeep | E::TooManyNodes | E::TooManyAttributes | E::NameTooLong => {
                StreamError::over_limit()
            }
            E::BadNamespacePrefix => StreamError::bad_namespace_prefix(),
            E::ForeignContent => StreamError::unsupported_stanza_type(),
            _ => StreamError::not_well_formed(),
        };
        told.with_text(error.to_string())
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        self.text.as_ref().map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl std::error::Error for StreamError {}
