//! What was answered to a form: read, and held against what was asked.

use super::{Field, FieldKind, Form};
use crate::{Jid, ns};
use xml::Node;

/// The values of a submission, by the names of their fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    values: Vec<(String, Vec<String>)>,
}

/// Why a submission does not answer a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It is no submission of a data form.
    #[error("a data form of the type submit is expected")]
    NotSubmitted,
    /// A field stands there twice.
    #[error("{0} stands there twice")]
    Twice(String),
    /// A field has to be answered.
    #[error("{0} is missing")]
    Missing(String),
    /// A field takes one value only.
    #[error("{0} takes one value")]
    TooMany(String),
    /// A value is not of the field's type.
    #[error("{var} is not {wanted}")]
    Wrong {
        /// The field.
        var: String,
        /// What was wanted.
        wanted: &'static str,
    },
}

impl Answers {
    /// Reads `<x type='submit'/>`, whatever was asked. A form of the type "cancel" counts as submitted (XEP-0050 §3.4.1 for commands): who calls decides.
    fn read(form: Node<'_>) -> Result<Answers, FormError> {
        let kind = form.attr("type");
        if !form.is(ns::DATA_FORM, "x") || !matches!(kind.as_deref(), Some("submit" | "cancel")) {
            return Err(FormError::NotSubmitted);
        }
        let mut answers = Answers::default();
        for field in form.children().filter(|child| child.is(ns::DATA_FORM, "field")) {
            // One without a name answers nothing.
            let Some(var) = field.attr("var") else { continue };
            if answers.has(&var) {
                return Err(FormError::Twice(var.into_owned()));
            }
            let values = field.children().filter(|child| child.is(ns::DATA_FORM, "value"));
            answers.values.push((var.into_owned(), values.map(|value| value.text().into_owned()).collect()));
        }
        Ok(answers)
    }

    /// Whether this field was answered at all.
    pub fn has(&self, var: &str) -> bool {
        self.values.iter().any(|(name, _)| name == var)
    }

    /// All values of a field.
    pub fn texts(&self, var: &str) -> &[String] {
        self.values.iter().find(|(name, _)| name == var).map_or(&[], |(_, values)| values)
    }

    /// The value of a field, if it has one that is not empty.
    pub fn text(&self, var: &str) -> Option<&str> {
        self.texts(var).first().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Whether a field says yes.
    pub fn flag(&self, var: &str) -> bool {
        self.text(var).is_some_and(|text| matches!(text.trim(), "1" | "true"))
    }

    /// The addresses in a field.
    pub fn jids(&self, var: &str) -> Vec<Jid> {
        self.texts(var).iter().filter_map(|text| Jid::parse(text.trim()).ok()).collect()
    }

    /// The bytes of its text.
    pub fn bytes(&self) -> usize {
        self.values.iter().map(|(var, values)| var.len() + values.iter().map(String::len).sum::<usize>()).sum()
    }
}

impl Form {
    /// Reads what was answered to this form: what was not asked is left out, what was asked is as it should be.
    pub fn read(&self, submitted: Node<'_>) -> Result<Answers, FormError> {
        let mut answers = Answers::read(submitted)?;
        answers.values.retain(|(var, _)| self.fields.iter().any(|field| field.var == *var));
        self.fields.iter().try_for_each(|field| field.check(answers.texts(&field.var)))?;
        Ok(answers)
    }
}

impl Field {
    fn check(&self, values: &[String]) -> Result<(), FormError> {
        let var = || self.var.clone();
        if self.kind == FieldKind::Fixed {
            return Ok(());
        }
        if self.required && values.iter().all(String::is_empty) {
            return Err(FormError::Missing(var()));
        }
        if values.len() > 1 && !self.kind.is_multi() {
            return Err(FormError::TooMany(var()));
        }
        // An empty value of a field that need not be answered is no answer.
        let given = values.iter().filter(|value| !value.is_empty());
        match self.kind.wanted() {
            Some(wanted) if !given.clone().all(|value| self.allows(value)) => {
                Err(FormError::Wrong { var: var(), wanted })
            }
            _ => Ok(()),
        }
    }

    fn allows(&self, value: &str) -> bool {
        match self.kind {
            FieldKind::Boolean => matches!(value.trim(), "0" | "1" | "true" | "false"),
            FieldKind::JidSingle | FieldKind::JidMulti => Jid::parse(value.trim()).is_ok(),
            FieldKind::ListSingle | FieldKind::ListMulti => self.options.iter().any(|(option, _)| option == value),
            FieldKind::TextSingle | FieldKind::TextPrivate => !value.contains(['\n', '\r']),
            FieldKind::TextMulti | FieldKind::Hidden | FieldKind::Fixed => true,
        }
    }
}

impl FieldKind {
    /// What a value has to be, in words; `None`: anything.
    const fn wanted(self) -> Option<&'static str> {
        match self {
            FieldKind::Boolean => Some("true or false"),
            FieldKind::JidSingle | FieldKind::JidMulti => Some("an address"),
            FieldKind::ListSingle | FieldKind::ListMulti => Some("one of the options"),
            FieldKind::TextSingle | FieldKind::TextPrivate => Some("one line of text"),
            FieldKind::TextMulti | FieldKind::Hidden | FieldKind::Fixed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Element, Limits};

    fn form() -> Form {
        let kinds = Field::new(FieldKind::ListMulti, "kinds", "").option("a", "A").option("b", "B");
        Form::new("Test")
            .form_type("urn:test")
            .field(Field::new(FieldKind::Fixed, "", "").value("Words"))
            .field(Field::new(FieldKind::TextSingle, "name", "Name").required())
            .field(Field::new(FieldKind::Boolean, "on", "On"))
            .field(Field::new(FieldKind::JidMulti, "who", "Who"))
            .field(kinds)
    }

    type Given<'a> = (&'a str, &'a [&'a str]);

    fn read(fields: &[Given<'_>], kind: &str) -> Result<Answers, FormError> {
        let mut text = format!("<x xmlns='jabber:x:data' type='{kind}'>");
        for (var, values) in fields {
            text.push_str(&format!("<field var='{var}'>"));
            values.iter().for_each(|value| text.push_str(&format!("<value>{value}</value>")));
            text.push_str("</field>");
        }
        text.push_str("<field><value>nameless</value></field></x>");
        form().read(Element::parse(text.as_bytes(), &Limits::default()).unwrap().root())
    }

    #[test]
    fn what_was_asked_is_read_and_nothing_else() {
        let answers = read(
            &[("name", &["Amy"]), ("on", &["1"]), ("who", &["a@h", "B@h"]), ("kinds", &["a"]), ("more", &["x"])],
            "submit",
        );
        let answers = answers.unwrap();
        assert_eq!(answers.text("name"), Some("Amy"));
        assert!(answers.flag("on") && !answers.has("more") && !answers.has("FORM_TYPE"));
        assert_eq!(answers.jids("who").iter().map(Jid::as_str).collect::<Vec<_>>(), ["a@h", "b@h"]);
        assert_eq!(answers.texts("kinds"), ["a"]);
        assert!(read(&[("name", &["Amy"])], "cancel").is_ok());
    }

    #[test]
    fn what_does_not_answer_is_told() {
        let missing = || FormError::Missing("name".into());
        let wrong = |var: &str, wanted| FormError::Wrong { var: var.into(), wanted };
        let name: Given<'_> = ("name", &["Amy"]);
        let rows: [(&[Given<'_>], FormError); 9] = [
            (&[], missing()),
            (&[("name", &[])], missing()),
            (&[("name", &[""])], missing()),
            (&[name, name], FormError::Twice("name".into())),
            (&[("name", &["Amy", "Bob"])], FormError::TooMany("name".into())),
            (&[("name", &["A\nB"])], wrong("name", "one line of text")),
            (&[name, ("on", &["perhaps"])], wrong("on", "true or false")),
            (&[name, ("who", &["a@h", "@h"])], wrong("who", "an address")),
            (&[name, ("kinds", &["a", "c"])], wrong("kinds", "one of the options")),
        ];
        for (fields, error) in rows {
            assert_eq!(read(fields, "submit").unwrap_err(), error, "{fields:?}");
        }
        for kind in ["form", "result", ""] {
            assert_eq!(read(&[name], kind).unwrap_err(), FormError::NotSubmitted, "{kind}");
        }
    }

    #[test]
    fn a_form_is_written_and_filled_in_again() {
        let answers = read(&[("name", &["A &amp; B"]), ("kinds", &["a", "b"])], "submit").unwrap();
        let filled = form().filled_with(&answers).to_element();
        let expected = "<x xmlns='jabber:x:data' type='form'><title>Test</title>\
            <field var='FORM_TYPE' type='hidden'><value>urn:test</value></field>\
            <field type='fixed'><value>Words</value></field>\
            <field var='name' type='text-single' label='Name'><required/><value>A &amp; B</value></field>\
            <field var='on' type='boolean' label='On'/><field var='who' type='jid-multi' label='Who'/>\
            <field var='kinds' type='list-multi'><value>a</value><value>b</value>\
            <option label='A'><value>a</value></option><option label='B'><value>b</value></option></field></x>";
        assert_eq!(filled.as_str(), expected);
    }
}
