//! Data forms (XEP-0004): questions with typed fields, and what was answered.
//!
//! A [`Form`] is what the server asks; it reads the submission itself, so that whatever it hands on is of the type and among the options that it asked
//! for. A [`Report`] is a form of the type "result".

mod answers;
mod report;

pub use answers::{Answers, FormError};
pub use report::Report;

use crate::ns;
use xml::{Builder, Element};

/// What may stand in a field (XEP-0004 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Yes or no.
    Boolean,
    /// Words of the form itself, not to be answered.
    Fixed,
    /// Not shown, and handed back.
    Hidden,
    /// Addresses, one a line.
    JidMulti,
    /// One address.
    JidSingle,
    /// Any of the options.
    ListMulti,
    /// One of the options.
    ListSingle,
    /// Lines of text.
    TextMulti,
    /// One line that is not shown while it is typed.
    TextPrivate,
    /// One line of text.
    TextSingle,
}

impl FieldKind {
    /// The value of the attribute `type`.
    pub const fn name(self) -> &'static str {
        match self {
            FieldKind::Boolean => "boolean",
            FieldKind::Fixed => "fixed",
            FieldKind::Hidden => "hidden",
            FieldKind::JidMulti => "jid-multi",
            FieldKind::JidSingle => "jid-single",
            FieldKind::ListMulti => "list-multi",
            FieldKind::ListSingle => "list-single",
            FieldKind::TextMulti => "text-multi",
            FieldKind::TextPrivate => "text-private",
            FieldKind::TextSingle => "text-single",
        }
    }

    /// Whether it takes several values.
    const fn is_multi(self) -> bool {
        matches!(self, FieldKind::JidMulti | FieldKind::ListMulti | FieldKind::TextMulti)
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    var: String,
    kind: FieldKind,
    label: String,
    explained: Option<String>,
    required: bool,
    values: Vec<String>,
    /// Value and label of each.
    options: Vec<(String, String)>,
}

impl Field {
    /// A question of this kind; `var` names it to programs, `label` to people.
    pub fn new(kind: FieldKind, var: impl Into<String>, label: impl Into<String>) -> Field {
        let (var, label) = (var.into(), label.into());
        Field { var, kind, label, explained: None, required: false, values: Vec::new(), options: Vec::new() }
    }

    /// It has to be answered.
    #[must_use]
    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// Says more about it.
    #[must_use]
    pub fn explained(mut self, text: impl Into<String>) -> Field {
        self.explained = Some(text.into());
        self
    }

    /// What stands in it already; a list or a text of several lines may have several.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Field {
        self.values.push(value.into());
        self
    }

    /// One more thing to choose.
    #[must_use]
    pub fn option(mut self, value: impl Into<String>, label: impl Into<String>) -> Field {
        self.options.push((value.into(), label.into()));
        self
    }

    fn write(&self, form: Builder) -> Builder {
        let label = Some(self.label.as_str()).filter(|label| !label.is_empty());
        let var = Some(self.var.as_str()).filter(|var| !var.is_empty());
        let field = form.open(ns::DATA_FORM, "field").attr_opt("var", var).attr("type", self.kind.name());
        let mut field = field.attr_opt("label", label);
        if let Some(explained) = &self.explained {
            field = field.text_child(ns::DATA_FORM, "desc", explained);
        }
        if self.required {
            field = field.leaf(ns::DATA_FORM, "required");
        }
        for value in &self.values {
            field = field.text_child(ns::DATA_FORM, "value", value);
        }
        for (value, label) in &self.options {
            let option = field.open(ns::DATA_FORM, "option").attr("label", label);
            field = option.text_child(ns::DATA_FORM, "value", value).close();
        }
        field.close()
    }
}

/// Questions to be answered together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    title: String,
    instructions: Vec<String>,
    fields: Vec<Field>,
}

impl Form {
    /// A form without questions.
    pub fn new(title: impl Into<String>) -> Form {
        Form { title: title.into(), instructions: Vec::new(), fields: Vec::new() }
    }

    /// Says what the fields mean (XEP-0068).
    #[must_use]
    pub fn form_type(self, form_type: &str) -> Form {
        self.field(Field::new(FieldKind::Hidden, "FORM_TYPE", "").value(form_type))
    }

    /// Tells people what to do.
    #[must_use]
    pub fn instructions(mut self, text: impl Into<String>) -> Form {
        self.instructions.push(text.into());
        self
    }

    /// One more question.
    #[must_use]
    pub fn field(mut self, field: Field) -> Form {
        self.fields.push(field);
        self
    }

    /// Fills in what was answered before, but for what is not to be shown.
    #[must_use]
    pub fn filled_with(mut self, answers: &Answers) -> Form {
        let open = |field: &&mut Field| !matches!(field.kind, FieldKind::TextPrivate | FieldKind::Fixed);
        for field in self.fields.iter_mut().filter(open) {
            if answers.has(&field.var) {
                field.values = answers.texts(&field.var).to_vec();
            }
        }
        self
    }

    /// The form as it is sent to whoever shall answer.
    pub fn to_element(&self) -> Element {
        let mut form = Builder::new(ns::DATA_FORM, "x").attr("type", "form");
        form = form.text_child(ns::DATA_FORM, "title", &self.title);
        for text in &self.instructions {
            form = form.text_child(ns::DATA_FORM, "instructions", text);
        }
        self.fields.iter().fold(form, |form, field| field.write(form)).finish()
    }
}
