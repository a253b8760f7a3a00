//! Bytes to elements and stream events, and back.
//!
//! A peer's bytes are read once. That pass checks everything (XML 1.0, Namespaces in XML, XMPP's restrictions, the
//! limits) and notes where everything lies; the [`Element`] it returns is those bytes and that map. Nothing is copied
//! into trees, and what nobody changes is forwarded as it came.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod builder;
mod canonical;
mod class;
mod declaration;
mod decode;
mod draft;
mod element;
mod embed;
mod error;
mod escape;
mod header;
mod limits;
mod map;
pub mod names;
mod node;
mod opaque;
mod outer;
mod reader;
mod run;
mod scan;
mod scope;
mod tag;
mod work;

pub use builder::Builder;
pub use class::is_ncname;
pub use element::Element;
pub use error::Error;
pub use escape::{write_escaped_attr, write_escaped_text};
pub use header::Header;
pub use limits::{Limits, Strictness};
pub use node::{Attr, Item, Node};
pub use reader::{Event, Reader};
pub use work::Scratch;
