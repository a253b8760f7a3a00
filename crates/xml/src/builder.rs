//! Writing elements of our own: well-formed whatever the values hold.

use crate::canonical::write_declaration;
use crate::class;
use crate::draft::Draft;
use crate::element::Element;
use crate::escape::{write_escaped_attr, write_escaped_text};
use crate::map::space;
use crate::names;
use crate::node::Node;
use std::ops::Range;

/// Builds an element from the outside in.
///
/// Namespaces are declared where they change. Text and values are escaped; characters that XML cannot carry become
/// U+FFFD, and so do names that are none become `_`.
#[derive(Clone, Debug)]
pub struct Builder {
    out: Vec<u8>,
    draft: Draft,
    open: Vec<Level>,
    /// How deep it has been.
    depth: usize,
    /// The namespaces of the open elements, one behind the other.
    namespaces: String,
    /// The last opening tag still takes attributes.
    in_tag: bool,
}

#[derive(Clone, Debug)]
struct Level {
    /// The name, in `out`.
    name: Range<usize>,
    default: Default,
    /// Its number in document order.
    node: u32,
}

/// A default namespace.
#[derive(Clone, Debug)]
struct Default {
    /// Where it is in `namespaces`; none is the content namespace.
    name: Option<Range<usize>>,
    /// Its number.
    space: u16,
}

const CONTENT: Default = Default { name: None, space: space::CONTENT };

impl Builder {
    /// Opens the outermost element. [`names::CLIENT`] stands for the content namespace of any stream; what is in
    /// [`names::XML`] has the prefix `xml`.
    pub fn new(ns: &str, name: &str) -> Builder {
        let mut builder = Builder::empty();
        builder.start(None, ns, name);
        builder
    }

    /// Opens the outermost element under a prefix, as old peers want `stream:error` and `db:result`.
    pub fn new_prefixed(prefix: &str, ns: &str, name: &str) -> Builder {
        let mut builder = Builder::empty();
        builder.start(Some(prefix), ns, name);
        builder
    }

    fn empty() -> Builder {
        let (draft, out) = Draft::new();
        Builder { out, draft, open: Vec::new(), depth: 0, namespaces: String::new(), in_tag: false }
    }

    /// Adds an attribute to the element opened last, which must not have content yet. `xml:lang` may be named so; for
    /// other prefixes see [`Builder::attr_ns`].
    pub fn attr(mut self, name: &str, value: &str) -> Builder {
        self.put_attr(name, value);
        self
    }

    /// Adds an attribute if there is a value for it.
    pub fn attr_opt(self, name: &str, value: Option<&str>) -> Builder {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Adds an attribute in a namespace, declaring the prefix beside it.
    pub fn attr_ns(mut self, prefix: &str, ns: &str, name: &str, value: &str) -> Builder {
        if self.in_tag {
            self.draft.give_up();
            write_declaration(&mut self.out, checked(prefix), ns);
            let name = format!("{}:{}", checked(prefix), checked(name));
            self.write_attr(&name, value);
        }
        self
    }

    /// Opens a child of the element that is open.
    pub fn open(mut self, ns: &str, name: &str) -> Builder {
        self.start(None, ns, name);
        self
    }

    /// Closes the element opened last. The outermost one stays open until [`Builder::finish`].
    pub fn close(mut self) -> Builder {
        if self.open.len() > 1 {
            self.end();
        }
        self
    }

    /// Adds text.
    pub fn text(mut self, text: &str) -> Builder {
        if !text.is_empty() {
            self.end_tag();
            let from = self.out.len();
            write_escaped_text(&mut self.out, text);
            let node = self.open.last().map_or(0, |level| level.node);
            self.draft.text(&self.out, node, from..self.out.len());
        }
        self
    }

    /// Adds an empty child.
    pub fn leaf(self, ns: &str, name: &str) -> Builder {
        self.open(ns, name).close()
    }

    /// Adds a child with text and nothing else.
    pub fn text_child(self, ns: &str, name: &str, text: &str) -> Builder {
        self.open(ns, name).text(text).close()
    }

    /// Adds an element that exists, declaring what it needs.
    pub fn raw_child(self, child: &Element) -> Builder {
        self.node(child.root())
    }

    /// Adds a part of an element that exists, declaring what it needs.
    pub fn node(mut self, node: Node<'_>) -> Builder {
        self.end_tag();
        let (parent, default) = self.open.last().map_or((0, CONTENT), |level| (level.node, level.default.clone()));
        if node.index() == 0 && default.name.is_none() {
            // It leans on nothing that is around it.
            self.draft.grafts(node.element(), parent, self.out.len());
            self.out.extend_from_slice(node.raw());
        } else {
            self.draft.give_up();
            node.write_inside(&mut self.out, namespace(&self.namespaces, &default));
        }
        self
    }

    /// Lets a function go on building, for loops and conditions in the middle of a chain.
    pub fn with(self, build: impl FnOnce(Builder) -> Builder) -> Builder {
        build(self)
    }

    /// Closes what is open and makes the element.
    pub fn finish(mut self) -> Element {
        while !self.open.is_empty() {
            self.end();
        }
        self.draft.finish(self.out, self.depth)
    }

    fn start(&mut self, prefix: Option<&str>, ns: &str, name: &str) {
        self.end_tag();
        // Namespaces §3: it may be no default and has one prefix, which nobody declares.
        let prefix = if ns == names::XML { Some("xml") } else { prefix };
        let (parent, around) = self.open.last().map_or((0, CONTENT), |level| (level.node, level.default.clone()));
        let start = self.out.len();
        self.out.push(b'<');
        let from = self.out.len();
        if let Some(prefix) = prefix {
            self.out.extend_from_slice(checked(prefix).as_bytes());
            self.out.push(b':');
        }
        self.out.extend_from_slice(checked(name).as_bytes());
        let name = from..self.out.len();
        let node = self.draft.opens(start, name.len(), parent, around.space);
        let default = match prefix {
            Some(prefix) => {
                self.draft.give_up();
                if ns != names::XML {
                    write_declaration(&mut self.out, checked(prefix), ns);
                }
                around
            }
            None if namespace(&self.namespaces, &around) == ns => around,
            None => self.change_default(ns),
        };
        self.open.push(Level { name, default, node });
        self.depth = self.depth.max(self.open.len());
        self.in_tag = true;
    }

    fn change_default(&mut self, ns: &str) -> Default {
        let from = self.out.len() + " xmlns='".len();
        write_declaration(&mut self.out, "", ns);
        let space = self.draft.declares(&self.out, ns, from..self.out.len() - 1);
        let from = self.namespaces.len();
        self.namespaces.push_str(ns);
        Default { name: Some(from..self.namespaces.len()), space }
    }

    fn put_attr(&mut self, name: &str, value: &str) {
        debug_assert!(self.in_tag, "attribute {name} behind the content of its element");
        if self.in_tag {
            self.write_attr(if name == "xml:lang" { name } else { checked(name) }, value);
        }
    }

    fn write_attr(&mut self, name: &str, value: &str) {
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"='");
        let from = self.out.len();
        write_escaped_attr(&mut self.out, value);
        self.draft.has(&self.out, name, from..self.out.len());
        self.out.push(b'\'');
    }

    fn end_tag(&mut self) {
        if self.in_tag {
            self.out.push(b'>');
            self.draft.tag_ends(self.out.len());
            self.in_tag = false;
        }
    }

    fn end(&mut self) {
        let Some(level) = self.open.pop() else { return };
        if self.in_tag {
            self.out.extend_from_slice(b"/>");
            self.draft.is_empty(level.node, self.out.len());
            self.in_tag = false;
            return;
        }
        let inner_end = self.out.len();
        self.out.extend_from_slice(b"</");
        self.out.extend_from_within(level.name);
        self.out.push(b'>');
        self.draft.closes(level.node, inner_end, self.out.len());
    }
}

fn namespace<'n>(namespaces: &'n str, default: &Default) -> &'n str {
    default.name.clone().map_or(names::CLIENT, |name| namespaces.get(name).unwrap_or_default())
}

/// A name that may be written; names come from code, so that one that may not is a mistake there.
fn checked(name: &str) -> &str {
    debug_assert!(class::is_ncname(name), "not a name: {name:?}");
    if class::is_ncname(name) { name } else { "_" }
}
