//! What a server says, as an independent strict parser reads it: the opening tag, the elements below it, the end.

use rxml::Parse;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Namespace, name, value; no declarations.
    pub(super) attrs: Vec<(String, String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Tree>,
}

/// What comes on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Header(Tree),
    Element(Tree),
    /// `</stream:stream>`
    Close,
    /// What no parser takes.
    NotXml(String),
}

/// Reads one stream after the other, as the bytes come.
pub(super) struct Reader {
    parser: rxml::Parser,
    header: bool,
    open: Vec<Tree>,
    broken: bool,
}

/// The longest attribute or piece of text that is taken.
const TOKEN: usize = 4 << 20;

impl Reader {
    pub(super) fn new() -> Reader {
        let options = rxml::Options { max_token_length: TOKEN, ..rxml::Options::default() };
        let parser = <rxml::Parser as rxml::WithOptions>::with_options(options);
        Reader { parser, header: false, open: Vec::new(), broken: false }
    }

    /// Whether no element is open below the stream. What no parser takes has none.
    pub(super) fn is_between_elements(&self) -> bool {
        self.broken || self.open.is_empty()
    }

    /// Reads on; what is complete now.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.broken {
            let event = match self.parser.parse(&mut bytes, false) {
                Ok(Some(event)) => event,
                Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => break,
                Err(error) => {
                    self.broken = true;
                    items.push(Item::NotXml(format!("{error:?}")));
                    break;
                }
            };
            items.extend(self.take(event));
        }
        items
    }

    fn take(&mut self, event: rxml::Event) -> Option<Item> {
        match event {
            rxml::Event::XmlDeclaration(..) => None,
            rxml::Event::StartElement(_, (namespace, name), attrs) => {
                let attrs = attrs.into_iter();
                let attrs = attrs.map(|((ns, name), value)| (ns.as_str().to_owned(), name.as_str().to_owned(), value));
                let tree = Tree {
                    namespace: namespace.as_str().to_owned(),
                    name: name.as_str().to_owned(),
                    attrs: attrs.collect(),
                    ..Tree::default()
                };
                if std::mem::replace(&mut self.header, true) {
                    self.open.push(tree);
                    return None;
                }
                Some(Item::Header(tree))
            }
            rxml::Event::Text(_, text) => {
                if let Some(open) = self.open.last_mut() {
                    open.text.push_str(&text);
                }
                None
            }
            rxml::Event::EndElement(_) => match (self.open.pop(), self.open.last_mut()) {
                (Some(tree), Some(around)) => {
                    around.children.push(tree);
                    None
                }
                (Some(tree), None) => Some(Item::Element(tree)),
                (None, _) => Some(Item::Close),
            },
        }
    }
}

impl Tree {
    /// Reads one element that stands alone, in the namespace `jabber:client`.
    pub(super) fn read(text: &str) -> Option<Tree> {
        let mut reader = Reader::new();
        let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
        reader.feed(header.as_bytes());
        match reader.feed(text.as_bytes()).pop() {
            Some(Item::Element(tree)) => Some(tree),
            _ => None,
        }
    }

    pub(super) fn attr(&self, name: &str) -> Option<&str> {
        let found = self.attrs.iter().find(|attr| attr.0.is_empty() && attr.1 == name);
        found.map(|attr| attr.2.as_str())
    }

    pub(super) fn child(&self, name: &str) -> Option<&Tree> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Whether everything of `wanted` is in this element; there may be more attributes and children.
    pub(super) fn holds(&self, wanted: &Tree) -> bool {
        let mut children = self.children.iter();
        self.name == wanted.name
            && self.namespace == wanted.namespace
            && wanted.attrs.iter().all(|attr| self.attrs.contains(attr))
            && (wanted.text.trim().is_empty() || self.text == wanted.text)
            && wanted.children.iter().all(|child| children.any(|own| own.holds(child)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_in_pieces() {
        let mut reader = Reader::new();
        let mut items = reader.feed(b"<?xml version='1.0'?><s xmlns='n'><a b='1'>x<c/>");
        items.extend(reader.feed(b"y</a></s>"));
        let [Item::Header(header), Item::Element(a), Item::Close] = &items[..] else { panic!("{items:?}") };
        assert_eq!((header.name.as_str(), a.text.as_str(), a.attr("b")), ("s", "xy", Some("1")));
        assert!(matches!(&reader.feed(b"<")[..], [Item::NotXml(_)] | []));
    }

    #[test]
    fn what_is_wanted_may_be_part_of_more() {
        let heard = Tree::read("<message id='1' to='a'><body>hi</body><x xmlns='y'/></message>").unwrap();
        for wanted in ["<message to='a'/>", "<message><body>hi</body></message>", "<message><x xmlns='y'/></message>"] {
            assert!(heard.holds(&Tree::read(wanted).unwrap()), "{wanted}");
        }
        for other in ["<message to='b'/>", "<message><body>ho</body></message>", "<message><x/></message>"] {
            assert!(!heard.holds(&Tree::read(other).unwrap()), "{other}");
        }
    }
}
