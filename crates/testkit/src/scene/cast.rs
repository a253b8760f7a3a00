//! The cast: names, addresses, and how each one comes to the server.

/// One who plays: an account's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name that steps use.
    pub name: String,
    /// Localpart of the address.
    pub local: String,
    /// Domain of the address: the host that the client opens its stream to.
    pub host: String,
    /// Resource; without one, the server chooses it.
    pub resource: Option<String>,
    /// How far the client has come when the scene begins.
    pub login: Login,
    /// How its stream is protected.
    pub security: Security,
    /// Whether its stream has no version (a client of 2000).
    pub j_stream: bool,
    /// Whether it comes to the listener on which every stream is a J-stream.
    pub legacy: bool,
    /// Whether the account exists.
    pub account: bool,
    /// Whether it fetches the roster when it logs in.
    pub roster: bool,
    /// Whether it enables copies of what its other devices send and get (XEP-0280).
    pub carbons: bool,
    /// The priority of its presence; `None` sends a presence without one.
    pub priority: Option<i8>,
    /// The SASL mechanism that it uses.
    pub mechanism: String,
    /// The account's password.
    pub password: String,
}

/// How far a client has come when the scene begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Login {
    /// No connection.
    Away,
    /// A connection on which nothing was said yet.
    Raw,
    /// The stream is open (and protected, if it is to be); nobody has logged in.
    Open,
    /// Authenticated; the stream has begun anew, and nothing is bound.
    Authenticated,
    /// Logged in, no presence sent.
    LoggedIn,
    /// Logged in and available.
    Available,
}

/// How a stream is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// TLS from the first byte.
    Tls,
    /// STARTTLS.
    StartTls,
}

impl Member {
    /// The address without a resource.
    pub fn bare(&self) -> String {
        format!("{}@{}", self.local, self.host)
    }

    /// Reads a line's columns: name, address, traits.
    pub(super) fn read(columns: &[&str]) -> Result<Member, String> {
        let (name, address, traits) = match columns {
            [name, address] => (name, address, ""),
            [name, address, traits] => (name, address, *traits),
            _ => return Err("a cast line is: name, address, traits, with two spaces between them".to_owned()),
        };
        let (bare, resource) = match address.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource.to_owned())),
            None => (*address, None),
        };
        let (local, host) = bare.split_once('@').ok_or_else(|| format!("{address} has no @"))?;
        let mut member = Member::plain(name, local, host, resource);
        traits.split(',').map(str::trim).filter(|text| !text.is_empty()).try_for_each(|text| member.add(text))?;
        Ok(member)
    }

    fn plain(name: &str, local: &str, host: &str, resource: Option<String>) -> Member {
        Member {
            name: name.to_owned(),
            local: local.to_owned(),
            host: host.to_owned(),
            resource,
            login: Login::Available,
            security: Security::Plain,
            j_stream: false,
            legacy: false,
            account: true,
            roster: true,
            carbons: false,
            priority: None,
            mechanism: "PLAIN".to_owned(),
            password: "Calli0pe".to_owned(),
        }
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        match text {
            "not connected" => self.login = Login::Away,
            "raw" => self.login = Login::Raw,
            "not logged in" => self.login = Login::Open,
            "without presence" => self.login = Login::LoggedIn,
            "without roster" => self.roster = false,
            "without an account" => (self.account, self.login) = (false, self.login.min(Login::Open)),
            "with carbons" => self.carbons = true,
            "on a J-stream" => self.j_stream = true,
            "legacy" => self.legacy = true,
            "over TLS" => self.security = Security::Tls,
            "with STARTTLS" => self.security = Security::StartTls,
            _ => return self.add_valued(text),
        }
        Ok(())
    }

    fn add_valued(&mut self, text: &str) -> Result<(), String> {
        match text.split_once(' ') {
            Some(("priority", number)) => {
                let priority = number.parse().map_err(|_| format!("{number} is no priority (-128 to 127)"))?;
                self.priority = Some(priority);
            }
            Some(("password", password)) => self.password = password.to_owned(),
            Some(("by", mechanism)) => self.mechanism = mechanism.to_owned(),
            _ => return Err(format!("nobody can be \"{text}\"")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_say_how_a_client_comes() {
        let amy = Member::read(&["Amy", "amy@example.org/t", "on a J-stream, priority -5, password pw"]).unwrap();
        assert!(amy.j_stream && amy.login == Login::Available);
        assert_eq!((amy.priority, amy.password.as_str(), amy.resource.as_deref()), (Some(-5), "pw", Some("t")));
        let stranger = Member::read(&["Tybalt", "tybalt@verona.example", "without an account"]).unwrap();
        assert_eq!((stranger.login, stranger.account, stranger.resource), (Login::Open, false, None));
    }

    #[test]
    fn a_resource_may_hold_anything() {
        let odd = Member::read(&["Bob", "bob@h/a/b@c"]).unwrap();
        assert_eq!((odd.bare().as_str(), odd.resource.as_deref()), ("bob@h", Some("a/b@c")));
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(Member::read(&["Bob", "bob@h", "in love"]), Err("nobody can be \"in love\"".to_owned()));
        assert!(Member::read(&["Bob", "h"]).is_err());
        assert!(Member::read(&["Bob"]).is_err());
        assert!(Member::read(&["Bob", "bob@h", "priority 128"]).is_err());
    }
}
