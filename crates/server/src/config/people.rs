//! Values about people: who administers a host, whom to write to, and what people are told.

use toml::Spanned;
use toml::de::DeValue;
use xmpp::Jid;

use super::declare::only;
use super::report::{Problem, Report};
use super::setting::{Setting, quoted, text, wrong_type};

/// The bare address of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person(Jid);

impl Person {
    /// The address.
    pub fn jid(&self) -> &Jid {
        &self.0
    }
}

impl Setting for Person {
    fn expects() -> String {
        "an address such as \"amy@example.org\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        let person = Jid::parse(written).ok().filter(|jid| jid.local().is_some() && jid.is_bare());
        if person.is_none() {
            let found = format!("`{written}`");
            report.fail(value.span(), Problem::WrongType { expected: Self::expects(), found });
        }
        person.map(Person)
    }

    fn toml(&self) -> String {
        quoted(self.0.as_str())
    }
}

/// What people are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for Words {
    fn expects() -> String {
        "text in quotes".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        let forbidden = written.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        if forbidden || written.contains(['\u{fffe}', '\u{ffff}']) {
            report.fail(value.span(), Problem::Invalid("has characters that no message may have".to_owned()));
            return None;
        }
        Some(Words(written.to_owned()))
    }

    fn toml(&self) -> String {
        quoted(&self.0)
    }
}

/// Addresses for everybody to see, by their kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contacts(pub Vec<(&'static str, Vec<String>)>);

impl Setting for Contacts {
    fn expects() -> String {
        "a table such as { abuse = [\"mailto:abuse@example.org\"] }".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else { return wrong_type(Self::expects(), value, report) };
        let kinds = extensions::contacts::KINDS;
        let mut known = only(table, &kinds, &[], report);
        let mut contacts = Vec::new();
        for kind in kinds {
            let Some(uris) = table.get(kind) else { continue };
            match report.under(kind, |report| Vec::<Uri>::read(uris, report)) {
                Some(uris) => contacts.push((kind, uris.into_iter().map(|uri| uri.0).collect())),
                None => known = false,
            }
        }
        known.then_some(Contacts(contacts))
    }

    fn toml(&self) -> String {
        let listed = self.0.iter().map(|(kind, uris)| {
            format!("{kind} = [{}]", uris.iter().map(|uri| quoted(uri)).collect::<Vec<_>>().join(", "))
        });
        let listed = listed.collect::<Vec<_>>().join(", ");
        if listed.is_empty() { "{}".to_owned() } else { format!("{{ {listed} }}") }
    }
}

/// One of them.
struct Uri(String);

impl Setting for Uri {
    fn expects() -> String {
        "a URI such as \"mailto:abuse@example.org\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        if !extensions::contacts::is_uri(written) {
            let found = format!("`{written}`");
            report.fail(value.span(), Problem::WrongType { expected: Self::expects(), found });
            return None;
        }
        Some(Uri(written.to_owned()))
    }

    fn toml(&self) -> String {
        quoted(&self.0)
    }
}
