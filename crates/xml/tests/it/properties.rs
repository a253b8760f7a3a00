//! What is built, moved and stored stays what it was.

use crate::generate::{Choices, stream};
use crate::judge::is_movable;
use crate::oracle::{Content, Tree, ours};
use crate::streams::{only_elements, read};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use xml::{Builder, Element, Limits, Strictness, names, write_escaped_attr, write_escaped_text};

fn build(builder: Builder, tree: &Tree) -> Builder {
    let mut builder = builder;
    for ((_, name), value) in &tree.attrs {
        builder = builder.attr(name, value);
    }
    for content in &tree.content {
        builder = match content {
            Content::Text(text) => builder.text(text),
            Content::Element(child) => build(builder.open(&child.namespace, &child.name), child).close(),
        };
    }
    builder
}

/// Text as it comes back: what XML cannot carry is replaced.
fn carried(text: &str) -> String {
    let lost = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if lost(c) { '\u{fffd}' } else { c }).collect()
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let text = "[\\x00-\\x7f\u{80}-\u{ff}\u{fffd}-\u{ffff}漢\u{1f600}<>&'\"\\]\r\n\t]{0,12}";
    let name = prop::sample::select(vec!["a", "body", "x", "é", "a-b"]);
    let namespace = prop::sample::select(vec![names::CLIENT, "urn:a", "urn:b'&<", "", "urn:a"]);
    let tree = move |content| {
        let attrs = btree_map(prop::sample::select(vec!["to", "id", "ü"]), text, 0..3);
        (namespace.clone(), name.clone(), attrs, vec(content, 0..5)).prop_map(|(namespace, name, attrs, content)| {
            Tree {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                attrs: attrs
                    .into_iter()
                    .map(|(name, value)| ((String::new(), name.to_owned()), carried(&value)))
                    .collect(),
                content: joined(content),
            }
        })
    };
    let text = text.prop_map(|text| Content::Text(carried(&text)));
    let leaf = tree(text.clone().boxed());
    leaf.prop_recursive(4, 30, 5, move |inner| {
        tree(prop_oneof![text.clone(), inner.prop_map(Content::Element)].boxed())
    })
}

/// Neighbouring texts are one.
fn joined(content: Vec<Content>) -> Vec<Content> {
    let mut out: Vec<Content> = Vec::new();
    for content in content {
        match (out.last_mut(), content) {
            (Some(Content::Text(before)), Content::Text(text)) => before.push_str(&text),
            (_, Content::Text(text)) if text.is_empty() => {}
            (_, content) => out.push(content),
        }
    }
    out
}

fn some_elements(choices: &[u8]) -> Vec<Element> {
    let (header, stanzas) = stream(&mut Choices(choices), true);
    let input = format!("{header}{}", stanzas.concat());
    only_elements(read(input.as_bytes(), input.len(), Strictness::Lenient).0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_is_read(tree in any_tree()) {
        let element = build(Builder::new(&tree.namespace, &tree.name), &tree).finish();
        prop_assert_eq!(&ours(element.root(), names::CLIENT), &tree);
        let again = Element::parse(element.bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(ours(again.root(), names::CLIENT), tree);
    }

    #[test]
    fn parts_mean_the_same_elsewhere(choices in vec(any::<u8>(), 0..300), places in vec(0..3_usize, 8)) {
        for element in some_elements(&choices) {
            for (node, place) in element.root().descendants().zip(places.iter().cycle()) {
                is_movable(node, [names::CLIENT, "urn:d", ""][*place]);
            }
        }
    }

    #[test]
    fn escaped_text_comes_back(text in any::<String>()) {
        let mut out = b"<a b='".to_vec();
        write_escaped_attr(&mut out, &text);
        out.extend_from_slice(b"'>");
        write_escaped_text(&mut out, &text);
        out.extend_from_slice(b"</a>");
        let element = Element::parse(&out, &Limits::default()).unwrap();
        prop_assert_eq!(element.root().text(), carried(&text));
        prop_assert_eq!(element.root().attr("b").unwrap(), carried(&text));
    }

    #[test]
    fn spans_tell_the_truth(choices in vec(any::<u8>(), 0..300)) {
        for element in some_elements(&choices) {
            for node in element.root().descendants() {
                prop_assert_eq!(&element.bytes()[node.range()], node.raw());
                let head = &element.as_str()[node.range().start..node.open_tag_name_end()];
                prop_assert!(head.ends_with(node.name()) && head.starts_with('<'));
                prop_assert!(element.bytes()[..node.open_tag_end()].ends_with(b">"));
                prop_assert_eq!(node.inner_range().is_none(), node.raw().ends_with(b"/>") && node.open_tag_end() == node.range().end);
                for attr in node.attrs() {
                    prop_assert_eq!(&element.as_str()[attr.value_range()], attr.raw_value());
                    prop_assert!(element.as_str()[attr.range()].trim_start().starts_with(attr.qname()));
                }
            }
        }
    }
}
