//! What the heart says and hears as values, as it stands in frames, and back.
use crate::nonza::{Out, Resumable, ResumedWord, Signal, Word};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use xml::Element;
use xmpp::{Condition, Stanza, StreamCondition, StreamError};

/// Something for a client ([`Out`]).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Thing<'a> {
    Stanza(&'a str),
    /// The id and the seconds, if it can be resumed.
    Enabled(#[serde(borrow)] Option<(&'a str, u32)>),
    Resumed(&'a str, u32),
    Ack(u32),
    Request,
    Failed(&'a str),
}

/// What a client says of its stream ([`Signal`]).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said<'a> {
    Enable {
        resume: bool,
        max_s: Option<u32>,
    },
    Request,
    Ack(u32),
    Active,
    Inactive,
    /// The answer is in one piece with the frame, or was written for it.
    Settled(#[serde(borrow)] Option<Cow<'a, str>>),
}

/// Why a stream ends ([`StreamError`]). The heart gives no address, and no text for streams of 2000 alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct End<'a> {
    condition: &'a str,
    text: Option<&'a str>,
    application: Option<&'a str>,
}

/// Several stanzas written one behind the other, and where each ends.
#[derive(Default)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn of<'s>(stanzas: impl Iterator<Item = &'s Stanza>) -> Texts {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for stanza in stanzas {
            stanza.write(&mut bytes);
            ends.push(bytes.len());
        }
        // Whatever was parsed was checked to be UTF-8, and what is made here is.
        let text = String::from_utf8(bytes).unwrap_or_default();
        Texts { text, ends }
    }

    /// The stanzas among these.
    pub(crate) fn of_out(things: &[Out]) -> Texts {
        Texts::of(things.iter().filter_map(|out| match out {
            Out::Stanza(stanza) => Some(&**stanza),
            Out::Word(_) => None,
        }))
    }

    pub(crate) fn slices(&self) -> Vec<&str> {
        let mut start = 0;
        let slice = |end: &usize| self.text.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default();
        self.ends.iter().map(slice).collect()
    }

    /// All of these, the stanzas being those of [`Texts::of_out`].
    pub(crate) fn things<'a>(&'a self, things: &'a [Out]) -> Vec<Thing<'a>> {
        let mut stanzas = self.slices().into_iter();
        let thing = |out: &'a Out| match out {
            Out::Stanza(_) => Thing::Stanza(stanzas.next().unwrap_or_default()),
            Out::Word(Word::Enabled(resumable)) => {
                Thing::Enabled(resumable.as_ref().map(|resumable| (&*resumable.id, resumable.max_s)))
            }
            Out::Word(Word::Resumed(resumed)) => Thing::Resumed(&resumed.id, resumed.handled),
            Out::Word(Word::Ack(h)) => Thing::Ack(*h),
            Out::Word(Word::Request) => Thing::Request,
            Out::Word(Word::Failed(condition)) => Thing::Failed(condition.name()),
        };
        things.iter().map(thing).collect()
    }
}

impl Thing<'_> {
    /// The value again; the error is for the log.
    pub(crate) fn read(&self) -> Result<Out, String> {
        Ok(Out::Word(match self {
            Thing::Stanza(text) => return Ok(Out::Stanza(Arc::new(stanza(text)?))),
            Thing::Enabled(resumable) => {
                Word::Enabled(resumable.map(|(id, max_s)| Box::new(Resumable { id: id.into(), max_s })))
            }
            Thing::Resumed(id, handled) => Word::Resumed(Box::new(ResumedWord { id: (*id).into(), handled: *handled })),
            Thing::Ack(h) => Word::Ack(*h),
            Thing::Request => Word::Request,
            Thing::Failed(condition) => Word::Failed(Condition::from_name(condition).ok_or("no condition")?),
        }))
    }
}

impl Said<'_> {
    pub(crate) fn of(signal: &Signal) -> Said<'static> {
        match signal {
            Signal::Enable { resume, max_s } => Said::Enable { resume: *resume, max_s: *max_s },
            Signal::Request => Said::Request,
            Signal::Ack(h) => Said::Ack(*h),
            Signal::Active => Said::Active,
            Signal::Inactive => Said::Inactive,
            Signal::Settled(answer) => {
                Said::Settled(answer.as_ref().map(|answer| Cow::Owned(Texts::of(std::iter::once(&**answer)).text)))
            }
        }
    }

    /// The value again; the error is for the log.
    pub(crate) fn read(&self) -> Result<Signal, String> {
        Ok(match self {
            Said::Enable { resume, max_s } => Signal::Enable { resume: *resume, max_s: *max_s },
            Said::Request => Signal::Request,
            Said::Ack(h) => Signal::Ack(*h),
            Said::Active => Signal::Active,
            Said::Inactive => Signal::Inactive,
            Said::Settled(answer) => Signal::Settled(answer.as_deref().map(stanza).transpose()?.map(Box::new)),
        })
    }
}

impl<'a> End<'a> {
    pub(crate) fn of(why: &'a StreamError) -> End<'a> {
        let application = why.application.as_ref().map(Element::as_str);
        End { condition: why.condition.name(), text: why.text.as_deref(), application }
    }

    pub(crate) fn read(&self) -> StreamError {
        let condition = StreamCondition::from_name(self.condition).unwrap_or(StreamCondition::UndefinedCondition);
        let mut error = StreamError::new(condition);
        error.text = self.text.map(|text| text.to_owned().into());
        error.application = self.application.and_then(|text| Element::parse(text.as_bytes(), &xml::Limits::OWN).ok());
        error
    }
}

/// An element that another member has said.
pub(crate) fn element(text: &str) -> Result<Element, String> {
    Element::parse(text.as_bytes(), &xml::Limits::OWN).map_err(|error| error.to_string())
}

/// What was written by a member of this cluster can be read, or one of the two is broken.
pub(crate) fn stanza(text: &str) -> Result<Stanza, String> {
    crate::resubmit::read_stored(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_is_told_comes_out_as_it_went_in() {
        let presence = stanza("<presence from='romeo@h/desk' to='juliet@h'/>").unwrap();
        let resumable = Resumable { id: "abc".into(), max_s: 300 };
        let things = [
            Out::Word(Word::Enabled(Some(Box::new(resumable)))),
            Out::Stanza(Arc::new(presence)),
            Out::Word(Word::Resumed(Box::new(ResumedWord { id: "abc".into(), handled: 7 }))),
            Out::Word(Word::Ack(7)),
            Out::Word(Word::Request),
            Out::Word(Word::Failed(Condition::UnexpectedRequest)),
            Out::Word(Word::Enabled(None)),
        ];
        let texts = Texts::of_out(&things);
        let read: Vec<Out> = texts.things(&things).iter().map(|thing| thing.read().unwrap()).collect();
        assert_eq!(format!("{read:?}"), format!("{things:?}"));
    }

    #[test]
    fn a_stream_error_keeps_what_the_application_says() {
        let mut error = StreamError::undefined_condition().with_text("You acknowledged 9 stanzas");
        error.application = Some(xml::Builder::new("urn:xmpp:sm:3", "handled-count-too-high").attr("h", "9").finish());
        let read = End::of(&error).read();
        let text = |error: &StreamError| {
            let mut out = Vec::new();
            error.write(&mut out);
            out
        };
        assert_eq!(text(&read), text(&error));
    }
}
