//! Which scenes a server that somebody else runs can be asked to play, and on which hosts.

use super::super::StageError;
use super::house::{Accounts, House};
use crate::scene::{Action, Given, Scene, ServerAction, parse};

/// Why a scene cannot be played in this house, if so.
pub(super) fn fits(scene: &Scene, house: &House) -> Result<(), StageError> {
    let unable = |what: &str| Err(StageError::Unable(what.to_owned()));
    if let Some((_, why)) = house.left_out.iter().find(|(start, _)| scene.name.starts_with(start.as_str())) {
        return Err(StageError::Unable(why.clone()));
    }
    for given in &scene.given {
        match given {
            Given::TwoMembers => return unable("put doors and homes on two members"),
            Given::Option { key, .. } if !house.settings.contains(key) => {
                return Err(StageError::Unable(format!("set {key}")));
            }
            _ => {}
        }
    }
    for step in &scene.steps {
        match &step.action {
            Action::Passes(_) => return unable("move another's clock"),
            Action::Server(ServerAction::Restarts | ServerAction::IsKilled) => return unable("restart the server"),
            Action::Server(_) => return unable("reach the server's store"),
            Action::StopsReading(_) => return unable("keep the network from taking what nobody reads"),
            _ => {}
        }
    }
    if scene.text.iter().any(|line| CLOCK.iter().any(|clock| line.contains(clock))) {
        return unable("set another's clock");
    }
    if !house.j_streams && speaks_as_in_2000(scene) {
        return unable("speak the protocol of 2000");
    }
    if house.accounts == Accounts::Registered && scene.text.iter().any(|line| line.contains("jabber:iq:register")) {
        return unable("leave registration alone, which makes the accounts");
    }
    Ok(())
}

fn speaks_as_in_2000(scene: &Scene) -> bool {
    let old = |line: &String| line.contains("<stream:stream") && !line.contains("version=");
    scene.cast.iter().any(|member| member.j_stream || member.legacy)
        || scene.text.iter().any(|line| line.contains("jabber:iq:auth") || line.contains("features/iq-auth"))
        || scene.steps.iter().any(|step| matches!(step.action, Action::Types(..))) && scene.text.iter().any(old)
}

/// The scene on hosts that no other scene of the list plays on: `verona.example` is `s17.verona.example`.
pub(super) fn on_own_hosts(scene: &Scene, number: usize) -> Result<Scene, String> {
    let mut text = scene.text.join("\n");
    for host in hosts(scene) {
        text = renamed(&text, &host, &format!("s{number}.{host}"));
    }
    let mut scenes = parse(&scene.name, &text).map_err(|error| error.to_string())?;
    scenes.pop().ok_or_else(|| "the scene is gone".to_owned())
}

/// The hosts that a scene needs.
pub(super) fn hosts(scene: &Scene) -> Vec<String> {
    let mut hosts: Vec<String> = scene.cast.iter().map(|member| member.host.to_ascii_lowercase()).collect();
    for given in &scene.given {
        if let Given::Hosts(more) = given {
            hosts.extend(more.iter().cloned());
        }
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

/// The text with every `host`, in whatever case, as `new`; the case of what follows the number is kept.
fn renamed(text: &str, host: &str, new: &str) -> String {
    let (lower, prefix) = (text.to_ascii_lowercase(), &new[..new.len() - host.len()]);
    let (mut renamed, mut done) = (String::with_capacity(text.len()), 0);
    for (at, _) in lower.match_indices(host) {
        let part_of_another = lower[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric());
        if !part_of_another {
            renamed.push_str(&text[done..at]);
            renamed.push_str(prefix);
            done = at;
        }
    }
    renamed + &text[done..]
}

/// The time at which a scene begins where the clock can be set, in both notations.
const CLOCK: [&str; 2] = ["2002-09-10T", "20020910T"];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A sentence.   RFC 1\ncast\n  Romeo  romeo@Verona.Example\ngiven\n  hosts a.example\n\
                        Romeo sends\n  <a to='x@VERONA.example' b='b.a.example' c='aa.example'/>\n";

    #[test]
    fn hosts_are_renamed_wherever_they_stand() {
        let scene = parse("light", TEXT).unwrap().remove(0);
        assert_eq!(hosts(&scene), ["a.example", "verona.example"]);
        let own = on_own_hosts(&scene, 7).unwrap();
        assert_eq!(own.cast[0].host, "s7.Verona.Example");
        let sent = "  <a to='x@s7.VERONA.example' b='b.s7.a.example' c='aa.example'/>";
        assert!(own.text.iter().any(|line| line == sent), "{:?}", own.text);
    }
}
