//! What stands in a `jabber:iq:register`: fields as in 2000, or a data form with the same fields.

use im::Payload;
use xml::{Builder, Element, Node};
use xmpp::forms::{Field, FieldKind, Form};
use xmpp::{StanzaError, ns};

/// What somebody asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Register {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    /// The token of an invitation; the namespace has no field for it, and this one for whatever a host needs.
    pub(super) misc: Option<String>,
    pub(super) removal: Removal,
}

/// Whether the account shall be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Removal {
    #[default]
    No,
    Yes,
    /// `remove` has company: nobody knows what is meant.
    Unclear,
}

impl Payload for Register {
    const NS: &'static str = ns::REGISTER;
    const NAME: &'static str = "query";

    fn read(query: Node<'_>) -> Result<Self, StanzaError> {
        let removal = removal(query);
        // §4: the form takes precedence.
        if let Some(form) = query.child(ns::DATA_FORM, "x").filter(|_| removal == Removal::No) {
            return read_form(form);
        }
        let text = |node: Node<'_>| node.text().into_owned();
        let field = |name| query.child(ns::REGISTER, name).map(text).filter(|text| !text.is_empty());
        Ok(Register { username: field("username"), password: field("password"), misc: field("misc"), removal })
    }
}

fn read_form(submitted: Node<'_>) -> Result<Register, StanzaError> {
    if submitted.attr("type").as_deref() != Some("submit") {
        return Err(StanzaError::bad_request());
    }
    let answers = form(false, true).read(submitted);
    let answers = answers.map_err(|error| StanzaError::not_acceptable().with_text(error.to_string()))?;
    let field = |name| answers.text(name).map(str::to_owned);
    let (username, password, misc) = (field("username"), field("password"), field("misc"));
    Ok(Register { username, password, misc, removal: Removal::No })
}

/// §3.2: `remove` stands alone; but clients of 2000 sent the key of the form back with whatever they asked.
fn removal(query: Node<'_>) -> Removal {
    if query.child(ns::REGISTER, "remove").is_none() {
        return Removal::No;
    }
    let others = query.children().filter(|child| child.name() != "key").count();
    if others == 1 { Removal::Yes } else { Removal::Unclear }
}

/// What is needed to register. `invited`: a token is needed, too. `forms`: the client may know data forms; those of 2000 show every child as a field.
pub(super) fn needed(invited: bool, forms: bool) -> Element {
    let query = Builder::new(ns::REGISTER, "query").text_child(ns::REGISTER, "instructions", instructions(invited));
    let query = query.leaf(ns::REGISTER, "username").leaf(ns::REGISTER, "password");
    let query = if invited { query.leaf(ns::REGISTER, "misc") } else { query };
    let query = if forms { query.raw_child(&form(true, invited).to_element()) } else { query };
    query.finish()
}

/// What is on file of somebody who is registered; the key is what clients of 2000 hand back.
pub(super) fn on_file(spelling: &str, key: &str) -> Element {
    let query = Builder::new(ns::REGISTER, "query").leaf(ns::REGISTER, "registered");
    let query = query.text_child(ns::REGISTER, "instructions", "Send a new password to change it.");
    let query = query.text_child(ns::REGISTER, "username", spelling).leaf(ns::REGISTER, "password");
    query.text_child(ns::REGISTER, "key", key).finish()
}

const fn instructions(invited: bool) -> &'static str {
    match invited {
        false => "Choose a username and password.",
        true => "Choose a username and password, and give the code of your invitation as \"misc\".",
    }
}

fn form(required: bool, invited: bool) -> Form {
    let field = |kind, var: &str, label: &str| {
        let field = Field::new(kind, var, label);
        if required { field.required() } else { field }
    };
    let form = Form::new("Registration").form_type(ns::REGISTER).instructions(instructions(invited));
    let form = form.field(field(FieldKind::TextSingle, "username", "Username"));
    let form = form.field(field(FieldKind::TextPrivate, "password", "Password"));
    if invited { form.field(field(FieldKind::TextSingle, "misc", "Code of your invitation")) } else { form }
}

/// A token that is shown ahead of registration (XEP-0445 §4).
pub(super) struct Preauth {
    pub(super) token: String,
}

impl Payload for Preauth {
    const NS: &'static str = ns::PREAUTH;
    const NAME: &'static str = "preauth";

    fn read(preauth: Node<'_>) -> Result<Self, StanzaError> {
        let token = preauth.attr("token").filter(|token| !token.is_empty()).ok_or_else(StanzaError::bad_request)?;
        Ok(Preauth { token: token.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::Condition;

    fn read(children: &str) -> Result<Register, StanzaError> {
        let query = format!("<query xmlns='jabber:iq:register'>{children}</query>");
        let element = Element::parse(query.as_bytes(), &xml::Limits::default()).unwrap();
        Register::read(element.root())
    }

    #[test]
    fn remove_stands_alone_but_for_the_key_of_2000() {
        let rows = [
            ("<remove/>", Removal::Yes),
            ("<key>abc</key><remove/>", Removal::Yes),
            ("<remove/><username>bill</username>", Removal::Unclear),
            ("<remove/><password>x</password>", Removal::Unclear),
            ("<remove/><x xmlns='jabber:x:data' type='submit'/>", Removal::Unclear),
            ("<remove/><remove/>", Removal::Unclear),
            ("<username>bill</username>", Removal::No),
            ("<remove xmlns='other'/>", Removal::No),
            ("", Removal::No),
        ];
        for (children, removal) in rows {
            assert_eq!(read(children).unwrap().removal, removal, "{children}");
        }
    }

    #[test]
    fn empty_fields_are_missing_and_spaces_are_not_trimmed() {
        let form = read("<username/><password> a&amp;b </password><name>Bill</name><key/><misc>t</misc>").unwrap();
        assert_eq!(
            (form.username, form.password.as_deref(), form.misc.as_deref()),
            (None, Some(" a&b "), Some("t"))
        );
        assert_eq!(read("<password></password>").unwrap().password, None);
    }

    #[test]
    fn a_form_goes_before_fields() {
        let x = |kind: &str, fields: &str| {
            read(&format!("<username>other</username><x xmlns='jabber:x:data' type='{kind}'>{fields}</x>"))
        };
        let bill = "<field var='username'><value>bill</value></field>";
        let form = x("submit", &format!("{bill}<field var='password'><value>p</value></field><field var='b'/>"));
        let expected =
            Register { username: Some("bill".into()), password: Some("p".into()), ..Register::default() };
        assert_eq!(form.unwrap(), expected);
        assert_eq!(x("submit", "").unwrap(), Register::default());
        assert_eq!(x("submit", &bill.repeat(2)).unwrap_err().condition, Condition::NotAcceptable);
        for kind in ["cancel", "form", "result", ""] {
            assert_eq!(x(kind, bill).unwrap_err().condition, Condition::BadRequest, "{kind}");
        }
    }
}
