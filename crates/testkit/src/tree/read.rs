//! Bytes of a stream become its header, its elements and its end; what a scene writes becomes elements.

use super::{CLIENT, Child, Name, PREFIXES, Tree};
use rxml::error::EndOrError;
use rxml::{AttrMap, Event, Options, Parse, Parser, WithOptions};
use std::collections::BTreeMap;

/// One thing that came on a stream, and where its bytes end, counted from the stream's first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What came.
    pub content: Content,
    /// The number of bytes that had come when it was complete.
    pub end: usize,
}

/// What can come on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The stream's opening tag.
    Header(Tree),
    /// A complete element.
    Element(Tree),
    /// The stream's closing tag.
    Close,
    /// Something that no client could read, and why.
    Broken(String),
}

/// Reads the server's side of one connection.
pub struct StreamReader {
    parser: Parser,
    open: Vec<Tree>,
    header_seen: bool,
    broken: bool,
    read: usize,
    /// One document only, whatever it says.
    fragment: bool,
}

impl StreamReader {
    /// A reader that expects a stream's first byte.
    pub fn new() -> Self {
        StreamReader {
            parser: fresh_parser(),
            open: Vec::new(),
            header_seen: false,
            broken: false,
            read: 0,
            fragment: false,
        }
    }

    /// Reads more bytes and returns what they completed.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.broken {
            let before = bytes.len();
            let event = self.parser.parse(&mut bytes, false);
            self.read += before - bytes.len();
            match event {
                Ok(Some(event)) => items.extend(self.take(event)),
                Ok(None) | Err(EndOrError::NeedMoreData) => break,
                Err(EndOrError::Error(error)) => {
                    self.broken = true;
                    items.push(self.item(Content::Broken(error.to_string())));
                }
            }
        }
        items
    }

    /// Whether an element or tag has begun and not ended.
    pub fn in_the_middle(&self) -> bool {
        !self.open.is_empty()
    }

    fn item(&self, content: Content) -> Item {
        Item { content, end: self.read }
    }

    fn take(&mut self, event: Event) -> Option<Item> {
        match event {
            Event::XmlDeclaration(..) => None,
            Event::StartElement(_, (ns, local), attrs) => {
                let tree = Tree { name: name(&ns, &local), attrs: attributes(attrs), children: Vec::new() };
                if self.header_seen {
                    self.open.push(tree);
                    return None;
                }
                self.header_seen = true;
                Some(self.item(Content::Header(tree)))
            }
            Event::Text(_, text) => {
                self.open.last_mut()?.add_text(&text);
                None
            }
            Event::EndElement(_) => self.end(),
        }
    }

    fn end(&mut self) -> Option<Item> {
        let Some(tree) = self.open.pop() else { return Some(self.item(Content::Close)) };
        if let Some(outer) = self.open.last_mut() {
            outer.children.push(Child::Element(tree));
            return None;
        }
        if starts_stream_anew(&tree) && !self.fragment {
            self.parser = fresh_parser();
            self.header_seen = false;
        }
        Some(self.item(Content::Element(tree)))
    }
}

impl Default for StreamReader {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    fn add_text(&mut self, more: &str) {
        match self.children.last_mut() {
            Some(Child::Text(text)) => text.push_str(more),
            _ => self.children.push(Child::Text(more.to_owned())),
        }
    }
}

/// Reads what a scene writes: a header, a closing tag, or elements one after the other.
///
/// The default namespace is `jabber:client`, the prefixes `stream` and `db` are known.
pub fn read_fragment(text: &str) -> Result<Vec<Content>, String> {
    let declarations: String = PREFIXES[..2].iter().map(|(prefix, ns)| format!(" xmlns:{prefix}='{ns}'")).collect();
    let outer = format!("<outer xmlns='{CLIENT}'{declarations}>");
    let header = text.trim_start().starts_with("<stream:stream") || text.trim_start().starts_with("<?xml");
    let declared = text.replacen("<stream:stream", &format!("<stream:stream xmlns='{CLIENT}'{declarations}"), 1);
    let document = match text.trim() {
        "</stream:stream>" => return Ok(vec![Content::Close]),
        _ if header => declared,
        _ => format!("{outer}{text}</outer>"),
    };
    let mut reader = StreamReader { fragment: true, ..StreamReader::new() };
    let mut contents: Vec<Content> = reader.feed(document.as_bytes()).into_iter().map(|item| item.content).collect();
    if let Some(Content::Broken(why)) = contents.last() {
        return Err(why.clone());
    }
    if header {
        return Ok(contents);
    }
    contents.remove(0);
    match contents.pop() {
        Some(Content::Close) => Ok(contents),
        _ => Err("an element is not closed".to_owned()),
    }
}

fn fresh_parser() -> Parser {
    Parser::with_options(Options { max_token_length: 64 << 20, ..Options::default() })
}

fn name(ns: &str, local: &str) -> Name {
    Name { ns: ns.to_owned(), local: local.to_owned() }
}

fn attributes(attrs: AttrMap) -> BTreeMap<Name, String> {
    attrs.into_iter().map(|((ns, local), value)| (name(&ns, &local), value)).collect()
}

/// After these the server's next byte begins a new document (RFC 6120 §5.4.3.3, §6.4.6).
fn starts_stream_anew(tree: &Tree) -> bool {
    tree.is("urn:ietf:params:xml:ns:xmpp-sasl", "success") || tree.is("urn:ietf:params:xml:ns:xmpp-tls", "proceed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='1' \
                          xmlns='jabber:client' from='example.org'>";

    fn feed(text: &str) -> Vec<Item> {
        StreamReader::new().feed(text.as_bytes())
    }

    #[test]
    fn a_stream_is_a_header_elements_and_an_end() {
        let items = feed(&format!("{HEADER}<message><body>a &lt; b</body></message> <presence/></stream:stream>"));
        let [header, message, presence, close] = &items[..] else { unreachable!("{items:?}") };
        assert!(matches!(&header.content, Content::Header(tree) if tree.attr("id") == Some("1")));
        let Content::Element(message) = &message.content else { unreachable!() };
        assert_eq!(message.child(CLIENT, "body").map(Tree::text).as_deref(), Some("a < b"));
        assert!(matches!(&presence.content, Content::Element(tree) if tree.is(CLIENT, "presence")));
        assert_eq!((header.end, &close.content), (HEADER.len(), &Content::Close));
    }

    #[test]
    fn the_end_of_an_item_is_exact_when_bytes_come_one_by_one() {
        let (mut reader, text) = (StreamReader::new(), format!("{HEADER}<presence/><iq id='1'></iq>"));
        let ends: Vec<usize> = text.bytes().flat_map(|byte| reader.feed(&[byte])).map(|item| item.end).collect();
        assert_eq!(ends, [HEADER.len(), HEADER.len() + 11, text.len()]);
    }

    #[test]
    fn after_success_a_new_header_comes() {
        let items = feed(&format!("{HEADER}<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>{HEADER}<presence/>"));
        assert_eq!(items.len(), 4);
        assert!(matches!(items[2].content, Content::Header(_)));
    }

    #[test]
    fn an_undeclared_prefix_is_broken() {
        assert!(matches!(feed(&format!("{HEADER}<x:a/>"))[1].content, Content::Broken(_)));
    }

    #[test]
    fn fragments_know_the_default_namespace_and_prefixes() {
        let contents = read_fragment("<presence/><stream:error>Disconnected</stream:error>").unwrap();
        assert!(
            matches!(&contents[..], [Content::Element(_), Content::Element(error)] if error.text() == "Disconnected")
        );
        assert_eq!(read_fragment("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><presence/>").unwrap().len(), 2);
        assert!(read_fragment("<presence>").is_err());
        assert!(matches!(&read_fragment("<stream:stream id='1'>").unwrap()[..], [Content::Header(_)]));
    }
}
