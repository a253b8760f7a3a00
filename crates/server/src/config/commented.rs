//! The file that `yatter init` writes: every key with its sentence and its default, as a comment that needs only uncommenting.

use super::CLIENTS_ALONE;
use super::declare::{Key, Section};
use super::setting::Setting;
use super::{Bytestreams, Config, Domain, HostTable, Limits, Listen, Log, Metrics, Root, Serves, Storage, Upload};

/// The whole configuration, commented. What `hosts` names is written out; the rest are the defaults behind `#`.
/// A line that begins with `##` is a sentence, one that begins with a single `#` is a setting.
pub fn commented(hosts: &[Domain]) -> String {
    let defaults = Config::default();
    let mut out = String::from(HEADER);
    let root = Root { data: defaults.data.clone(), ..Root::default() };
    keys(&mut out, root.keys(), |key| (key.name == "hosts" && !hosts.is_empty()).then(|| hosts.to_vec().toml()));
    for (n, door) in defaults.listen.iter().enumerate() {
        title(&mut out, "[[listen]]", (n == 0).then(Listen::doc));
        let keys =
            door.keys().into_iter().filter(|key| door.serves == Serves::Clients || !CLIENTS_ALONE.contains(&key.name));
        let keys = keys.map(|key| if n == 0 { key } else { Key { doc: String::new(), ..key } });
        self::keys(&mut out, keys, |_| None);
    }
    let host = hosts.first().or(defaults.hosts.first()).map(|host| host.toml()).unwrap_or_default();
    section(&mut out, &format!("[host.{host}]"), &HostTable::default());
    section(&mut out, "[storage]", &Storage::default());
    section(&mut out, "[limits]", &Limits::default());
    section(&mut out, "[upload]", &Upload::default());
    section(&mut out, "[bytestreams]", &Bytestreams::default());
    section(&mut out, "[metrics]", &Metrics::default());
    section(&mut out, "[log]", &Log::default());
    out
}

const HEADER: &str = "\
## The configuration of Yatter, a Jabber server. Every key is here with its default: remove the `#` before a line
## (and before the [table] above it) to change it. `yatter check --config THIS_FILE` tells what is wrong with it.

";

fn section<S: Section>(out: &mut String, header: &str, defaults: &S) {
    title(out, header, Some(S::doc()));
    keys(out, defaults.keys(), |_| None);
}

fn title(out: &mut String, header: &str, doc: Option<String>) {
    out.push('\n');
    if let Some(doc) = doc {
        sentence(out, &doc);
    }
    out.push_str(&format!("#{header}\n"));
}

fn keys(out: &mut String, keys: impl IntoIterator<Item = Key>, written: impl Fn(&Key) -> Option<String>) {
    for key in keys {
        sentence(out, &key.doc);
        match written(&key) {
            Some(value) => out.push_str(&format!("{} = {value}\n", key.name)),
            None => out.push_str(&format!("#{} = {}\n", key.name, key.value)),
        }
    }
}

/// A sentence in lines of at most 118 characters.
fn sentence(out: &mut String, doc: &str) {
    let mut line = String::from("##");
    for word in doc.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 118 {
            out.push_str(&line);
            out.push('\n');
            line = String::from("##");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 2 {
        out.push_str(&line);
        out.push('\n');
    }
}
