//! Contact addresses: whom to write to about this server, for people and for the programs that report abuse.
//!
//! Source    XEP-0157 1.1.1 (complete), XEP-0128 1.0.1.
//! Hangs on  the host's disco#info, as a data form; nothing when no address is configured.
//! Keeps     nothing. Refuses nothing but addresses that are no URIs, at the start.
use im::{About, Attach, Extension, Plan, PlanError};
use xml::{Builder, Element};
use xmpp::ns;

/// Tells whom to write to.
pub struct Room {
    addresses: Options,
}

/// The kinds of addresses, by the names that their fields begin with (§3).
pub const KINDS: [&str; 7] = ["abuse", "admin", "feedback", "sales", "security", "status", "support"];

/// What the operator may say: for each kind of [`KINDS`] the URIs, as "mailto:abuse@example.org".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(pub Vec<(&'static str, Vec<String>)>);

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("contacts", "Contact Addresses for XMPP Services", "XEP-0157", "1.1.1");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let wrong = options.0.iter().flat_map(|(_, uris)| uris).find(|uri| !is_uri(uri));
        match wrong {
            Some(uri) => Err(PlanError::Options { extension: "contacts", why: format!("`{uri}` is no URI; write \"mailto:…\", \"xmpp:…\" or \"https:…\"") }),
            None => Ok(Room { addresses: options.clone() }),
        }
    }

    fn attach(on: &mut Attach<'_, Self>) {
        if let Some(form) = form(&on.extension().addresses) {
            on.form(form);
        }
    }
}

/// Whether this is a scheme, a colon and something (RFC 3986 §3.1).
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    named && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) && !rest.is_empty()
}

fn form(addresses: &Options) -> Option<Element> {
    let mut fields = addresses.0.iter().filter(|(_, uris)| !uris.is_empty()).peekable();
    fields.peek()?;
    let form = Builder::new(ns::DATA_FORM, "x").attr("type", "result");
    let form = form.open(ns::DATA_FORM, "field").attr("var", "FORM_TYPE").attr("type", "hidden");
    let form = form.text_child(ns::DATA_FORM, "value", ns::SERVER_CONTACT).close();
    let form = fields.fold(form, |form, (kind, uris)| {
        let field = form.open(ns::DATA_FORM, "field").attr("var", &format!("{kind}-addresses")).attr("type", "list-multi");
        uris.iter().fold(field, |field, uri| field.text_child(ns::DATA_FORM, "value", uri)).close()
    });
    Some(form.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_configured_is_told() {
        assert_eq!(form(&Options::default()), None);
        let options = Options(vec![
            ("abuse", vec!["mailto:abuse@h".to_owned(), "xmpp:amy@h".to_owned()]),
            ("sales", Vec::new()),
        ]);
        let expected = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>\
                        <value>http://jabber.org/network/serverinfo</value></field>\
                        <field var='abuse-addresses' type='list-multi'><value>mailto:abuse@h</value><value>xmpp:amy@h</value></field></x>";
        assert_eq!(form(&options).unwrap().as_str(), expected);
    }

    #[test]
    fn addresses_are_uris() {
        for (text, is) in [
            ("mailto:a@b", true),
            ("xmpp:a@b?message", true),
            ("https://e.example/help", true),
            ("a@b", false),
            ("mailto:", false),
            (":a", false),
            ("1a:b", false),
            ("", false),
        ] {
            assert_eq!(is_uri(text), is, "{text}");
        }
    }
}
