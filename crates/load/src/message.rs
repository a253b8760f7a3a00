//! The chat message that is sent again and again, and the proof that it arrived as it was sent.
//!
//! Each message carries its number three times. The fast path compares every byte with the message verified before it,
//! the number replaced; a server that writes attributes in another order or with other quotes is taken apart instead.

use anyhow::{Result, ensure};

use crate::scan::{self, Token, shown};

/// Digits of a message's number, leading zeros included, so that all messages of a run have one length.
const DIGITS: usize = 10;

/// One direction of a conversation: writes message after message, and knows what must come out at the other end.
pub(crate) struct Line {
    from: Option<String>,
    sent: Template,
    verified: Option<Template>,
}

struct Template {
    bytes: Vec<u8>,
    /// Where the number stands.
    places: Vec<usize>,
}

impl Line {
    /// A line from `from` to `to` whose messages are about `size` bytes when sent. `stamped`: the server adds `from`.
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
        let text = format!("{head}{body}{tail}");
        Line { from: stamped.then(|| from.to_owned()), sent: Template::learn(text.as_bytes(), 0), verified: None }
    }

    /// Appends message `number` to `out`.
    pub(crate) fn write(&mut self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.sent.with(number));
    }

    /// Checks that `input` starts with message `number`; its length, or `None` while it is not there in whole.
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
        ensure!(
            without_what_a_server_may_add(got) == wanted,
            "message {number} arrived changed\nsent      {}\nreceived  {}",
            shown(self.sent.with(number)),
            shown(&input[..length])
        );
        self.verified = Some(Template::learn(&input[..length], number));
        Ok(Some(length))
    }
}

/// `xmlns='jabber:client'` on a stanza says nothing new, and the stream's language is what a stanza without one inherits
/// (RFC 6120 §8.1.5): some servers write them.
fn without_what_a_server_may_add(mut tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    if let Some(Token::Open { attributes, .. }) = tokens.first_mut() {
        attributes.retain(|(name, value)| *name != b"xml:lang" && (*name, *value) != (b"xmlns", b"jabber:client"));
    }
    tokens
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
    fn a_server_must_stamp_from_and_change_nothing_else() {
        let mut line = Line::new("a@h/x", "b@h/x", 350, true);
        let plain = sent(&mut line, 5);
        assert!(line.check(5, plain.as_bytes()).is_err());
        let stamped = plain.replace("<message ", "<message xmlns='jabber:client' from=\"a@h/x\" ");
        assert_eq!(line.check(5, stamped.as_bytes()).unwrap(), Some(stamped.len()));
        let next = sent(&mut line, 6).replace("<message ", "<message from='a@h/x' ");
        assert_eq!(line.check(6, next.as_bytes()).unwrap(), Some(next.len()));
        let spoofed = sent(&mut line, 7).replace("<message ", "<message from='c@h/x' ");
        assert!(line.check(7, spoofed.as_bytes()).is_err());
    }
}
