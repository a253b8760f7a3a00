//! Everything that was said in a scene, in the order in which the player saw it.

/// Who speaks in an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The client to the server.
    Out,
    /// The server to the client.
    In,
    /// Nobody: something happened.
    Note,
}

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The member of the cast.
    pub(super) who: String,
    /// Who speaks.
    pub(super) direction: Direction,
    /// What, over one or more lines.
    pub(super) text: String,
}

/// The whole conversation, bounded: a scene that types megabytes is not repeated in its report.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Conversation(Vec<Entry>);

impl Conversation {
    /// Adds what was said.
    pub(super) fn add(&mut self, who: &str, direction: Direction, text: impl Into<String>) {
        self.0.push(Entry { who: who.to_owned(), direction, text: shortened(text.into()) });
    }

    /// What was said so far.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }
}

fn shortened(text: String) -> String {
    if text.len() <= ENTRY_BYTES {
        return text;
    }
    let head: String = text.chars().take(ENTRY_BYTES / 4).collect();
    format!("{head} … ({} bytes in all)", text.len())
}

const ENTRY_BYTES: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_megabyte_is_not_repeated() {
        let mut conversation = Conversation::default();
        conversation.add("Romeo", Direction::Out, "é".repeat(1_000_000));
        let text = &conversation.entries()[0].text;
        assert!(text.len() < ENTRY_BYTES && text.ends_with("(2000000 bytes in all)"));
    }
}
