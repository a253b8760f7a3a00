//! Stanza errors as 2000 knew them: a number and a text (XEP-0086).

use std::borrow::Cow;

use super::{Condition, ErrorType, StanzaError};
use Condition as C;
use ErrorType as T;

/// Each number with its text, and the condition and type that it means today.
const CODES: [(u16, &str, Condition, ErrorType); 17] = [
    (302, "Redirect", C::Redirect, T::Modify),
    (400, "Bad Request", C::BadRequest, T::Modify),
    (401, "Unauthorized", C::NotAuthorized, T::Auth),
    (402, "Payment Required", C::PaymentRequired, T::Auth),
    (403, "Forbidden", C::Forbidden, T::Auth),
    (404, "Not Found", C::ItemNotFound, T::Cancel),
    (405, "Not Allowed", C::NotAllowed, T::Cancel),
    (406, "Not Acceptable", C::NotAcceptable, T::Modify),
    (407, "Registration Required", C::RegistrationRequired, T::Auth),
    (408, "Request Timeout", C::RemoteServerTimeout, T::Wait),
    (409, "Conflict", C::Conflict, T::Cancel),
    (500, "Internal Server Error", C::InternalServerError, T::Wait),
    (501, "Not Implemented", C::FeatureNotImplemented, T::Cancel),
    (502, "Remote Server Error", C::ServiceUnavailable, T::Wait),
    (503, "Service Unavailable", C::ServiceUnavailable, T::Cancel),
    (504, "Remote Server Timeout", C::RemoteServerTimeout, T::Wait),
    (510, "Disconnected", C::ServiceUnavailable, T::Cancel),
];

impl Condition {
    /// The number that a peer of 2000 gets for it.
    pub const fn code(self) -> u16 {
        match self {
            C::Redirect | C::Gone => 302,
            C::BadRequest | C::JidMalformed | C::UnexpectedRequest => 400,
            C::NotAuthorized => 401,
            C::PaymentRequired => 402,
            C::Forbidden => 403,
            C::ItemNotFound | C::RecipientUnavailable | C::RemoteServerNotFound => 404,
            C::NotAllowed => 405,
            C::NotAcceptable => 406,
            C::RegistrationRequired | C::SubscriptionRequired => 407,
            C::Conflict => 409,
            C::InternalServerError | C::ResourceConstraint | C::UndefinedCondition | C::PolicyViolation => 500,
            C::FeatureNotImplemented => 501,
            C::ServiceUnavailable => 503,
            C::RemoteServerTimeout => 504,
        }
    }
}

/// The usual text of a number.
pub fn text_of(code: u16) -> Option<&'static str> {
    CODES.iter().find(|row| row.0 == code).map(|row| row.1)
}

impl StanzaError {
    /// Reads a number and a text. Both are kept, so that the next peer of 2000 sees them unchanged.
    pub fn from_legacy(code: Option<u16>, text: &str) -> StanzaError {
        let (condition, kind) = code.map_or((C::UndefinedCondition, T::Cancel), meaning);
        let text = (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        StanzaError { kind, code, text, ..StanzaError::new(condition) }
    }

    /// The number and the text for a peer of 2000.
    pub fn to_legacy(&self) -> (u16, &str) {
        let code = self.code.unwrap_or(self.condition.code());
        let usual = || text_of(code).or(text_of(self.condition.code())).unwrap_or_default();
        (code, self.text.as_deref().unwrap_or_else(usual))
    }

    /// Appends `<error code='404'>Not Found</error>`: no type, no children, as old parsers want it.
    pub fn write_legacy(&self, out: &mut Vec<u8>) {
        let (code, text) = self.to_legacy();
        out.extend_from_slice(format!("<error code='{code}'>").as_bytes());
        xml::write_escaped_text(out, text);
        out.extend_from_slice(b"</error>");
    }
}

fn meaning(code: u16) -> (Condition, ErrorType) {
    match CODES.iter().find(|row| row.0 == code) {
        Some(&(_, _, condition, kind)) => (condition, kind),
        None if (500..600).contains(&code) => (C::UndefinedCondition, T::Wait),
        None => (C::UndefinedCondition, T::Cancel),
    }
}
