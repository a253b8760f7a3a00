//! The values that a key may have: how each is read from TOML, and how its default is printed.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::declare::unit;
use super::report::{Problem, Report};

/// A value of the configuration.
pub trait Setting: Sized {
    /// What a person may write, as it stands after "expects".
    fn expects() -> String;

    /// Reads the value; a mistake is reported, and then there is none.
    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self>;

    /// The value as TOML.
    fn toml(&self) -> String;
}

/// Reports that the value is of another type than the key takes.
pub fn wrong_type<T>(expected: String, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<T> {
    report.fail(value.span(), Problem::WrongType { expected, found: found(value.get_ref()) });
    None
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(number) => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
    .to_owned()
}

/// Text, or a report that it is not.
pub fn text<'v>(
    value: &'v Spanned<DeValue<'_>>,
    expects: impl FnOnce() -> String,
    report: &mut Report<'_>,
) -> Option<&'v str> {
    match value.get_ref().as_str() {
        Some(text) => Some(text),
        None => wrong_type(expects(), value, report),
    }
}

/// Text in TOML's quotes.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl Setting for bool {
    fn expects() -> String {
        "true or false".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        value.get_ref().as_bool().or_else(|| wrong_type(Self::expects(), value, report))
    }

    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Setting for u64 {
    fn expects() -> String {
        "a whole number".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let number = value.get_ref().as_integer();
        let number = number.and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok());
        let expected = format!("{}{}", Self::expects(), unit(report.key()));
        number.or_else(|| wrong_type(expected, value, report))
    }

    fn toml(&self) -> String {
        grouped(*self)
    }
}

/// Digits in groups of three, as TOML allows: `262_144`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

impl Setting for PathBuf {
    fn expects() -> String {
        "a path in quotes".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        match text(value, Self::expects, report)? {
            "" => wrong_type(Self::expects(), value, report),
            path => Some(path.into()),
        }
    }

    fn toml(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for SocketAddr {
    fn expects() -> String {
        "an IP address and a port such as \"[::]:5222\" or \"127.0.0.1:5222\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        match written.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                report.fail(
                    value.span(),
                    Problem::WrongType { expected: Self::expects(), found: format!("`{written}`") },
                );
                None
            }
        }
    }

    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn expects() -> String {
        format!("a list, each entry {}", T::expects())
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(entries) = value.get_ref().as_array() else {
            return wrong_type(Self::expects(), value, report);
        };
        entries.iter().map(|entry| T::read(entry, report)).collect()
    }

    fn toml(&self) -> String {
        format!("[{}]", self.iter().map(Setting::toml).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1_000"), (16_777_216, "16_777_216")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
