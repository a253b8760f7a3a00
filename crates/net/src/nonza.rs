//! What is said on an X-stream beside stanzas: how much was received (XEP-0198), and whether anybody is looking (XEP-0352).
//!
//! Here it is only put into values and back; what it means is the session's business. **Refuses** what the documents' schemas do not allow: a wish is
//! answered `bad-request`, an acknowledgement without a number ends the stream.

use std::io::Write;

use im::{Resumable, Signal, Word};
use xml::{Element, Node};
use xmpp::{Condition, StreamError, ns};

/// What a session's client says.
pub(crate) enum Said {
    /// For the session.
    Signal(Signal),
    /// A wish that cannot be granted here.
    Refused(Condition),
}

/// A client that is logged in wishes to go on with the session it had.
pub(crate) struct Resume {
    /// What the session is resumed by.
    pub(crate) id: String,
    /// How many stanzas the client has.
    pub(crate) h: u32,
}

/// Reads what a session's client says. `None`: it is nothing of this.
pub(crate) fn read(element: &Element) -> Option<Result<Said, StreamError>> {
    let root = element.root();
    Some(match (root.ns(), root.name()) {
        (ns::STREAM_MANAGEMENT, "r") => Ok(Said::Signal(Signal::Request)),
        (ns::STREAM_MANAGEMENT, "a") => match number(root, "h") {
            Some(h) => Ok(Said::Signal(Signal::Ack(h))),
            None => Err(StreamError::bad_format().with_text("an acknowledgement needs a number")),
        },
        (ns::STREAM_MANAGEMENT, "enable") => {
            Ok(read_enable(root).map_or(Said::Refused(Condition::BadRequest), Said::Signal))
        }
        // There is a session already.
        (ns::STREAM_MANAGEMENT, "resume") => Ok(Said::Refused(Condition::UnexpectedRequest)),
        (ns::CLIENT_STATE, "active") => Ok(Said::Signal(Signal::Active)),
        (ns::CLIENT_STATE, "inactive") => Ok(Said::Signal(Signal::Inactive)),
        _ => return None,
    })
}

/// Whether a client wishes for stream management, of whatever kind.
pub(crate) fn is_wish(root: Node<'_>) -> bool {
    root.ns() == ns::STREAM_MANAGEMENT && matches!(root.name(), "enable" | "resume")
}

/// Reads the wish to go on with an earlier session (XEP-0198 §5).
pub(crate) fn read_resume(root: Node<'_>) -> Option<Resume> {
    Some(Resume { id: root.attr("previd")?.into_owned(), h: number(root, "h")? })
}

fn read_enable(root: Node<'_>) -> Option<Signal> {
    let resume = match root.attr("resume").as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return None,
    };
    let max_s = match root.attr("max") {
        None => None,
        // As many seconds as can be counted are as good as more.
        Some(max) if max.len() > 9 && max.bytes().all(|digit| digit.is_ascii_digit()) => Some(u32::MAX),
        Some(_) => Some(number(root, "max").filter(|max| *max > 0)?),
    };
    Some(Signal::Enable { resume, max_s })
}

fn number(node: Node<'_>, name: &str) -> Option<u32> {
    node.attr(name)?.trim().parse().ok()
}

/// Writes what a session tells its client.
pub(crate) fn write(word: &Word, out: &mut Vec<u8>) {
    const NS: &str = ns::STREAM_MANAGEMENT;
    // Writing into memory does not fail; ids are our own, and need no escaping.
    let _ = match word {
        Word::Ack(h) => write!(out, "<a xmlns='{NS}' h='{h}'/>"),
        Word::Request => write!(out, "<r xmlns='{NS}'/>"),
        Word::Enabled(None) => write!(out, "<enabled xmlns='{NS}'/>"),
        Word::Enabled(Some(resumable)) => {
            let Resumable { id, max_s } = &**resumable;
            write!(out, "<enabled xmlns='{NS}' id='{id}' resume='true' max='{max_s}'/>")
        }
        Word::Resumed(resumed) => {
            write!(out, "<resumed xmlns='{NS}' h='{}' previd='{}'/>", resumed.handled, resumed.id)
        }
        Word::Failed(condition) => {
            write_failed(*condition, None, out);
            Ok(())
        }
    };
}

/// Writes that a wish is not granted; `h`: how many stanzas of an earlier session were handled.
pub(crate) fn write_failed(condition: Condition, h: Option<u32>, out: &mut Vec<u8>) {
    let (name, h) = (condition.name(), h.map(|h| format!(" h='{h}'")).unwrap_or_default());
    let _ =
        write!(out, "<failed xmlns='{}'{h}><{name} xmlns='{}'/></failed>", ns::STREAM_MANAGEMENT, ns::STANZA_ERRORS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        match read(&Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()) {
            None => "nothing".into(),
            Some(Err(error)) => error.condition.name().into(),
            Some(Ok(Said::Refused(condition))) => condition.name().into(),
            Some(Ok(Said::Signal(signal))) => format!("{signal:?}"),
        }
    }

    #[test]
    fn what_a_client_may_say() {
        let enable = |resume, max| format!("Enable {{ resume: {resume}, max_s: {max} }}");
        let rows = [
            ("<r xmlns='urn:xmpp:sm:3'/>", "Request".to_owned()),
            ("<a xmlns='urn:xmpp:sm:3' h='0'/>", "Ack(0)".into()),
            ("<a xmlns='urn:xmpp:sm:3' h='4294967295'/>", "Ack(4294967295)".into()),
            ("<a xmlns='urn:xmpp:sm:3' h='4294967296'/>", "bad-format".into()),
            ("<a xmlns='urn:xmpp:sm:3' h='-1'/>", "bad-format".into()),
            ("<a xmlns='urn:xmpp:sm:3'/>", "bad-format".into()),
            ("<enable xmlns='urn:xmpp:sm:3'/>", enable("false", "None")),
            ("<enable xmlns='urn:xmpp:sm:3' resume='0'/>", enable("false", "None")),
            ("<enable xmlns='urn:xmpp:sm:3' resume='1'/>", enable("true", "None")),
            ("<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>", enable("true", "Some(60)")),
            ("<enable xmlns='urn:xmpp:sm:3' max='99999999999999999999'/>", enable("false", "Some(4294967295)")),
            ("<enable xmlns='urn:xmpp:sm:3' resume='maybe'/>", "bad-request".into()),
            ("<enable xmlns='urn:xmpp:sm:3' max='0'/>", "bad-request".into()),
            ("<enable xmlns='urn:xmpp:sm:3' max='soon'/>", "bad-request".into()),
            ("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>", "unexpected-request".into()),
            ("<active xmlns='urn:xmpp:csi:0'/>", "Active".into()),
            ("<inactive xmlns='urn:xmpp:csi:0'/>", "Inactive".into()),
            ("<r xmlns='urn:xmpp:sm:2'/>", "nothing".into()),
            ("<sm xmlns='urn:xmpp:sm:3'/>", "nothing".into()),
        ];
        for (text, expected) in rows {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn what_it_is_told_reads_back() {
        let resumable = Resumable { id: "5a".into(), max_s: 300 };
        let resumed = im::ResumedWord { id: "5a".into(), handled: 7 };
        let rows = [
            (Word::Ack(1), "<a xmlns='urn:xmpp:sm:3' h='1'/>"),
            (Word::Request, "<r xmlns='urn:xmpp:sm:3'/>"),
            (Word::Enabled(None), "<enabled xmlns='urn:xmpp:sm:3'/>"),
            (
                Word::Enabled(Some(Box::new(resumable))),
                "<enabled xmlns='urn:xmpp:sm:3' id='5a' resume='true' max='300'/>",
            ),
            (Word::Resumed(Box::new(resumed)), "<resumed xmlns='urn:xmpp:sm:3' h='7' previd='5a'/>"),
            (
                Word::Failed(Condition::ItemNotFound),
                "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
            ),
        ];
        for (word, text) in rows {
            let mut out = Vec::new();
            write(&word, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
