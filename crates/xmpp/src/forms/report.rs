//! Forms of the type "result": what is told, with one value for each field or as a table (XEP-0004 §3.4).

use crate::ns;
use xml::{Builder, Element};

/// What is told in fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    title: String,
    form_type: Option<String>,
    /// Name, label and values of each.
    fields: Vec<(String, String, Vec<String>)>,
    /// Name and label of each column.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<String>>,
}

impl Report {
    /// A report that tells nothing yet.
    pub fn new(title: impl Into<String>) -> Report {
        Report { title: title.into(), ..Report::default() }
    }

    /// Says by what rules the fields are named (XEP-0068).
    #[must_use]
    pub fn form_type(mut self, form_type: &str) -> Report {
        self.form_type = Some(form_type.into());
        self
    }

    /// One more fact.
    #[must_use]
    pub fn field(mut self, var: &str, label: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Report {
        self.fields.push((var.into(), label.into(), values.into_iter().map(Into::into).collect()));
        self
    }

    /// One more column of the table.
    #[must_use]
    pub fn column(mut self, var: &str, label: &str) -> Report {
        self.columns.push((var.into(), label.into()));
        self
    }

    /// One more row of the table, a value for each column.
    #[must_use]
    pub fn row(mut self, values: impl IntoIterator<Item = impl Into<String>>) -> Report {
        self.rows.push(values.into_iter().map(Into::into).collect());
        self
    }

    /// The form as it is sent.
    pub fn to_element(&self) -> Element {
        let mut form = Builder::new(ns::DATA_FORM, "x").attr("type", "result");
        form = form.text_child(ns::DATA_FORM, "title", &self.title);
        if let Some(form_type) = &self.form_type {
            let field = form.open(ns::DATA_FORM, "field").attr("var", "FORM_TYPE").attr("type", "hidden");
            form = field.text_child(ns::DATA_FORM, "value", form_type).close();
        }
        for (var, label, values) in &self.fields {
            let field = form.open(ns::DATA_FORM, "field").attr("var", var).attr("label", label);
            form = values.iter().fold(field, |field, value| field.text_child(ns::DATA_FORM, "value", value)).close();
        }
        if self.columns.is_empty() {
            return form.finish();
        }
        form = form.open(ns::DATA_FORM, "reported");
        for (var, label) in &self.columns {
            form = form.open(ns::DATA_FORM, "field").attr("var", var).attr("label", label).close();
        }
        form = form.close();
        for row in &self.rows {
            form = form.open(ns::DATA_FORM, "item");
            for ((var, _), value) in self.columns.iter().zip(row) {
                let field = form.open(ns::DATA_FORM, "field").attr("var", var);
                form = field.text_child(ns::DATA_FORM, "value", value).close();
            }
            form = form.close();
        }
        form.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_and_a_table() {
        let report = Report::new("Rules")
            .form_type("urn:test")
            .field("count", "Rules", ["2"])
            .column("name", "Name")
            .row(["a"])
            .row(["b"]);
        let expected = "<x xmlns='jabber:x:data' type='result'><title>Rules</title>\
            <field var='FORM_TYPE' type='hidden'><value>urn:test</value></field>\
            <field var='count' label='Rules'><value>2</value></field>\
            <reported><field var='name' label='Name'/></reported>\
            <item><field var='name'><value>a</value></field></item>\
            <item><field var='name'><value>b</value></field></item></x>";
        assert_eq!(report.to_element().as_str(), expected);
    }
}
