//! What a case is: who says what, where, and what the standard wants to be answered.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};

use super::text::Template;

/// One case of the corpus.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// The file that it stands in, without its ending.
    pub(super) file: String,
    /// The section of the standard that the expectation comes from.
    pub(super) source: String,
    /// The account that is used.
    pub(super) user: String,
    /// So many clients do the same, and all of them stay until the last has spoken.
    pub(super) clients: usize,
    pub(super) occasions: Vec<Occasion>,
    pub(super) steps: Vec<Step>,
    /// The moment that the steps lead to, if it is another one than that at which they begin.
    pub(super) now: Option<Moment>,
    /// What an X-stream, or a door that is none, is answered.
    pub(super) today: Option<Expected>,
    /// What a J-stream is answered.
    pub(super) in_2000: Option<Expected>,
    /// What the standard lets a server say instead.
    pub(super) allowed: Option<Expected>,
    /// Elements that are among the answers.
    pub(super) hears: Vec<Template>,
    /// What is nowhere in the answers.
    pub(super) never_hears: Vec<String>,
    /// What the server may take meanwhile, bytes.
    pub(super) memory: usize,
    /// How long the answer may take. Cases that say so run beside each other.
    pub(super) within: Option<Duration>,
}

/// Where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occasion {
    pub(super) way: Way,
    pub(super) moment: Moment,
}

/// A way into the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// No TLS, a header with version 1.0.
    PlainX,
    /// No TLS, a header without a version.
    PlainJ,
    /// STARTTLS, then version 1.0.
    StartTlsX,
    /// TLS from the first byte, version 1.0.
    DirectX,
    /// TLS from the first byte, no version.
    DirectJ,
    /// The listener that speaks as in 2000 whatever the header says.
    LegacyJ,
    /// Where STARTTLS has to come first, without it.
    ClearX,
    /// The same without a version.
    ClearJ,
    /// The page of figures.
    Metrics,
    /// The control socket.
    Control,
}

/// When in the life of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Moment {
    /// Nothing was said, TLS neither.
    Connected,
    /// TLS is there where the way has it, the opening tag is due.
    First,
    /// The stream is open.
    Stranger,
    /// `<proceed/>` was heard, TLS has not begun.
    Proceed,
    /// SASL has ended, the opening tag is due.
    Restart,
    /// SASL has ended, the stream is open again, no resource is bound.
    Nameless,
    /// Logged in, without presence.
    Session,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Say(Template),
    /// Says it without reading anything, until the server takes no more.
    SayDeaf(Template),
    /// One byte at a time, with a pause between them.
    Drip(Template, Duration),
    /// Waits until this was heard.
    Await(Template),
    StartTls,
    Wait(Duration),
    /// Another person, who is healthy, says this in a session.
    Friend(Template),
}

/// One of several answers, each in the words of `answer.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected(pub(super) Vec<String>);

impl Case {
    /// Keeps one way for each moment, of those on which today's words are spoken: no other server speaks as in 2000, and
    /// none is a stranger to itself behind TLS.
    pub(super) fn once_today(&mut self) {
        let mut seen = Vec::new();
        self.occasions.retain(|occasion| {
            let first = occasion.way.leads_in() && !occasion.way.is_j() && !seen.contains(&occasion.moment);
            if first {
                seen.push(occasion.moment);
            }
            first
        });
    }
}

impl Expected {
    pub(super) fn read(text: &str) -> Expected {
        Expected(text.split(" or ").map(|one| one.trim().to_owned()).collect())
    }

    pub(super) fn holds(&self, answer: &str) -> bool {
        self.0.iter().any(|one| one == answer)
    }

    /// Whether the connection is to end.
    pub(super) fn ends(&self) -> bool {
        let ending = |one: &String| {
            ["stream error", "hangs up", "closes the stream", "tls alert", "tls failure"]
                .iter()
                .any(|end| one.contains(end))
        };
        self.0.iter().all(ending)
    }

    /// Whether it does not matter what is said at the end.
    pub(super) fn is_any_end(&self) -> bool {
        self.0.iter().all(|one| one == "the end")
    }

    /// Whether the connection just has to be there still, with something unfinished on it.
    pub(super) fn stays_open(&self) -> bool {
        self.0.iter().all(|one| one == "open")
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" or "))
    }
}

impl Way {
    pub(super) const ALL: [Way; 10] = [
        Way::PlainX,
        Way::StartTlsX,
        Way::DirectX,
        Way::PlainJ,
        Way::LegacyJ,
        Way::DirectJ,
        Way::ClearX,
        Way::ClearJ,
        Way::Metrics,
        Way::Control,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Way::PlainX => "plain X",
            Way::PlainJ => "plain J",
            Way::StartTlsX => "starttls X",
            Way::DirectX => "direct X",
            Way::DirectJ => "direct J",
            Way::LegacyJ => "legacy J",
            Way::ClearX => "clear X",
            Way::ClearJ => "clear J",
            Way::Metrics => "metrics",
            Way::Control => "control",
        }
    }

    /// The ways that a word of the files means: one, or all of a dialect that lead to a session.
    pub(super) fn read(word: &str) -> Result<Vec<Way>> {
        Ok(match word {
            "X" => vec![Way::PlainX, Way::StartTlsX, Way::DirectX],
            "J" => vec![Way::PlainJ, Way::LegacyJ, Way::DirectJ],
            name => match Way::ALL.into_iter().find(|way| way.name() == name) {
                Some(way) => vec![way],
                None => bail!("no way is called `{name}`"),
            },
        })
    }

    pub(super) fn is_j(self) -> bool {
        matches!(self, Way::PlainJ | Way::DirectJ | Way::LegacyJ | Way::ClearJ)
    }

    pub(super) fn is_direct(self) -> bool {
        matches!(self, Way::DirectX | Way::DirectJ)
    }

    /// Whether XML is spoken there.
    pub(super) fn is_stream(self) -> bool {
        !matches!(self, Way::Metrics | Way::Control)
    }

    /// Whether one can log in.
    pub(super) fn leads_in(self) -> bool {
        self.is_stream() && !matches!(self, Way::ClearX | Way::ClearJ)
    }
}

impl Moment {
    const ALL: [Moment; 7] = [
        Moment::Connected,
        Moment::First,
        Moment::Stranger,
        Moment::Proceed,
        Moment::Restart,
        Moment::Nameless,
        Moment::Session,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Moment::Connected => "connected",
            Moment::First => "first",
            Moment::Stranger => "stranger",
            Moment::Proceed => "proceed",
            Moment::Restart => "restart",
            Moment::Nameless => "nameless",
            Moment::Session => "session",
        }
    }

    pub(super) fn read(word: &str) -> Result<Moment> {
        match Moment::ALL.into_iter().find(|moment| moment.name() == word) {
            Some(moment) => Ok(moment),
            None => bail!("no moment is called `{word}`"),
        }
    }

    /// Whether there is such a moment on this way.
    pub(super) fn exists_on(self, way: Way) -> bool {
        match self {
            Moment::Connected | Moment::Stranger => true,
            Moment::First => way.is_stream(),
            Moment::Proceed => matches!(way, Way::StartTlsX | Way::ClearX),
            Moment::Restart | Moment::Nameless => way.leads_in() && !way.is_j(),
            Moment::Session => way.leads_in(),
        }
    }
}

impl Occasion {
    /// Whether the answer is in the words of 2000. Before the opening tag has shown what the client speaks, it is, unless
    /// the stream went through STARTTLS or SASL.
    pub(super) fn answers_as_in_2000(self) -> bool {
        match self.moment {
            Moment::Connected => self.way.is_stream(),
            Moment::First => self.way != Way::StartTlsX,
            _ => self.way.is_j(),
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.way.name(), self.moment.name())
    }
}
