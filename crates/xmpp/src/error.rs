//! Stanza errors: why a stanza was not delivered or a request not granted, in the words of today and of 2000.
//!
//! Inside the server an error is typed (RFC 6120 §8.3). Old streams know a number and a text; [`legacy`] translates.

pub mod legacy;

use std::borrow::Cow;
use std::fmt;

use xml::{Builder, Element, Node};

use crate::ns;

/// What the sender may do about an error (RFC 6120 §8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Try again with credentials.
    Auth,
    /// Do not try again.
    Cancel,
    /// Go on; this was only a warning.
    Continue,
    /// Try again with other data.
    Modify,
    /// Try again later.
    Wait,
}

impl ErrorType {
    const ALL: [ErrorType; 5] =
        [ErrorType::Auth, ErrorType::Cancel, ErrorType::Continue, ErrorType::Modify, ErrorType::Wait];

    /// The value of the attribute `type`.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<ErrorType> {
        ErrorType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Declares the conditions with their names, the type that goes with each, and a constructor for each.
macro_rules! conditions {
    ($($(#[doc = $doc:literal])+ $variant:ident $constructor:ident $name:literal $kind:ident;)+) => {
        /// What happened (RFC 6120 §8.3.3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Condition { $($(#[doc = $doc])+ $variant,)+ }

        impl Condition {
            /// Every condition, in the order of the alphabet.
            pub const ALL: &[Condition] = &[$(Condition::$variant,)+];

            /// The name of the element inside `<error/>`.
            pub const fn name(self) -> &'static str {
                match self { $(Condition::$variant => $name,)+ }
            }

            /// The type that goes with it unless somebody knows better.
            pub const fn usual_type(self) -> ErrorType {
                match self { $(Condition::$variant => ErrorType::$kind,)+ }
            }
        }

        impl StanzaError {
            $($(#[doc = $doc])+
            pub const fn $constructor() -> StanzaError {
                StanzaError::new(Condition::$variant)
            })+
        }
    };
}

conditions! {
    /// The stanza breaks a rule of its protocol.
    BadRequest bad_request "bad-request" Modify;
    /// Something of that name or address is there already.
    Conflict conflict "conflict" Cancel;
    /// Nobody here knows how to do that.
    FeatureNotImplemented feature_not_implemented "feature-not-implemented" Cancel;
    /// The sender may not do that.
    Forbidden forbidden "forbidden" Auth;
    /// The recipient has moved away; the condition may hold the new address.
    Gone gone "gone" Cancel;
    /// The server is at fault.
    InternalServerError internal_server_error "internal-server-error" Cancel;
    /// There is no such thing, account or node.
    ItemNotFound item_not_found "item-not-found" Cancel;
    /// An address breaks the rules for addresses.
    JidMalformed jid_malformed "jid-malformed" Modify;
    /// The request is well-formed, but its values will not do.
    NotAcceptable not_acceptable "not-acceptable" Modify;
    /// Nobody may do that here.
    NotAllowed not_allowed "not-allowed" Cancel;
    /// The sender has to log in, or gave the wrong password.
    NotAuthorized not_authorized "not-authorized" Auth;
    /// It costs; RFC 3920 knew this, RFC 6120 dropped it.
    PaymentRequired payment_required "payment-required" Auth;
    /// The stanza breaks a rule of this place.
    PolicyViolation policy_violation "policy-violation" Modify;
    /// The recipient is not there now.
    RecipientUnavailable recipient_unavailable "recipient-unavailable" Wait;
    /// The recipient is elsewhere for now; the condition holds the address.
    Redirect redirect "redirect" Modify;
    /// The sender has to register first.
    RegistrationRequired registration_required "registration-required" Auth;
    /// The recipient's server does not exist or cannot be reached.
    RemoteServerNotFound remote_server_not_found "remote-server-not-found" Cancel;
    /// The recipient's server did not answer in time.
    RemoteServerTimeout remote_server_timeout "remote-server-timeout" Wait;
    /// A limit of the server is reached.
    ResourceConstraint resource_constraint "resource-constraint" Wait;
    /// That service is not there, or not for this sender.
    ServiceUnavailable service_unavailable "service-unavailable" Cancel;
    /// The sender has to subscribe first.
    SubscriptionRequired subscription_required "subscription-required" Auth;
    /// None of the others; an application's own element says more.
    UndefinedCondition undefined_condition "undefined-condition" Cancel;
    /// Right in itself, but not now.
    UnexpectedRequest unexpected_request "unexpected-request" Wait;
}

impl Condition {
    /// The condition of this name.
    pub fn from_name(name: &str) -> Option<Condition> {
        Condition::ALL.iter().copied().find(|condition| condition.name() == name)
    }
}

/// A stanza error as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StanzaError {
    /// What the sender may do about it.
    pub kind: ErrorType,
    /// What happened.
    pub condition: Condition,
    /// A sentence for people.
    pub text: Option<Cow<'static, str>>,
    /// The number that the peers of 2000 read; one that came with the error is kept.
    pub code: Option<u16>,
    /// The new address of [`Condition::Gone`] and [`Condition::Redirect`].
    pub address: Option<Box<str>>,
    /// The application's own condition.
    pub application: Option<Element>,
}

impl StanzaError {
    /// An error with its condition's usual type and nothing more.
    pub const fn new(condition: Condition) -> StanzaError {
        StanzaError {
            kind: condition.usual_type(),
            condition,
            text: None,
            code: None,
            address: None,
            application: None,
        }
    }

    /// Another type than the condition's usual one.
    #[must_use]
    pub fn with_type(mut self, kind: ErrorType) -> StanzaError {
        self.kind = kind;
        self
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> StanzaError {
        self.text = Some(text.into());
        self
    }

    /// Adds the number for peers of 2000, where it is not the condition's usual one.
    #[must_use]
    pub fn with_code(mut self, code: u16) -> StanzaError {
        self.code = Some(code);
        self
    }

    /// Adds the new address of somebody who is gone or to be found elsewhere.
    #[must_use]
    pub fn with_address(mut self, address: &str) -> StanzaError {
        self.address = Some(address.into());
        self
    }

    /// Adds the application's own condition.
    #[must_use]
    pub fn with_application(mut self, element: Element) -> StanzaError {
        self.application = Some(element);
        self
    }

    /// Reads an `<error/>` of either dialect; what it leaves out becomes what is usual.
    pub fn read(error: Node<'_>) -> StanzaError {
        let code = error.attr("code").and_then(|code| code.trim().parse().ok());
        let mut conditions = error.children().filter(|child| child.ns() == ns::STANZA_ERRORS && child.name() != "text");
        let Some(condition) = conditions.next() else {
            return StanzaError::from_legacy(code, &error.text());
        };
        let known = Condition::from_name(condition.name()).unwrap_or(Condition::UndefinedCondition);
        let kind = error.attr("type").and_then(|name| ErrorType::from_name(&name));
        let filled = |text: Cow<'_, str>| (!text.is_empty()).then(|| text.into_owned());
        let text = error.child(ns::STANZA_ERRORS, "text").and_then(|text| filled(text.text()));
        let foreign = error.children().find(|child| child.ns() != ns::STANZA_ERRORS);
        StanzaError {
            kind: kind.unwrap_or(known.usual_type()),
            condition: known,
            text: text.map(Cow::Owned),
            code,
            address: filled(condition.text()).map(Into::into),
            application: foreign.map(Node::to_element),
        }
    }

    /// The `<error/>` of today.
    pub fn to_element(&self) -> Element {
        let code = self.code.map(|code| code.to_string());
        let mut error =
            Builder::new(ns::CLIENT, "error").attr("type", self.kind.name()).attr_opt("code", code.as_deref());
        error = error.text_child(ns::STANZA_ERRORS, self.condition.name(), self.address.as_deref().unwrap_or_default());
        if let Some(text) = &self.text {
            error = error.text_child(ns::STANZA_ERRORS, "text", text);
        }
        if let Some(application) = &self.application {
            error = error.raw_child(application);
        }
        error.finish()
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> StanzaError {
        StanzaError::new(condition)
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        self.text.as_ref().map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl std::error::Error for StanzaError {}
