//! One declaration per key: from it come the typed value, its default, the reader, the generated file and the documentation.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::report::{Problem, Report, nearest};

/// A key as declared.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name inside its table.
    pub name: &'static str,
    /// Its sentence.
    pub doc: String,
    /// The default value as TOML.
    pub value: String,
}

/// A table of the configuration.
pub trait Section: Default {
    /// The table's own sentence.
    fn doc() -> String;

    /// Its keys, each with the value it has in `self`.
    fn keys(&self) -> Vec<Key>;

    /// Reads the table; mistakes are reported, and what is not written has its default.
    fn read(table: &DeTable<'_>, report: &mut Report<'_>) -> Self;
}

/// A key or table that a later version brings: its name, what it is, what to do today.
pub struct Later {
    /// The key's name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// What to do today.
    pub instead: &'static str,
}

impl Later {
    /// The message for a person who already uses it.
    pub fn problem(&self) -> Problem {
        Problem::NotInThisVersion { what: self.what.to_owned(), instead: self.instead.to_owned() }
    }
}

/// Reports every key of the table that is not among `names`; true when there is none.
pub fn only(table: &DeTable<'_>, names: &[&'static str], later: &[Later], report: &mut Report<'_>) -> bool {
    let unknown = table.iter().filter(|(key, _)| !names.contains(&&**key.get_ref()));
    unknown.map(|(key, _)| refuse_unknown(key, names, later, report)).count() == 0
}

fn refuse_unknown(key: &Spanned<DeString<'_>>, names: &[&'static str], later: &[Later], report: &mut Report<'_>) {
    let name: &str = key.get_ref();
    let problem = match later.iter().find(|later| later.name == name) {
        Some(later) => later.problem(),
        None => Problem::UnknownKey { nearest: nearest(name, names.iter().copied()) },
    };
    report.under(name, |report| report.fail(key.span(), problem));
}

/// The table behind a value, or a report that it is none.
pub fn table<'v, 'i>(value: &'v Spanned<DeValue<'i>>, report: &mut Report<'_>) -> Option<&'v DeTable<'i>> {
    match value.get_ref().as_table() {
        Some(table) => Some(table),
        None => super::setting::wrong_type("a table".to_owned(), value, report),
    }
}

/// The doc lines of a declaration as one sentence.
pub fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares a table: the struct, its defaults, its sentences and its reader.
///
/// `key: type = default`, with `, from..=to` for the range of a number; `beside` names what else may stand in the table
/// and is read elsewhere, `later` what a later version brings.
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $( $(#[doc = $key_doc:literal])+ pub $key:ident: $type:ty = $default:expr $(, $range:expr)?; )+
        }
        $(beside: [$($beside:literal),+])?
        $(later: [$($later:expr),+ $(,)?])?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $( $(#[doc = $key_doc])+ pub $key: $type, )+ }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $key: $default, )+ }
            }
        }

        impl $crate::config::declare::Section for $name {
            fn doc() -> String {
                $crate::config::declare::sentence(&[$($doc),+])
            }

            fn keys(&self) -> Vec<$crate::config::declare::Key> {
                vec![$( $crate::config::declare::Key {
                    name: stringify!($key),
                    doc: $crate::config::declare::sentence(&[$($key_doc),+]),
                    value: $crate::config::setting::Setting::toml(&self.$key),
                }, )+]
            }

            fn read(
                table: &toml::de::DeTable<'_>,
                report: &mut $crate::config::report::Report<'_>,
            ) -> Self {
                let mut this = Self::default();
                let later: &[$crate::config::declare::Later] = &[$($($later),+)?];
                $crate::config::declare::only(
                    table, &[$(stringify!($key),)+ $($($beside),+)?], later, report);
                $(
                    if let Some(value) = table.get(stringify!($key)) {
                        let read = report.under(stringify!($key), |report| {
                            let read: Option<$type> = $crate::config::setting::Setting::read(value, report);
                            $( let read = $crate::config::declare::within(
                                stringify!($key), read, $range, value, report); )?
                            read
                        });
                        if let Some(read) = read {
                            this.$key = read;
                        }
                    }
                )+
                this
            }
        }
    };
}
pub(crate) use section;

/// A number inside its range, or a report that says the range and the unit in the key's name.
pub fn within(
    key: &str,
    read: Option<u64>,
    range: std::ops::RangeInclusive<u64>,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<u64> {
    let number = read?;
    if range.contains(&number) {
        return Some(number);
    }
    let expected = format!("a number{} from {} to {}", unit(key), range.start(), range.end());
    report.fail(value.span(), Problem::WrongType { expected, found: number.to_string() });
    None
}

/// The unit that a key's name ends with, as it stands after "a number".
pub fn unit(key: &str) -> &'static str {
    match key.rsplit('_').next() {
        Some("bytes") => " of bytes",
        Some("s") => " of seconds",
        Some("ms") => " of milliseconds",
        _ => "",
    }
}

/// Declares a value that is one of a few words, and the words that a later version brings.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $( $(#[doc = $word_doc:literal])+ $variant:ident = $word:literal, )+
        }
        $(later: [$($later:expr),+ $(,)?])?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $word_doc])+ $variant, )+ }

        impl $name {
            /// The word in the configuration.
            pub fn word(self) -> &'static str {
                match self { $( $name::$variant => $word, )+ }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn expects() -> String {
                format!("one of {}", [$(concat!("\"", $word, "\"")),+].join(", "))
            }

            fn read(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                report: &mut $crate::config::report::Report<'_>,
            ) -> Option<Self> {
                let word = $crate::config::setting::text(value, Self::expects, report)?;
                let later: &[$crate::config::declare::Later] = &[$($($later),+)?];
                match word {
                    $( $word => Some($name::$variant), )+
                    other => $crate::config::declare::unknown_word(value, other, &[$($word),+], later, report),
                }
            }

            fn toml(&self) -> String {
                $crate::config::setting::quoted(self.word())
            }
        }
    };
}
pub(crate) use words;

/// Reports a word that the key does not take.
pub fn unknown_word<T>(
    value: &Spanned<DeValue<'_>>,
    word: &str,
    allowed: &[&'static str],
    later: &[Later],
    report: &mut Report<'_>,
) -> Option<T> {
    let problem = match later.iter().find(|later| later.name == word) {
        Some(later) => later.problem(),
        None => Problem::UnknownWord {
            word: word.to_owned(),
            allowed: allowed.to_vec(),
            nearest: nearest(word, allowed.iter().copied()),
        },
    };
    report.fail(value.span(), problem);
    None
}
