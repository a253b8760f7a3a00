//! Streams made from a string of choices: well-formed ones, with every construct that changes how bytes are read.
//!
//! The choices are plain bytes, so that proptest shrinks them and a fuzzer finds its way by them.

/// Bytes that say what comes next; 0 when they have run out.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first) % most
            }
            None => 0,
        }
    }

    fn one<'b>(&mut self, of: &[&'b str]) -> &'b str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == one_in - 1
    }
}

pub(crate) const CONTENTS: [&str; 3] = ["jabber:client", "jabber:server", "jabber:component:accept"];

pub(crate) const HEADERS: [&str; 8] = [
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns=\"jabber:server\" xmlns:p='urn:p' xmlns:c='jabber:server'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='jabber:client' xmlns:q='urn:&#113;'>",
    "<stream xmlns='http://etherx.jabber.org/streams' xmlns:p='urn:p' xmlns:c='jabber:client'>",
    "<s:stream xmlns='urn:d' xmlns:s='http://etherx.jabber.org/streams' xmlns:c='jabber:component:accept'>",
    "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:q='jabber:server'>",
    "<s:stream xmlns='' xmlns:s='http://etherx.jabber.org/streams' xmlns:p='urn:d'>",
    "<s:stream xmlns='jabber:component:accept' xmlns:s='http://etherx.jabber.org/streams' version='1.0'>",
];

const NAMESPACES: [&str; 12] = [
    "urn:p",
    "urn:q",
    "urn:d",
    "urn:&amp;",
    "urn:&#38;",
    "jabber:client",
    "jabber:server",
    "jabber:component:accept",
    "http://etherx.jabber.org/streams",
    "jabber:client ",
    "urn:\n",
    "jabber&#58;client",
];
const NAMES: [&str; 8] = ["message", "iq", "body", "x", "a-b.c", "é", "stream", "xmlnsx"];
const PREFIXES: [&str; 6] = ["p", "q", "c", "s", "stream", "漢"];
const VALUES: [&str; 12] = [
    "",
    "1",
    "a@b/c",
    "&lt;&amp;&gt;",
    "&#10;",
    "\t",
    "\r\n",
    " \n ",
    "é漢\u{1f600}",
    "&quot;&apos;",
    "\u{fe0f}]]>",
    "&#x10FFFF;",
];
const TEXTS: [&str; 16] = [
    "x",
    " ",
    "\n",
    "\r\n",
    "\r",
    "&amp;",
    "&#13;",
    "&#x3c;b/>",
    "]]",
    "]",
    ">",
    "é漢\u{1f600}",
    "'\"",
    "&gt;",
    "<![CDATA[<&\r\n]]>",
    "<![CDATA[]]]]>",
];
const SKIPPED: [&str; 4] = ["<!---->", "<!-- <a>&]]> -->", "<?pi?>", "<?p a?b?>"];

/// A stream's header, then stanzas. `lenient` ones hold comments and instructions.
pub(crate) fn stream(choices: &mut Choices<'_>, lenient: bool) -> (String, Vec<String>) {
    let header = choices.one(&HEADERS).to_owned();
    let mut stanzas = Vec::new();
    for _ in 0..=choices.below(3) {
        let mut out = String::new();
        element(choices, lenient, 0, &declared(&header), &mut out);
        stanzas.push(out);
    }
    (header, stanzas)
}

fn declared(header: &str) -> Vec<&'static str> {
    PREFIXES.into_iter().filter(|prefix| header.contains(&format!("xmlns:{prefix}="))).collect()
}

fn element(choices: &mut Choices<'_>, lenient: bool, depth: usize, around: &[&'static str], out: &mut String) {
    let mut prefixes = around.to_vec();
    let mut attrs = Vec::new();
    if choices.chance(3) {
        let namespace = if choices.chance(4) { "" } else { choices.one(&NAMESPACES) };
        attrs.push(("xmlns".to_owned(), namespace));
    }
    for _ in 0..choices.below(6).saturating_sub(3) {
        let prefix = choices.one(&PREFIXES);
        if !attrs.iter().any(|(name, _)| *name == format!("xmlns:{prefix}")) {
            attrs.push((format!("xmlns:{prefix}"), choices.one(&NAMESPACES)));
            prefixes.push(prefix);
        }
    }
    for _ in 0..choices.below(4) {
        let local = choices.one(&["to", "from", "id", "é", "xmlnsy"]);
        let name = match choices.below(4) {
            0 if !prefixes.is_empty() => format!("{}:{local}", choices.one(&prefixes)),
            1 => format!("xml:{local}"),
            _ => local.to_owned(),
        };
        let of_prefix = |name: &str| name.contains(':') && !name.starts_with("xmlns");
        if !attrs.iter().any(|(known, _)| *known == name || of_prefix(known) && of_prefix(&name)) {
            attrs.push((name, choices.one(&VALUES)));
        }
    }
    let mut name = choices.one(&NAMES).to_owned();
    if !prefixes.is_empty() && choices.chance(3) {
        name = format!("{}:{name}", choices.one(&prefixes));
    }
    tag(choices, &name, &attrs, out);
    if choices.chance(4) {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for _ in 0..choices.below(5) {
        match choices.below(5) {
            0 | 1 if depth < 6 => element(choices, lenient, depth + 1, &prefixes, out),
            2 if lenient => out.push_str(choices.one(&SKIPPED)),
            _ => text(choices, out),
        }
    }
    out.push_str("</");
    out.push_str(&name);
    out.push_str(choices.one(&[">", ">", " >", "\n>"]));
}

/// Text that does not make `]]>` with what stands before it.
fn text(choices: &mut Choices<'_>, out: &mut String) {
    let text = choices.one(&TEXTS);
    let breaks = text.starts_with(['>', ']']) && out.ends_with(']');
    out.push_str(if breaks { " " } else { text });
}

fn tag(choices: &mut Choices<'_>, name: &str, attrs: &[(String, &str)], out: &mut String) {
    out.push('<');
    out.push_str(name);
    for (name, value) in attrs {
        out.push_str(choices.one(&[" ", " ", "  ", "\n\t"]));
        out.push_str(name);
        out.push_str(choices.one(&["=", "=", " = "]));
        let quote = choices.one(&["'", "\""]);
        out.push_str(quote);
        out.push_str(value);
        out.push_str(quote);
    }
    out.push_str(choices.one(&["", "", " "]));
}

/// Damages a text here and there with what parsers stumble over.
pub(crate) fn damage(choices: &mut Choices<'_>, text: &mut Vec<u8>) {
    for _ in 0..choices.below(4) {
        let place = (choices.below(256) << 8 | choices.below(256)) % (text.len() + 1);
        let cut = choices.below(4).min(text.len() - place);
        let with: &[u8] = match choices.below(3) {
            0 => &[],
            1 => DAMAGE[choices.below(DAMAGE.len())],
            _ => &[0x80, 0xc3, 0xef, 0xbf, b'<', b'&', b':', b'>', b'\'', b'/'][choices.below(10)..][..1],
        };
        text.splice(place..place + cut, with.iter().copied());
    }
}

const DAMAGE: [&[u8]; 24] = [
    b"<",
    b">",
    b"/>",
    b"</",
    b"'",
    b"\"",
    b"=",
    b" ",
    b":",
    b"&",
    b"&#0;",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<?x?>",
    b" xmlns='jabber:client'",
    b" xmlns:p='urn:p'",
    b" xmlns:p=''",
    b"p:",
    b"\xef\xbf\xbe",
    b"\x01",
    b"xml",
    b" a='1' a='2'",
];
