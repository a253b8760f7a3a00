//! The XML declaration: `<?xml version='1.0' encoding='UTF-8'?>` (XML 1.0 §2.8).

use crate::error::{Error, Result};

/// Checks a declaration that is complete, `<?xml` and `?>` included.
pub(crate) fn check(bytes: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::BadUtf8)?;
    let inner = text.strip_prefix("<?xml").and_then(|text| text.strip_suffix("?>")).ok_or(BAD)?;
    let (version, rest) = parameter(inner, "version")?.ok_or(BAD)?;
    if version != "1.0" {
        return Err(Error::NotWellFormed("version of XML other than 1.0"));
    }
    let (encoding, rest) = match parameter(rest, "encoding")? {
        Some((encoding, rest)) => (Some(encoding), rest),
        None => (None, rest),
    };
    let rest = match parameter(rest, "standalone")? {
        Some(("yes" | "no", rest)) => rest,
        Some(_) => return Err(BAD),
        None => rest,
    };
    if !rest.trim_matches(SPACE).is_empty() {
        return Err(BAD);
    }
    match encoding {
        Some(encoding) if !encoding.eq_ignore_ascii_case("UTF-8") => Err(Error::UnsupportedEncoding),
        _ => Ok(()),
    }
}

/// Takes ` name = 'value'` from the head; none if another name stands there.
fn parameter<'a>(text: &'a str, name: &str) -> Result<Option<(&'a str, &'a str)>> {
    let trimmed = text.trim_start_matches(SPACE);
    let Some(rest) = trimmed.strip_prefix(name) else { return Ok(None) };
    if trimmed.len() == text.len() {
        return Err(BAD);
    }
    let rest = rest.trim_start_matches(SPACE).strip_prefix('=').ok_or(BAD)?.trim_start_matches(SPACE);
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or(BAD)?;
    rest.get(1..).and_then(|rest| rest.split_once(quote)).map(Some).ok_or(BAD)
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
const BAD: Error = Error::NotWellFormed("XML declaration");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        for good in [
            "<?xml version='1.0'?>",
            "<?xml version=\"1.0\" encoding='utf-8'?>",
            "<?xml\tversion = '1.0'\r\nencoding=\"UTF-8\" standalone='yes' ?>",
            "<?xml version='1.0' standalone='no'?>",
        ] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        for encoding in ["ISO-8859-1", "UTF-16", "us-ascii"] {
            let text = format!("<?xml version='1.0' encoding='{encoding}'?>");
            assert_eq!(check(text.as_bytes()), Err(Error::UnsupportedEncoding));
        }
        for bad in [
            "<?xml?>",
            "<?xml version='1.1'?>",
            "<?xml encoding='UTF-8'?>",
            "<?xml encoding='UTF-8' version='1.0'?>",
            "<?xml version='1.0'encoding='UTF-8'?>",
            "<?xml version='1.0' standalone='maybe'?>",
            "<?xml version='1.0' x='y'?>",
            "<?xml version=1.0?>",
            "<?xml version='1.0\"?>",
        ] {
            assert!(matches!(check(bad.as_bytes()), Err(Error::NotWellFormed(_))), "{bad}");
        }
    }
}
