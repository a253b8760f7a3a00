//! What is expected of a server that uses its liberties: its own order where none is laid down, its own additions.
//!
//! RFC 6120 §10.1 keeps the order of what one entity sends to another. Answers and pushes come from the server itself,
//! at a time of its own; so do the presences of different people.

use super::client::{Client, lines};
use super::report::Failure;
use super::steps::{self, shown};
use crate::placeholders::Bindings;
use crate::scene::{Expected, Order};
use crate::tree::{Content, Liberties, eased};

/// Takes each expected thing out of what came; what came before it from others is still to be told.
pub(super) fn take(
    client: &mut Client,
    expected: &[Expected],
    order: Order,
    liberties: Liberties,
    bindings: &mut Bindings,
) -> Result<(), Failure> {
    for expected in expected {
        match find(client, expected, (order, liberties), bindings, &[]) {
            Ok((index, found)) => {
                *bindings = found;
                client.tell(index);
            }
            Err(why) => {
                let why = format!("{} received {why}", client.member.name);
                let got = client.waiting().flat_map(lines).collect();
                return Err(Failure::of(why).expected(shown(expected, bindings)).got(got));
            }
        }
    }
    Ok(())
}

/// Whether [`take`] would find everything now.
pub(super) fn are_there(
    client: &Client,
    expected: &[Expected],
    order: Order,
    liberties: Liberties,
    mut bindings: Bindings,
) -> bool {
    let mut taken = Vec::new();
    expected.iter().all(|expected| match find(client, expected, (order, liberties), &bindings, &taken) {
        Ok((index, found)) => {
            bindings = found;
            taken.push(index);
            true
        }
        Err(_) => false,
    })
}

/// The place of the first thing that fits, with the names it binds; what is taken counts as gone.
fn find(
    client: &Client,
    expected: &Expected,
    (order, liberties): (Order, Liberties),
    bindings: &Bindings,
    taken: &[usize],
) -> Result<(usize, Bindings), String> {
    let mut nearest = None;
    let mut before: Vec<&Content> = Vec::new();
    for (index, got) in client.waiting().enumerate().filter(|(index, _)| !taken.contains(index)) {
        let mut tried = bindings.clone();
        let compared = match before.iter().any(|before| comes_first(before, got)) && order == Order::Written {
            true => Err("out of its order".to_owned()),
            false => same(expected, got, liberties, &mut tried),
        };
        match compared {
            Ok(()) => return Ok((index, tried)),
            Err(why) => {
                let like = name(expected) == name(got);
                nearest = nearest.filter(|(was_like, _)| *was_like || !like).or(Some((like, why)));
                before.push(got);
            }
        }
    }
    Err(nearest.map_or_else(|| "nothing".to_owned(), |(_, why)| format!("something else {why}")))
}

/// Whether two things are of those whose order is laid down: messages, or presences, of the same sender.
fn comes_first(one: &Content, other: &Content) -> bool {
    match (one, other) {
        (Content::Element(one), Content::Element(other)) => {
            one.name == other.name && one.name.local != "iq" && one.attr("from") == other.attr("from")
        }
        _ => true,
    }
}

fn name(content: &Content) -> Option<&str> {
    match content {
        Content::Element(tree) | Content::Header(tree) => Some(&tree.name.local),
        _ => None,
    }
}

/// Compares as strictly as the specifications do.
pub(super) fn same(
    expected: &Expected,
    got: &Content,
    liberties: Liberties,
    bindings: &mut Bindings,
) -> Result<(), String> {
    match (expected, got) {
        (Content::Element(expected), Content::Element(got)) => {
            let (expected, got) = eased(expected, got, liberties);
            steps::same(&Content::Element(expected), &Content::Element(got), bindings)
        }
        _ => steps::same(expected, got, bindings),
    }
}
