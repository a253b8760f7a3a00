//! A scene's text as blocks: a line at the margin, and the indented lines that belong to it.

/// A line at the margin with what is indented below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Its number in the file, from 1.
    pub(super) line: usize,
    /// The line.
    pub(super) head: String,
    /// The lines below it, without their indentation and without blank ones.
    pub(super) body: Vec<Line>,
}

/// One indented line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// The line, without the spaces around it.
    pub(super) text: String,
}

/// Cuts a text into blocks. A line that begins with `#` is a comment.
///
/// An indented line before any line at the margin is an error: its number.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, usize> {
    let mut blocks: Vec<Block> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            blocks.push(Block { line: number, head: line.trim_end().to_owned(), body: Vec::new() });
            continue;
        }
        match blocks.last_mut() {
            Some(block) => block.body.push(Line { number, text: line.trim().to_owned() }),
            None => return Err(number),
        }
    }
    Ok(blocks)
}

impl Block {
    /// The body as one piece of XML: what is between two tags on different lines is nothing, else a line's end is a space.
    pub(super) fn xml(&self) -> String {
        let mut joined = String::new();
        for line in &self.body {
            if !joined.is_empty() && !joined.ends_with('>') && !line.text.starts_with('<') {
                joined.push(' ');
            }
            joined.push_str(&line.text);
        }
        joined
    }

    /// The body as typed: its lines one after the other with nothing between them.
    pub(super) fn literal(&self) -> String {
        self.body.iter().map(|line| line.text.as_str()).collect()
    }
}

/// The columns of a table's line: two or more spaces part them.
pub(super) fn columns(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_lines_belong_to_the_line_above() {
        let blocks = blocks("# comment\nRomeo sends\n  <a>\n\n    <b/>\n  </a>\n5 minutes pass\n").unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].line, blocks[0].head.as_str()), (2, "Romeo sends"));
        assert_eq!((blocks[0].body[1].number, blocks[0].xml().as_str()), (5, "<a><b/></a>"));
        assert_eq!(blocks[1].line, 7);
    }

    #[test]
    fn lines_join_as_xml_reads_them() {
        let text = "Romeo sends\n  <a x='1'\n     y='2'>some\n  text</a>\n  <b/>";
        assert_eq!(blocks(text).unwrap()[0].xml(), "<a x='1' y='2'>some text</a><b/>");
    }

    #[test]
    fn an_indented_line_needs_one_above() {
        assert_eq!(blocks("# c\n  cast"), Err(2));
    }

    #[test]
    fn two_spaces_part_columns() {
        assert_eq!(
            columns("Romeo's phone    romeo@verona  with carbons, priority 5"),
            ["Romeo's phone", "romeo@verona", "with carbons, priority 5"]
        );
    }
}
