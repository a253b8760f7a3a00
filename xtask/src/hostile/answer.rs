//! What a server said, in a few words that can be compared: `stream error not-well-formed`, `3 × error bad-request modify`.

use super::tree::{Item, Tree};

const STREAMS: &str = "http://etherx.jabber.org/streams";
const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// How the connection stands after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has ended.
    Ended,
    /// It goes on, and the server answers on it.
    Lives,
    /// It goes on, and nobody answers.
    Mute,
    /// It goes on, and whether anybody answers was not tried.
    Open,
}

/// An answer on a stream. `opening`: the server's header is part of it.
pub(super) fn of_stream(items: &[Item], opening: bool, standing: Standing) -> String {
    let mut words: Vec<String> = Vec::new();
    let (mut header, mut closed, mut error) = (false, false, false);
    for item in items {
        match item {
            Item::Header(_) => header = true,
            Item::Close => closed = true,
            Item::NotXml(why) => words.push(format!("what is no XML ({why})")),
            Item::Element(tree) if tree.name == "features" && tree.namespace == STREAMS => {}
            Item::Element(tree) => {
                error |= tree.name == "error" && tree.namespace == STREAMS;
                words.push(word(tree));
            }
        }
    }
    let mut answer = counted(&words);
    if opening && error && !header {
        answer += " without a header";
    }
    let ending = match (standing, error, closed) {
        (Standing::Ended, true, true) => "",
        (Standing::Ended, true, false) => "without the closing tag",
        (Standing::Ended, false, true) => "closes the stream",
        (Standing::Ended, false, false) => "hangs up",
        (_, true, _) => "stays on the line",
        (Standing::Mute, ..) => "answers no more",
        (_, _, true) => "closes the stream, stays on the line",
        (Standing::Open, ..) if answer.is_empty() => "open",
        (..) if answer.is_empty() => "silence",
        _ => "",
    };
    join(answer, ending)
}

fn join(answer: String, ending: &str) -> String {
    match (answer.is_empty(), ending.is_empty()) {
        (_, true) => answer,
        (true, false) => ending.to_owned(),
        (false, false) => format!("{answer}, {ending}"),
    }
}

/// The same thing several times is said once, with its number.
fn counted(words: &[String]) -> String {
    let runs = words.chunk_by(|one, other| one == other);
    let runs = runs.map(|run| if run.len() > 1 { format!("{} × {}", run.len(), run[0]) } else { run[0].clone() });
    runs.collect::<Vec<_>>().join(", ")
}

fn word(tree: &Tree) -> String {
    match (tree.namespace.as_str(), tree.name.as_str()) {
        (STREAMS, "error") => {
            format!("stream error {}", condition(tree, STREAM_ERRORS).unwrap_or_else(|| tree.text.clone()))
        }
        (SASL, "failure") => format!("failure {}", condition(tree, SASL).unwrap_or_default()),
        (TLS, "failure") => "tls failure".to_owned(),
        (_, "message" | "presence" | "iq") => stanza(tree),
        (_, "failed" | "failure") => {
            let condition = condition(tree, STANZA_ERRORS).unwrap_or_default();
            format!("{} {condition}", tree.name).trim_end().to_owned()
        }
        (_, name) => name.to_owned(),
    }
}

fn stanza(tree: &Tree) -> String {
    match (tree.name.as_str(), tree.attr("type")) {
        (_, Some("error")) => stanza_error(tree.child("error")),
        ("iq", Some("result")) => "result".to_owned(),
        ("message", _) | ("presence", None) => tree.name.clone(),
        (name, kind) => format!("{name} {}", kind.unwrap_or("without a type")),
    }
}

fn stanza_error(error: Option<&Tree>) -> String {
    let Some(error) = error else { return "error without an error".to_owned() };
    match (condition(error, STANZA_ERRORS), error.attr("type"), error.attr("code")) {
        (Some(condition), Some(kind), _) => format!("error {condition} {kind}"),
        (Some(condition), None, _) => format!("error {condition} without a type"),
        (None, _, Some(code)) => format!("error {code}"),
        (None, ..) => "error without a condition".to_owned(),
    }
}

/// The name of the child in this namespace that is no explanation.
fn condition(tree: &Tree, namespace: &str) -> Option<String> {
    let is_condition = |child: &&Tree| child.namespace == namespace && child.name != "text";
    tree.children.iter().find(is_condition).map(|child| child.name.clone())
}

/// An answer before TLS, where only an alert can come.
pub(super) fn of_tls(raw: &[u8], standing: Standing) -> String {
    let said = match raw {
        [] => "",
        [0x15, 0x03, ..] => "tls alert",
        [b'<', ..] => "XML in the clear",
        _ => "bytes",
    };
    match (said, standing) {
        ("tls alert", Standing::Ended) => said.to_owned(),
        ("", Standing::Ended) => "hangs up".to_owned(),
        ("", _) => "silence".to_owned(),
        (said, Standing::Ended) => format!("{said}, hangs up"),
        (said, _) => format!("{said}, stays on the line"),
    }
}

/// The status of an HTTP answer.
pub(super) fn of_http(raw: &[u8], standing: Standing) -> String {
    let text = String::from_utf8_lossy(raw);
    let status =
        |line: &str| line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).map(|code| format!("http {code}"));
    let statuses: Vec<String> = text.lines().filter_map(status).collect();
    match (statuses.is_empty(), standing) {
        (false, _) => counted(&statuses),
        (true, Standing::Ended) => "hangs up".to_owned(),
        (true, _) => "silence".to_owned(),
    }
}

/// What the control socket says: the kind of each answer.
pub(super) fn of_control(raw: &[u8], standing: Standing) -> String {
    let text = String::from_utf8_lossy(raw);
    let kind = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        value["answer"].as_str().map(str::to_owned)
    };
    let kinds: Vec<String> =
        text.lines().map(|line| kind(line).unwrap_or_else(|| "what is no answer".to_owned())).collect();
    let ending = match (kinds.is_empty(), standing) {
        (_, Standing::Ended) => "hangs up",
        (true, _) => "silence",
        (false, _) => "",
    };
    join(counted(&kinds), ending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::tree::Reader;

    fn items(text: &str) -> Vec<Item> {
        let mut reader = Reader::new();
        let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
        reader.feed(header.as_bytes());
        reader.feed(text.as_bytes())
    }

    #[test]
    fn answers_in_words() {
        let stream_error =
            "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        let typed = "<iq type='error'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
        let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><aborted/></failure>";
        let (ended, lives) = (Standing::Ended, Standing::Lives);
        for (text, standing, words) in [
            (format!("{stream_error}</stream:stream>"), ended, "stream error not-well-formed"),
            (stream_error.to_owned(), ended, "stream error not-well-formed, without the closing tag"),
            (format!("{stream_error}</stream:stream>"), lives, "stream error not-well-formed, stays on the line"),
            ("<stream:error>Invalid XML</stream:error></stream:stream>".to_owned(), ended, "stream error Invalid XML"),
            (format!("{typed}{typed}"), lives, "2 × error bad-request modify"),
            ("<iq type='error'><error code='400'>Bad Request</error></iq>".to_owned(), lives, "error 400"),
            (failure.to_owned(), lives, "failure aborted"),
            (String::new(), lives, "silence"),
            (String::new(), Standing::Mute, "answers no more"),
            (String::new(), ended, "hangs up"),
            ("</stream:stream>".to_owned(), ended, "closes the stream"),
            (
                "<iq type='result'/><message/><presence type='unavailable'/>".to_owned(),
                lives,
                "result, message, presence unavailable",
            ),
        ] {
            assert_eq!(of_stream(&items(&text), false, standing), words, "{text}");
        }
        assert_eq!(
            of_stream(&items(stream_error), true, lives),
            "stream error not-well-formed without a header, stays on the line"
        );
    }

    #[test]
    fn other_doors() {
        assert_eq!(of_tls(b"\x15\x03\x03\0\x02\x02\x32", Standing::Ended), "tls alert");
        assert_eq!(of_tls(b"", Standing::Open), "silence");
        assert_eq!(of_http(b"HTTP/1.1 404 Not Found\r\n\r\n", Standing::Open), "http 404");
        assert_eq!(of_control(b"{\"v\":1,\"answer\":\"refused\"}\n", Standing::Ended), "refused, hangs up");
    }
}
