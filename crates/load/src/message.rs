//! The stanza that is sent again and again, and the proof that it arrived as it was sent.
//!
//! Each stanza carries its number. The fast path compares every byte with the stanza verified before it, the number
//! replaced; what a server writes with other quotes, or with attributes or children in another order, is taken apart.

use anyhow::{Result, ensure};

use crate::scan::{self, Token, shown};

/// Digits of a stanza's number, leading zeros included, so that all stanzas of a run have one length.
const DIGITS: usize = 10;

/// What a server adds to a message that it archives.
const ARCHIVED: [(&[u8], &[u8]); 2] = [(b"stanza-id", b"urn:xmpp:sid:0"), (b"archived", b"urn:xmpp:mam:tmp")];

/// What a server adds to a message that had to wait (XEP-0203, XEP-0091).
const DELAYED: [(&[u8], &[u8]); 2] = [(b"delay", b"urn:xmpp:delay"), (b"x", b"jabber:x:delay")];

/// One direction of a conversation: writes stanza after stanza, and knows what must come out at the other end.
pub(crate) struct Line {
    from: Option<String>,
    to: String,
    /// Whether it must bear the stamp of a message that had to wait, or must not.
    late: bool,
    sent: Template,
    verified: Option<Template>,
}

struct Template {
    bytes: Vec<u8>,
    /// Where the number stands.
    places: Vec<usize>,
}

impl Line {
    /// Chat messages from `from` to `to` of about `size` bytes when sent. `stamped`: the server adds `from`.
    pub(crate) fn new(from: &str, to: &str, size: usize, stamped: bool) -> Line {
        let number = digits(0);
        let number = String::from_utf8_lossy(&number);
        let head = format!("<message type='chat' to='{to}' id='{number}'><body>{number} ");
        let tail = format!(
            "</body><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' \
             id='{number}'/><request xmlns='urn:xmpp:receipts'/></message>"
        );
        let filler = size.saturating_sub(head.len() + tail.len());
        let body: String = "What light through yonder window breaks? ".chars().cycle().take(filler).collect();
        Line::of(format!("{head}{body}{tail}").as_bytes(), stamped.then_some(from), to)
    }

    /// The same messages, for an account that is away.
    pub(crate) fn late(from: &str, to: &str, size: usize) -> Line {
        Line { late: true, ..Line::new(from, to, size, true) }
    }

    /// Presence of `from`, as the contact `to` gets it.
    pub(crate) fn presence(from: &str, to: &str) -> Line {
        let number = digits(0);
        let number = String::from_utf8_lossy(&number);
        let text = format!(
            "<presence id='{number}'><show>away</show><status>{number} It is the east</status>\
             <priority>5</priority></presence>"
        );
        Line::of(text.as_bytes(), Some(from), to)
    }

    fn of(text: &[u8], from: Option<&str>, to: &str) -> Line {
        let sent = Template::learn(text, 0);
        Line { from: from.map(str::to_owned), to: to.to_owned(), late: false, sent, verified: None }
    }

    /// Appends stanza `number` to `out`.
    pub(crate) fn write(&mut self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.sent.with(number));
    }

    /// Checks that `input` starts with stanza `number`; its length, or `None` while it is not there in whole.
    pub(crate) fn check(&mut self, number: u64, input: &[u8]) -> Result<Option<usize>> {
        if let Some(verified) = &mut self.verified {
            let expected = verified.with(number);
            if input.starts_with(expected) {
                return Ok(Some(expected.len()));
            }
            if expected.starts_with(input) {
                return Ok(None);
            }
        }
        self.compare(number, input)
    }

    fn compare(&mut self, number: u64, input: &[u8]) -> Result<Option<usize>> {
        let Some((got, length)) = scan::tokens(input)? else { return Ok(None) };
        let expected = self.sent.with(number);
        let (mut wanted, _) = scan::tokens(expected)?.unwrap_or_default();
        if let (Some(from), Some(Token::Open { attributes, .. })) = (&self.from, wanted.first_mut()) {
            attributes.push((b"from", from.as_bytes()));
            attributes.sort_unstable();
        }
        let has_to = matches!(wanted.first(), Some(Token::Open { attributes, .. }) if attributes.iter().any(|(name, _)| *name == b"to"));
        let (got, _) = without_children(got, &ARCHIVED);
        let (got, stamps) = without_children(got, &DELAYED);
        let got = without_attributes_that_say_nothing(got, (!has_to).then_some(self.to.as_str()));
        ensure!(
            in_one_order(got) == in_one_order(wanted) && (stamps > 0) == self.late,
            "stanza {number} arrived changed\nsent      {}\nreceived  {}",
            shown(self.sent.with(number)),
            shown(&input[..length])
        );
        self.verified = Some(Template::learn(&input[..length], number));
        Ok(Some(length))
    }
}

/// `xmlns='jabber:client'` on a stanza says nothing new, and the stream's language is what a stanza without one inherits
/// (RFC 6120 §8.1.5): some servers write them. Presence that was sent to nobody in particular may name who gets it.
fn without_attributes_that_say_nothing<'a>(mut tokens: Vec<Token<'a>>, getter: Option<&str>) -> Vec<Token<'a>> {
    let names_getter = |name: &[u8], value: &[u8]| {
        let bare = value.split(|byte| *byte == b'/').next().unwrap_or_default();
        name == b"to" && getter.is_some_and(|getter| bare == getter.as_bytes())
    };
    if let Some(Token::Open { attributes, .. }) = tokens.first_mut() {
        attributes.retain(|(name, value)| {
            *name != b"xml:lang" && (*name, *value) != (b"xmlns", b"jabber:client") && !names_getter(name, value)
        });
    }
    tokens
}

/// The stanza with its children sorted: their order means nothing, and some servers change it.
fn in_one_order(tokens: Vec<Token<'_>>) -> Vec<Vec<Token<'_>>> {
    let mut depth = 0_usize;
    let mut parts: Vec<Vec<Token<'_>>> = Vec::new();
    for token in tokens {
        let begins = depth <= 1;
        match token {
            Token::Open { .. } => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Text(_) => {}
        }
        match parts.last_mut() {
            Some(part) if !begins => part.push(token),
            _ => parts.push(vec![token]),
        }
    }
    // The stanza's own tag stays in front, its end behind.
    let end = parts.len().saturating_sub(1);
    if let Some(children) = parts.get_mut(1..end) {
        children.sort_unstable();
    }
    parts
}

/// Takes out the children of the stanza that have these names and namespaces; how many there were.
fn without_children<'a>(tokens: Vec<Token<'a>>, names: &[(&[u8], &[u8])]) -> (Vec<Token<'a>>, usize) {
    let is_named = |token: &Token<'_>| match token {
        Token::Open { name, attributes } => {
            names.iter().any(|(wanted, ns)| name == wanted && attributes.contains(&(b"xmlns", *ns)))
        }
        _ => false,
    };
    let (mut depth, mut inside, mut count) = (0_usize, false, 0);
    let mut kept = Vec::with_capacity(tokens.len());
    for token in tokens {
        if depth == 1 && is_named(&token) {
            inside = true;
            count += 1;
        }
        match token {
            Token::Open { .. } => depth += 1,
            Token::Close => depth -= 1,
            Token::Text(_) => {}
        }
        let ends = inside && depth == 1;
        if !inside {
            kept.push(token);
        }
        inside &= !ends;
    }
    (kept, count)
}

impl Template {
    fn learn(bytes: &[u8], number: u64) -> Template {
        let digits = digits(number);
        let places = (0..bytes.len().saturating_sub(DIGITS)).filter(|at| bytes[*at..].starts_with(&digits)).collect();
        Template { bytes: bytes.to_vec(), places }
    }

    fn with(&mut self, number: u64) -> &[u8] {
        let digits = digits(number);
        for place in &self.places {
            self.bytes[*place..*place + DIGITS].copy_from_slice(&digits);
        }
        &self.bytes
    }
}

fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &mut Line, number: u64) -> String {
        let mut out = Vec::new();
        line.write(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn messages_have_the_asked_size_and_pass_a_relay() {
        let mut line = Line::new("a@h/x", "b@h/x", 350, false);
        for number in [0, 1, 77] {
            let text = sent(&mut line, number);
            assert_eq!(text.len(), 350);
            assert_eq!(line.check(number, text.as_bytes()).unwrap(), Some(350));
            assert_eq!(line.check(number, &text.as_bytes()[..349]).unwrap(), None);
            assert!(line.check(number + 1, text.as_bytes()).is_err());
        }
    }

    #[test]
    fn late_messages_bear_a_stamp_and_others_do_not() {
        let stamp = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'>Offline <b/></delay></message>";
        let arrived =
            |line: &mut Line| sent(line, 3).replace("<message ", "<message from='a@h/x' ").replace("</message>", stamp);
        let mut late = Line::late("a@h/x", "b@h", 350);
        let text = arrived(&mut late);
        assert_eq!(late.check(3, text.as_bytes()).unwrap(), Some(text.len()));
        let unstamped = sent(&mut late, 4).replace("<message ", "<message from='a@h/x' ");
        assert!(late.check(4, unstamped.as_bytes()).is_err());
        let mut prompt = Line::new("a@h/x", "b@h", 350, true);
        let text = arrived(&mut prompt);
        assert!(prompt.check(3, text.as_bytes()).is_err());
    }

    #[test]
    fn an_archive_may_leave_its_mark_and_presence_its_addressee() {
        let mut line = Line::new("a@h/x", "b@h/x", 350, true);
        let mark = "<stanza-id xmlns='urn:xmpp:sid:0' by='b@h' id='7'/></message>";
        let text = sent(&mut line, 3).replace("<message ", "<message from='a@h/x' ").replace("</message>", mark);
        assert_eq!(line.check(3, text.as_bytes()).unwrap(), Some(text.len()));
        let mut presence = Line::presence("a@h/x", "b@h");
        let to = |jid: &str, text: String| text.replace("<presence ", &format!("<presence to='{jid}' from='a@h/x' "));
        let text = to("b@h/y", sent(&mut presence, 1));
        assert_eq!(presence.check(1, text.as_bytes()).unwrap(), Some(text.len()));
        let text = to("c@h/y", sent(&mut presence, 2));
        assert!(presence.check(2, text.as_bytes()).is_err());
    }

    #[test]
    fn a_server_must_stamp_from_and_change_nothing_else() {
        let mut line = Line::new("a@h/x", "b@h/x", 350, true);
        let plain = sent(&mut line, 5);
        assert!(line.check(5, plain.as_bytes()).is_err());
        let stamped = plain.replace("<message ", "<message xmlns='jabber:client' from=\"a@h/x\" ");
        assert_eq!(line.check(5, stamped.as_bytes()).unwrap(), Some(stamped.len()));
        let next = sent(&mut line, 6).replace("<message ", "<message from='a@h/x' ");
        assert_eq!(line.check(6, next.as_bytes()).unwrap(), Some(next.len()));
        let moved = sent(&mut line, 8).replace("<message ", "<message from='a@h/x' ");
        let body = moved.find("<body>").unwrap()..moved.find("<active").unwrap();
        let moved = format!("{}{}{}</message>", &moved[..body.start], &moved[body.end..moved.len() - 10], &moved[body]);
        assert_eq!(line.check(8, moved.as_bytes()).unwrap(), Some(moved.len()));
        let spoofed = sent(&mut line, 7).replace("<message ", "<message from='c@h/x' ");
        assert!(line.check(7, spoofed.as_bytes()).is_err());
    }
}
