//! What is true before the first step: subscriptions, and how the server differs from the usual one.

/// One line of `given`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// `hosts a.example, b.example`: what the server serves, beside the hosts of the cast.
    Hosts(Vec<String>),
    /// A subscription between two accounts, by the names of their first clients.
    Subscription {
        /// Whose roster is spoken of.
        of: String,
        /// The contact.
        to: String,
        /// The state in `of`'s roster.
        state: Subscription,
    },
    /// `two members`: not to be played on one member alone.
    TwoMembers,
    /// `homes together`: not to be played with homes on both members.
    HomesTogether,
    /// `stanza_bytes is 10000`: a key of the configuration differs from its default.
    Option {
        /// The key, as in the configuration.
        key: String,
        /// Its value, as in the configuration.
        value: String,
    },
}

/// The states of a subscription as RFC 6121 Appendix A names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// No subscription, nothing asked.
    None,
    /// The user asked.
    NonePendingOut,
    /// The contact asked.
    NonePendingIn,
    /// Both asked.
    NonePendingOutIn,
    /// The user sees the contact.
    To,
    /// The user sees the contact, who has asked for the same.
    ToPendingIn,
    /// The contact sees the user.
    From,
    /// The contact sees the user, who has asked for the same.
    FromPendingOut,
    /// Both see each other.
    Both,
}

impl Given {
    /// Reads one line; `names` are the cast's.
    pub(super) fn read(line: &str, names: &[String]) -> Result<Given, String> {
        if line == "two members" {
            return Ok(Given::TwoMembers);
        }
        if line == "homes together" {
            return Ok(Given::HomesTogether);
        }
        if let Some(hosts) = line.strip_prefix("hosts ") {
            return Ok(Given::Hosts(hosts.split(',').map(|host| host.trim().to_owned()).collect()));
        }
        if let Some(given) = subscription(line, names) {
            return given;
        }
        match line.split_once(" is ") {
            Some((key, value)) if !key.contains(' ') => {
                Ok(Given::Option { key: key.to_owned(), value: value.trim().to_owned() })
            }
            _ => Err(format!("\"{line}\" cannot be given")),
        }
    }
}

/// `A and B are friends`, `A sees B`, `A's subscription to B is From + Pending Out`.
fn subscription(line: &str, names: &[String]) -> Option<Result<Given, String>> {
    let (of, rest) = starts_with_name(line, names)?;
    let given = |to: &str, state| Given::Subscription { of: of.to_owned(), to: to.to_owned(), state };
    if let Some(rest) = rest.strip_prefix(" and ") {
        let (to, rest) = starts_with_name(rest, names)?;
        return (rest == " are friends").then(|| Ok(given(to, Subscription::Both)));
    }
    if let Some(rest) = rest.strip_prefix(" sees ") {
        let (to, rest) = starts_with_name(rest, names)?;
        return rest.is_empty().then(|| Ok(given(to, Subscription::To)));
    }
    let (to, rest) = starts_with_name(rest.strip_prefix("'s subscription to ")?, names)?;
    let state = rest.strip_prefix(" is ")?;
    Some(Subscription::read(state).map(|state| given(to, state)))
}

/// The name that a line begins with (the longest, if several fit), and what follows it.
pub(super) fn starts_with_name<'a>(line: &'a str, names: &[String]) -> Option<(&'a str, &'a str)> {
    let fits = |name: &&String| line.strip_prefix(name.as_str()).is_some_and(ends_word);
    let longest = names.iter().filter(fits).max_by_key(|name| name.len())?;
    Some(line.split_at(longest.len()))
}

fn ends_word(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| !c.is_alphanumeric())
}

impl Subscription {
    /// Every state with its name.
    pub const ALL: [(&'static str, Subscription); 9] = [
        ("None", Subscription::None),
        ("None + Pending Out", Subscription::NonePendingOut),
        ("None + Pending In", Subscription::NonePendingIn),
        ("None + Pending Out+In", Subscription::NonePendingOutIn),
        ("To", Subscription::To),
        ("To + Pending In", Subscription::ToPendingIn),
        ("From", Subscription::From),
        ("From + Pending Out", Subscription::FromPendingOut),
        ("Both", Subscription::Both),
    ];

    fn read(name: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, state)| *state).ok_or_else(|| format!("RFC 6121 Appendix A knows no state \"{name}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Given, String> {
        Given::read(line, &["Romeo".to_owned(), "Romeo's phone".to_owned(), "Juliet".to_owned()])
    }

    #[test]
    fn subscriptions_read_as_sentences() {
        let given = |of: &str, to: &str, state| Ok(Given::Subscription { of: of.into(), to: to.into(), state });
        assert_eq!(read("Romeo and Juliet are friends"), given("Romeo", "Juliet", Subscription::Both));
        assert_eq!(read("Romeo's phone sees Juliet"), given("Romeo's phone", "Juliet", Subscription::To));
        assert_eq!(
            read("Romeo's subscription to Juliet is From + Pending Out"),
            given("Romeo", "Juliet", Subscription::FromPendingOut)
        );
        assert!(read("Romeo's subscription to Juliet is Forever").is_err());
    }

    #[test]
    fn the_server_differs_by_keys_of_its_configuration() {
        let option = Given::Option { key: "stanza_bytes".into(), value: "10000".into() };
        assert_eq!(read("stanza_bytes is 10000"), Ok(option));
        assert_eq!(read("hosts a.example, b.example"), Ok(Given::Hosts(vec!["a.example".into(), "b.example".into()])));
        assert_eq!(read("Romeo dreams"), Err("\"Romeo dreams\" cannot be given".to_owned()));
    }
}
